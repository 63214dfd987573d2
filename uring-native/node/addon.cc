/* SPDX-License-Identifier: MIT */
/*
 * The binding: converts values, and knows nothing else. What it takes and
 * gives is described in ts/binding/types.ts.
 */
#include "environ.h"
#include "environment.h"
#include "fds.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports)
{
	Environment::Init(env, exports);
	InitFds(env, exports);
	InitEnviron(env, exports);
	return exports;
}

NODE_API_MODULE(uring_spawn, Init)
