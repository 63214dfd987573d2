/* SPDX-License-Identifier: MIT */
/*
 * Waits for descriptors, one-shot: through a ring if there is one, otherwise
 * through epoll. Used by one thread.
 */
#ifndef POLLER_H
#define POLLER_H

#include <stdbool.h>
#include <stdint.h>

enum watch_kind {
	WATCH_READ,
	WATCH_WRITE,
	WATCH_EXIT,  /* fd is a pidfd */
	WATCH_TIMER, /* fd is not used */
};

struct watch {
	int fd;
	enum watch_kind kind;
	unsigned ms; /* of a timer, from when it is armed */
	bool armed;  /* ready() will be called: once for each arm() */
	/* Called from the poller's wait(), disarmed; may arm it again. */
	void (*ready)(struct watch *watch);

	/* The poller's: */
	bool added; /* its SQE is queued, or its fd is in the epoll set */
	bool cancelled;
	struct watch *next; /* in at most one list at a time */
	/* When a timer ends, by the poller's clock. */
	struct {
		long long tv_sec;
		long long tv_nsec;
	} end;
};

struct poller;

struct poller_ops {
	const char *name;
	/*
	 * Calls ready() once @watch->fd is. Cannot fail: without room or memory
	 * it is armed later.
	 */
	void (*arm)(struct poller *poller, struct watch *watch);
	/*
	 * Stops waiting; ready() is called, at the latest from the next
	 * wait(). The fd must stay open until then.
	 */
	void (*cancel)(struct poller *poller, struct watch *watch);
	/*
	 * Waits for something to happen, or only polls if @block is false, and
	 * calls ready() of what has become ready.
	 */
	void (*wait)(struct poller *poller, bool block);
	void (*free)(struct poller *poller);
};

struct poller {
	const struct poller_ops *ops;
};

/* Returns a poller, or NULL with *@err -errno. */
struct poller *poller_epoll_new(int *err);

#endif
