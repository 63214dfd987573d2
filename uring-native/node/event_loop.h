/* SPDX-License-Identifier: MIT */
#ifndef EVENT_LOOP_H
#define EVENT_LOOP_H

#include <node_api.h>

/*
 * A descriptor that an environment's own event loop watches: by libuv, whose
 * functions Node's program has. Others that run addons lack them, or have some
 * that abort the program, so JavaScript says where to try this. Belongs to the
 * environment's thread.
 */
class Watched
{
      public:
	/*
	 * Calls @ready in turns of the event loop while @fd is readable, with
	 * no handle scope and no JavaScript around it. Does not keep the event
	 * loop running. @fd must stay open until Close(). NULL if there is no
	 * libuv or no memory.
	 */
	static Watched *New(napi_env env, int fd, void (*ready)(void *arg),
			    void *arg);
	/* Whether New() may work here. */
	static bool Possible();

	/* Whether to keep the event loop running. */
	void Ref();
	void Unref();
	/*
	 * From now on @ready is not called. The last use: it deletes itself
	 * once the event loop no longer has it.
	 */
	void Close();

      private:
	Watched() = default;
	static void OnReady(void *handle, int status, int events);
	static void OnClosed(void *handle);
	static void OnCleanup(napi_async_cleanup_hook_handle hook, void *arg);
	void CloseHandle();

	void *handle_ = nullptr; /* a uv_poll_t; NULL once it is closing */
	napi_async_cleanup_hook_handle hook_ = nullptr;
	void (*ready_)(void *arg) = nullptr;
	void *arg_ = nullptr;
	bool done_ = false; /* Close() has been called */
};

#endif
