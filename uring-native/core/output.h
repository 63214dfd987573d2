/* SPDX-License-Identifier: MIT */
/* Collects what a child writes, or delivers it in chunks as it is asked for. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "poller.h"

struct output {
	struct watch watch; /* fd: our end of the pipe, owned, non-blocking */
	struct poller *poller;
	char *buf;
	size_t len;
	size_t capacity;
	/* Bytes of the result. What is beyond it is read and dropped in the
	 * end. */
	size_t max;
	size_t turn;	/* bytes to read, then it is another's turn */
	bool truncated; /* there was a rest */
	bool stopped;
	bool in_chunks; /* nothing is read before the next one is wanted */
	bool wanted;
	int error; /* 0 or -errno of what ended it early */
	/* Called once, at the first byte beyond max. */
	void (*overflow)(struct output *output);
	/* Called with what there is; the callee takes the buffer. */
	void (*chunk)(struct output *output);
	/* Called once; the fd is closed, and the callee may take the buffer. */
	void (*finished)(struct output *output);
};

/* Start collecting, or stop and keep what has been written so far. */
void output_start(struct output *output, struct poller *poller);
void output_stop(struct output *output);
/* As output_start(), for somebody who has little time: @turn bytes in a row. */
void output_start_small(struct output *output, struct poller *poller,
			size_t turn);
/*
 * From now on nothing is dropped, and chunk() is called once for each call of
 * this one, when there is something, unless the output has ended: finished()
 * has the last bytes.
 */
void output_more(struct output *output);

#endif
