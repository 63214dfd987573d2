/* SPDX-License-Identifier: MIT */
/* Writes what a child reads. */
#ifndef INPUT_H
#define INPUT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "poller.h"

/*
 * The owner of bytes that we borrow, who may take them back at any time: who
 * has set @gone under the lock knows that nobody reads them any more. So the
 * lock is held during each write(2) of them.
 */
struct lender {
	pthread_mutex_t lock;
	bool gone;
};

struct input {
	struct watch watch; /* fd: our end of the pipe, owned, non-blocking */
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
