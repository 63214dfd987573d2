/* SPDX-License-Identifier: MIT */
#include "input.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define TURN (1024UL * 1024) /* bytes, then it is another's turn */

void input_drop(struct input *in)
{
	if (!in->lender)
		free((void *)in->buf);
	in->buf = NULL;
}

static void input_end(struct input *in)
{
	close(in->watch.fd);
	in->watch.fd = -1;
	input_drop(in);
	in->finished(in);
}

/* Returns what write(2) did: bytes or -errno. */
static ssize_t write_some(struct input *in, size_t max)
{
	size_t left = in->len - in->at;
	ssize_t n = -1;
	int err = EPIPE;

	if (left > max)
		left = max;
	if (in->lender)
		pthread_mutex_lock(&in->lender->lock);
	if (!in->lender || !in->lender->gone) {
		n = write(in->watch.fd, in->buf + in->at, left);
		err = errno;
	}
	if (in->lender)
		pthread_mutex_unlock(&in->lender->lock);
	return n < 0 ? -err : n;
}

static void input_ready(struct watch *watch)
{
	struct input *in = (struct input *)watch;
	size_t turn = 0;

	while (!in->stopped && in->at < in->len && turn < TURN) {
		ssize_t n = write_some(in, TURN - turn);

		if (n == -EAGAIN)
			break;
		if (n < 0 && n != -EINTR) {
			/* EPIPE: the child does not read it. */
			input_end(in);
			return;
		}
		if (n > 0) {
			in->at += (size_t)n;
			turn += (size_t)n;
		}
	}
	if (in->stopped || in->at == in->len)
		input_end(in);
	else
		in->poller->ops->arm(in->poller, watch);
}

void input_start(struct input *in, struct poller *poller)
{
	in->poller = poller;
	in->watch.kind = WATCH_WRITE;
	in->watch.ready = input_ready;
	input_ready(&in->watch);
}

void input_stop(struct input *in)
{
	in->stopped = true;
	if (in->watch.fd >= 0)
		in->poller->ops->cancel(in->poller, &in->watch);
}
