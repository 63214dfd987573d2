/* SPDX-License-Identifier: MIT */
/* What a core consists of. */
#ifndef STATE_H
#define STATE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "attributes.h"
#include "core.h"
#include "direct.h"
#include "doomed.h"
#include "ends.h"
#include "input.h"
#include "place.h"
#include "poller.h"

#define JOB_BUCKETS 1024U

struct crew;
struct job;
struct ring;

struct core {
	/*
	 * Guards all that is not said to belong to one thread, here, in jobs
	 * and in crews. The locks of embryo.c, reap.c, place.c and unsettled.c
	 * may be taken under it, @owner_lock and the lender's may not: they are
	 * held while others' code runs, or a write(2).
	 */
	pthread_mutex_t lock;
	unsigned refs; /* the environment, the loop, launch threads */
	/* Called without the lock, once the last reference is gone. */
	void (*free)(struct core *core);
	struct core_config config;
	struct core_info info;
	uint64_t sigmask;     /* of the core's creator */
	int status;	      /* of status_open(), or negative */
	struct place_id root; /* at the start; the core's threads keep it */
	bool detached;
	uint32_t last_id;
	unsigned nr_jobs;
	pthread_cond_t settled; /* some launch has, while there are waiters */
	unsigned nr_waiters;
	struct job *buckets[JOB_BUCKETS];

	struct core_event *events;
	struct core_event **events_tail;
	/*
	 * The owner has been woken, and will drain. The drain clears this under
	 * the lock, together with the list: an event that is posted later wakes
	 * it again.
	 */
	atomic_bool owner_woken;
	/*
	 * Held while config.wake() runs, and to set @owner_gone. Without it a
	 * thread could find the owner there, and call wake() when
	 * core_detach() has returned and what config.arg points to is freed.
	 */
	pthread_mutex_t owner_lock;
	bool owner_gone;

	/*
	 * Wake-ups that core_unlock() sends: a thread woken under the lock
	 * would only wait for it. Both are false whenever the lock is free.
	 */
	bool owes_owner;
	bool owes_loop;

	struct lender lender; /* the environment, of inputs */
	struct doomed doomed;
	struct ends ends[NR_ENDS];
	struct direct direct;

	/* The loop, whose thread alone uses what the inbox does not name. */
	pthread_t loop;
	struct poller *poller;
	struct ring *ring; /* the same, or NULL if it is not a ring */
	struct watch wake;
	struct job *inbox;
	struct job **inbox_tail;
	/*
	 * The loop will look into its inbox before it sleeps: it has been
	 * woken, or is at it. do_inbox() clears this under the lock, where it
	 * finds the inbox empty.
	 */
	atomic_bool loop_woken;
	struct place *submit_place; /* where it is while it submits */
	bool unflushed; /* the inbox has jobs that no wake-up was sent for */
	struct job *submits; /* the loop's: wait for room in the ring */
	struct job **submits_tail;
	sem_t ready;
	int ready_error;

	struct crew *crew;  /* for what is launched now; NULL at first */
	struct crew *crews; /* all, until pool_exit() */
	/*
	 * Those of the thread that calls core_launch(); @looked: all have been
	 * read since the last flush.
	 */
	struct attributes attributes;
	struct attributes loop_attributes; /* those of the loop's thread */
	bool looked;
	uint64_t nr_requested; /* of the pools, so far */
};

#endif
