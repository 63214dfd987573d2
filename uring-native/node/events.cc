/* SPDX-License-Identifier: MIT */
#include <cstdlib>
#include <cstring>

#include "environment.h"

/* Small ones are cheaper copied than followed by the garbage collector. */
static constexpr size_t COPY_BELOW = 16 * 1024;

static Napi::Value Results(Napi::Env env, const core_event *event)
{
	if (!event->res)
		return env.Null();
	Napi::Int32Array res = Napi::Int32Array::New(env, event->nr_res);
	for (uint32_t i = 0; i < event->nr_res; i++)
		res[i] = event->res[i];
	return res;
}

/* In the order of node's process.resourceUsage(); times in microseconds. */
static Napi::Value Usage(Napi::Env env, const struct rusage &ru)
{
	const double values[] = {
		ru.ru_utime.tv_sec * 1e6 + ru.ru_utime.tv_usec,
		ru.ru_stime.tv_sec * 1e6 + ru.ru_stime.tv_usec,
		static_cast<double>(ru.ru_maxrss),
		static_cast<double>(ru.ru_minflt),
		static_cast<double>(ru.ru_majflt),
		static_cast<double>(ru.ru_inblock),
		static_cast<double>(ru.ru_oublock),
		static_cast<double>(ru.ru_nvcsw),
		static_cast<double>(ru.ru_nivcsw),
	};
	Napi::Float64Array usage =
		Napi::Float64Array::New(env, sizeof(values) / sizeof(*values));

	memcpy(usage.Data(), values, sizeof(values));
	return usage;
}

static Napi::Value Bytes(Napi::Env env, core_event *event)
{
	if (!event->size)
		return env.Null();
	if (event->size < COPY_BELOW)
		return Napi::Buffer<char>::Copy(env, event->buf, event->size);
	char *buf = event->buf;
	event->buf = nullptr;
	return Napi::Buffer<char>::NewOrCopy(
		env, buf, event->size, [](Napi::Env, char *p) { free(p); });
}

/* JavaScript's from here on. */
static Napi::Value TakeFds(Napi::Env env, core_event *event)
{
	if (!event->nr_fds)
		return env.Null();
	Napi::Array fds = Napi::Array::New(env, event->nr_fds);
	for (uint32_t i = 0; i < event->nr_fds; i++) {
		fds.Set(i, event->fds[i]);
		event->fds[i] = -1;
	}
	return fds;
}

void PushEvent(Napi::Env env, Napi::Array batch, uint32_t at, core_event *event)
{
	batch.Set(at, static_cast<int>(event->type));
	batch.Set(at + 1, event->id);
	batch.Set(at + 2, event->a);
	batch.Set(at + 3, event->b);
	batch.Set(at + 4, env.Null());
	batch.Set(at + 5, env.Null());
	batch.Set(at + 6, static_cast<int>(event->by));
	switch (event->type) {
	case CORE_STARTED:
		batch.Set(at + 5, TakeFds(env, event));
		[[fallthrough]];
	case CORE_FAILED:
		batch.Set(at + 4, Results(env, event));
		break;
	case CORE_EXITED:
		batch.Set(at + 2, event->exit.code);
		batch.Set(at + 3, event->exit.status);
		batch.Set(at + 4, Usage(env, event->exit.rusage));
		break;
	case CORE_OUTPUT:
		batch.Set(at + 4, Bytes(env, event));
		batch.Set(at + 5, event->truncated);
		break;
	case CORE_OVERFLOW:
		break;
	}
}
