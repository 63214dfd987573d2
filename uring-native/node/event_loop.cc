/* SPDX-License-Identifier: MIT */
#include "event_loop.h"

#include <cstdlib>

/* From libuv's uv.h, where they cannot change before version 2. */
#define UV_POLL 8
#define UV_READABLE 1

/*
 * Weak: they are absent where there is no libuv. A handle is a uv_handle_t, or
 * a uv_poll_t.
 */
extern "C" {
#define WEAK __attribute__((weak))
WEAK napi_status napi_get_uv_event_loop(napi_env env, struct uv_loop_s **loop);
WEAK size_t uv_handle_size(int type);
WEAK void *uv_handle_get_data(const void *handle);
WEAK void uv_handle_set_data(void *handle, void *data);
WEAK void uv_ref(void *handle);
WEAK void uv_unref(void *handle);
WEAK void uv_close(void *handle, void (*closed)(void *handle));
WEAK int uv_poll_init(struct uv_loop_s *loop, void *handle, int fd);
WEAK int uv_poll_start(void *handle, int events,
		       void (*ready)(void *handle, int status, int events));
#undef WEAK
}

bool Watched::Possible()
{
	return napi_get_uv_event_loop && uv_handle_size && uv_handle_get_data &&
	       uv_handle_set_data && uv_ref && uv_unref && uv_close &&
	       uv_poll_init && uv_poll_start;
}

void Watched::OnReady(void *handle, int, int)
{
	Watched *self = static_cast<Watched *>(uv_handle_get_data(handle));

	if (!self->done_)
		self->ready_(self->arg_);
}

void Watched::OnClosed(void *handle)
{
	Watched *self = static_cast<Watched *>(uv_handle_get_data(handle));

	free(handle);
	/* Lets the environment's end go on, if that waits for us. */
	if (self->hook_)
		napi_remove_async_cleanup_hook(self->hook_);
	delete self;
}

void Watched::CloseHandle()
{
	void *handle = handle_;

	handle_ = nullptr;
	if (handle)
		uv_close(handle, OnClosed);
}

/* The event loop must not end with an open handle. */
void Watched::OnCleanup(napi_async_cleanup_hook_handle, void *arg)
{
	Watched *self = static_cast<Watched *>(arg);

	self->done_ = true;
	self->CloseHandle();
}

Watched *Watched::New(napi_env env, int fd, void (*ready)(void *arg), void *arg)
{
	struct uv_loop_s *loop;
	void *handle;

	if (!Possible() || napi_get_uv_event_loop(env, &loop) != napi_ok)
		return nullptr;
	handle = malloc(uv_handle_size(UV_POLL));
	if (!handle)
		return nullptr;
	if (uv_poll_init(loop, handle, fd) < 0) {
		free(handle);
		return nullptr;
	}
	Watched *self = new Watched();
	self->handle_ = handle;
	self->ready_ = ready;
	self->arg_ = arg;
	uv_handle_set_data(handle, self);
	if (napi_add_async_cleanup_hook(env, OnCleanup, self, &self->hook_) !=
		    napi_ok ||
	    uv_poll_start(handle, UV_READABLE, OnReady) < 0) {
		self->Close();
		return nullptr;
	}
	uv_unref(handle);
	return self;
}

void Watched::Ref()
{
	if (handle_)
		uv_ref(handle_);
}

void Watched::Unref()
{
	if (handle_)
		uv_unref(handle_);
}

void Watched::Close()
{
	done_ = true;
	CloseHandle();
}
