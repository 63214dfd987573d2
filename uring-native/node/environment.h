/* SPDX-License-Identifier: MIT */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <napi.h>
#include <unordered_map>
#include <unordered_set>

extern "C" {
#include "core.h"
#include "template.h"
}

/*
 * What an environment (the main thread, a worker) has: a core, and a
 * thread-safe function that brings its events here. uv_* would do so on Node
 * only.
 */
class Environment
{
      public:
	static void Init(Napi::Env env, Napi::Object exports);

	Environment(Napi::Env env);
	~Environment();

      private:
	static void Wake(void *arg);
	static void OnWake(napi_env env, napi_value callback, void *context,
			   void *data);
	static void OnCleanup(void *arg);

	Napi::Value Open(const Napi::CallbackInfo &info);
	Napi::Value Take(const Napi::CallbackInfo &info);
	Napi::Value Launch(const Napi::CallbackInfo &info);
	Napi::Value Flush(const Napi::CallbackInfo &info);
	Napi::Value Kill(const Napi::CallbackInfo &info);
	Napi::Value KillGroup(const Napi::CallbackInfo &info);
	Napi::Value StopOutput(const Napi::CallbackInfo &info);
	Napi::Value NewTemplate(const Napi::CallbackInfo &info);
	Napi::Value Place(const Napi::CallbackInfo &info);
	Napi::Value DropPlace(const Napi::CallbackInfo &info);
	Napi::Value Taken(const Napi::CallbackInfo &info);
	Napi::Value Ref(const Napi::CallbackInfo &info);
	Napi::Value Unref(const Napi::CallbackInfo &info);

	void Detach();

	napi_env env_;
	core *core_ = nullptr;
	napi_threadsafe_function wake_ = nullptr;
	/* Where take() puts the numbers of events. */
	Napi::Reference<Napi::Float64Array> events_;
	/* Pipes that JavaScript has not put to use, and templates. */
	std::unordered_set<int> lent_;
	/* By handle: where starts begin that are to come later. */
	std::unordered_map<int, place *> places_;
	int last_place_ = 0;
};

/*
 * Of an event, the numbers in a slot of the array that open() gives, which
 * costs no call for each and leaves nothing to be collected.
 * ts/binding/types.ts has the same.
 */
enum {
	EVENT_TYPE,
	EVENT_TOKEN,
	EVENT_A,
	EVENT_B,
	EVENT_BY,
	EVENT_HAS,
	EVENT_USAGE, /* nine of them */
	EVENT_STRIDE = 16,
	EVENTS_AT_ONCE = 64,
};
/* EVENT_HAS */
#define EVENT_HAS_VALUE 1
#define EVENT_HAS_FDS 2
#define EVENT_TRUNCATED 4
/* And what is no number, at two places in an array. */
#define EVENT_VALUES 2u

void FillEvent(Napi::Env env, core_event *event, double *slot,
	       Napi::Array values, uint32_t at);

#endif
