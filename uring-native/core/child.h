/* SPDX-License-Identifier: MIT */
/*
 * A chain run step by step in a fresh child, by system calls. The child may
 * share the memory of its parent and run beside it (vfork), so nothing here
 * calls into libc, allocates, or writes to anything but its own stack, the
 * chain's results and the launch's progress.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "chain.h"

struct doomed_line;
struct place;

/*
 * A function that a child runs in its parent's memory. ThreadSanitizer keeps a
 * call stack per thread in that memory, and an exec returns from no function:
 * what it pushed there would stay, a few entries for each launch. So these are
 * not instrumented, nor are the files child*.c (see CMakeLists.txt). The
 * child's writes happen while its parent waits for them.
 */
#define CHILD_CODE __attribute__((no_sanitize("thread")))

/*
 * A child's progress, in memory it shares with the launch thread, which waits
 * for @gone.
 */
struct child_progress {
	/*
	 * The kernel changes it, and then wakes the launch thread, when the
	 * child leaves the memory that it had at its start, by exec or exit.
	 */
	volatile uint32_t gone;
	/*
	 * The operation that the child is at. A child that is killed in its
	 * exec cannot report that, nor can one whose exec succeeds.
	 */
	volatile uint32_t at;
	/* @gone is in a robust list; otherwise the kernel clears it */
	bool robust;
};

/* The first value of @gone, unless it is robust. */
#define CHILD_THERE 1U

struct child {
	struct chain *chain;
	struct child_progress *progress;
	const struct place *place; /* where it starts; NULL: its parent's */
	struct doomed_line *line;  /* where it writes its pid, or NULL */
	bool reset_handlers;	   /* clone did not clear the signal handlers */
	bool reset_policy; /* the child must not keep the launch thread's */
	uint64_t sigmask;  /* to start with */
	uint64_t ignored;  /* signals that may be ignored at its start */
	int status;	   /* of its parent, to read them from, or -1 */
	bool shares_files; /* it still has its parent's descriptor table */
	int notice;	   /* a descriptor to keep until the exec, or -1 */
	pid_t parent;	   /* its parent's process, as seen from here */
	/* What its program gets, set right before the exec: see child_run(). */
	uint64_t pdeathsig;
	bool dies_with_parent;
};

/*
 * Runs the chain after its head. Returns only if no exec happened: the results
 * show why, and the caller exits. An exec's result stays -ECANCELED unless it
 * fails; the launcher finds out whether it happened.
 *
 * Until its first exec the child dies with the thread that made it: it holds
 * that process's memory, or a copy. An exec keeps the parent-death signal, so
 * it must be cleared right before: a child that hangs in its exec outlives its
 * parent.
 */
void child_run(struct child *child);

#endif
