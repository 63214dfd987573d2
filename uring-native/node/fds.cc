/* SPDX-License-Identifier: MIT */
#include "fds.h"

#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <unistd.h>

static int Int(const Napi::CallbackInfo &info, size_t i)
{
	return info[i].As<Napi::Number>().Int32Value();
}

static Napi::Value Result(const Napi::CallbackInfo &info, int ret)
{
	return Napi::Number::New(info.Env(), ret < 0 ? -errno : ret);
}

/*
 * Both ends are close-on-exec from the start: no concurrent fork and exec
 * inherits them.
 */
static Napi::Value Pipe(const Napi::CallbackInfo &info)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return Result(info, -1);
	Napi::Array pair = Napi::Array::New(info.Env(), 2);
	pair.Set(0u, ends[0]);
	pair.Set(1u, ends[1]);
	return pair;
}

static Napi::Value DupAbove(const Napi::CallbackInfo &info)
{
	return Result(info, fcntl(Int(info, 0), F_DUPFD_CLOEXEC, Int(info, 1)));
}

static Napi::Value FdFlags(const Napi::CallbackInfo &info)
{
	return Result(info, fcntl(Int(info, 0), F_GETFD));
}

/*
 * One for the process, never closed: a launch may still need it when the
 * environment that opened it ends.
 */
static Napi::Value DevNull(const Napi::CallbackInfo &info)
{
	static std::mutex mutex;
	static int fd = -1;
	std::lock_guard<std::mutex> lock(mutex);

	if (fd < 0)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return Result(info, fd);
}

static Napi::Value Close(const Napi::CallbackInfo &info)
{
	return Result(info, close(Int(info, 0)));
}

static Napi::Value HungUp(const Napi::CallbackInfo &info)
{
	struct pollfd poll_fd = {Int(info, 0), POLLIN, 0};
	bool hung_up = poll(&poll_fd, 1, 0) == 1 &&
		       (poll_fd.revents & (POLLIN | POLLHUP)) == POLLHUP;

	return Napi::Boolean::New(info.Env(), hung_up);
}

void InitFds(Napi::Env env, Napi::Object exports)
{
	exports.Set("pipe", Napi::Function::New(env, Pipe));
	exports.Set("dupAbove", Napi::Function::New(env, DupAbove));
	exports.Set("fdFlags", Napi::Function::New(env, FdFlags));
	exports.Set("hungUp", Napi::Function::New(env, HungUp));
	exports.Set("devNull", Napi::Function::New(env, DevNull));
	exports.Set("close", Napi::Function::New(env, Close));
}
