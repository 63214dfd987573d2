/* SPDX-License-Identifier: MIT */
/*
 * fork and exec, as it was always done: the baseline to measure against. The
 * results come through a shared page; that the exec happened, or that none
 * will, shows by the end of a pipe only the child has.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "launcher.h"
#include "sys.h"

struct shared {
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
			       &launch->pidfd, NULL, 0);
	}
	return pid;
}

static void child_main(struct child *child, struct shared *shared)
{
	struct chain view = *child->chain;

	/* Its own copies it would keep to itself. */
	view.res = shared->res;
	child->chain = &view;
	child_run(child);
	sys_call(SYS_exit_group, 127);
}

static void fork_launch(struct launch *launch, struct launch_thread *thread)
{
	struct chain *c = launch->chain;
	struct child child = {
		.chain = c,
		.sigmask = launch->sigmask,
		.reset_policy = thread->batch,
		.ignored = launch_ignored_signals(thread),
	};
	uint64_t all = ~0ULL, old;
	struct shared *shared;
	int ends[2];
	uint32_t i;
	long pid;
	char byte;

	chain_reset(c);
	if (pipe2(ends, O_CLOEXEC) < 0) {
		launch_no_child(launch, -errno);
		return;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		launch_no_child(launch, -errno);
		goto out_pipe;
	}
	for (i = 0; i < c->nr_ops; i++)
		shared->res[i] = c->res[i];
	child.keep_fd = ends[1];

	sys_sigmask(SIG_SETMASK, &all, &old);
	pid = do_fork(launch, &child);
	if (pid == 0)
		child_main(&child, shared);
	sys_sigmask(SIG_SETMASK, &old, NULL);
	close(ends[1]);
	ends[1] = -1;
	if (pid < 0) {
		launch_no_child(launch, (int)pid);
		goto out;
	}
	launch->pid = (pid_t)pid;
	while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
		;
	for (i = 0; i < c->nr_ops; i++)
		c->res[i] = shared->res[i];
	launch_finish(launch);
out:
	munmap(shared, sizeof(*shared));
out_pipe:
	close(ends[0]);
	if (ends[1] >= 0)
		close(ends[1]);
}

const struct launcher launcher_fork = {
	.name = "fork",
	.launch = fork_launch,
};
