/* SPDX-License-Identifier: MIT */
/*
 * The binding: it only converts values. ts/binding/addon.ts describes what it
 * accepts and returns.
 */
#include "environ.h"
#include "environment.h"
#include "fds.h"
#include "layout.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports)
{
	Environment::Init(env, exports);
	InitFds(env, exports);
	InitEnviron(env, exports);
	InitLayout(env, exports);
	return exports;
}

NODE_API_MODULE(uring_spawn, Init)
