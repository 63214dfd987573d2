/* SPDX-License-Identifier: MIT */
#include <cstdlib>

#include "environment.h"

/* Copying a small one costs less than tracking it in the garbage collector. */
static constexpr size_t COPY_BELOW = 16 * 1024;

static Napi::Value Results(Napi::Env env, const core_event *event)
{
	Napi::Int32Array res = Napi::Int32Array::New(env, event->nr_res);
	/* The worker is being terminated. */
	if (!res.Data())
		return env.Null();
	for (uint32_t i = 0; i < event->nr_res; i++)
		res[i] = event->res[i];
	return res;
}

void FillUsage(double *to, const struct rusage &ru)
{
	*to++ = ru.ru_utime.tv_sec * 1e6 + ru.ru_utime.tv_usec;
	*to++ = ru.ru_stime.tv_sec * 1e6 + ru.ru_stime.tv_usec;
	*to++ = static_cast<double>(ru.ru_maxrss);
	*to++ = static_cast<double>(ru.ru_minflt);
	*to++ = static_cast<double>(ru.ru_majflt);
	*to++ = static_cast<double>(ru.ru_inblock);
	*to++ = static_cast<double>(ru.ru_oublock);
	*to++ = static_cast<double>(ru.ru_nvcsw);
	*to++ = static_cast<double>(ru.ru_nivcsw);
}

Napi::Value TakeBytes(Napi::Env env, char **bytes, size_t size)
{
	napi_value value;

	if (size < COPY_BELOW)
		return Napi::Buffer<char>::Copy(env, *bytes, size);
	/* Some runtimes forbid these, and an ending worker cannot make them. */
	if (napi_create_external_buffer(
		    env, size, *bytes,
		    [](napi_env, void *p, void *) { free(p); }, nullptr,
		    &value) != napi_ok)
		return Napi::Buffer<char>::Copy(env, *bytes, size);
	*bytes = nullptr;
	return Napi::Value(env, value);
}

/* Hands the pipes over to JavaScript, which closes them. */
static Napi::Value TakeFds(Napi::Env env, core_event *event)
{
	auto &started = event->started;
	Napi::Array fds = Napi::Array::New(env, started.nr_fds);

	for (uint32_t i = 0; i < started.nr_fds; i++) {
		fds.Set(i, started.fds[i]);
		started.fds[i] = -1;
	}
	return fds;
}

void FillEvent(Napi::Env env, core_event *event, double *slot,
	       Napi::Array values, uint32_t at)
{
	int has = 0;

	slot[EVENT_TYPE] = event->type;
	slot[EVENT_TOKEN] = event->token;
	slot[EVENT_A] = 0;
	slot[EVENT_B] = 0;
	if (event->res) {
		values.Set(at, Results(env, event));
		has |= EVENT_HAS_VALUE;
	}
	switch (event->type) {
	case CORE_STARTED:
		slot[EVENT_A] = event->started.pid;
		slot[EVENT_B] = event->started.pidfd;
		slot[EVENT_BY] = event->started.by;
		if (event->started.nr_fds) {
			values.Set(at + 1, TakeFds(env, event));
			has |= EVENT_HAS_FDS;
		}
		break;
	case CORE_FAILED:
		slot[EVENT_A] = event->failed.error;
		slot[EVENT_B] = event->failed.op;
		break;
	case CORE_EXITED:
		slot[EVENT_A] = event->exited.code;
		slot[EVENT_B] = event->exited.status;
		FillUsage(slot + EVENT_USAGE, event->exited.rusage);
		break;
	case CORE_CHUNK:
	case CORE_OUTPUT:
		slot[EVENT_A] = event->output.which;
		slot[EVENT_B] = event->output.error;
		if (event->output.size) {
			values.Set(at, TakeBytes(env, &event->output.buf,
						 event->output.size));
			has |= EVENT_HAS_VALUE;
		}
		if (event->output.truncated)
			has |= EVENT_TRUNCATED;
		break;
	case CORE_OVERFLOW:
		slot[EVENT_A] = event->overflow.which;
		break;
	case CORE_FED:
		break;
	}
	slot[EVENT_HAS] = has;
}
