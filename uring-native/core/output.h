/* SPDX-License-Identifier: MIT */
/* Collects what a child writes, and writes what it reads. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "poller.h"

struct output {
	struct watch watch; /* fd: our end of the pipe, owned, non-blocking */
	struct poller *poller;
	char *buf;
	size_t len;
	size_t capacity;
	size_t max;	/* bytes to keep; the rest is read and dropped */
	bool truncated; /* there was a rest */
	bool stopped;
	int error; /* 0 or -errno of what ended it early */
	/* Called once, at the first byte beyond max. */
	void (*overflow)(struct output *output);
	/* Called once; the fd is closed, and the callee may take the buffer. */
	void (*finished)(struct output *output);
};

/* Start collecting, or stop and keep what has been written so far. */
void output_start(struct output *output, struct poller *poller);
void output_stop(struct output *output);

/* The owner of bytes that we borrow, who may take them back at any time. */
struct lender {
	pthread_mutex_t lock;
	bool gone; /* no more access */
};

struct input {
	struct watch watch; /* as above */
	struct poller *poller;
	const char *buf;
	struct lender *lender; /* of @buf; NULL: it is malloc(3)ed and ours */
	size_t len;
	size_t at;
	bool stopped;
	/*
	 * Called once: all is written, or the pipe has no reader; the fd is
	 * closed.
	 */
	void (*finished)(struct input *input);
};

/* Frees the bytes, unless they are borrowed. */
void input_drop(struct input *input);

void input_start(struct input *input, struct poller *poller);
void input_stop(struct input *input);

#endif
