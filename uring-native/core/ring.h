/* SPDX-License-Identifier: MIT */
/*
 * A ring: a poller, and where the uring launcher queues its chains. Belongs to
 * the thread that made it. An environment's loop has one, and its owner has
 * another, for chains only.
 */
#ifndef RING_H
#define RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdlib.h>

#include "poller.h"

struct ring {
	struct poller poller;
	struct io_uring uring;
	int spawn_error; /* why it cannot make processes, or 0 */
	unsigned entries;
	/* Watches to be armed or cancelled once there is room. */
	struct watch *deferred;
	struct watch **deferred_tail;
};

/* What an SQE's user_data refers to, unless that is a watch. */
struct ring_request {
	/* Called from the poller's wait(), once for each CQE. */
	void (*complete)(struct ring_request *request, int res);
};

/* Returns a ring, or NULL with *@err -errno (ENOSYS, EPERM: forbidden). */
struct ring *ring_new(int *err);

/*
 * As ring_new(), for a thread that does not sleep in it: while ring_tell() says
 * so, @wake, an eventfd, is written to when there is something to take. Nobody
 * else is to use the ring's wait().
 */
struct ring *ring_new_told(int wake, int *err);

/*
 * Makes room for @nr SQEs in one io_uring_enter(2): a link does not reach
 * across two. Returns 0, -E2BIG (never possible), or -EBUSY (not now).
 */
int ring_reserve(struct ring *ring, unsigned nr);

/*
 * Submits what is queued, without waiting. Returns 0, or -EBUSY if some of it
 * is left: completions have to be consumed first.
 */
int ring_submit(struct ring *ring);

/* For a ring by ring_new_told(): */

/* Calls complete() for what has completed, without waiting. */
void ring_take(struct ring *ring);
/* Submits what is queued, and waits for something to take, or for @ms. */
void ring_await(struct ring *ring, unsigned ms);
/* For any thread: whether there is something to take. */
bool ring_has_work(const struct ring *ring);
/*
 * For any thread, one at a time: begins or stops telling. What was there before
 * is not told.
 */
void ring_tell(struct ring *ring, bool on);

/* The next SQE. ring_reserve() has made sure that there is one. */
static inline struct io_uring_sqe *ring_sqe(struct ring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

	if (!sqe)
		abort();
	return sqe;
}

/*
 * Makes @request's complete() be called for @sqe. A pointer is even, so the
 * lowest bit tells requests from watches.
 */
static inline void ring_set_request(struct io_uring_sqe *sqe,
				    const struct ring_request *request)
{
	io_uring_sqe_set_data64(sqe, (uint64_t)(uintptr_t)request | 1);
}

#endif
