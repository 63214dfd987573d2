/* SPDX-License-Identifier: MIT */
/*
 * A launcher turns a chain into a process. Each way the kernel offers has a
 * file of its own; this is what they share.
 *
 * A launcher that blocks has launch(), and runs on the core's launch threads.
 * One that uses the ring has submit(), and runs on the loop's thread, which
 * owns the ring. A new one is a file, and a line of the table in launchers.h.
 */
#ifndef LAUNCHER_H
#define LAUNCHER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "chain.h"
#include "launchers.h"

struct child;
struct core_info;
struct doomed_line;
struct child_progress;
struct place;
struct ring;
struct uring_links;

struct launch {
	struct chain *chain;
	/*
	 * The child, or -1 as long as there is none. Set after @pidfd, as soon
	 * as it is known, so that other threads can signal a child that hangs
	 * before its exec. That is why both are atomic.
	 */
	_Atomic pid_t pid;
	/*
	 * Valid only while @pid is: the kernel stores it first, and may fail
	 * after that. The launch's owner closes it, also after a failed launch:
	 * only the owner knows that no other thread is about to signal through
	 * it.
	 */
	_Atomic int pidfd;
	/*
	 * The builder launcher's: a process that has not run, or -1. Signals
	 * reach it by embryo_signal() only.
	 */
	_Atomic int embryo;
	int error;	    /* 0: started; or the -errno of the failed step */
	uint32_t failed_op; /* the index of that operation */
	/* The launcher asked. One that delegates records which. */
	enum launcher_kind by;

	bool want_results; /* of every operation, also when all went well */
	/*
	 * Of the uring launcher: somebody has found out, and filled in, that it
	 * has started. The CQEs that still come change nothing.
	 */
	bool known;
	uint64_t sigmask;    /* the child's first: that of the core's creator */
	struct place *place; /* to start in; NULL: the launcher's own */
	/* Where the child writes its pid before its exec; NULL: nowhere. */
	struct doomed_line *line;

	/*
	 * The uring launcher's. It frees them once the chain has completed; if
	 * it never was submitted, the launch's owner does, by free(3).
	 */
	struct uring_links *links;
};

/* How the uring launcher reports about a chain that has been submitted. */
struct launch_ops {
	void (*done)(struct launch *launch);
	void (*again)(struct launch *launch); /* submit it once more */
};

/* A launch that takes longer than this, in milliseconds, is slow. */
#define LAUNCH_SLOW_MS 10

/* What belongs to a launch thread, for as long as it lives. */
struct launch_thread {
	/* The vfork child's; children take turns. NULL: not mapped so far. */
	void *stack;
	size_t stack_size;
	bool batch; /* its policy, which its children must not keep */
	/* Whether it may have a working directory of its own, and has one. */
	bool may_own_place;
	bool owns_place;
	int status;	  /* of status_open(); not the thread's own */
	bool child_looks; /* the child itself asks it which signals to reset */
	uint64_t ignored; /* signals the process may ignore */
	/* Launches are numbered from 1, in the order of the requests. */
	uint64_t looked; /* the last one that @ignored is valid for */
	uint64_t number; /* the one under way */
	uint64_t asked;	 /* the last one requested when it began */
	/*
	 * The launch under way is slow: its child waits in an open, or its exec
	 * for a file system that does not answer. Called at most once per
	 * launch, from the thread; may be NULL.
	 */
	void (*on_slow)(struct launch_thread *thread);
	bool slow;
};

