/* SPDX-License-Identifier: MIT */
/*
 * Launches by the owner's thread itself, one at a time: handing one to a launch
 * thread takes two wake-ups, and they are most of what a start costs while the
 * processors have nothing else to do.
 *
 * The thread only makes the child, which copies no page tables, and does not
 * wait for it: the child sets itself up, and execs, at the same time, in this
 * process's memory, on a stack that is kept until it has left. A pipe tells of
 * the exec: the child alone has its write end, close-on-exec, and the set of
 * the owner's event loop has the other. Where nobody has to hear of the start
 * before there is output, or the end, these tell (own.h). If a launch is not
 * over after a while (the exec hangs, the owner is busy, or somebody who forked
 * meanwhile has the pipe open), a launch thread goes on with it as if it had
 * made the child.
 *
 * Where the kernel makes processes by chains, the thread submits one instead,
 * on a ring of its own: see direct_ring.h.
 *
 * Only the first launch of a turn is made so, and at once: what else the owner
 * does in this turn, it does beside the child. Others go to the launch threads,
 * and so do those in which the child may wait for others before its exec, or
 * that make the kernel work for long.
 */
#ifndef DIRECT_H
#define DIRECT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "poller.h"

struct core;
struct core_request;
struct direct_room;
struct job;
struct launch_thread;
struct ring;

struct direct {
	struct watch tick;    /* of a timer; the loop's */
	unsigned tick_ms;     /* the timer is armed for so long; 0: it is not */
	unsigned nr_launches; /* of this turn of the owner */
	struct job *owned;    /* see own.h */
	/* See direct_ring.h: */
	struct ring *ring;
	pthread_t owner; /* who has made it */
	bool ring_tried;
	bool again;	  /* the chain has to be submitted again */
	struct job *told; /* launches whose start the ring tells of */
	unsigned nr_late; /* chains whose CQEs are to come, as launch->known */
	struct direct_room *rooms;
	unsigned nr_rooms;
	unsigned nr_looked; /* launches that @large_table mattered for */
	unsigned nr_made;   /* for tests: launches that were under way, */
	unsigned nr_owned;  /* and of these, the ones that were owned */
	bool large_table;   /* of descriptors, when it was looked at */
};

/* Once the ends are there. Without a timer there are no direct launches. */
void direct_init(struct core *core);
/* The core's last user: no children are in its memory. */
void direct_exit(struct core *core);
/* For the loop's thread: watches the timer. */
void direct_watch(struct core *core);

/* Without the lock: */

/* Begins the launch of a job that direct_take() has taken. */
void direct_launch(struct job *job);
/* The owner's set has told that the child's pipe is closed: it has left. */
void direct_left(struct job *job);
/*
 * For the owner: something is known of the child of an owned job. Returns
 * whether it has started; if not, the job is no longer owned.
 */
bool direct_settle(struct job *job);
/*
 * For launch threads: goes on with the launch of a job that has a room, until
 * it has started or failed.
 */
void direct_finish(struct job *job, struct launch_thread *thread);

/* Lock held: */

/*
 * Returns whether the calling thread, the owner's, is to launch @job, which has
 * not been added and which a launch thread could launch as well. If so, the
 * caller adds it, and calls direct_launch().
 */
bool direct_take(struct core *core, const struct core_request *req,
		 struct job *job);
/*
 * Leaves a launch under way to a launch thread, if it is a direct one; or to
 * the owner's ring, which then tells of its start. Not while job->own_busy is
 * set.
 */
void direct_hand_over(struct job *job);

/* For direct_ring.c: */

/* Settles a job that has no child and waits for nothing. Lock not held. */
void direct_fail(struct job *job, int error, uint32_t op);
/* There is a child, or was; if its launch lasts, that is noticed. Lock held. */
void direct_under_way(struct job *job);
/* The launch of @job is over, or no longer the owner's. Lock held. */
void direct_leave_room(struct job *job);

#endif
