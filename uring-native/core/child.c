/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <fcntl.h>
#include <sched.h>
#include <stdint.h>

#include "child_fds.h"
#include "io_uring_spawn.h"
#include "place.h"
#include "sys.h"

#define NR_SIGNALS 64

/* The kernel's struct sigaction, which is not libc's. */
struct kernel_sigaction {
	uint64_t handler;
	uint64_t flags;
	uint64_t restorer;
	uint64_t mask;
};

static long sigaction_get(int sig, struct kernel_sigaction *sa)
{
	return sys_call(SYS_rt_sigaction, sig, NULL, sa, 8);
}

static long sigaction_default(int sig)
{
	struct kernel_sigaction sa = {0};

	return sys_call(SYS_rt_sigaction, sig, &sa, NULL, 8);
}

/*
 * What CLONE_CLEAR_SIGHAND does: no handler of the parent may run in a child
 * that shares its memory. Ignored signals stay ignored.
 */
static void clear_handlers(void)
{
	int sig;

	for (sig = 1; sig <= NR_SIGNALS; sig++) {
		struct kernel_sigaction sa;

		if (sigaction_get(sig, &sa) < 0)
			continue;
		if (sa.handler != (uint64_t)(uintptr_t)SIG_DFL &&
		    sa.handler != (uint64_t)(uintptr_t)SIG_IGN)
			sigaction_default(sig);
	}
}

uint64_t child_ignored_signals(void)
{
	uint64_t set = 0;
	int sig;

	for (sig = 1; sig <= NR_SIGNALS; sig++) {
		struct kernel_sigaction sa;

		if (sig == SIGKILL || sig == SIGSTOP ||
		    sigaction_get(sig, &sa) < 0)
			continue;
		if (sa.handler == (uint64_t)(uintptr_t)SIG_IGN)
			set |= 1ULL << (sig - 1);
	}
	return set;
}

/* The others are so already, or will be by the exec. */
static long set_default(uint64_t set)
{
	for (; set; set &= set - 1)
		sigaction_default(__builtin_ctzll(set) + 1);
	return 0;
}

/*
 * The raw call sets the nice value of the one task there is; the kernel's own
 * range check is a silent clamp, TypeScript's is an error. Who may not is told
 * so as by nice(2), and by the operation of a chain.
 */
static long set_nice(uint64_t value)
{
	long ret = sys_call(SYS_setpriority, PRIO_PROCESS, 0, value);

	return ret == -EACCES ? -EPERM : ret;
}

static long task_set(const struct child *child, const struct chain_op *op)
{
	const uint64_t value = op->addr;
	const void *ptr = chain_ptr(op->addr);

	switch (op->len) {
	case IORING_TASK_SIGMASK:
		return sys_sigmask(SIG_SETMASK, ptr, NULL);
	case IORING_TASK_SIGDEFAULT:
		return set_default(*(const uint64_t *)ptr & child->ignored);
	case IORING_TASK_SETSID: {
		long ret = sys_call(SYS_setsid);

		return ret < 0 ? ret : 0;
	}
	case IORING_TASK_SETPGID:
		return sys_call(SYS_setpgid, 0, value);
	case IORING_TASK_UID:
		return sys_call(SYS_setresuid, value, value, value);
	case IORING_TASK_GID:
		return sys_call(SYS_setresgid, value, value, value);
	case IORING_TASK_GROUPS:
		return sys_call(SYS_setgroups, op->addr2, ptr);
	case IORING_TASK_UMASK:
		sys_call(SYS_umask, value);
		return 0;
	case IORING_TASK_NICE:
		return set_nice(value);
	case IORING_TASK_RLIMIT:
		return sys_call(SYS_prlimit64, 0, op->addr2, ptr, NULL);
	case IORING_TASK_PDEATHSIG:
		return sys_call(SYS_prctl, 1 /* PR_SET_PDEATHSIG */, value, 0,
				0, 0);
	case IORING_TASK_NO_NEW_PRIVS:
		return sys_call(SYS_prctl, 38 /* PR_SET_NO_NEW_PRIVS */, value,
				0, 0, 0);
	default:
		return -EINVAL;
	}
}

static long dup_to(int fd, int target, unsigned flags)
{
	long ret;

	if (fd != target)
		return sys_call(SYS_dup3, fd, target, flags);
	ret = sys_call(SYS_fcntl, fd, F_SETFD,
		       flags & O_CLOEXEC ? FD_CLOEXEC : 0);
	return ret < 0 ? ret : target;
}

static long run_op(const struct child *child, const struct chain_op *op,
		   int *last)
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
		return sys_call(SYS_execveat, op->fd, chain_ptr(op->addr),
				chain_ptr(op->addr2), chain_ptr(op->addr3),
				op->flags);
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
	/* A copy: the list may be the parent's own, which may try again. */
	for (i = 0; i < head->len; i++)
		fds[i] = listed[i];
	if (child->shares_files) {
		long ret = child_unshare_fds(fds, head->len);
		if (ret < 0)
			return ret;
	}
	return child_set_fds(fds, head->len);
}

void child_run(struct child *child)
{
	struct chain *c = child->chain;
	int last = -1;
	uint32_t i;
	long ret;

	if (child->reset_policy) {
		struct sched_param none = {0};

		sys_call(SYS_sched_setscheduler, 0, SCHED_OTHER, &none);
	}
	if (child->reset_handlers)
		clear_handlers();
	sys_sigmask(SIG_SETMASK, &child->sigmask, NULL);
	/* Its descriptor is none of those that the child is to have. */
	ret = child->place ? place_enter(child->place) : 0;
	if (ret >= 0)
		ret = run_head(child);
	c->res[0] = (int32_t)ret;
	for (i = 1; ret >= 0 && i < c->nr_ops; i++) {
		const struct chain_op *op = &c->ops[i];

		child->progress->at = i;
		ret = run_op(child, op, &last);
		c->res[i] = (int32_t)ret;
		if (chain_goes_on(op, ret))
			ret = 0;
	}
}
