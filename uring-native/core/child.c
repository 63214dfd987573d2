/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <time.h>

#include "child_fds.h"
#include "doomed.h"
#include "io_uring_spawn.h"
#include "place.h"
#include "sys.h"

/*
 * What CLONE_CLEAR_SIGHAND does: no handler of the parent may run in a child
 * that shares its memory. Ignored signals stay ignored.
 */
static void clear_handlers(void)
{
	int sig;

	for (sig = 1; sig <= NR_SIGNALS; sig++) {
		struct sys_sigaction sa;

		if (sys_sigaction(sig, NULL, &sa) >= 0 &&
		    sa.handler != SYS_DFL && sa.handler != SYS_IGN)
			sys_sigdefault(1ULL << (sig - 1));
	}
}

/*
 * The signals that the parent ignores, and so this process too; all of them if
 * they cannot be read from its status.
 */
static uint64_t read_ignored(int status)
{
	static const char key[] = "\nSigIgn:\t";
	const long length = sizeof(key) - 1;
	char buf[4096];
	long n = sys_call(SYS_pread64, status, buf, sizeof(buf), 0);
	uint64_t set = 0;
	long at, i;

	for (at = 0; at + length + 16 <= n; at++) {
		for (i = 0; i < length && buf[at + i] == key[i]; i++)
			;
		if (i == length)
			break;
	}
	if (at + length + 16 > n)
		return ~0ULL;
	for (i = at + length; i < at + length + 16; i++) {
		int digit = buf[i] <= '9' ? buf[i] - '0' : buf[i] - 'a' + 10;

		set = set << 4 | (unsigned)digit;
	}
	return set;
}

/*
 * The raw call sets the nice value of the child's only task. The kernel clamps
 * a value out of range; TypeScript has refused it. EACCES becomes EPERM, as in
 * nice(2) and in the operation of a chain.
 */
static long set_nice(uint64_t value)
{
	long ret = sys_call(SYS_setpriority, PRIO_PROCESS, 0, value);

	return ret == -EACCES ? -EPERM : ret;
}

/*
 * Has SIGKILL end this process with its parent's thread. The parent may have
 * died before; a parent in another pid namespace has the pid 0 here.
 */
static void die_with_parent(struct child *child)
{
	long parent;

	sys_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
	parent = sys_call(SYS_getppid);
	if (parent && parent != child->parent)
		sys_call(SYS_exit_group, 127);
	child->dies_with_parent = true;
}

static long set_pdeathsig(struct child *child, uint64_t value)
{
	if (value > NR_SIGNALS)
		return -EINVAL;
	child->pdeathsig = value;
	return 0;
}

/* A change of credentials clears the parent-death signal. */
static long set_ids(struct child *child, long nr, uint64_t id)
{
	long ret = sys_call(nr, id, id, id);

	if (ret >= 0)
		die_with_parent(child);
	return ret;
}

/* An old filter knows only setrlimit(2). */
static long set_rlimit(uint64_t resource, const void *limit)
{
	long ret = sys_call(SYS_prlimit64, 0, resource, limit, NULL);

	if (ret == -ENOSYS || ret == -EPERM)
		ret = sys_call(SYS_setrlimit, resource, limit);
	return ret;
}

static long task_set(struct child *child, const struct chain_op *op)
{
	const uint64_t value = op->addr;
	const void *ptr = chain_ptr(op->addr);

	switch (op->len) {
	case IORING_TASK_SIGMASK:
		return sys_sigmask(SIG_SETMASK, ptr, NULL);
	case IORING_TASK_SIGDEFAULT:
		/* The others have it already, or get it from the exec. */
		sys_sigdefault(*(const uint64_t *)ptr & child->ignored);
		return 0;
	case IORING_TASK_SETSID: {
		long ret = sys_call(SYS_setsid);

		return ret < 0 ? ret : 0;
	}
	case IORING_TASK_SETPGID:
		return sys_call(SYS_setpgid, 0, value);
	case IORING_TASK_UID:
		return set_ids(child, SYS_setresuid, value);
	case IORING_TASK_GID:
		return set_ids(child, SYS_setresgid, value);
	case IORING_TASK_GROUPS:
		return sys_call(SYS_setgroups, op->addr2, ptr);
	case IORING_TASK_UMASK:
		sys_call(SYS_umask, value);
		return 0;
	case IORING_TASK_NICE:
		return set_nice(value);
	case IORING_TASK_RLIMIT:
		return set_rlimit(op->addr2, ptr);
	case IORING_TASK_PDEATHSIG:
		return set_pdeathsig(child, value);
	case IORING_TASK_NO_NEW_PRIVS:
		return sys_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, value);
	default:
		return -EINVAL;
	}
}

static long dup_to(int fd, int target, unsigned flags)
{
	long ret;

	if (fd != target)
		return child_dup(fd, target, flags);
	ret = sys_call(SYS_fcntl, fd, F_SETFD,
		       flags & O_CLOEXEC ? FD_CLOEXEC : 0);
	return ret < 0 ? ret : target;
}

/* Appends @s and a NUL, if there is room before @end. */
static char *append(char *at, const char *end, const char *s)
{
	while (*s && at + 1 < end)
		*at++ = *s++;
	*at = '\0';
	return at;
}

