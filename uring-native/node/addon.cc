/* SPDX-License-Identifier: MIT */
/*
 * The binding: it only converts values. ts/binding/addon.ts describes what it
 * accepts and returns.
 */
#include "environment.h"
#include "envvars.h"
#include "fds.h"
#include "layout.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports)
{
	Environment::Init(env, exports);
	InitFds(env, exports);
	InitEnvVars(env, exports);
	InitLayout(env, exports);
	return exports;
}

NODE_API_MODULE(uring_spawn, Init)
