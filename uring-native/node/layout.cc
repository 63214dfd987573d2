/* SPDX-License-Identifier: MIT */
#include "layout.h"

#include <cstddef>
#include <initializer_list>

extern "C" {
#include "chain.h"
#include "core.h"
}
#include "io_uring_spawn.h"

namespace
{
struct Number {
	const char *name;
	double value;
};

void Set(Napi::Object layout, const char *name,
	 std::initializer_list<Number> numbers)
{
	Napi::Object object = Napi::Object::New(layout.Env());

	for (const Number &number : numbers)
		object.Set(number.name, number.value);
	layout.Set(name, object);
}

#define FIELD(type, name)                                                      \
	{                                                                      \
#name, offsetof(struct type, name)                             \
	}
#define LAUNCHER(CONSTANT, name) {#name, LAUNCHER_##CONSTANT},
} // namespace

void InitLayout(Napi::Env env, Napi::Object exports)
{
	Napi::Object layout = Napi::Object::New(env);

	Set(layout, "header",
	    {FIELD(chain_header, magic),
	     FIELD(chain_header, size),
	     {"nrOps", offsetof(struct chain_header, nr_ops)},
	     {"length", sizeof(struct chain_header)}});
	Set(layout, "op",
	    {FIELD(chain_op, op),
	     FIELD(chain_op, link),
	     FIELD(chain_op, fd),
	     FIELD(chain_op, len),
	     FIELD(chain_op, flags),
	     FIELD(chain_op, addr),
	     FIELD(chain_op, addr2),
	     FIELD(chain_op, addr3),
	     {"length", sizeof(struct chain_op)}});
	Set(layout, "fd",
	    {FIELD(chain_fd, fd),
	     FIELD(chain_fd, newfd),
	     FIELD(chain_fd, flags),
	     {"length", sizeof(struct chain_fd)}});
	Set(layout, "chain",
	    {{"magic", CHAIN_MAGIC},
	     {"maxOps", CHAIN_MAX_OPS},
	     {"maxFds", CHAIN_MAX_FDS},
	     {"fdLast", CHAIN_FD_LAST},
	     {"firstPipe", CHAIN_FD_PIPE(0)},
	     {"secondPipe", CHAIN_FD_PIPE(1)},
	     {"hardlink", CHAIN_HARDLINK},
	     {"search", CHAIN_SEARCH},
	     {"shell", CHAIN_SHELL},
	     {"cloneFds", CHAIN_CLONE_FDS},
	     {"cloneFdCloexec", IORING_CLONE_FD_CLOEXEC}});
	Set(layout, "opcodes",
	    {{"clone", CHAIN_CLONE},
	     {"openat", CHAIN_OPENAT},
	     {"dup", CHAIN_DUP},
	     {"fchdir", CHAIN_FCHDIR},
	     {"close_range", CHAIN_CLOSE_RANGE},
	     {"task_set", CHAIN_TASK_SET},
	     {"exec", CHAIN_EXEC}});
	Set(layout, "attributes",
	    {{"sigmask", IORING_TASK_SIGMASK},
	     {"sigdefault", IORING_TASK_SIGDEFAULT},
	     {"setsid", IORING_TASK_SETSID},
	     {"setpgid", IORING_TASK_SETPGID},
	     {"uid", IORING_TASK_UID},
	     {"gid", IORING_TASK_GID},
	     {"groups", IORING_TASK_GROUPS},
	     {"umask", IORING_TASK_UMASK},
	     {"nice", IORING_TASK_NICE},
	     {"rlimit", IORING_TASK_RLIMIT},
	     {"pdeathsig", IORING_TASK_PDEATHSIG},
	     {"no_new_privs", IORING_TASK_NO_NEW_PRIVS}});
	Set(layout, "launchers", {LAUNCHERS(LAUNCHER)});
	Set(layout, "events",
	    {{"started", CORE_STARTED},
	     {"failed", CORE_FAILED},
	     {"exited", CORE_EXITED},
	     {"output", CORE_OUTPUT},
	     {"overflow", CORE_OVERFLOW},
	     {"fed", CORE_FED},
	     {"chunk", CORE_CHUNK}});
	Set(layout, "event",
	    {{"type", EVENT_TYPE},
	     {"token", EVENT_TOKEN},
	     {"a", EVENT_A},
	     {"b", EVENT_B},
	     {"by", EVENT_BY},
	     {"has", EVENT_HAS},
	     {"usage", EVENT_USAGE}});
	Set(layout, "eventHas",
	    {{"value", EVENT_HAS_VALUE},
	     {"fds", EVENT_HAS_FDS},
	     {"truncated", EVENT_TRUNCATED}});
	Set(layout, "sizes",
	    {{"eventStride", EVENT_STRIDE},
	     {"eventValues", EVENT_VALUES},
	     {"tokens", 1 << TOKEN_BITS}});
	Set(layout, "pipes",
	    {{"input", PIPE_INPUT},
	     {"collect", PIPE_COLLECT},
	     {"output", PIPE_OUTPUT},
	     {"given", PIPE_GIVEN}});
	Set(layout, "launch",
	    {{"wantResults", LAUNCH_WANT_RESULTS},
	     {"lazy", LAUNCH_LAZY},
	     {"likeUvSpawn", LAUNCH_LIKE_UV_SPAWN},
	     {"doomed", LAUNCH_DOOMED},
	     {"watcher", LAUNCH_WATCHER}});
	Set(layout, "news",
	    {{"due", CORE_NEWS_DUE},
	     {"much", CORE_NEWS_MUCH},
	     {"over", CORE_NEWS_OVER},
	     {"all", CORE_NEWS_ALL}});
	Set(layout, "answers",
	    {{"never", RUN_NEVER}, {"stop", RUN_STOP}, {"cut", RUN_CUT}});
	Set(layout, "run",
	    {{"pid", RUN_PID},
	     {"error", RUN_ERROR},
	     {"code", RUN_CODE},
	     {"status", RUN_STATUS},
	     {"failed", RUN_FAILED},
	     {"template", RUN_TEMPLATE},
	     {"by", RUN_BY},
	     {"usage", RUN_USAGE},
	     {"ends", RUN_ENDS},
	     {"outputs", RUN_OUTPUTS}});
	exports.Set("layout", layout);
}