/* One of launch() and submit() is NULL; begin() may be. */
struct launcher {
	/*
	 * Why it does not work here (-errno), or 0. NULL: it works wherever the
	 * core does.
	 */
	int (*error)(const struct core_info *info);
	/*
	 * Its children begin where the launching thread is. So that thread has
	 * a working directory of its own, and with it a root, and enters
	 * launch->place for each launch. Otherwise the child does that.
	 */
	bool own_place;
	/*
	 * Its children write their pids to launch->line. Others run no code of
	 * ours, and nobody knows their pids before their programs may run.
	 */
	bool writes_pid;
	/*
	 * Returns once the exec has happened or is known to have failed; sets
	 * pid, pidfd, error, failed_op and every result of the chain. A child
	 * that did not exec has been reaped, or is ending without a zombie.
	 */
	void (*launch)(struct launch *launch, struct launch_thread *thread);
	/*
	 * Makes the child as launch() does, and returns at once: 0, or -errno
	 * and there is none. NULL: it cannot. Until progress->gone is 0, the
	 * child uses all that is given here, and the chain. It gets @notice, a
	 * close-on-exec descriptor above all that it gets otherwise, which its
	 * exec or its end closes.
	 */
	int (*begin)(struct launch *launch, struct launch_thread *thread,
		     struct child_progress *progress, struct child *child,
		     int notice);
	/*
	 * Where there is a begin(): whether without a notice, too, it copies
	 * the whole descriptor table.
	 */
	bool (*copies_fds)(void);
	/*
	 * Queues the chain on the ring. Once all of it has completed, the
	 * ring's wait() calls ops->done(), or ops->again(). Returns 0, or
	 * -errno with nothing queued; -EBUSY: no room now.
	 */
	int (*submit)(struct launch *launch, struct ring *ring,
		      const struct launch_ops *ops);
};

#define DECLARE_LAUNCHER(CONSTANT, name)                                       \
	extern const struct launcher launcher_##name;
LAUNCHERS(DECLARE_LAUNCHER)
#undef DECLARE_LAUNCHER

/* The launcher of @kind, or NULL if there is none. */
const struct launcher *launcher_get(enum launcher_kind kind);

/* Makes a launch thread's state. It cannot fail: see launch_thread_stack(). */
void launch_thread_init(struct launch_thread *thread);
void launch_thread_exit(struct launch_thread *thread);

/*
 * For the launchers: maps the stack of vfork children, unless that has been
 * done, and prepares it for the next child. Returns 0 or -ENOMEM; a later
 * launch may succeed.
 */
int launch_thread_stack(struct launch_thread *thread);

/*
 * For the launchers: what a child of @launch needs to run its chain, which it
 * has not begun. @progress must live as long as the child is waited for.
 */
void launch_child(const struct launch *launch, struct launch_thread *thread,
		  struct child_progress *progress, struct child *child);

/*
 * For the launchers: waits until the child has exec'd or exited, however long
 * that takes. Without CLONE_VFORK the thread sleeps on progress->gone, and can
 * run the signal handlers by which libc's setuid(2) reaches every thread.
 */
void launch_wait(struct launch *launch, struct launch_thread *thread,
		 struct child_progress *progress);

/*
 * For the launchers: waits until @fd says one of @events, however long that
 * takes, and returns what it says; or 0 if it cannot be polled. As above, the
 * thread can run signal handlers.
 */
short launch_poll(struct launch_thread *thread, int fd, short events);

/*
 * For the launchers: the launch is slow. The functions that wait find that out
 * themselves.
 */
void launch_is_slow(struct launch_thread *thread);

/*
 * For the launchers, after launch_wait(): turns the results into the launch's
 * error, and reaps a child that did not exec.
 */
void launch_finish(struct launch *launch, struct launch_thread *thread,
		   const struct child_progress *progress);

/*
 * For launchers whose children start with the thread's policy: takes that of a
 * batch thread away while it makes one, and gives it back.
 */
void launch_set_batch(const struct launch_thread *thread, bool batch);

/*
 * For launchers with own_place: takes the thread to where the child is to
 * begin. Returns 1 once it is there, 0 if it cannot have a working directory of
 * its own, or -errno.
 */
int launch_enter(const struct launch *launch, struct launch_thread *thread);
/* Takes the thread back, if it went there. */
void launch_leave(const struct launch_thread *thread);

/*
 * For the launchers: leaves the launch, which has no child, to the launcher
 * @by.
 */
void launch_by(enum launcher_kind by, struct launch *launch,
	       struct launch_thread *thread);

/* For the launchers: records that no child was made. */
void launch_no_child(struct launch *launch, int error);

#endif
