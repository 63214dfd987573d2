/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "poller.h"

#define BATCH 64

#define RETRY_MS 10

struct poller_epoll {
	struct poller poller;
	int fd;
	struct watch *cancelled;
	struct watch *deferred; /* could not be added: ENOMEM, ENOSPC */
};

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

static void epoll_wait_once(struct poller *poller, bool block)
{
	struct poller_epoll *p = (struct poller_epoll *)poller;
	struct epoll_event events[BATCH];
	int timeout = p->deferred ? RETRY_MS : -1;
	int i, n;

	if (p->cancelled || !block)
		timeout = 0;
	n = epoll_wait(p->fd, events, BATCH, timeout);
	for (i = 0; i < n; i++) {
		struct watch *watch = events[i].data.ptr;

		/* Cancelled by one before it in this batch. */
		if (!watch->armed)
			continue;
		watch->armed = false;
		watch->ready(watch);
	}
	flush_cancelled(p);
	flush_deferred(p);
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
