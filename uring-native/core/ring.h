/* SPDX-License-Identifier: MIT */
/*
 * The ring of an environment: a poller, and where the uring launcher queues
 * its chains. Belongs to the thread that made it.
 */
#ifndef RING_H
#define RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdlib.h>

#include "launcher.h"
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

/* An operation of a chain, as the user_data of its SQE. */
struct uring_link {
	struct launch *launch;
	uint32_t index;
};

/* Returns a ring, or NULL with *@err -errno (ENOSYS, EPERM: forbidden). */
struct ring *ring_new(int *err);

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

/* The next SQE. ring_reserve() has made sure that there is one. */
static inline struct io_uring_sqe *ring_sqe(struct ring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

	if (!sqe)
		abort();
	return sqe;
}

/* user_data of @link's SQE. */
static inline uint64_t ring_link_data(const struct uring_link *link)
{
	return (uint64_t)(uintptr_t)link | 1;
}

/* In the uring launcher: handles a completed link. */
void launcher_uring_complete(struct uring_link *link, int res);

#endif
