/* SPDX-License-Identifier: MIT */
#include "environ.h"

#include <mutex>
#include <unistd.h>
#include <vector>

/*
 * To read process.env takes a call per variable, longer than all else about a
 * launch. setenv(3) never writes into a string that is in use, it puts another
 * one in its place: as long as the pointers are the same, so is what they say.
 */
static Napi::Value EnvironVersion(const Napi::CallbackInfo &info)
{
	static std::mutex mutex;
	static std::vector<char *> known;
	static uint32_t version;
	std::lock_guard<std::mutex> lock(mutex);
	size_t n = 0;
	bool same = true;

	for (; environ && environ[n]; n++)
		same = same && n < known.size() && known[n] == environ[n];
	if (!same || n != known.size() || !version) {
		known.assign(environ, environ + n);
		version++;
	}
	return Napi::Number::New(info.Env(), version);
}

void InitEnviron(Napi::Env env, Napi::Object exports)
{
	exports.Set("environVersion", Napi::Function::New(env, EnvironVersion));
}
