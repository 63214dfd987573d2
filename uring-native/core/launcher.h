/* SPDX-License-Identifier: MIT */
/*
 * A launcher turns a chain into a process. There is one file per way the
 * kernel offers; what they share is this.
 *
 * Blocking launchers (vfork, fork, template) have launch() and run on the
 * core's launch threads. The uring launcher has submit() and runs on the loop's
 * thread, which owns the ring.
 */
#ifndef LAUNCHER_H
#define LAUNCHER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "chain.h"
#include "launcher_kind.h"

struct place;
struct ring;
struct uring_link;

struct launch {
	struct chain *chain;
	/*
	 * The child: -1 before there is one, and where there is none. Set as
	 * soon as it is known, after @pidfd, so that others can signal a child
	 * that hangs before its exec. Hence atomic, both.
	 */
	_Atomic pid_t pid;
	/*
	 * Valid only while @pid is: the kernel stores it first, and may fail
	 * after that. It belongs to the launch's owner, which also closes it
	 * after a failed launch: only the owner knows that nobody is about to
	 * signal through it.
	 */
	_Atomic int pidfd;
	int error;	 /* 0: started, else -errno of the step that failed */
	uint32_t failed; /* the index of that operation */
	/* The launcher asked. One that delegates records which. */
	enum launcher_kind by;

	bool want_results;   /* of every operation, also when all went well */
	uint64_t sigmask;    /* to start with: that of the core's creator */
	struct place *place; /* to start in; NULL: where the launcher is */

	/* Of the uring launcher. */
	void (*done)(struct launch *launch);
	void (*again)(struct launch *launch); /* submit it once more */
	struct uring_link *links;
	uint32_t tries;
	bool interrupted;
	bool all_post; /* the CQEs of all operations come, successful or not */
};

/* A launch that takes longer than this, in milliseconds, is slow. */
#define LAUNCH_SLOW_MS 10

/* What belongs to a launch thread, for as long as it lives. */
struct launch_thread {
	/* Of the vfork child; children take turns. NULL: not mapped yet. */
	void *stack;
	size_t stack_size;
	bool batch; /* its scheduling policy, which is not for its children */
	/* It may have a working directory of its own, and does. */
	bool may_own_place;
	bool owns_place;
	uint64_t ignored; /* signals the process may ignore */
	/* Launches are numbered, from 1, as they are asked for. */
	uint64_t looked; /* the last one that @ignored is known for */
	uint64_t number; /* the one under way */
	uint64_t asked;	 /* the last one when it was taken up */
	/*
	 * The launch under way is slow: its child waits in an open, or its exec
	 * for a file system that does not answer. Called at most once per
	 * launch, from the thread; may be NULL.
	 */
	void (*on_slow)(struct launch_thread *thread);
	bool slow;
};

struct launcher {
	const char *name;
	/*
	 * Returns once the exec happened or it is clear that none will; fills
	 * pid, pidfd, error, failed, and every result of the chain. A child
	 * without an exec has been reaped.
	 */
	void (*launch)(struct launch *launch, struct launch_thread *thread);
	/*
	 * Queues the chain on the ring; calls launch->done from its wait()
	 * once all of it has completed, or launch->again. Returns 0, or
	 * -errno with nothing queued; -EBUSY: not now.
	 */
	int (*submit)(struct launch *launch, struct ring *ring);
};

extern const struct launcher launcher_uring;
extern const struct launcher launcher_vfork;
extern const struct launcher launcher_fork;
extern const struct launcher launcher_template;

/* The launcher of @kind, or NULL. */
const struct launcher *launcher_get(enum launcher_kind kind);

/* Makes a launch thread's state. It cannot fail: see launch_thread_stack(). */
void launch_thread_init(struct launch_thread *thread);
void launch_thread_exit(struct launch_thread *thread);

/*
 * For the launchers: maps the stack of vfork children, where there is none.
 * Returns 0 or -ENOMEM; a later launch may have more luck.
 */
int launch_thread_stack(struct launch_thread *thread);

/*
 * For the launchers: where a child is, in memory it shares with its launcher.
 * Without CLONE_VFORK the launch thread sleeps on @gone, and so can run the
 * signal handlers by which libc reaches every thread for setuid(2).
 */
struct launch_progress {
	/*
	 * Changed by the kernel when the child leaves the memory that it had at
	 * its start, by exec or exit, before the launch thread wakes up.
	 */
	volatile uint32_t gone;
	/*
	 * The operation that the child is at: a child that is killed in its
	 * exec has no more chance to say so than one whose exec succeeds.
	 */
	volatile uint32_t at;
	/* @gone is in a robust list, else it is cleared as by a thread's end */
	bool robust;
};

/* With which @gone begins, unless it is robust. */
#define LAUNCH_THERE 1U

/*
 * For the launchers: waits until the child has exec'd or exited, however long
 * that takes.
 */
void launch_wait(struct launch *launch, struct launch_thread *thread,
		 struct launch_progress *progress);

/*
 * For the launchers, after launch_wait(): turns the results into the launch's
 * error, reaps a child without an exec.
 */
void launch_finish(struct launch *launch, struct launch_thread *thread,
		   const struct launch_progress *progress);

/*
 * For the launchers: whether the child @pid, not reaped, has exec'd; also of
 * one that is over. @pidfd is the same process.
 */
bool launch_has_execd(pid_t pid, int pidfd);

/*
 * For the launchers: the signals that the process may ignore. To look at them
 * takes a system call for each, so one look serves all launches that were asked
 * for before it.
 */
uint64_t launch_ignored_signals(struct launch_thread *thread);

/* For the launchers: no child came to be. */
void launch_no_child(struct launch *launch, int error);

#endif
