/* SPDX-License-Identifier: MIT */
/*
 * The ends of processes. Most are waited for in epoll sets that any thread adds
 * to, so nobody is woken to begin to wait. A set is a descriptor, too:
 *
 * - one is watched by the event loop of the core's owner, if the core is
 *   polled. It hears of an end without another thread in between, but then
 *   reaps the process itself. So this one has the ends of few processes at a
 *   time;
 * - the other is watched by the core's loop. Where there are many processes,
 *   the owner's thread has enough to do.
 *
 * The owner's set also tells that the children of direct launches have left our
 * memory, and has the output and the ends of what is owned (own.h). Once the
 * owner is gone, the loop watches both. Other ends that come with collected
 * output, or with input, are in neither: see watch_job() in loop.c.
 */
#ifndef ENDS_H
#define ENDS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "poller.h"

/*
 * With more processes at once, the owner's thread has enough to do: it is told
 * of their ends, and launch threads make them.
 */
#define ENDS_FEW 4U

struct core;
struct job;

enum { ENDS_OWNER, ENDS_LOOP, NR_ENDS };

struct ends {
	struct watch watch; /* of the set's descriptor; the loop's */
	struct core *core;
	atomic_bool polled; /* the owner watches it */
	int wake;	    /* in the owner's set: wakes the owner; or -1 */
};

/* Returns 0 or -errno: EMFILE, ENFILE, ENOMEM. */
int ends_init(struct core *core);
void ends_exit(struct core *core);

/*
 * The set for a process that the calling thread has started. NULL: the loop
 * has, and need not be told to wait for it. Lock held.
 */
struct ends *ends_for(struct core *core);

/*
 * Waits for the end of a job that has started and has nothing else to wait for.
 * The job may be gone afterwards. Returns 0, or -errno and the job is still the
 * caller's: ENOMEM, ENOSPC (max_user_watches). Lock not held.
 */
int ends_add(struct ends *ends, struct job *job);

/*
 * Waits for the child of a direct launch to leave; then direct_left() gets
 * @job. Returns 0 or -errno.
 */
int ends_add_notice(struct ends *ends, struct job *job);

/*
 * Waits, once, for output of a job that is owned, or for its end; then
 * own_output() or own_end() gets it. Returns 0 or -errno.
 */
int ends_add_output(struct ends *ends, struct watch *watch);
int ends_add_own(struct ends *ends, struct job *job);
/* No longer waits for @fd. What has been taken from the set may still come. */
void ends_forget(struct ends *ends, int fd);

/* Wakes the owner that watches its set. */
void ends_wake(struct core *core);

/* The owner is gone. Lock held; the loop's next turn watches its set. */
void ends_detach(struct core *core);

/* For the loop's thread, in each of its turns: watches what it has to. */
void ends_watch(struct core *core);

/*
 * The process of @job has ended: posts its last event. Without @wake, the owner
 * is awake. Returns 0, or -EAGAIN while a debugger holds the process.
 */
int job_end(struct job *job, bool wake);

#endif
