/* SPDX-License-Identifier: MIT */
#include "launcher.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "child.h"
#include "sys.h"

#define STACK_SIZE (128UL * 1024)
#define GUARD_SIZE (64UL * 1024) /* a page of any size there is */

const struct launcher *launcher_get(enum launcher_kind kind)
{
	switch (kind) {
	case LAUNCHER_URING:
		return &launcher_uring;
	case LAUNCHER_VFORK:
		return &launcher_vfork;
	case LAUNCHER_FORK:
		return &launcher_fork;
	case LAUNCHER_TEMPLATE:
		return &launcher_template;
	default:
		return NULL;
	}
}

int launch_thread_init(struct launch_thread *thread)
{
	char *map = mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (map == MAP_FAILED)
		return -errno;
	mprotect(map, GUARD_SIZE, PROT_NONE);
	thread->stack = map + GUARD_SIZE;
	thread->stack_size = STACK_SIZE;
	thread->ignored = ~0ULL;
	thread->looked = 0;
	thread->number = 0;
	thread->asked = 0;
	return 0;
}

void launch_thread_exit(struct launch_thread *thread)
{
	munmap((char *)thread->stack - GUARD_SIZE,
	       GUARD_SIZE + thread->stack_size);
}

uint64_t launch_ignored_signals(struct launch_thread *thread)
{
	if (thread->number > thread->looked) {
		thread->ignored = child_ignored_signals();
		thread->looked = thread->asked;
	}
	return thread->ignored;
}

void launch_no_child(struct launch *launch, int error)
{
	launch->pid = -1;
	launch->pidfd = -1;
	launch->chain->res[0] = error;
	launch->error = error;
	launch->failed = 0;
}

void launch_finish(struct launch *launch)
{
	siginfo_t info;

	launch->error = chain_result(launch->chain, &launch->failed);
	if (!launch->error)
		return;
	while (sys_waitid_pidfd(launch->pidfd, &info, WEXITED | __WALL, NULL) ==
	       -EINTR)
		;
	launch->pid = -1;
}
