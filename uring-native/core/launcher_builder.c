/* SPDX-License-Identifier: MIT */
/*
 * pidfd_open(0, PIDFD_EMPTY): the kernel makes a process that sleeps, the
 * launch thread changes it, one system call for each operation, and runs it.
 * So nothing of ours runs in the child, and each error is that of its
 * operation. After an exec that has failed the process is as before, and the
 * next one can be tried.
 *
 * What the keys cannot express, the vfork launcher does, which can do
 * everything; the launch records that. So it does if a file is to be opened for
 * which one may have to wait: here the thread would wait, not the child, and
 * nobody could end that. Nothing is done twice: all this is known before the
 * first file is opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "ahead.h"
#include "core.h"
#include "doomed.h"
#include "embryo.h"
#include "io_uring_spawn.h"
#include "launcher.h"
#include "pidfd_spawn.h"
#include "place.h"
#include "sys.h"

/* Another launcher has to do it; no error of an operation. */
#define LEAVE INT_MIN

struct builder {
	struct launch *launch;
	struct launch_thread *thread;
	const struct chain *chain;
	int fd;	  /* the process */
	int cwd;  /* our descriptor of its directory, or AT_FDCWD */
	int last; /* ours of the directory that the last OPENAT opened, or -1 */
	bool owns_cwd;	     /* to be closed */
	bool opened;	     /* it has opened files */
	uint32_t opened_by;  /* the OPENAT that did what the next DUP is for */
	int dup_error;	     /* of that DUP */
	uint64_t argv, envp; /* those that are set */
};

static bool is_descriptor(const struct chain_op *op)
{
	return op->fd != AT_FDCWD && *(char *)chain_ptr(op->addr) != '/';
}

/* Where there is a list, a descriptor that is in place may be listed, too. */
static bool expresses_dup(const struct chain *c, uint32_t at)
{
	const struct chain_op *op = &c->ops[at];

	if (op->fd == (int)op->len)
		return chain_source(c, at, op->fd) >= 0;
	return op->fd >= 0 || op->fd == CHAIN_FD_LAST;
}

/*
 * A directory that is only entered, or a file that goes to a descriptor by the
 * next DUP and by no other.
 */
static bool expresses_open(const struct chain *c, uint32_t at)
{
	const struct chain_op *op = &c->ops[at], *dup = op + 1;
	uint32_t i;

	if (op->fd != AT_FDCWD || !(op->flags & O_CLOEXEC))
		return false;
	if (ahead_is_directory(op))
		return true;
	if (dup->op != CHAIN_DUP || dup->fd != CHAIN_FD_LAST)
		return false;
	for (i = at + 2; i < c->nr_ops && c->ops[i].op != CHAIN_OPENAT; i++)
		if (c->ops[i].op != CHAIN_EXEC && c->ops[i].fd == CHAIN_FD_LAST)
			return false;
	return true;
}

static bool expresses_task_set(const struct chain_op *op)
{
	switch (op->len) {
	case IORING_TASK_UID:
	case IORING_TASK_GID:
		/* no change */
		return (uint32_t)op->addr != UINT32_MAX;
	case IORING_TASK_SETPGID:
		return op->addr <= INT32_MAX;
	case IORING_TASK_NO_NEW_PRIVS:
		return op->addr == 1;
	default:
		return true;
	}
}

/* Whether the launch thread may do @op only as long as the child could. */
static bool needs_rights(const struct chain_op *op)
{
	return op->op == CHAIN_OPENAT || op->op == CHAIN_FCHDIR ||
	       (op->op == CHAIN_TASK_SET &&
		(op->len == IORING_TASK_NICE || op->len == IORING_TASK_RLIMIT));
}

static bool expresses_exec(const struct chain *c, uint32_t at)
{
	const struct chain_op *op = &c->ops[at];
	const char *path = chain_ptr(op->addr);

	if (!*(const uint64_t *)chain_ptr(op->addr2) ||
	    op->flags & ~(uint32_t)AT_EMPTY_PATH || ahead_differs(path))
		return false;
	/*
	 * The descriptor of a script is closed before its interpreter can open
	 * it. Then the launch is left to vfork, unless it has opened files.
	 */
	if (is_descriptor(op))
		return !c->may_block && chain_source(c, at, op->fd) >= 0;
	return !op->flags;
}

