/* SPDX-License-Identifier: MIT */
#ifndef POOL_H
#define POOL_H

#include <pthread.h>
#include <stdbool.h>

#include "attributes.h"

struct core;
struct job;

/*
 * Launch threads, and the jobs that wait for one. Chains that open files have a
 * pool of their own: they may block, for instance on a FIFO, and must not delay
 * others. So do launchers whose threads have a working directory of their own.
 *
 * A thread stays with its child until the child has exec'd: its stack, its
 * thread-local storage and its life (PR_SET_PDEATHSIG) are the child's, too. So
 * a pool gets another thread for each slow one (LAUNCH_SLOW_MS) while there is
 * work, and memory. Idle threads end at once beyond max_threads, and after a
 * second beyond kept_threads.
 *
 * The core's lock guards pools and crews; pool_wake() alone does without.
 */
struct pool {
	struct crew *crew;
	pthread_cond_t work;
	struct job *queue;
	struct job **queue_tail;
	unsigned nr_queued;
	unsigned nr_threads;
	unsigned nr_idle;
	unsigned nr_slow;
	unsigned max_threads; /* that are not slow */
	unsigned kept_threads;
};

enum { POOL_SWIFT, POOL_WAITING, POOL_OWN_PLACE, NR_POOLS };

/*
 * Launch threads with the same attributes. The environment's thread makes the
 * first of each pool; others are made by one of the pool's own. Once the
 * environment's thread has other attributes, another crew takes over: the old
 * one finishes its queue, and its threads end. A crew without threads is used
 * again.
 */
struct crew {
	struct core *core;
	struct attributes attributes;
	bool retired;
	struct pool pools[NR_POOLS];
	struct crew *next;
};

/* Frees all crews, whose threads have ended. */
void pool_exit(struct core *core);
/* Lets idle threads end: no new work will come. Lock held. */
void pool_detach(struct core *core);
/* Makes core->attributes those of the calling thread, the owner. Lock held. */
void pool_look(struct core *core);
/*
 * Queues @job for a thread with core->attributes, after pool_look(). Returns 0
 * or -errno. Lock held.
 */
int pool_queue(struct core *core, struct job *job);
/* Whether the newest crew has a thread to go on with @job. Lock held. */
bool pool_is_ready(const struct core *core, const struct job *job);
/* Whether the calling thread still has the attributes of the newest crew. */
bool pool_has_attributes(struct core *core);
/*
 * Queues @job for the newest crew, and wakes a thread of it. Any thread may
 * call this: none is made, which would inherit its attributes. Returns false if
 * there is none for @job. Lock held.
 */
bool pool_continue(struct core *core, struct job *job);
/*
 * Makes the threads that are needed. Returns the crew, and in @idle how many
 * threads of each pool pool_wake() has to wake after unlocking. Lock held.
 */
struct crew *pool_flush(struct core *core, unsigned idle[NR_POOLS]);
void pool_wake(struct crew *crew, const unsigned idle[NR_POOLS]);

#endif
