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
 * Several launches in one turn go to the launch threads, and so do those in
 * which the child may wait for others before its exec, or that make the kernel
 * work for long.
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

struct direct {
	struct watch tick; /* of a timer; the loop's */
	bool ticking;	   /* the timer is armed */
	/* The only launch of this turn of the owner so far. */
	struct job *alone;
	pthread_t owner;      /* who has queued it */
	unsigned nr_launches; /* of this turn */
	struct job *owned;    /* see own.h */
	struct direct_room *rooms;
	unsigned nr_rooms;
	unsigned nr_begun; /* so far */
	bool large_table;  /* of descriptors, when it was looked at */
};

/* Once the ends are there. Without a timer there are no direct launches. */
void direct_init(struct core *core);
/* The core's last user: no children are in its memory. */
void direct_exit(struct core *core);
/* For the loop's thread: watches the timer. */
void direct_watch(struct core *core);

/* Without the lock: */

/* Begins the launch of a job from direct_take(). */
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
 * Whether the calling thread, the owner's, may launch @job, which has not been
 * added and which a launch thread could launch as well.
 */
bool direct_can(const struct core *core, const struct core_request *req,
		const struct job *job);
/* @job is the first of the turn, and waits to be the only one. */
void direct_hold(struct core *core, struct job *job);
/* The job is no longer alone: it goes to the launch threads. */
void direct_queue(struct core *core);
/*
 * At the end of a turn: the job that was alone and is to be launched here, or
 * NULL.
 */
struct job *direct_take(struct core *core);
/*
 * Leaves a launch under way to a launch thread, if it is a direct one. Not
 * while job->own_busy is set.
 */
void direct_hand_over(struct job *job);

#endif