static bool expresses_op(const struct chain *c, uint32_t at)
{
	const struct chain_op *op = &c->ops[at];

	switch (op->op) {
	case CHAIN_OPENAT:
		return expresses_open(c, at);
	case CHAIN_DUP:
		return expresses_dup(c, at);
	case CHAIN_FCHDIR:
		return op->fd == CHAIN_FD_LAST ||
		       chain_source(c, at, op->fd) >= 0;
	case CHAIN_TASK_SET:
		return expresses_task_set(op);
	case CHAIN_EXEC:
		return expresses_exec(c, at);
	default:
		return true;
	}
}

/* Whether the keys can express the chain, as far as it says itself. */
static bool expresses(const struct chain *c)
{
	const struct chain_op *head = &c->ops[0];
	bool other_user = false, opens = false;
	uint32_t at;

	/* There are no keys for a cgroup and namespaces. */
	if (head->fd >= 0 || head->addr2)
		return false;
	for (at = 1; at < c->nr_ops; at++) {
		const struct chain_op *op = &c->ops[at];
		bool directory =
			op->op == CHAIN_OPENAT && ahead_is_directory(op);

		if (!expresses_op(c, at) || (other_user && needs_rights(op)) ||
		    (opens && directory))
			return false;
		if (op->op == CHAIN_OPENAT && !directory)
			opens = true;
		if (op->op == CHAIN_TASK_SET &&
		    (op->len == IORING_TASK_UID || op->len == IORING_TASK_GID ||
		     op->len == IORING_TASK_GROUPS))
			other_user = true;
	}
	return true;
}

/* A handler of libc's may run meanwhile: it interrupts, and changes nothing. */
static int set(const struct builder *b, unsigned command, const char *key,
	       const void *value, int aux)
{
	int ret;

	do {
		ret = pidfd_config(b->fd, command, key, value, aux);
	} while (ret == -EINTR);
	return ret;
}

static int set_int(const struct builder *b, const char *key, uint64_t number)
{
	return set(b, PIDFD_CONFIG_SET_INT, key, NULL, (int)number);
}

static int set_binary(const struct builder *b, const char *key,
		      const void *value, size_t size)
{
	return set(b, PIDFD_CONFIG_SET_BINARY, key, value, (int)size);
}

static int set_fd(const struct builder *b, const char *key, int fd)
{
	return set(b, PIDFD_CONFIG_SET_FD, key, NULL, fd);
}

static int set_dup(const struct builder *b, int fd, int newfd, uint32_t flags)
{
	const struct pidfd_config_dup2 dup = {
		.fd = fd,
		.newfd = newfd,
		.flags = flags,
	};

	return set_binary(b, "dup2", &dup, sizeof(dup));
}

/* Where the process starts. */
static int set_place(struct builder *b)
{
	const struct place *place = b->launch->place;
	struct place_id here;
	int ret = 0;

	if (!place)
		return 0;
	if (place->umask >= 0)
		ret = set_int(b, "umask", (uint64_t)place->umask);
	if (ret || place->fd < 0)
		return ret;
	b->cwd = place->fd;
	ret = set_fd(b, "cwd", place->fd);
	if (ret != -EACCES)
		return ret;
	/* A process may stay where it could not go: see place_enter(). */
	place_identify(AT_FDCWD, "", &here);
	return place_same(&place->id, &here) ? 0 : ret;
}

static int set_listed(const struct builder *b, const struct chain_fd *entry)
{
	return set_dup(b, entry->fd, entry->newfd,
		       entry->flags & IORING_CLONE_FD_CLOEXEC ? O_CLOEXEC : 0);
}

/*
 * Gives the process, which has no descriptors yet, those of the list: in any
 * order, as their sources are ours. The highest comes first, so that its table
 * grows but once.
 */
static int set_list(const struct builder *b)
{
	const struct chain *c = b->chain;
	uint32_t i, nr = c->fds ? c->ops[0].len : 0, highest = 0;
	int ret = 0;

	for (i = 0; i < nr; i++)
		if (c->fds[i].newfd > c->fds[highest].newfd)
			highest = i;
	if (nr)
		ret = set_listed(b, &c->fds[highest]);
	for (i = 0; !ret && i < nr; i++)
		if (i != highest)
			ret = set_listed(b, &c->fds[i]);
	return ret;
}

