/* SPDX-License-Identifier: MIT */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <memory>
#include <napi.h>
#include <sys/types.h>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "event_loop.h"
#include "layout.h"

extern "C" {
#include "core.h"
#include "template.h"
}

/*
 * A copy of the JavaScript. An environment may have several: two installed
 * versions, import beside require, a module registry for each of Jest's test
 * files. A client's tokens are its own, and route the events of its launches to
 * it.
 */
struct Client {
	/* Weak: a copy that is no longer referenced may be collected. */
	napi_ref on_events;
	/* Where take() puts the numbers of events. */
	napi_ref slots;
	/* The events that it still has to take. */
	core_event *first;
	core_event **last;
};

/*
 * Smaller input is copied: that is cheaper than a reference and an event, and
 * it fits into a pipe.
 */
static constexpr size_t BORROW_FROM = 64 * 1024;

/* The open file of a descriptor. */
struct File {
	dev_t dev;
	ino_t ino;
	int access;

	bool operator==(const File &other) const
	{
		return dev == other.dev && ino == other.ino &&
		       access == other.access;
	}
};

/*
 * The state of an environment (the main thread, a worker): a core, and what
 * delivers its events. On Node that is the event loop itself, which watches the
 * core; elsewhere, a thread-safe function that the core's threads call.
 */
class Environment
{
      public:
	static void Init(Napi::Env env, Napi::Object exports);

	Environment(Napi::Env env);
	~Environment();

	static Environment *Of(Napi::Env env)
	{
		return env.GetInstanceData<Environment>();
	}

	/*
	 * Descriptors that JavaScript holds. It can be terminated between any
	 * two calls; what it still owns is closed at the end. Both return @fd,
	 * which may be -errno.
	 */
	int Own(int fd);
	int Disown(int fd);

      private:
	static void Wake(void *arg);
	static void OnWake(napi_env env, napi_value callback, void *context,
			   void *data);
	static void OnReady(void *arg);
	void Deliver();
	static void OnCleanup(void *arg);

	Napi::Value Open(const Napi::CallbackInfo &info);
	Napi::Value Take(const Napi::CallbackInfo &info);
	Napi::Value Launch(const Napi::CallbackInfo &info);
	Napi::Value Run(const Napi::CallbackInfo &info);
	Napi::Value Flush(const Napi::CallbackInfo &info);
	Napi::Value Wait(const Napi::CallbackInfo &info);
	Napi::Value Kill(const Napi::CallbackInfo &info);
	Napi::Value KillGroup(const Napi::CallbackInfo &info);
	Napi::Value KillWithGroup(const Napi::CallbackInfo &info);
	Napi::Value DoomedFile(const Napi::CallbackInfo &info);
	Napi::Value Doomed(const Napi::CallbackInfo &info);
	Napi::Value Hold(const Napi::CallbackInfo &info);
	Napi::Value StopOutput(const Napi::CallbackInfo &info);
	Napi::Value More(const Napi::CallbackInfo &info);
	Napi::Value NewTemplate(const Napi::CallbackInfo &info);
	Napi::Value Place(const Napi::CallbackInfo &info);
	Napi::Value DropPlace(const Napi::CallbackInfo &info);
	Napi::Value HandOver(const Napi::CallbackInfo &info);
	Napi::Value HandedOver(const Napi::CallbackInfo &info);
	Napi::Value Ref(const Napi::CallbackInfo &info);
	Napi::Value Unref(const Napi::CallbackInfo &info);

	void Detach();
	void CloseOwned();
	void OwnPipes(const core_event *event);
	int Start(bool no_ring, bool event_loop);
	int StartWatched(core_config *config);
	int StartWoken(core_config *config);
	int NewClient(napi_value on_events, napi_value slots);
	Client *GetClient(uint32_t number);
	uint32_t Distribute();
	void Poke();
	void ReturnInput(uint32_t id);

	napi_env env_;
	bool hooked_; /* OnCleanup() is still to come */
	core *core_ = nullptr;
	/* Either these two, or the third. */
	Watched *watched_ = nullptr;
	napi_async_context async_ = nullptr;
	napi_threadsafe_function wake_ = nullptr;
	std::vector<std::unique_ptr<Client>> clients_;
	unsigned refs_ = 0;
	/* By launch: the input that the core reads in place. */
	std::unordered_map<uint32_t, napi_ref> inputs_;
	std::unordered_set<int> owned_;
	/*
	 * Those that something else is just taking over, which then closes
	 * them: the file that each had, to find out whether it did.
	 */
	std::unordered_map<int, File> leaving_;
	/* By handle: the places of launches that come later. */
	std::unordered_map<int, place *> places_;
	int last_place_ = 0;
};

/* How many clients a token can tell apart. */
#define MAX_CLIENTS (1U << (32 - TOKEN_BITS))
/* This binding's version, for JavaScript that finds one loaded already. */
#define BINDING_VERSION 9

/*
 * A Buffer of @size bytes of malloc(3)ed memory. Sets *@bytes to NULL if the
 * Buffer has taken it over; otherwise they are still the caller's.
 */
Napi::Value TakeBytes(Napi::Env env, char **bytes, size_t size);

/*
 * EVENT_USAGES numbers, in the order of node's process.resourceUsage(); times
 * in microseconds.
 */
void FillUsage(double *to, const struct rusage &ru);

void FillEvent(Napi::Env env, core_event *event, double *slot,
	       Napi::Array values, uint32_t at);

#endif
