/* SPDX-License-Identifier: MIT */
#include "ends.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "direct.h"
#include "direct_ring.h"
#include "doomed.h"
#include "events.h"
#include "inbox.h"
#include "job.h"
#include "lock.h"
#include "own.h"
#include "reap.h"
#include "state.h"

/* At a time: handling them delays everything else. */
#define AT_ONCE 64

int job_end(struct job *job, bool wake)
{
	struct core *core = job->core;
	int pidfd = job->launch.pidfd;
	struct exit_status status;
	int ret = job->like_uv_spawn ? reap_later(pidfd, &status)
				     : reap(pidfd, &status);

	if (ret)
		return ret;
	doomed_reaped(core, &job->launch);
	event_init(&job->last, job, CORE_EXITED);
	job->last.exited = status;
	core_lock(core);
	job->exited = true;
	event_post(&job->last, wake);
	/* Our children end without a signal: clone's exit signal is none. */
	if (job->like_uv_spawn)
		kill(getpid(), SIGCHLD);
	job_put(job);
	core_unlock(core);
	return 0;
}

/* What is in the data of an event, beside a pointer. */
enum {
	OF_END,	    /* of a job */
	OF_NOTICE,  /* of a job */
	OF_OWN_END, /* of a job that was owned when it was added */
	OF_OUTPUT,  /* the watch of an output of such a job */
	OF_MASK = 3,
};

static int add(struct ends *ends, int op, int fd, uint32_t what,
	       const void *ptr, uintptr_t of)
{
	struct epoll_event event = {
		.events = what | EPOLLONESHOT,
		.data.u64 = (uintptr_t)ptr | of,
	};

	return epoll_ctl(ends->watch.fd, op, fd, &event) < 0 ? -errno : 0;
}

static void take_end(struct job *job, bool wake)
{
	if (!job_end(job, wake))
		return;
	/* The loop looks at it again from time to time. */
	core_lock(job->core);
	inbox_send(job, TODO_WATCH);
	core_unlock(job->core);
}

/*
 * Only one thread at a time: the owner, or after it the loop's. Returns whether
 * there may be more already: a program has started, or has ended and closed its
 * pipes.
 */
static bool take_some_ends(struct ends *ends, bool wake)
{
	struct epoll_event events[AT_ONCE];
	int i, n = epoll_wait(ends->watch.fd, events, AT_ONCE, 0);
	bool more = false;

	for (i = 0; i < n; i++) {
		uint64_t data = events[i].data.u64;
		void *ptr = (void *)(uintptr_t)(data & ~(uint64_t)OF_MASK);

		if (!ptr)
			continue;
		more |= (data & OF_MASK) != OF_END;
		switch (data & OF_MASK) {
		case OF_END:
			take_end(ptr, wake);
			break;
		case OF_NOTICE:
			direct_left(ptr);
			break;
		case OF_OWN_END:
			own_end(ptr);
			break;
		case OF_OUTPUT:
			own_output(job_output_of(ptr));
			break;
		}
	}
	return more;
}

static void take_ends(struct ends *ends, bool wake)
{
	if (take_some_ends(ends, wake))
		take_some_ends(ends, wake);
}

static void on_ends(struct watch *watch)
{
	struct ends *ends = (struct ends *)watch;

	take_ends(ends, true);
	ends->core->poller->ops->arm(ends->core->poller, watch);
}

/*
 * Edge-triggered, it is never read: each write is another event, until the
 * counter is full, which takes 2^64 of them.
 */
static int add_wake(struct ends *ends)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};

	ends->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ends->wake < 0 ||
	    epoll_ctl(ends->watch.fd, EPOLL_CTL_ADD, ends->wake, &event) < 0)
		return -errno;
	return 0;
}

int ends_init(struct core *core)
{
	unsigned i;

	for (i = 0; i < NR_ENDS; i++) {
		struct ends *ends = &core->ends[i];

		ends->core = core;
		ends->wake = -1;
		ends->watch.kind = WATCH_READ;
		ends->watch.ready = on_ends;
		ends->watch.fd = -1;
	}
	for (i = 0; i < NR_ENDS; i++) {
		struct ends *ends = &core->ends[i];

		if (i == ENDS_OWNER && !core->config.polled)
			continue;
		ends->watch.fd = epoll_create1(EPOLL_CLOEXEC);
		if (ends->watch.fd < 0)
			return -errno;
	}
	if (!core->config.polled)
		return 0;
	atomic_store(&core->ends[ENDS_OWNER].polled, true);
	return add_wake(&core->ends[ENDS_OWNER]);
}

void ends_exit(struct core *core)
{
	unsigned i;

	for (i = 0; i < NR_ENDS; i++) {
		struct ends *ends = &core->ends[i];

		if (ends->watch.fd >= 0)
			close(ends->watch.fd);
		if (ends->wake >= 0)
			close(ends->wake);
	}
}

struct ends *ends_for(struct core *core)
{
	if (core->config.polled && core->nr_jobs <= ENDS_FEW)
		return &core->ends[ENDS_OWNER];
	/* The loop waits by its ring, with a request for several. */
	if (pthread_equal(pthread_self(), core->loop))
		return NULL;
	return &core->ends[ENDS_LOOP];
}

int ends_add(struct ends *ends, struct job *job)
{
	return add(ends, EPOLL_CTL_ADD, job->launch.pidfd, EPOLLIN, job,
		   OF_END);
}

int ends_add_notice(struct ends *ends, struct job *job)
{
	/* It is only closed. */
	return add(ends, EPOLL_CTL_ADD, job->notice, 0, job, OF_NOTICE);
}

int ends_add_own(struct ends *ends, struct job *job)
{
	return add(ends, EPOLL_CTL_ADD, job->launch.pidfd, EPOLLIN, job,
		   OF_OWN_END);
}

int ends_add_output(struct ends *ends, struct watch *watch)
{
	int ret = add(ends, watch->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
		      watch->fd, EPOLLIN, watch, OF_OUTPUT);

	watch->added |= !ret;
	return ret;
}

void ends_forget(struct ends *ends, int fd)
{
	epoll_ctl(ends->watch.fd, EPOLL_CTL_DEL, fd, NULL);
}

void ends_wake(struct core *core)
{
	uint64_t one = 1;

	if (write(core->ends[ENDS_OWNER].wake, &one, sizeof(one)) < 0 &&
	    errno != EAGAIN)
		abort();
}

void ends_detach(struct core *core)
{
	atomic_store(&core->ends[ENDS_OWNER].polled, false);
}

void ends_watch(struct core *core)
{
	unsigned i;

	for (i = 0; i < NR_ENDS; i++) {
		struct watch *watch = &core->ends[i].watch;

		if (watch->fd >= 0 && !watch->armed &&
		    !atomic_load(&core->ends[i].polled))
			core->poller->ops->arm(core->poller, watch);
	}
}

int core_fd(const struct core *core)
{
	return core->ends[ENDS_OWNER].watch.fd;
}

void core_poll(struct core *core)
{
	/* It will drain: nobody has to wake it for what is posted meanwhile. */
	atomic_store(&core->owner_woken, true);
	/* First: what has started may have ended already. */
	direct_ring_poll(core);
	take_ends(&core->ends[ENDS_OWNER], false);
	/* Once more: one of the wakes just taken may be the ring's. */
	direct_ring_poll(core);
}