/* A child writes its number itself before it execs; this one cannot. */
static int write_pid(const struct builder *b)
{
	pid_t pid = embryo_pid(b->fd);

	if (pid < 0)
		return LEAVE;
	b->launch->line->pid = doomed_text(pid);
	return 0;
}

static int run_head(struct builder *b)
{
	struct launch *launch = b->launch;
	int ret = 0;

	/* Otherwise it has the mask of this thread, which blocks everything. */
	if (!b->chain->sets_sigmask || b->chain->may_block)
		ret = set_binary(b, "sigmask", &launch->sigmask, 8);
	if (!ret && launch->line)
		ret = write_pid(b);
	if (!ret)
		ret = set_place(b);
	return ret ? ret : set_list(b);
}

static void close_last(struct builder *b)
{
	if (b->last >= 0 && (b->last != b->cwd || !b->owns_cwd))
		close(b->last);
	b->last = -1;
}

static void leave_directory(struct builder *b)
{
	if (b->owns_cwd && b->cwd != b->last)
		close(b->cwd);
	b->owns_cwd = false;
}

static int run_open_directory(struct builder *b, const struct chain_op *op)
{
	int fd = ahead_open_directory(b->cwd, op);

	if (fd == -EOPNOTSUPP)
		return LEAVE;
	if (fd < 0)
		return fd;
	close_last(b);
	b->last = fd;
	return 0;
}

/* Whether nobody has to wait for the files that are opened from @at on. */
static bool opens_at_once(const struct builder *b, uint32_t at)
{
	const struct chain *c = b->chain;

	for (; at < c->nr_ops; at++)
		if (c->ops[at].op == CHAIN_OPENAT &&
		    !ahead_opens_at_once(b->cwd, &c->ops[at]))
			return false;
	return true;
}

/* Opens a file where the next operation, a DUP, puts it. */
static int run_open(struct builder *b, uint32_t at)
{
	const struct chain_op *op = &b->chain->ops[at], *dup = op + 1;
	struct pidfd_config_open open = {
		.path = op->addr,
		.dirfd = AT_FDCWD,
		.newfd = (int32_t)dup->len,
		.flags = ahead_open_flags(op->flags & ~(uint32_t)O_CLOEXEC) |
			 (dup->flags & O_CLOEXEC),
	};
	int ret;

	if (!b->opened && !opens_at_once(b, at))
		return LEAVE;
	if (open.flags & (O_CREAT | O_TMPFILE) & ~O_DIRECTORY)
		open.mode = op->len & 07777;
	b->opened = true;
	b->opened_by = at;
	b->dup_error = 0;
	ret = set_binary(b, "open", &open, sizeof(open));
	if (ret != -EBADF)
		return ret;
	/* The file is open, but no process can have that descriptor. */
	b->dup_error = ret;
	return 0;
}

static int run_dup(struct builder *b, uint32_t at)
{
	const struct chain_op *op = &b->chain->ops[at];
	uint32_t cloexec = op->flags & O_CLOEXEC;
	int newfd = (int)op->len;

	if (op->fd == CHAIN_FD_LAST)
		return b->opened && b->opened_by + 1 == at
			       ? b->dup_error
			       : set_dup(b, b->last, newfd, cloexec);
	/* The key changes no flags of a descriptor that is in its place. */
	if (op->fd == newfd)
		return set_dup(b, chain_source(b->chain, at, op->fd), newfd,
			       cloexec);
	return set_dup(b, op->fd, newfd, cloexec | PIDFD_CONFIG_DUP2_OWN);
}

static int run_fchdir(struct builder *b, uint32_t at)
{
	const struct chain_op *op = &b->chain->ops[at];
	bool owns = op->fd == CHAIN_FD_LAST;
	int fd = owns ? b->last : chain_source(b->chain, at, op->fd);
	int ret = set_fd(b, "cwd", fd);

	if (ret || fd == b->cwd)
		return ret;
	leave_directory(b);
	b->cwd = fd;
	b->owns_cwd = owns;
	return 0;
}

