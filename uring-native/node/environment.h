/* SPDX-License-Identifier: MIT */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <napi.h>
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
	Napi::Value StopOutput(const Napi::CallbackInfo &info);
	Napi::Value NewTemplate(const Napi::CallbackInfo &info);
	Napi::Value Taken(const Napi::CallbackInfo &info);
	Napi::Value Ref(const Napi::CallbackInfo &info);
	Napi::Value Unref(const Napi::CallbackInfo &info);

	void Detach();

	napi_env env_;
	core *core_ = nullptr;
	napi_threadsafe_function wake_ = nullptr;
	/* Pipes that JavaScript has not put to use, and templates. */
	std::unordered_set<int> lent_;
};

/* An event as values of the flat array that JavaScript gets. */
void PushEvent(Napi::Env env, Napi::Array batch, uint32_t at,
	       core_event *event);
#define EVENT_STRIDE 7u

#endif
