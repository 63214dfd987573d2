/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "poller.h"

#define BATCH 64

struct poller_epoll {
	struct poller poller;
	int fd;
	struct watch *cancelled;
};

static int epoll_arm(struct poller *poller, struct watch *watch)
{
	struct poller_epoll *p = (struct poller_epoll *)poller;
	struct epoll_event ev = {
		.events = EPOLLONESHOT |
			  (watch->kind == WATCH_WRITE ? EPOLLOUT : EPOLLIN),
		.data.ptr = watch,
	};

	if (epoll_ctl(p->fd, EPOLL_CTL_MOD, watch->fd, &ev) < 0 &&
	    (errno != ENOENT ||
	     epoll_ctl(p->fd, EPOLL_CTL_ADD, watch->fd, &ev) < 0))
		return -errno;
	watch->armed = true;
	return 0;
}

static void epoll_cancel(struct poller *poller, struct watch *watch)
{
	struct poller_epoll *p = (struct poller_epoll *)poller;

	if (!watch->armed)
		return;
	watch->armed = false;
	epoll_ctl(p->fd, EPOLL_CTL_DEL, watch->fd, NULL);
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

static int epoll_wait_once(struct poller *poller)
{
	struct poller_epoll *p = (struct poller_epoll *)poller;
	struct epoll_event events[BATCH];
	int i, n;

	n = epoll_wait(p->fd, events, BATCH, p->cancelled ? 0 : -1);
	if (n < 0 && errno != EINTR)
		return -errno;
	for (i = 0; i < n; i++) {
		struct watch *watch = events[i].data.ptr;

		/* Cancelled by one before it in this batch. */
		if (!watch->armed)
			continue;
		watch->armed = false;
		watch->ready(watch);
	}
	flush_cancelled(p);
	return 0;
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