static int run_close_range(const struct builder *b, const struct chain_op *op)
{
	const struct pidfd_config_close_range range = {
		.first = (uint32_t)op->fd,
		.last = op->len,
		/* Its table is its own. */
		.flags = op->flags & ~(uint32_t)CLOSE_RANGE_UNSHARE,
	};

	return set_binary(b, "close_range", &range, sizeof(range));
}

static int run_task_set(const struct builder *b, const struct chain_op *op)
{
	const uint64_t *value = chain_ptr(op->addr);

	switch (op->len) {
	case IORING_TASK_SIGMASK:
		return set_binary(b, "sigmask", value, 8);
	case IORING_TASK_SIGDEFAULT:
		return set_binary(b, "sigdefault", value, 8);
	case IORING_TASK_SETSID:
		return set(b, PIDFD_CONFIG_SET_FLAG, "setsid", NULL, 0);
	case IORING_TASK_SETPGID:
		return set_int(b, "pgid", op->addr);
	case IORING_TASK_UID:
		return set_int(b, "uid", op->addr);
	case IORING_TASK_GID:
		return set_int(b, "gid", op->addr);
	case IORING_TASK_GROUPS:
		/* of none, too, there has to be an address */
		return set_binary(b, "groups", op->addr2 ? value : &op->addr,
				  op->addr2 * sizeof(uint32_t));
	case IORING_TASK_UMASK:
		return set_int(b, "umask", op->addr & 0777);
	case IORING_TASK_NICE:
		return set_int(b, "nice", op->addr);
	case IORING_TASK_RLIMIT: {
		const struct pidfd_config_rlimit limit = {
			.resource = (uint32_t)op->addr2,
			.cur = value[0],
			.max = value[1],
		};

		return set_binary(b, "rlimit", &limit, sizeof(limit));
	}
	case IORING_TASK_PDEATHSIG:
		/* A change of ids would clear it: see run_exec(). */
		return op->addr > NR_SIGNALS ? -EINVAL : 0;
	case IORING_TASK_NO_NEW_PRIVS:
		return set(b, PIDFD_CONFIG_SET_FLAG, "no_new_privs", NULL, 0);
	default:
		return -EINVAL;
	}
}

/* Tries of a search have the same strings. */
static int set_strings(const struct builder *b, const char *key,
		       uint64_t strings, uint64_t *now)
{
	int ret = 0;

	if (strings != *now)
		ret = set(b, PIDFD_CONFIG_SET_STRINGS, key, chain_ptr(strings),
			  0);
	if (!ret)
		*now = strings;
	return ret;
}

static int set_exe(const struct builder *b, uint32_t at)
{
	const struct chain_op *op = &b->chain->ops[at];
	const char *path = chain_ptr(op->addr);
	int dirfd = AT_FDCWD;

	if (is_descriptor(op))
		dirfd = chain_source(b->chain, at, op->fd);
	if (op->flags & AT_EMPTY_PATH && !*path)
		return set_fd(b, "exe", dirfd);
	return set(b, PIDFD_CONFIG_SET_PATH, "exe", path, dirfd);
}

/*
 * Runs the process and waits for its exec here, not in the call: there no
 * signal handler would run before the exec is over, and nothing would tell that
 * it takes long.
 */
static int run(const struct builder *b)
{
	struct pidfd_spawn_run_args args = {.flags = PIDFD_SPAWN_NOWAIT};
	struct pidfd_spawn_result result;
	int pid = pidfd_spawn_run_with(b->fd, &args);

	if (pid < 0)
		return pid;
	do {
		if (launch_poll(b->thread, b->fd, POLLIN | POLLPRI) & POLLPRI)
			return pid;
		if (ioctl(b->fd, PIDFD_SPAWN_GET_RESULT, &result) < 0)
			return -errno;
	} while (result.state == PIDFD_SPAWN_STARTING);
	return result.state == PIDFD_SPAWN_RAN ? pid : -result.error;
}

/* See exec_retry() in child.c. */
static int run_until_not_busy(const struct builder *b)
{
	int ret = run(b), ms;

	for (ms = 1; ret == -ETXTBSY && ms <= BUSY_MS; ms *= 2) {
		const struct timespec time = {0, ms * 1000000L};

		if (ms > LAUNCH_SLOW_MS)
			launch_is_slow(b->thread);
		nanosleep(&time, NULL);
		ret = run(b);
	}
	return ret;
}

