/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>

#include "io_uring_spawn.h"
#include "sys.h"

#define ENTRIES 256U
#define CQ_ENTRIES 4096U

/* liburing 2.3 does not have these. */
#ifndef IORING_SETUP_COOP_TASKRUN
#define IORING_SETUP_COOP_TASKRUN (1U << 8)
#endif
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif
#define RING_OP_WAITID 50

int ring_reserve(struct ring *ring, unsigned nr)
{
	int ret;

	if (nr > ring->entries)
		return -E2BIG;
	if (io_uring_sq_space_left(&ring->uring) >= nr)
		return 0;
	ret = io_uring_submit(&ring->uring);
	if (ret < 0)
		return ret;
	return io_uring_sq_space_left(&ring->uring) >= nr ? 0 : -EBUSY;
}

/*
 * The child is left to be waited for: this operation cannot tell what the
 * child used, the system call can. Filled by hand, liburing 2.3 lacks it.
 */
static void prep_waitid(struct io_uring_sqe *sqe, int pidfd)
{
	io_uring_prep_rw(RING_OP_WAITID, sqe, pidfd, NULL, P_PIDFD, 0);
	sqe->file_index = WEXITED | WNOWAIT | __WALL;
}

static int ring_arm(struct poller *poller, struct watch *watch)
{
	struct ring *ring = (struct ring *)poller;
	struct io_uring_sqe *sqe;
	int ret = ring_reserve(ring, 1);

	if (ret)
		return ret;
	sqe = io_uring_get_sqe(&ring->uring);
	if (watch->kind == WATCH_EXIT && ring->has_waitid)
		prep_waitid(sqe, watch->fd);
	else
		io_uring_prep_poll_add(sqe, watch->fd,
				       watch->kind == WATCH_WRITE ? POLLOUT
								  : POLLIN);
	io_uring_sqe_set_data(sqe, watch);
	watch->armed = true;
	return 0;
}

/* Its CQE comes with -ECANCELED, or it had just become ready. */
static void ring_cancel(struct poller *poller, struct watch *watch)
{
	struct ring *ring = (struct ring *)poller;
	struct io_uring_sqe *sqe;

	if (!watch->armed || ring_reserve(ring, 1))
		return;
	sqe = io_uring_get_sqe(&ring->uring);
	io_uring_prep_cancel(sqe, watch, 0);
	io_uring_sqe_set_data64(sqe, 0);
}

static void complete(const struct io_uring_cqe *cqe)
{
	uint64_t data = cqe->user_data;
	int res = cqe->res;
	struct watch *watch;

	if (!data)
		return;
	if (data & 1) {
		launcher_uring_complete(
			(struct uring_link *)(uintptr_t)(data & ~1ULL), res);
		return;
	}
	watch = (struct watch *)(uintptr_t)data;
	watch->armed = false;
	watch->ready(watch);
}

static int ring_wait(struct poller *poller)
{
	struct ring *ring = (struct ring *)poller;
	struct io_uring_cqe *cqe;
	int ret = io_uring_submit_and_wait(&ring->uring, 1);

	if (ret < 0 && ret != -EINTR && ret != -EBUSY && ret != -EAGAIN)
		return ret;
	while (!io_uring_peek_cqe(&ring->uring, &cqe)) {
		struct io_uring_cqe seen = *cqe;

		/* Free its slot first: what it calls may queue and submit. */
		io_uring_cqe_seen(&ring->uring, cqe);
		complete(&seen);
	}
	return 0;
}

static void ring_free(struct poller *poller)
{
	struct ring *ring = (struct ring *)poller;

	io_uring_queue_exit(&ring->uring);
	free(ring);
}

static const struct poller_ops ring_ops = {
	.name = "io_uring",
	.arm = ring_arm,
	.cancel = ring_cancel,
	.wait = ring_wait,
	.free = ring_free,
};

static int ring_setup(struct ring *ring)
{
	static const unsigned flags[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		IORING_SETUP_COOP_TASKRUN,
		0,
	};
	int ret = -EINVAL;
	size_t i;

	for (i = 0; ret == -EINVAL && i < sizeof(flags) / sizeof(*flags); i++) {
		struct io_uring_params p = {
			.flags = flags[i] | IORING_SETUP_CQSIZE |
				 IORING_SETUP_CLAMP,
			.cq_entries = CQ_ENTRIES,
		};

		ret = io_uring_queue_init_params(ENTRIES, &ring->uring, &p);
		ring->has_spawn = p.features & IORING_FEAT_SPAWN;
		ring->entries = p.sq_entries;
	}
	return ret;
}

struct ring *ring_new(int *err)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	struct io_uring_probe *probe;

	if (!ring) {
		*err = -ENOMEM;
		return NULL;
	}
	ring->poller.ops = &ring_ops;
	*err = ring_setup(ring);
	if (*err) {
		free(ring);
		return NULL;
	}
	probe = io_uring_get_probe_ring(&ring->uring);
	if (probe) {
		ring->has_waitid =
			io_uring_opcode_supported(probe, RING_OP_WAITID);
		io_uring_free_probe(probe);
	}
	return ring;
}
