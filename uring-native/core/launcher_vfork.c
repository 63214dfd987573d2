/* SPDX-License-Identifier: MIT */
/*
 * A child that shares the launch thread's memory until its exec, on a stack of
 * its own. No page table is copied, whatever the size of the process, and the
 * launch thread can read the results directly.
 *
 * This is vfork without CLONE_VFORK. With that flag the thread would sleep in
 * the kernel, where signals do not reach it: libc's setuid(2), which signals
 * every thread and waits until each has changed, would hang for as long as a
 * child hangs in an open or an exec. Instead the thread waits on a word that
 * the kernel clears (CLONE_CHILD_CLEARTID) when the child leaves the memory, by
 * exec or by exit. Parent and child run at the same time: the child must not
 * touch what libc keeps per thread, and the thread must not end before the
 * child has left.
 */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "child.h"
#include "child_fds.h"
#include "clone.h"
#include "launcher.h"
#include "sys.h"

/* clone3(2) is absent, or a filter claims so. It will not come back. */
static atomic_bool no_clone3;

/* See can_unshare(). 0: unknown, 1: yes, -1: no. */
static atomic_int unshares;

static CHILD_CODE int child_main(void *arg)
{
	child_run(arg);
	return 127;
}

#define FLAGS (CLONE_VM | CLONE_PIDFD | CLONE_CLEAR_SIGHAND)

static CHILD_CODE int unshare_main(void *unused)
{
	(void)unused;
	return child_unshare_fds(NULL, 0) < 0;
}

static bool try_unshare(struct launch_thread *thread)
{
	int pidfd = -1;
	struct sys_clone_args args = {
		/* This child never waits for anything. */
		.flags = FLAGS | CLONE_VFORK | CLONE_FILES,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.stack = (uint64_t)(uintptr_t)thread->stack,
		.stack_size = thread->stack_size,
	};
	siginfo_t info = {0};
	long ret;

	if (clone3_call(&args, unshare_main, NULL) < 0)
		return false;
	do {
		ret = sys_waitid_pidfd(pidfd, &info, WEXITED | __WALL, NULL);
	} while (ret == -EINTR);
	close(pidfd);
	return !ret && info.si_code == CLD_EXITED && !info.si_status;
}

/*
 * Whether a child may begin with its parent's descriptor table, and then leave
 * it for one with only its own descriptors. Otherwise the kernel copies the
 * whole table and the child closes it again: with thousands of descriptors that
 * is most of the work of a start.
 */
static bool can_unshare(struct launch_thread *thread)
{
	int can = atomic_load(&unshares);

	if (!can) {
		can = try_unshare(thread) ? 1 : -1;
		atomic_store(&unshares, can);
	}
	return can > 0;
}

static bool copies_fds(void)
{
	return atomic_load(&no_clone3) || atomic_load(&unshares) <= 0;
}

static long clone_new(struct launch *launch, struct launch_thread *thread,
		      struct child *child)
{
	const struct chain_op *head = &launch->chain->ops[0];
	struct sys_clone_args args = {
		.flags = head->addr2 | FLAGS | CLONE_CHILD_CLEARTID |
			 (child->shares_files ? CLONE_FILES : 0),
		.pidfd = (uint64_t)(uintptr_t)&launch->pidfd,
		.child_tid = (uint64_t)(uintptr_t)&child->progress->gone,
		.stack = (uint64_t)(uintptr_t)thread->stack,
		.stack_size = thread->stack_size,
		.cgroup = head->fd >= 0 ? (uint64_t)head->fd : 0,
	};

	child->reset_handlers = false;
	return clone3_call(&args, child_main, child);
}

/* Some containers allow only this: a filter cannot read clone3's argument. */
static long clone_old(struct launch *launch, struct launch_thread *thread,
		      struct child *child)
{
	const struct chain_op *head = &launch->chain->ops[0];
	char *top = (char *)thread->stack + thread->stack_size;
	int flags = CLONE_VM | CLONE_PIDFD | CLONE_CHILD_CLEARTID;
	int pid;

	child->reset_handlers = true;
	pid = clone(child_main, top, (int)head->addr2 | flags, child,
		    (int *)&launch->pidfd, NULL, &child->progress->gone);
	return pid < 0 ? -errno : pid;
}

/* Returns 0, or -errno: there is no child. */
static int make_child(struct launch *launch, struct launch_thread *thread,
		      struct child_progress *progress, struct child *child,
		      int notice)
{
	const struct chain_op *head = &launch->chain->ops[0];
	uint64_t all = ~0ULL, old;
	long pid = launch_thread_stack(thread);

	chain_reset(launch->chain);
	if (pid < 0)
		return (int)pid;
	pid = -ENOSYS;
	*progress = (struct child_progress){.gone = CHILD_THERE};
	launch_child(launch, thread, progress, child);
	child->notice = notice;
	/*
	 * Block even the two signals that libc keeps for itself: their handlers
	 * must not run in a child that shares libc's memory.
	 */
	sys_sigmask(SIG_SETMASK, &all, &old);
	if (!atomic_load(&no_clone3)) {
		/* Only its end would close a notice in a table we share. */
		child->shares_files = head->flags & CHAIN_CLONE_FDS &&
				      notice < 0 && can_unshare(thread);
		pid = clone_new(launch, thread, child);
	}
	/* clone(2) lacks the flags above 32 bits. */
	if ((pid == -ENOSYS || pid == -EPERM) && !(head->addr2 >> 32)) {
		bool blocked = pid == -ENOSYS;

		child->shares_files = false;
		pid = clone_old(launch, thread, child);
		if (pid > 0 && blocked)
			atomic_store(&no_clone3, true);
	}
	sys_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0) {
		progress->gone = 0;
		return (int)pid;
	}
	launch->pid = (pid_t)pid;
	return 0;
}

static void vfork_launch(struct launch *launch, struct launch_thread *thread)
{
	struct child_progress progress;
	struct child child;
	int ret;

	/*
	 * A change of credentials makes the memory of the process that does it
	 * undumpable. That is our memory, too: /proc/self would belong to root,
	 * and no debugger might attach. It cannot be undone without a moment in
	 * which the new user may read what is in it.
	 */
	if (launch->chain->sets_ids) {
		launch_by(LAUNCHER_FORK, launch, thread);
		return;
	}
	ret = make_child(launch, thread, &progress, &child, -1);
	if (ret) {
		launch_no_child(launch, ret);
		return;
	}
	launch_wait(launch, thread, &progress);
	launch_finish(launch, thread, &progress);
}

const struct launcher launcher_vfork = {
	.writes_pid = true,
	.launch = vfork_launch,
	.begin = make_child,
	.copies_fds = copies_fds,
};
