/* SPDX-License-Identifier: MIT */
/*
 * Runs a process to its end while the calling thread waits, with the rules of
 * Node's spawnSync(): it ends once the process has ended and every pipe has, a
 * limit that is exceeded signals the process and closes the pipes, and after
 * the end of the process no timeout counts.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core.h"
#include "job.h"
#include "lock.h"
#include "reap.h"
#include "state.h"

/* Reads end at a multiple of this: so much is kept beyond a limit at most. */
#define CHUNK 65536UL
/* Reads or writes in a row, then it is another pipe's turn. */
#define TURN 32
/* Until a child that a debugger holds is looked at again. */
#define HELD_MS 20

struct runner {
	struct core *core;
	struct core_dialog *run;
	struct pollfd *polls; /* of the pipes, then of the process */
	uint32_t id;
	int pidfd;
	uint64_t end_ms; /* of the time it has; 0: no limit */
	double size;	 /* bytes that all outputs have so far */
	int pipe_error;
	bool ended;
	bool held; /* it has ended, but a debugger holds it */
	bool killed;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void set_error(struct core_dialog *run, int error)
{
	if (!run->error)
		run->error = error;
}

static void set_pipe_error(struct runner *r, int error)
{
	if (!r->pipe_error)
		r->pipe_error = error;
}

static void close_pipes(struct core_dialog *run)
{
	size_t i;

	for (i = 0; i < run->nr_pipes; i++) {
		if (run->pipes[i].fd >= 0)
			close(run->pipes[i].fd);
		run->pipes[i].fd = -1;
	}
}

/* Once: what the child writes from now on is not read. */
static void kill_child(struct runner *r, int error)
{
	int ret;

	set_error(r->run, error);
	r->end_ms = 0;
	if (r->killed)
		return;
	r->killed = true;
	ret = r->ended ? 0 : core_kill(r->core, r->id, r->run->kill_signal);
	if (ret < 0 && ret != -ESRCH) {
		/* No such signal. */
		set_error(r->run, ret);
		core_kill(r->core, r->id, SIGKILL);
	}
	close_pipes(r->run);
}

static void feed(struct runner *r, struct core_dialog_pipe *pipe)
{
	int turn = 0;

	while (pipe->in_size) {
		ssize_t n = send(pipe->fd, pipe->in, pipe->in_size,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
			return;
		if (n < 0) {
			/* EPIPE: the child does not read it. */
			set_pipe_error(r, -errno);
			break;
		}
		pipe->in = (const char *)pipe->in + n;
		pipe->in_size -= (size_t)n;
		if (pipe->in_size && ++turn == TURN)
			return;
	}
	if (shutdown(pipe->fd, SHUT_WR) < 0)
		set_pipe_error(r, -errno);
	pipe->input = false;
}

/* Returns how many bytes there is room for: at least one, or 0. */
static size_t room(struct core_dialog_pipe *pipe)
{
	size_t capacity = pipe->capacity ? pipe->capacity * 2 : CHUNK;
	char *out;

	if (pipe->out_size == pipe->capacity) {
		out = realloc(pipe->out, capacity);
		if (!out)
			return 0;
		pipe->out = out;
		pipe->capacity = capacity;
	}
	return CHUNK - pipe->out_size % CHUNK;
}

/* Reads once. Returns whether there may be more now. */
static bool collect_some(struct runner *r, struct core_dialog_pipe *pipe)
{
	struct core_dialog *run = r->run;
	size_t max = room(pipe);
	ssize_t n = -1;

	errno = ENOMEM;
	if (max)
		n = recv(pipe->fd, pipe->out + pipe->out_size, max,
			 MSG_DONTWAIT);
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		pipe->output = false;
		if (n < 0)
			set_pipe_error(r, -errno);
		return false;
	}
	pipe->out_size += (size_t)n;
	r->size += (double)n;
	if (run->max_output > 0 && r->size > run->max_output)
		kill_child(r, -ENOBUFS);
	return !r->killed && (size_t)n == max;
}

static void collect(struct runner *r, struct core_dialog_pipe *pipe)
{
	int turn = 0;

	while (turn++ < TURN && collect_some(r, pipe))
		;
}

static void reap_child(struct runner *r)
{
	int ret = reap(r->pidfd, &r->run->exited);

	r->held = ret == -EAGAIN;
	if (r->held)
		return;
	r->ended = true;
	r->end_ms = 0;
	/* Our children end without a signal: clone's exit signal is none. */
	kill(getpid(), SIGCHLD);
}

/* Names what to wait for. Returns whether there is anything. */
static bool fill_polls(struct runner *r)
{
	struct core_dialog *run = r->run;
	bool any = !r->ended;
	size_t i;

	for (i = 0; i < run->nr_pipes; i++) {
		struct core_dialog_pipe *pipe = &run->pipes[i];
		struct pollfd *entry = &r->polls[i];

		entry->events = 0;
		if (pipe->fd >= 0 && pipe->input)
			entry->events |= POLLOUT;
		if (pipe->fd >= 0 && pipe->output)
			entry->events |= POLLIN;
		entry->fd = entry->events ? pipe->fd : -1;
		entry->revents = 0;
		any |= entry->events != 0;
	}
	r->polls[i].fd = r->ended || r->held ? -1 : r->pidfd;
	r->polls[i].events = POLLIN;
	r->polls[i].revents = 0;
	return any;
}

static int wait_ms(const struct runner *r)
{
	uint64_t ms = INT_MAX, now;

	if (r->end_ms) {
		now = now_ms();
		ms = r->end_ms > now ? r->end_ms - now : 0;
	}
	if (r->held && ms > HELD_MS)
		ms = HELD_MS;
	if (ms >= INT_MAX)
		return r->end_ms ? INT_MAX : -1;
	return (int)ms;
}

/* An end is handled after the output that came before it. */
static void handle_polls(struct runner *r)
{
	struct core_dialog *run = r->run;
	size_t i;

	for (i = 0; i < run->nr_pipes && !r->killed; i++) {
		struct core_dialog_pipe *pipe = &run->pipes[i];
		short ready = r->polls[i].revents;

		if (ready && pipe->input)
			feed(r, pipe);
		if (ready & ~POLLOUT && pipe->output)
			collect(r, pipe);
	}
	if (r->held || r->polls[run->nr_pipes].revents)
		reap_child(r);
}

static void converse(struct runner *r)
{
	struct core_dialog *run = r->run;

	while (fill_polls(r)) {
		int n = poll(r->polls, run->nr_pipes + 1, wait_ms(r));

		if (n < 0 && errno != EINTR)
			set_pipe_error(r, -errno);
		if (r->end_ms && now_ms() >= r->end_ms)
			kill_child(r, -ETIMEDOUT);
		else if (n >= 0)
			handle_polls(r);
	}
}

/* Gives back the memory that was kept for more. */
static void trim_outputs(struct core_dialog *run)
{
	size_t i;

	for (i = 0; i < run->nr_pipes; i++) {
		struct core_dialog_pipe *pipe = &run->pipes[i];
		char *out;

		if (!pipe->out_size) {
			free(pipe->out);
			pipe->out = NULL;
			continue;
		}
		out = realloc(pipe->out, pipe->out_size);
		if (out)
			pipe->out = out;
	}
}

/* The job's end: no event does that. */
static void release(struct core *core, uint32_t id)
{
	struct job *job;
	int pidfd;

	core_lock(core);
	job = job_find(core, id);
	pidfd = job->launch.pidfd;
	job->launch.pidfd = -1;
	job_put(job);
	core_unlock(core);
	if (pidfd >= 0)
		close(pidfd);
}

static int pidfd_of(struct core *core, uint32_t id)
{
	int pidfd;

	core_lock(core);
	pidfd = job_find(core, id)->launch.pidfd;
	core_unlock(core);
	return pidfd;
}

static int failed_op(struct core *core, uint32_t id)
{
	int op;

	core_lock(core);
	op = job_find(core, id)->first.failed.op;
	core_unlock(core);
	return op;
}

int core_run(struct core *core, const struct core_request *request,
	     struct core_dialog *run, const char **why)
{
	struct core_request req = *request;
	struct runner r = {.core = core, .run = run};
	size_t i;
	int ret;

	*why = "out of memory";
	r.polls = calloc(run->nr_pipes + 1, sizeof(*r.polls));
	if (!r.polls)
		return -ENOMEM;
	req.like_uv_spawn = true;
	req.waited = true;
	if (run->timeout_ms)
		r.end_ms = now_ms() + run->timeout_ms;
	/*
	 * Before the child can end: one that reads nothing would make this fail
	 * with EPIPE now and then.
	 */
	for (i = 0; i < run->nr_pipes; i++)
		if (run->pipes[i].input)
			feed(&r, &run->pipes[i]);
	ret = core_launch(core, &req, &r.id, why);
	if (ret) {
		free(r.polls);
		return ret;
	}
	core_flush(core);
	ret = core_wait(core, r.id);
	if (ret > 0) {
		run->pid = ret;
		r.pidfd = pidfd_of(core, r.id);
		converse(&r);
		trim_outputs(run);
		set_error(run, r.pipe_error);
	} else {
		run->error = ret;
		run->failed_op = failed_op(core, r.id);
	}
	close_pipes(run);
	release(core, r.id);
	free(r.polls);
	return 0;
}