/* Returns the pid, -errno, or LEAVE. */
static int run_exec(struct builder *b, uint32_t at)
{
	const struct chain *c = b->chain;
	const struct chain_op *op = &c->ops[at];
	int ret = 0;

	if (!b->argv && c->sets_pdeathsig)
		ret = set_int(b, "pdeathsig", (uint64_t)c->pdeathsig);
	if (!ret)
		ret = set_strings(b, "argv", op->addr2, &b->argv);
	if (!ret)
		ret = set_strings(b, "envp", op->addr3, &b->envp);
	/* Is the program missing as well? An exec would say that. */
	if (ret == -E2BIG && !b->opened)
		return LEAVE;
	if (!ret)
		ret = set_exe(b, at);
	if (!ret)
		ret = run_until_not_busy(b);
	return ret == -ENOENT && is_descriptor(op) ? LEAVE : ret;
}

static int run_op(struct builder *b, uint32_t at)
{
	const struct chain_op *op = &b->chain->ops[at];

	switch (op->op) {
	case CHAIN_CLONE:
		return run_head(b);
	case CHAIN_OPENAT:
		return ahead_is_directory(op) ? run_open_directory(b, op)
					      : run_open(b, at);
	case CHAIN_DUP:
		return run_dup(b, at);
	case CHAIN_FCHDIR:
		return run_fchdir(b, at);
	case CHAIN_CLOSE_RANGE:
		return run_close_range(b, op);
	case CHAIN_TASK_SET:
		return run_task_set(b, op);
	default:
		return run_exec(b, at);
	}
}

/*
 * What the error of an operation is for the launch, if it is not the
 * operation's own: somebody has ended the process, or the credentials of this
 * thread have changed.
 */
static int explain(const struct builder *b, int error)
{
	int ret = embryo_check(b->fd);

	if (ret == -ESRCH)
		return -ECANCELED;
	return ret == -EACCES && !b->opened ? LEAVE : error;
}

/* Returns the pid, 0 if the launch has failed, or LEAVE. */
static int run_chain(struct builder *b)
{
	const struct chain *c = b->chain;
	uint32_t at;

	for (at = 0; at < c->nr_ops; at++) {
		int ret = run_op(b, at);

		if (ret == -ESRCH || ret == -EACCES)
			ret = explain(b, ret);
		if (ret == LEAVE)
			return LEAVE;
		c->res[at] = ret > 0 ? 0 : ret;
		if (ret > 0)
			return ret;
		if (!chain_goes_on(&c->ops[at], ret))
			return 0;
	}
	return 0;
}

static bool build(struct launch *launch, struct launch_thread *thread)
{
	struct builder b = {
		.launch = launch,
		.thread = thread,
		.chain = launch->chain,
		.cwd = AT_FDCWD,
		.last = -1,
	};
	int pid;

	launch_set_batch(thread, false);
	b.fd = pidfd_open_empty(launch->chain->ops[0].flags & CHAIN_CLONE_FDS
					? 0
					: PIDFD_INHERIT_FDS);
	launch_set_batch(thread, true);
	/* A filter may forbid it. */
	if (b.fd == -EPERM || b.fd == -ENOSYS)
		return false;
	if (b.fd < 0) {
		launch_no_child(launch, b.fd);
		return true;
	}
	launch->embryo = b.fd;
	pid = run_chain(&b);
	leave_directory(&b);
	close_last(&b);
	if (pid > 0) {
		launch->pidfd = b.fd;
		launch->pid = pid;
		launch->embryo = -1;
	} else {
		doomed_clear(launch);
		embryo_drop(&launch->embryo);
	}
	launch->error = chain_result(launch->chain, &launch->failed_op);
	return pid != LEAVE;
}

static void builder_launch(struct launch *launch, struct launch_thread *thread)
{
	chain_reset(launch->chain);
	launch->pid = -1;
	launch->pidfd = -1;
	launch->embryo = -1;
	if (!expresses(launch->chain) || !build(launch, thread))
		launch_by(LAUNCHER_VFORK, launch, thread);
}

static int builder_error(const struct core_info *info)
{
	return info->embryo_error;
}

const struct launcher launcher_builder = {
	.error = builder_error,
	.writes_pid = true,
	.launch = builder_launch,
};
