/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>

#include "io_uring_spawn.h"

/* A whole chain is submitted at once: CHAIN_MAX_OPS and one more. */
#define ENTRIES 1024U
#define CQ_ENTRIES 4096U
/* For chains one at a time, which are shorter. */
#define FEW_ENTRIES 64U
#define FEW_CQ_ENTRIES 512U

/* liburing 2.3 lacks these. */
#ifndef IORING_SETUP_COOP_TASKRUN
#define IORING_SETUP_COOP_TASKRUN (1U << 8)
#endif
#ifndef IORING_SETUP_TASKRUN_FLAG
#define IORING_SETUP_TASKRUN_FLAG (1U << 9)
#endif
#ifndef IORING_SQ_TASKRUN
#define IORING_SQ_TASKRUN (1U << 2)
#endif
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

/*
 * liburing maps and unmaps a ring by raw system calls, which ThreadSanitizer
 * does not see. If a new ring gets the addresses of one that another thread has
 * freed, ThreadSanitizer would report their accesses as races. If it gets those
 * of a stack that a vfork child has left by its exec, AddressSanitizer would
 * take the red zones of that stack for the ring's.
 */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
static char mappings;
#define RING_MAPPED(uring) __tsan_acquire(&mappings)
#define RING_UNMAPPED() __tsan_release(&mappings)
#elif defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
static void ring_mapped(const struct io_uring *uring)
{
	const struct io_uring_sq *sq = &uring->sq;

	ASAN_UNPOISON_MEMORY_REGION(sq->sqes,
				    *sq->kring_entries * sizeof(*sq->sqes));
	ASAN_UNPOISON_MEMORY_REGION(sq->ring_ptr, sq->ring_sz);
	ASAN_UNPOISON_MEMORY_REGION(uring->cq.ring_ptr, uring->cq.ring_sz);
}
#define RING_MAPPED(uring) ring_mapped(uring)
#define RING_UNMAPPED()
#else
#define RING_MAPPED(uring)
#define RING_UNMAPPED()
#endif

int ring_submit(struct ring *ring)
{
	io_uring_submit(&ring->uring);
	return io_uring_sq_ready(&ring->uring) ? -EBUSY : 0;
}

int ring_reserve(struct ring *ring, unsigned nr)
{
	if (nr > ring->entries)
		return -E2BIG;
	if (io_uring_sq_space_left(&ring->uring) >= nr)
		return 0;
	io_uring_submit(&ring->uring);
	return io_uring_sq_space_left(&ring->uring) >= nr ? 0 : -EBUSY;
}

static void defer(struct ring *ring, struct watch *watch)
{
	watch->next = NULL;
	*ring->deferred_tail = watch;
	ring->deferred_tail = &watch->next;
}

static void prep_timer(struct io_uring_sqe *sqe, struct watch *watch)
{
	_Static_assert(sizeof(watch->end) == sizeof(struct __kernel_timespec),
		       "as the kernel has it");
	watch->end.tv_sec = watch->ms / 1000;
	watch->end.tv_nsec = watch->ms % 1000 * 1000000;
	io_uring_prep_timeout(sqe, (struct __kernel_timespec *)&watch->end, 0,
			      0);
}

/*
 * A pidfd is polled, too: IORING_OP_WAITID does not report resource usage,
 * wakes for every child of the process, and saves no system call.
 */
static void ring_arm(struct poller *poller, struct watch *watch)
{
	struct ring *ring = (struct ring *)poller;
	struct io_uring_sqe *sqe;

	watch->armed = true;
	watch->added = false;
	watch->cancelled = false;
	if (ring_reserve(ring, 1)) {
		defer(ring, watch);
		return;
	}
	sqe = ring_sqe(ring);
	if (watch->kind == WATCH_TIMER)
		prep_timer(sqe, watch);
	else
		io_uring_prep_poll_add(sqe, watch->fd,
				       watch->kind == WATCH_WRITE ? POLLOUT
								  : POLLIN);
	io_uring_sqe_set_data(sqe, watch);
	watch->added = true;
}

/* Its CQE has -ECANCELED, unless it has just become ready. */
static void ring_cancel(struct poller *poller, struct watch *watch)
{
	struct ring *ring = (struct ring *)poller;
	struct io_uring_sqe *sqe;

	if (!watch->armed || watch->cancelled)
		return;
	watch->cancelled = true;
	if (!watch->added)
		return;
	if (ring_reserve(ring, 1)) {
		defer(ring, watch);
		return;
	}
	sqe = ring_sqe(ring);
	io_uring_prep_cancel(sqe, watch, 0);
	io_uring_sqe_set_data64(sqe, 0);
}

static void watch_done(struct watch *watch)
{
	watch->armed = false;
	watch->added = false;
	watch->cancelled = false;
	watch->ready(watch);
}

static void flush_deferred(struct ring *ring)
{
	struct watch *watch = ring->deferred;

	ring->deferred = NULL;
	ring->deferred_tail = &ring->deferred;
	while (watch) {
		struct watch *next = watch->next;

		if (!watch->cancelled) {
			ring_arm(&ring->poller, watch);
		} else if (watch->added) {
			watch->cancelled = false;
			ring_cancel(&ring->poller, watch);
		} else {
			watch_done(watch);
		}
		watch = next;
	}
}

/*
 * Drops the deferred cancellation of a watch that has completed. Later its
 * memory may be another watch, which the cancellation would hit.
 */
static void forget(struct ring *ring, struct watch *watch)
{
	struct watch **at = &ring->deferred;

	while (*at && *at != watch)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = watch->next;
	if (!*at)
		ring->deferred_tail = at;
}

