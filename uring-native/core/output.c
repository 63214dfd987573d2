/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST 4096U
#define TURN (1024UL * 1024) /* bytes, then it is another's turn */
#define CHUNK (256UL * 1024) /* bytes, then they are delivered */
/*
 * Bytes kept even if max is less: whoever asks for chunks right after the
 * launch gets what has come meanwhile.
 */
#define EARLY CHUNK

static void output_end(struct output *out, int error)
{
	out->error = error;
	close(out->watch.fd);
	out->watch.fd = -1;
	out->finished(out);
}

static size_t most_kept(const struct output *out)
{
	return out->max > EARLY ? out->max : EARLY;
}

static void beyond_max(struct output *out)
{
	if (out->truncated)
		return;
	out->truncated = true;
	out->overflow(out);
}

/* Room for at least one byte, within what is kept. Returns 0 or -ENOMEM. */
static int grow(struct output *out)
{
	size_t want = out->capacity ? out->capacity * 2 : FIRST;
	char *buf;

	if (out->len < out->capacity)
		return 0;
	if (want > most_kept(out))
		want = most_kept(out);
	buf = realloc(out->buf, want);
	if (!buf)
		return -ENOMEM;
	out->buf = buf;
	out->capacity = want;
	return 0;
}

/* Returns what read(2) did: bytes, 0 at the end, -errno. */
static ssize_t read_some(struct output *out)
{
	char rest[16384];
	ssize_t n;

	if (out->len < most_kept(out)) {
		if (grow(out))
			return -ENOMEM;
		n = read(out->watch.fd, out->buf + out->len,
			 out->capacity - out->len);
		if (n > 0)
			out->len += (size_t)n;
		if (out->len > out->max)
			beyond_max(out);
		return n < 0 ? -errno : n;
	}
	n = read(out->watch.fd, rest, sizeof(rest));
	if (n > 0)
		beyond_max(out);
	return n < 0 ? -errno : n;
}

static void output_chunk(struct output *out)
{
	out->wanted = false;
	out->chunk(out);
	out->buf = NULL;
	out->len = 0;
	out->capacity = 0;
}

static void output_ready(struct watch *watch)
{
	struct output *out = (struct output *)watch;
	size_t most = out->in_chunks && !out->stopped ? CHUNK : out->turn;
	size_t turn = 0;
	ssize_t n = -EAGAIN;

	/* output_more() waits for it again. */
	if (out->in_chunks && !out->wanted && !out->stopped)
		return;
	/* Read even when stopped: what is in the pipe is not lost. */
	while (turn < most) {
		n = read_some(out);
		if (n == -EINTR)
			continue;
		/* Nobody has the pseudo-terminal open any more. */
		if (n == -EIO)
			n = 0;
		if (n <= 0)
			break;
		turn += (size_t)n;
	}
	if (n == 0 || (n < 0 && n != -EAGAIN)) {
		output_end(out, (int)n);
		return;
	}
	if (out->stopped) {
		output_end(out, 0);
		return;
	}
	if (out->in_chunks && out->len) {
		output_chunk(out);
		return;
	}
	out->poller->ops->arm(out->poller, watch);
}

void output_start_small(struct output *out, struct poller *poller, size_t turn)
{
	out->poller = poller;
	out->turn = turn;
	out->watch.kind = WATCH_READ;
	out->watch.ready = output_ready;
	/* Arm first: the child has hardly written anything so far. */
	poller->ops->arm(poller, &out->watch);
}

void output_start(struct output *out, struct poller *poller)
{
	output_start_small(out, poller, TURN);
}

void output_stop(struct output *out)
{
	out->stopped = true;
	if (out->watch.armed)
		out->poller->ops->cancel(out->poller, &out->watch);
	else if (out->watch.fd >= 0)
		output_ready(&out->watch);
}

void output_more(struct output *out)
{
	if (out->watch.fd < 0 || out->stopped)
		return;
	out->in_chunks = true;
	out->max = SIZE_MAX;
	out->wanted = true;
	/* What was collected before. The rest waits in the pipe. */
	if (out->len)
		output_chunk(out);
	else if (!out->watch.armed)
		out->poller->ops->arm(out->poller, &out->watch);
}
