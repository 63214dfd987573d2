/* SPDX-License-Identifier: MIT */
/*
 * The traditional fork and exec: the baseline to measure against, and for
 * children that must not share our memory. The results come through a shared
 * page.
 *
 * The end of the wait comes through that page, too: the child owns a robust
 * futex in it, which the kernel marks and wakes when the child execs or exits.
 * The usual pipe that an exec closes would not do: any other child that was
 * forked meanwhile and hangs before its own exec keeps it open.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/mman.h>

#include "child.h"
#include "launcher.h"
#include "sys.h"

struct shared {
	struct child_progress progress;
	struct robust_list_head robust;
	struct robust_list entry;
	int32_t res[CHAIN_MAX_OPS];
};

static long do_fork(struct launch *launch, struct child *child)
{
	const struct chain_op *head = &launch->chain->ops[0];
	struct sys_clone_args args = {
		.flags = head->addr2 | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uint64_t)(uintptr_t)&launch->pidfd,
		.cgroup = head->fd >= 0 ? (uint64_t)head->fd : 0,
	};
	long pid;

	child->reset_handlers = false;
	pid = sys_call(SYS_clone3, &args, sizeof(args));
	if ((pid == -ENOSYS || pid == -EPERM) && !(head->addr2 >> 32)) {
		child->reset_handlers = true;
		pid = sys_call(SYS_clone, head->addr2 | CLONE_PIDFD, NULL,
			       (int *)&launch->pidfd, NULL, 0);
	}
	return pid;
}

/*
 * If a filter forbids it, or the child is killed before, the launch thread
 * finds out by polling (is_gone_anyway()).
 */
static void own_futex(struct shared *shared)
{
	shared->robust.list.next = &shared->entry;
	shared->robust.futex_offset =
		(long)offsetof(struct shared, progress) +
		(long)offsetof(struct child_progress, gone) -
		(long)offsetof(struct shared, entry);
	shared->robust.list_op_pending = NULL;
	shared->entry.next = &shared->robust.list;
	shared->progress.gone = FUTEX_WAITERS | (uint32_t)sys_call(SYS_gettid);
	sys_call(SYS_set_robust_list, &shared->robust, sizeof(shared->robust));
}

static void child_main(struct child *child, struct shared *shared)
{
	struct chain view = *child->chain;

	own_futex(shared);
	/* The parent does not see its copy of the results. */
	view.res = shared->res;
	child->chain = &view;
	child_run(child);
	sys_call(SYS_exit_group, 127);
}

static void fork_launch(struct launch *launch, struct launch_thread *thread)
{
	struct chain *c = launch->chain;
	struct child child;
	uint64_t all = ~0ULL, old;
	struct shared *shared;
	uint32_t i;
	long pid;

	chain_reset(c);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		launch_no_child(launch, -errno);
		return;
	}
	for (i = 0; i < c->nr_ops; i++)
		shared->res[i] = c->res[i];
	shared->progress.robust = true;
	launch_child(launch, thread, &shared->progress, &child);

	sys_sigmask(SIG_SETMASK, &all, &old);
	pid = do_fork(launch, &child);
	if (pid == 0)
		child_main(&child, shared);
	sys_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0) {
		launch_no_child(launch, (int)pid);
		goto out;
	}
	launch->pid = (pid_t)pid;
	launch_wait(launch, thread, &shared->progress);
	for (i = 0; i < c->nr_ops; i++)
		c->res[i] = shared->res[i];
	launch_finish(launch, thread, &shared->progress);
out:
	munmap(shared, sizeof(*shared));
}

const struct launcher launcher_fork = {
	.writes_pid = true,
	.launch = fork_launch,
};