/* Executes through /proc, where a filter forbids execveat(2). */
static long exec_by_proc(const struct chain_op *op)
{
	const char *path = chain_ptr(op->addr);
	char name[64 + PATH_MAX], digits[12], *at = name, *digit;
	const char *end = name + sizeof(name);
	int fd = op->fd;

	digit = digits + sizeof(digits) - 1;
	*digit = '\0';
	do {
		*--digit = (char)('0' + fd % 10);
		fd /= 10;
	} while (fd);
	at = append(at, end, "/proc/self/fd/");
	at = append(at, end, digit);
	if (*path) {
		at = append(at, end, "/");
		at = append(at, end, path);
	}
	if (at + 1 == end)
		return -ENAMETOOLONG;
	return sys_call(SYS_execve, name, chain_ptr(op->addr2),
			chain_ptr(op->addr3));
}

static long exec_once(const struct chain_op *op)
{
	const char *path = chain_ptr(op->addr);
	long ret;

	/* execveat(2) would do the same, but filters forbid it. */
	if (!op->flags && (op->fd == AT_FDCWD || *path == '/'))
		return sys_call(SYS_execve, path, chain_ptr(op->addr2),
				chain_ptr(op->addr3));
	ret = sys_call(SYS_execveat, op->fd, path, chain_ptr(op->addr2),
		       chain_ptr(op->addr3), op->flags);
	if ((ret == -ENOSYS || ret == -EPERM) && op->fd >= 0 &&
	    !(op->flags & ~(unsigned)AT_EMPTY_PATH)) {
		long by_proc = exec_by_proc(op);

		/* Without /proc, report the error of the other try. */
		return by_proc == -ENOENT && !*path ? ret : by_proc;
	}
	return ret;
}

/*
 * A file that was written and closed a moment ago may still be open for writing
 * in a child that other code forked meanwhile, until that child's own exec: for
 * that long the kernel fails with ETXTBSY. For a file that is really being
 * written to, this only delays the error.
 */
static long exec_retry(const struct chain_op *op)
{
	long ms, ret = exec_once(op);

	for (ms = 1; ret == -ETXTBSY && ms <= BUSY_MS; ms *= 2) {
		struct timespec time = {0, ms * 1000000};

		sys_call(SYS_nanosleep, &time, NULL);
		ret = exec_once(op);
	}
	return ret;
}

static long run_exec(struct child *child, const struct chain_op *op)
{
	if (child->dies_with_parent)
		sys_call(SYS_prctl, PR_SET_PDEATHSIG, child->pdeathsig);
	child->dies_with_parent = false;
	return exec_retry(op);
}

static long run_op(struct child *child, const struct chain_op *op, int *last)
{
	int fd = op->fd == CHAIN_FD_LAST ? *last : op->fd;

	switch (op->op) {
	case CHAIN_OPENAT: {
		long ret = sys_call(SYS_openat, op->fd, chain_ptr(op->addr),
				    op->flags, op->len);

		if (ret >= 0)
			*last = (int)ret;
		return ret;
	}
	case CHAIN_DUP:
		return dup_to(fd, (int)op->len, op->flags);
	case CHAIN_FCHDIR:
		return sys_call(SYS_fchdir, fd);
	case CHAIN_CLOSE_RANGE:
		return child_close_range((unsigned)op->fd, op->len, op->flags);
	case CHAIN_TASK_SET:
		return task_set(child, op);
	case CHAIN_EXEC:
		return run_exec(child, op);
	default:
		return -EINVAL;
	}
}

static long run_head(struct child *child)
{
	const struct chain_op *head = &child->chain->ops[0];
	const struct chain_fd *listed = chain_ptr(head->addr);
	struct chain_fd fds[CHAIN_MAX_FDS];
	uint32_t i;

	if (!(head->flags & CHAIN_CLONE_FDS))
		return 0;
	/* A copy: the list may be the parent's own, and it may try again. */
	for (i = 0; i < head->len; i++)
		fds[i] = listed[i];
	if (child->shares_files) {
		long ret = child_unshare_fds(fds, head->len);
		if (ret < 0)
			return ret;
	}
	return child_set_fds(fds, head->len, child->notice);
}

void child_run(struct child *child)
{
	struct chain *c = child->chain;
	int last = -1;
	uint32_t i;
	long ret;

	die_with_parent(child);
	if (child->line)
		child->line->pid = doomed_text(sys_call(SYS_getpid));
	if (child->reset_policy) {
		struct sched_param none = {0};

		sys_call(SYS_sched_setscheduler, 0, SCHED_OTHER, &none);
	}
	if (child->reset_handlers)
		clear_handlers();
	sys_sigmask(SIG_SETMASK, &child->sigmask, NULL);
	/* Both before run_head(), which closes their descriptors. */
	if (child->status >= 0)
		child->ignored = read_ignored(child->status);
	ret = child->place ? place_enter(child->place) : 0;
	if (ret >= 0)
		ret = run_head(child);
	c->res[0] = (int32_t)ret;
	for (i = 1; ret >= 0 && i < c->nr_ops; i++) {
		const struct chain_op *op = &c->ops[i];

		child->progress->at = i;
		/* An exec has failed before. */
		if (!child->dies_with_parent && op->op != CHAIN_EXEC)
			die_with_parent(child);
		ret = run_op(child, op, &last);
		c->res[i] = (int32_t)ret;
		if (chain_goes_on(op, ret))
			ret = 0;
	}
}
