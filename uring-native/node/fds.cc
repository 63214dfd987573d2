/* SPDX-License-Identifier: MIT */
#include "fds.h"

#include "environment.h"

#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int Int(const Napi::CallbackInfo &info, size_t i)
{
	return info[i].As<Napi::Number>().Int32Value();
}

static Napi::Value Result(const Napi::CallbackInfo &info, int ret)
{
	return Napi::Number::New(info.Env(), ret < 0 ? -errno : ret);
}

/* As Result(), for a descriptor that the environment's JavaScript owns. */
static Napi::Value Owned(const Napi::CallbackInfo &info, int fd)
{
	if (fd >= 0)
		Environment::Of(info.Env())->Own(fd);
	return Result(info, fd);
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

/*
 * socketPair(min): [ours, the child's], the latter numbered @min or more. Both
 * are close-on-exec.
 */
static Napi::Value SocketPair(const Napi::CallbackInfo &info)
{
	int ends[2], min = Int(info, 0);

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return Result(info, -1);
	if (ends[1] < min) {
		int above = fcntl(ends[1], F_DUPFD_CLOEXEC, min);

		if (above < 0) {
			Napi::Value err = Result(info, -1);

			close(ends[0]);
			close(ends[1]);
			return err;
		}
		close(ends[1]);
		ends[1] = above;
	}
	Napi::Array pair = Napi::Array::New(info.Env(), 2);
	pair.Set(0u, ends[0]);
	pair.Set(1u, ends[1]);
	return pair;
}

static bool SetSize(int fd, int columns, int rows)
{
	winsize size = {};

	size.ws_col = static_cast<unsigned short>(columns);
	size.ws_row = static_cast<unsigned short>(rows);
	return ioctl(fd, TIOCSWINSZ, &size) == 0;
}

/*
 * openPty(columns, rows): our side of a new pseudo-terminal, which does not
 * block, and the path of the other side. A session's leader without a terminal
 * that opens this path gets it as its controlling one.
 */
static Napi::Value OpenPty(const Napi::CallbackInfo &info)
{
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	int locked = 0, number = 0;

	if (fd < 0)
		return Result(info, -1);
	if (ioctl(fd, TIOCSPTLCK, &locked) < 0 ||
	    ioctl(fd, TIOCGPTN, &number) < 0 ||
	    !SetSize(fd, Int(info, 0), Int(info, 1))) {
		Napi::Value err = Result(info, -1);

		close(fd);
		return err;
	}
	Napi::Array pty = Napi::Array::New(info.Env(), 2);
	pty.Set(0u, Owned(info, fd));
	pty.Set(1u, "/dev/pts/" + std::to_string(number));
	return pty;
}

/* resizePty(fd, columns, rows) */
static Napi::Value ResizePty(const Napi::CallbackInfo &info)
{
	bool done = SetSize(Int(info, 0), Int(info, 1), Int(info, 2));

	return Result(info, done ? 0 : -1);
}

static Napi::Value DupAbove(const Napi::CallbackInfo &info)
{
	return Owned(info, fcntl(Int(info, 0), F_DUPFD_CLOEXEC, Int(info, 1)));
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

/* makeFifo(path): for this user only */
static Napi::Value MakeFifo(const Napi::CallbackInfo &info)
{
	std::string path = info[0].As<Napi::String>();

	return Result(info, mkfifo(path.c_str(), 0600));
}

/* Not through node:fs, which would close it again at the end of a worker. */
static Napi::Value Open(const Napi::CallbackInfo &info)
{
	std::string path = info[0].As<Napi::String>();

	return Owned(info, open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

static Napi::Value OpenDirectory(const Napi::CallbackInfo &info)
{
	std::string path = info[0].As<Napi::String>();

	return Owned(info,
		     open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

static Napi::Value Close(const Napi::CallbackInfo &info)
{
	int fd = Int(info, 0);

	return Result(info, close(Environment::Of(info.Env())->Disown(fd)));
}

/* The write end of a pipe that has no reader. */
static Napi::Value Unread(const Napi::CallbackInfo &info)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return Result(info, -1);
	close(ends[0]);
	return Owned(info, ends[1]);
}

/* Whether the other end of a pipe is closed everywhere. */
static Napi::Value HungUp(const Napi::CallbackInfo &info)
{
	struct pollfd poll_fd = {Int(info, 0), 0, 0};
	/* A read end reports POLLHUP, a write end POLLERR. */
	bool hung_up = poll(&poll_fd, 1, 0) == 1 &&
		       poll_fd.revents & (POLLHUP | POLLERR);

	return Napi::Boolean::New(info.Env(), hung_up);
}

/* The unread bytes of a pipe that has no writer left. */
static Napi::Value Rest(const Napi::CallbackInfo &info)
{
	int fd = Int(info, 0), left = 0;

	if (ioctl(fd, FIONREAD, &left) < 0)
		return Result(info, -1);

	auto bytes = Napi::Buffer<char>::New(info.Env(), (size_t)left);
	size_t have = 0;

	while (have < bytes.Length()) {
		ssize_t n =
			read(fd, bytes.Data() + have, bytes.Length() - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return Result(info, -1);
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return bytes;
}

/* The read end of a pipe that contains these bytes and has no writer. */
static Napi::Value Filled(const Napi::CallbackInfo &info)
{
	auto bytes = info[0].As<Napi::Uint8Array>();
	size_t length = bytes.ByteLength();
	int ends[2], err = 0;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return Result(info, -1);
	/* The pipe they came from may have been enlarged. */
	if (length > (size_t)fcntl(ends[1], F_GETPIPE_SZ) &&
	    fcntl(ends[1], F_SETPIPE_SZ, (int)length) < 0)
		err = errno;
	if (!err && length) {
		ssize_t n = write(ends[1], bytes.Data(), length);

		if (n != (ssize_t)length)
			err = n < 0 ? errno : EAGAIN;
	}
	close(ends[1]);
	if (!err)
		return Owned(info, ends[0]);
	close(ends[0]);
	return Napi::Number::New(info.Env(), -err);
}

void InitFds(Napi::Env env, Napi::Object exports)
{
	exports.Set("pipe", Napi::Function::New(env, Pipe));
	exports.Set("makeFifo", Napi::Function::New(env, MakeFifo));
	exports.Set("openPty", Napi::Function::New(env, OpenPty));
	exports.Set("resizePty", Napi::Function::New(env, ResizePty));
	exports.Set("socketPair", Napi::Function::New(env, SocketPair));
	exports.Set("openDirectory", Napi::Function::New(env, OpenDirectory));
	exports.Set("dupAbove", Napi::Function::New(env, DupAbove));
	exports.Set("fdFlags", Napi::Function::New(env, FdFlags));
	exports.Set("hungUp", Napi::Function::New(env, HungUp));
	exports.Set("devNull", Napi::Function::New(env, DevNull));
	exports.Set("rest", Napi::Function::New(env, Rest));
	exports.Set("filled", Napi::Function::New(env, Filled));
	exports.Set("unread", Napi::Function::New(env, Unread));
	exports.Set("openFile", Napi::Function::New(env, Open));
	exports.Set("close", Napi::Function::New(env, Close));
}