static void complete(struct ring *ring, const struct io_uring_cqe *cqe)
{
	uint64_t data = cqe->user_data;
	struct watch *watch;

	if (!data)
		return;
	if (data & 1) {
		struct ring_request *request =
			(struct ring_request *)(uintptr_t)(data & ~1ULL);

		request->complete(request, cqe->res);
		return;
	}
	watch = (struct watch *)(uintptr_t)data;
	if (watch->cancelled)
		forget(ring, watch);
	watch_done(watch);
}

static void take(struct ring *ring)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&ring->uring, &cqe)) {
		struct io_uring_cqe seen = *cqe;

		/* Free its slot first: complete() may queue and submit. */
		io_uring_cqe_seen(&ring->uring, cqe);
		complete(ring, &seen);
	}
}

bool ring_has_work(const struct ring *ring)
{
	return __atomic_load_n(ring->uring.sq.kflags, __ATOMIC_RELAXED) &
	       IORING_SQ_TASKRUN;
}

void ring_take(struct ring *ring)
{
	if (ring_has_work(ring))
		io_uring_submit_and_get_events(&ring->uring);
	take(ring);
}

void ring_await(struct ring *ring, unsigned ms)
{
	struct __kernel_timespec ts = {ms / 1000, ms % 1000 * 1000000LL};
	struct io_uring_cqe *cqe;

	io_uring_submit_and_wait_timeout(&ring->uring, &cqe, 1, &ts, NULL);
}

void ring_tell(struct ring *ring, bool on)
{
	io_uring_cq_eventfd_toggle(&ring->uring, on);
	/* The kernel sees it before we look: see direct_ring_tell(). */
	__sync_synchronize();
}

static void ring_wait(struct poller *poller, bool block)
{
	struct ring *ring = (struct ring *)poller;

	flush_deferred(ring);
	/* An error (EINTR, EBUSY, EAGAIN) is left to the next round. */
	if (block && !ring->deferred)
		io_uring_submit_and_wait(&ring->uring, 1);
	else
		io_uring_submit_and_get_events(&ring->uring);
	take(ring);
}

static void ring_free(struct poller *poller)
{
	struct ring *ring = (struct ring *)poller;

	RING_UNMAPPED();
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

static int setup_as(struct ring *ring, unsigned flags, unsigned entries,
		    unsigned cq_entries)
{
	struct io_uring_params p = {
		.flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.cq_entries = cq_entries,
	};
	int ret = io_uring_queue_init_params(entries, &ring->uring, &p);

	ring->spawn_error = p.features & IORING_FEAT_SPAWN ? 0 : -EOPNOTSUPP;
	ring->entries = p.sq_entries;
	return ret;
}

static int setup(struct ring *ring)
{
	static const unsigned flags[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		IORING_SETUP_COOP_TASKRUN,
		0,
	};
	int ret = -EINVAL;
	size_t i;

	for (i = 0; ret == -EINVAL && i < sizeof(flags) / sizeof(*flags); i++)
		ret = setup_as(ring, flags[i], ENTRIES, CQ_ENTRIES);
	return ret;
}

/*
 * Nothing completes behind the thread's back: who sleeps elsewhere is not woken
 * for it, and sees by a flag that there is something.
 */
static int setup_told(struct ring *ring, int wake)
{
	int ret = setup_as(ring,
			   IORING_SETUP_SINGLE_ISSUER |
				   IORING_SETUP_DEFER_TASKRUN |
				   IORING_SETUP_TASKRUN_FLAG,
			   FEW_ENTRIES, FEW_CQ_ENTRIES);

	if (ret)
		return ret;
	ret = io_uring_register_eventfd(&ring->uring, wake);
	if (!ret)
		ret = io_uring_cq_eventfd_toggle(&ring->uring, false);
	if (ret)
		io_uring_queue_exit(&ring->uring);
	return ret;
}

/*
 * Whether the ring may make processes: a chain that cannot succeed, as its
 * argument is too small, must fail with EINVAL. Returns 0, or -EPERM (the
 * sysctl io_uring_spawn), -EACCES (a seccomp filter).
 */
static int probe_spawn(struct ring *ring)
{
	static char *const none[] = {NULL};
	static const uint64_t small;
	struct io_uring_sqe *head = ring_sqe(ring);
	struct io_uring_sqe *exec = ring_sqe(ring);
	struct io_uring_cqe *cqe;
	int i, res[2] = {0};

	io_uring_prep_clone3(head, &small, 8);
	head->flags |= IOSQE_IO_LINK;
	io_uring_prep_exec(exec, "", none, none);
	if (io_uring_submit_and_wait(&ring->uring, 2) < 0)
		return -EOPNOTSUPP;
	for (i = 0; i < 2 && !io_uring_peek_cqe(&ring->uring, &cqe); i++) {
		res[i] = cqe->res;
		io_uring_cqe_seen(&ring->uring, cqe);
	}
	return res[0] == -EINVAL ? 0 : res[0];
}

/* @wake: of ring_new_told(), or -1. */
static struct ring *make(int wake, int *err)
{
	struct ring *ring = calloc(1, sizeof(*ring));

	if (!ring) {
		*err = -ENOMEM;
		return NULL;
	}
	ring->poller.ops = &ring_ops;
	ring->deferred_tail = &ring->deferred;
	*err = wake < 0 ? setup(ring) : setup_told(ring, wake);
	if (*err) {
		free(ring);
		return NULL;
	}
	RING_MAPPED(&ring->uring);
	if (!ring->spawn_error)
		ring->spawn_error = probe_spawn(ring);
	return ring;
}

struct ring *ring_new(int *err)
{
	return make(-1, err);
}

struct ring *ring_new_told(int wake, int *err)
{
	return make(wake, err);
}
