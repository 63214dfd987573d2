/* SPDX-License-Identifier: MIT */
/* What a child writes, collected; and what it is given to read. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "poller.h"

struct output {
	struct watch watch; /* fd: the pipe's end here, owned, non-blocking */
	struct poller *poller;
	char *buf;
	size_t len;
	size_t capacity;
	size_t max;	/* bytes to keep; the rest is read and dropped */
	bool truncated; /* there was a rest */
	bool stopped;
	int error; /* 0 or -errno of what ended it before its end */
	/* Called once, at the first byte beyond max. */
	void (*overflow)(struct output *output);
	/* Called once; the fd is closed, the buffer the callee's to take. */
	void (*finished)(struct output *output);
};

/* Starts to collect from, or stops with what there is. */
void output_start(struct output *output, struct poller *poller);
void output_stop(struct output *output);

/* For bytes that belong to someone else, who may want them back at any time. */
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
	/* Called once: all written, or nobody reads; the fd is closed. */
	void (*finished)(struct input *input);
};

/* Frees the bytes that are ours. */
void input_drop(struct input *input);

void input_start(struct input *input, struct poller *poller);
void input_stop(struct input *input);

#endif
