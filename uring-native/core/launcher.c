/* SPDX-License-Identifier: MIT */
#include "launcher.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "child.h"
#include "doomed.h"
#include "execd.h"
#include "ignored.h"
#include "place.h"
#include "reap.h"
#include "sys.h"

/*
 * An exec or a kill ends a child in the middle of its functions, whose red
 * zones stay on the stack. AddressSanitizer would take them for those of the
 * next child, where a function needs the same bytes for its variables, or of
 * whatever is mapped there later. A child that reports such an error and is
 * killed meanwhile leaves the sanitizer's locks held, for all threads here.
 */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define STACK_LEFT(thread)                                                     \
	ASAN_UNPOISON_MEMORY_REGION((thread)->stack, (thread)->stack_size)
#else
#define STACK_LEFT(thread) ((void)(thread))
#endif

#define STACK_SIZE (128UL * 1024)
#define GUARD_SIZE (64UL * 1024) /* a page of any size there is */

void launch_thread_init(struct launch_thread *thread)
{
	memset(thread, 0, sizeof(*thread));
	thread->ignored = ~0ULL;
	thread->status = -1;
}

static int map_stack(struct launch_thread *thread)
{
	char *map;

	map = mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (map == MAP_FAILED)
		return -errno;
	mprotect(map, GUARD_SIZE, PROT_NONE);
	thread->stack = map + GUARD_SIZE;
	thread->stack_size = STACK_SIZE;
	return 0;
}

int launch_thread_stack(struct launch_thread *thread)
{
	int ret = thread->stack ? 0 : map_stack(thread);

	if (!ret)
		STACK_LEFT(thread);
	return ret;
}

void launch_thread_exit(struct launch_thread *thread)
{
	if (!thread->stack)
		return;
	STACK_LEFT(thread);
	munmap((char *)thread->stack - GUARD_SIZE,
	       GUARD_SIZE + thread->stack_size);
}

/* One reading of them serves all launches that were requested before it. */
static uint64_t may_ignore(struct launch_thread *thread)
{
	if (thread->number > thread->looked) {
		thread->ignored = ignored_signals(thread->status);
		thread->looked = thread->asked;
	}
	return thread->ignored;
}

void launch_child(const struct launch *launch, struct launch_thread *thread,
		  struct child_progress *progress, struct child *child)
{
	*child = (struct child){
		.chain = launch->chain,
		.progress = progress,
		.place = launch->place,
		.line = launch->line,
		.sigmask = launch->sigmask,
		.reset_policy = thread->batch,
		.status = thread->child_looks ? thread->status : -1,
		.ignored = thread->child_looks ? ~0ULL : may_ignore(thread),
		.notice = -1,
		.parent = getpid(),
	};
}

void launch_no_child(struct launch *launch, int error)
{
	launch->pid = -1;
	launch->pidfd = -1;
	launch->chain->res[0] = error;
	launch->error = error;
	launch->failed_op = 0;
}

void launch_by(enum launcher_kind by, struct launch *launch,
	       struct launch_thread *thread)
{
	launch->by = by;
	launcher_get(by)->launch(launch, thread);
}

void launch_set_batch(const struct launch_thread *thread, bool batch)
{
	const struct sched_param none = {0};

	if (thread->batch)
		sched_setscheduler(0, batch ? SCHED_BATCH : SCHED_OTHER, &none);
}

int launch_enter(const struct launch *launch, struct launch_thread *thread)
{
	long ret;

	if (!launch->place)
		return 1;
	if (!thread->owns_place && thread->may_own_place)
		thread->owns_place = !place_own();
	if (!thread->owns_place)
		return 0;
	ret = place_enter(launch->place);
	return ret < 0 ? (int)ret : 1;
}

void launch_leave(const struct launch_thread *thread)
{
	if (thread->owns_place)
		place_leave();
}

void launch_is_slow(struct launch_thread *thread)
{
	if (thread->slow)
		return;
	thread->slow = true;
	if (thread->on_slow)
		thread->on_slow(thread);
}

static bool is_gone(const struct child_progress *progress)
{
	uint32_t gone = __atomic_load_n(&progress->gone, __ATOMIC_ACQUIRE);

	return progress->robust ? gone & FUTEX_OWNER_DIED : !gone;
}

/*
 * For kernels that do not change the word, or were never told its address. Only
 * /proc shows that a child in another session has exec'd.
 */
static bool is_gone_anyway(const struct launch *launch)
{
	siginfo_t info = {0};
	long ret = sys_waitid_pidfd(launch->pidfd, &info,
				    WEXITED | WNOHANG | WNOWAIT | __WALL, NULL);

	return ret == -ECHILD || info.si_pid ||
	       execd_by_now(launch->pid, launch->pidfd);
}

void launch_wait(struct launch *launch, struct launch_thread *thread,
		 struct child_progress *progress)
{
	long ms = LAUNCH_SLOW_MS;

	while (!is_gone(progress)) {
		struct timespec timeout = {ms / 1000, ms % 1000 * 1000000};
		uint32_t now = progress->gone;
		long ret;

		/*
		 * The child may have left since the last look. Then @now is the
		 * final value, and nobody would end the wait before its time.
		 */
		if (is_gone(progress))
			return;
		/*
		 * Not FUTEX_PRIVATE_FLAG: the kernel's wake-up is a shared one.
		 */
		ret = sys_call(SYS_futex, &progress->gone, FUTEX_WAIT, now,
			       &timeout);
		if (ret != -ETIMEDOUT)
			continue;
		if (is_gone_anyway(launch))
			return;
		launch_is_slow(thread);
		if (ms < 60000)
			ms *= 2;
	}
}

short launch_poll(struct launch_thread *thread, int fd, short events)
{
	struct pollfd pfd = {fd, events, 0};
	int ms = LAUNCH_SLOW_MS, ret;

	do {
		ret = poll(&pfd, 1, ms);
		if (!ret) {
			launch_is_slow(thread);
			ms = -1;
		}
	} while (!ret || (ret < 0 && errno == EINTR));
	return ret < 0 ? 0 : pfd.revents;
}

/* A debugger may hold a process that has ended for as long as it likes. */
static void reap_failed(struct launch *launch, struct launch_thread *thread)
{
	struct exit_status status;
	siginfo_t info;

	launch_poll(thread, launch->pidfd, POLLIN);
	while (sys_waitid_pidfd(launch->pidfd, &info,
				WEXITED | WNOWAIT | __WALL, NULL) == -EINTR)
		;
	doomed_clear(launch);
	reap(launch->pidfd, &status);
	launch->pid = -1;
}

void launch_finish(struct launch *launch, struct launch_thread *thread,
		   const struct child_progress *progress)
{
	struct chain *c = launch->chain;
	uint32_t at = progress->at;

	if (c->ops[at].op == CHAIN_EXEC && c->res[at] == -ECANCELED &&
	    execd(launch->pid, launch->pidfd))
		c->res[at] = 0;
	launch->error = chain_result(c, &launch->failed_op);
	if (launch->error)
		reap_failed(launch, thread);
}
