/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "poller.h"

#define BATCH 64

/* Until what could not be added to the set is tried again. */
#define RETRY_MS 10

/* Where io_uring is absent or forbidden, as in many containers. */
struct poller_epoll {
	struct poller poller;
	int fd;
	struct watch *cancelled;
	struct watch *deferred; /* could not be added: ENOMEM, ENOSPC */
	struct watch *timers;
};

static struct timespec now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t;
}

static void arm_timer(struct poller_epoll *p, struct watch *watch)
{
	struct timespec t = now();
	long long ns = t.tv_nsec + watch->ms % 1000 * 1000000LL;

	watch->end.tv_sec = t.tv_sec + watch->ms / 1000 + ns / 1000000000;
	watch->end.tv_nsec = ns % 1000000000;
	watch->next = p->timers;
	p->timers = watch;
}

/* In milliseconds, 0 if it has ended. */
static int time_left(const struct watch *timer)
{
	struct timespec t = now();
	long long ns = (timer->end.tv_sec - t.tv_sec) * 1000000000 +
		       timer->end.tv_nsec - t.tv_nsec;

	return ns <= 0 ? 0 : (int)((ns + 999999) / 1000000);
}

static int try_arm(struct poller_epoll *p, struct watch *watch)
{
	struct epoll_event ev = {
		.events = EPOLLONESHOT |
			  (watch->kind == WATCH_WRITE ? EPOLLOUT : EPOLLIN),
		.data.ptr = watch,
	};

	if (!epoll_ctl(p->fd, watch->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
		       watch->fd, &ev)) {
		watch->added = true;
		return 0;
	}
	return -errno;
}

static void epoll_arm(struct poller *poller, struct watch *watch)
{
	struct poller_epoll *p = (struct poller_epoll *)poller;

	watch->armed = true;
	if (watch->kind == WATCH_TIMER) {
		arm_timer(p, watch);
		return;
	}
	if (!try_arm(p, watch))
		return;
	watch->next = p->deferred;
	p->deferred = watch;
}

static void unlink_watch(struct watch **list, const struct watch *watch)
{
	for (; *list; list = &(*list)->next) {
		if (*list == watch) {
			*list = watch->next;
			return;
		}
	}
}

static void epoll_cancel(struct poller *poller, struct watch *watch)
{
	struct poller_epoll *p = (struct poller_epoll *)poller;

	if (!watch->armed)
		return;
	watch->armed = false;
	unlink_watch(&p->deferred, watch);
	unlink_watch(&p->timers, watch);
	if (watch->added)
		epoll_ctl(p->fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->added = false;
	watch->next = p->cancelled;
	p->cancelled = watch;
}

static void flush_cancelled(struct poller_epoll *p)
{
	while (p->cancelled) {
		struct watch *watch = p->cancelled;

		p->cancelled = watch->next;
		watch->ready(watch);
	}
}

static void flush_deferred(struct poller_epoll *p)
{
	struct watch *watch = p->deferred;

	p->deferred = NULL;
	while (watch) {
		struct watch *next = watch->next;

		epoll_arm(&p->poller, watch);
		watch = next;
	}
}

static void flush_timers(struct poller_epoll *p)
{
	struct watch *timer = p->timers;

	p->timers = NULL;
	while (timer) {
		struct watch *next = timer->next;

		if (time_left(timer)) {
			timer->next = p->timers;
			p->timers = timer;
		} else {
			timer->armed = false;
			timer->ready(timer);
		}
		timer = next;
	}
}

static void epoll_wait_once(struct poller *poller, bool block)
{
	struct poller_epoll *p = (struct poller_epoll *)poller;
	struct epoll_event events[BATCH];
	int timeout = p->deferred ? RETRY_MS : -1;
	struct watch *timer;
	int i, n;

	for (timer = p->timers; timer; timer = timer->next) {
		int left = time_left(timer);

		if (timeout < 0 || left < timeout)
			timeout = left;
	}
	if (p->cancelled || !block)
		timeout = 0;
	n = epoll_wait(p->fd, events, BATCH, timeout);
	for (i = 0; i < n; i++) {
		struct watch *watch = events[i].data.ptr;

		/* An earlier one in this batch cancelled it. */
		if (!watch->armed)
			continue;
		watch->armed = false;
		watch->ready(watch);
	}
	flush_cancelled(p);
	flush_deferred(p);
	flush_timers(p);
}

static void epoll_free(struct poller *poller)
{
	struct poller_epoll *p = (struct poller_epoll *)poller;

	close(p->fd);
	free(p);
}

static const struct poller_ops epoll_ops = {
	.name = "epoll",
	.arm = epoll_arm,
	.cancel = epoll_cancel,
	.wait = epoll_wait_once,
	.free = epoll_free,
};

struct poller *poller_epoll_new(int *err)
{
	struct poller_epoll *p = calloc(1, sizeof(*p));

	if (!p) {
		*err = -ENOMEM;
		return NULL;
	}
	p->poller.ops = &epoll_ops;
	p->fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->fd < 0) {
		*err = -errno;
		free(p);
		return NULL;
	}
	return &p->poller;
}
