/* SPDX-License-Identifier: MIT */
/*
 * Runs a process to its end while the calling thread waits. What that thread
 * does meanwhile is its own affair: it hears of what happens, and may signal
 * the process, or give up its output.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core.h"
#include "doomed.h"
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
	int pidfd;
	struct launch *launch; /* once it has started or failed */
	bool like_uv_spawn;
	bool due; /* there is a time for CORE_NEWS_DUE: */
	uint64_t due_ms;
	double size;   /* bytes that all outputs have so far */
	bool exceeded; /* max_output, and that has been told */
	int pipe_error;
	bool ended;
	bool held; /* it has ended, but a debugger holds it */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* From what the caller has asked for. */
static void set_due(struct runner *r)
{
	r->due = r->run->wait_ms >= 0;
	if (r->due)
		r->due_ms = now_ms() + (uint64_t)r->run->wait_ms;
}

static bool is_due(const struct runner *r)
{
	return r->due && now_ms() >= r->due_ms;
}

static void set_pipe_error(struct runner *r, int error)
{
	if (!r->pipe_error)
		r->pipe_error = error;
}

static void close_pipe(struct core_dialog_pipe *pipe)
{
	if (pipe->fd >= 0)
		close(pipe->fd);
	pipe->fd = -1;
}

static void close_pipes(struct core_dialog *run)
{
	size_t i;

	for (i = 0; i < run->nr_pipes; i++)
		close_pipe(&run->pipes[i]);
}

static void end_outputs(struct runner *r);

static void tell(struct runner *r, enum core_news news)
{
	struct core_dialog *run = r->run;
	bool stopped = run->stop;

	run->tell(run, news);
	set_due(r);
	if (run->cut)
		close_pipes(run);
	else if (run->stop && !stopped)
		end_outputs(r);
}

/*
 * write(2) without SIGPIPE, which the program may not ignore, and with no
 * handler in between that could find it pending.
 */
static ssize_t write_quietly(int fd, const void *buf, size_t size)
{
	static const struct timespec none;
	sigset_t pipe, old, pending;
	bool before;
	ssize_t n;
	int err;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigpending(&pending);
	before = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &pipe, &old);
	n = write(fd, buf, size);
	err = errno;
	if (n < 0 && err == EPIPE && !before)
		while (sigtimedwait(&pipe, NULL, &none) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = err;
	return n;
}

static ssize_t write_some(const struct core_dialog_pipe *pipe)
{
	ssize_t n = send(pipe->fd, pipe->in, pipe->in_size,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno == ENOTSOCK)
		n = write_quietly(pipe->fd, pipe->in, pipe->in_size);
	return n;
}

/* Everything is written. What the child writes is still read. */
static void end_input(struct runner *r, struct core_dialog_pipe *pipe)
{
	pipe->input = false;
	if (!pipe->output && !r->like_uv_spawn)
		close_pipe(pipe);
	else if (shutdown(pipe->fd, SHUT_WR) < 0)
		set_pipe_error(r, -errno);
}

/* Returns whether there is nothing more to write. */
static bool write_input(struct runner *r, struct core_dialog_pipe *pipe)
{
	int turn = 0;

	while (pipe->in_size) {
		ssize_t n = write_some(pipe);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
			return false;
		if (n < 0) {
			/* EPIPE: the child does not read it. */
			set_pipe_error(r, -errno);
			break;
		}
		pipe->in = (const char *)pipe->in + n;
		pipe->in_size -= (size_t)n;
		if (pipe->in_size && ++turn == TURN)
			return false;
	}
	return true;
}

static void feed(struct runner *r, struct core_dialog_pipe *pipe)
{
	if (write_input(r, pipe))
		end_input(r, pipe);
}

/* Bytes to keep in all, SIZE_MAX without a limit. */
static size_t most_kept(const struct core_dialog_pipe *pipe)
{
	if (pipe->head > SIZE_MAX / 4 || pipe->tail > SIZE_MAX / 4)
		return SIZE_MAX;
	return pipe->head + pipe->tail;
}

/* Drops what is between the beginning and the end that are kept. */
static void drop_middle(struct core_dialog_pipe *pipe)
{
	size_t most = most_kept(pipe);

	if (pipe->out_size <= most)
		return;
	memmove(pipe->out + pipe->head, pipe->out + pipe->out_size - pipe->tail,
		pipe->tail);
	pipe->out_size = most;
}

/*
 * Returns how many bytes there is room for: at least one, or 0. Beyond what is
 * kept, room is what the end needs to move on, and for an end of 0 bytes a
 * chunk that is dropped.
 */
static size_t room(struct core_dialog_pipe *pipe)
{
	size_t most = most_kept(pipe), more;
	char *out;

	if (most != SIZE_MAX && pipe->out_size > most &&
	    pipe->out_size - most >= (pipe->tail > CHUNK ? pipe->tail : CHUNK))
		drop_middle(pipe);
	more = CHUNK - pipe->out_size % CHUNK;
	if (pipe->out_size < pipe->capacity)
		return more < pipe->capacity - pipe->out_size
			       ? more
			       : pipe->capacity - pipe->out_size;
	out = realloc(pipe->out, pipe->capacity ? pipe->capacity * 2 : CHUNK);
	if (!out)
		return 0;
	pipe->out = out;
	pipe->capacity = pipe->capacity ? pipe->capacity * 2 : CHUNK;
	return more;
}

/* Whether that is news. */
static bool is_much(struct runner *r, struct core_dialog_pipe *pipe)
{
	struct core_dialog *run = r->run;
	bool news = false;

	if (!pipe->truncated && pipe->out_size > most_kept(pipe)) {
		pipe->truncated = true;
		news = true;
	}
	if (!r->exceeded && run->max_output > 0 && r->size > run->max_output) {
		r->exceeded = true;
		news = true;
	}
	return news;
}

/* Reads once. Returns whether there may be more now. */
static bool collect_some(struct runner *r, struct core_dialog_pipe *pipe)
{
	size_t max = room(pipe);
	ssize_t n = -1;

	errno = ENOMEM;
	if (max)
		n = read(pipe->fd, pipe->out + pipe->out_size, max);
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		pipe->output = false;
		if (n < 0) {
			pipe->error = -errno;
			set_pipe_error(r, -errno);
		}
		if (!pipe->input && !r->like_uv_spawn)
			close_pipe(pipe);
		return false;
	}
	pipe->out_size += (size_t)n;
	r->size += (double)n;
	if (is_much(r, pipe))
		tell(r, CORE_NEWS_MUCH);
	return pipe->fd >= 0 && pipe->output && (size_t)n == max;
}

static void collect(struct runner *r, struct core_dialog_pipe *pipe)
{
	int turn = 0;

	while (turn++ < TURN && collect_some(r, pipe))
		;
}

/*
 * Reads what has been written until now, at most so much as a full pipe may
 * hold: somebody may go on writing. Then there is no output, and nothing to
 * write for either.
 */
static void end_outputs(struct runner *r)
{
	struct core_dialog *run = r->run;
	size_t i;

	for (i = 0; i < run->nr_pipes; i++) {
		struct core_dialog_pipe *pipe = &run->pipes[i];

		if (pipe->fd >= 0 && pipe->output)
			collect(r, pipe);
		close_pipe(pipe);
	}
}

static void reap_child(struct runner *r)
{
	int ret = reap(r->pidfd, &r->run->exited);

	r->held = ret == -EAGAIN;
	if (r->held)
		return;
	r->ended = true;
	doomed_reaped(r->core, r->launch);
	/* Our children end without a signal: clone's exit signal is none. */
	if (r->like_uv_spawn)
		kill(getpid(), SIGCHLD);
	tell(r, CORE_NEWS_OVER);
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
		any |= r->like_uv_spawn ? entry->events != 0
					: (entry->events & POLLIN) != 0;
	}
	r->polls[i].fd = r->ended || r->held ? -1 : r->pidfd;
	r->polls[i].events = POLLIN;
	r->polls[i].revents = 0;
	return any;
}

static int wait_ms(const struct runner *r)
{
	uint64_t ms = INT_MAX, now;

	if (r->due) {
		now = now_ms();
		ms = r->due_ms > now ? r->due_ms - now : 0;
	}
	if (r->held && ms > HELD_MS)
		ms = HELD_MS;
	if (ms >= INT_MAX)
		return r->due ? INT_MAX : -1;
	return (int)ms;
}

/* An end is handled after the output that came before it. */
static void handle_polls(struct runner *r)
{
	struct core_dialog *run = r->run;
	size_t i;

	for (i = 0; i < run->nr_pipes; i++) {
		struct core_dialog_pipe *pipe = &run->pipes[i];
		short ready = r->polls[i].revents;

		if (ready && pipe->fd >= 0 && pipe->input)
			feed(r, pipe);
		if (ready & ~POLLOUT && pipe->fd >= 0 && pipe->output)
			collect(r, pipe);
	}
	if (r->held || r->polls[run->nr_pipes].revents)
		reap_child(r);
}

/* Returns whether the caller waits for something else. */
static bool all_over(struct runner *r)
{
	tell(r, CORE_NEWS_ALL);
	if (!r->due)
		return false;
	while (!is_due(r))
		poll(NULL, 0, wait_ms(r));
	return true;
}

static void converse(struct runner *r)
{
	struct core_dialog *run = r->run;

	for (;;) {
		int n;

		if (!fill_polls(r)) {
			if (all_over(r))
				continue;
			return;
		}
		n = poll(r->polls, run->nr_pipes + 1, wait_ms(r));
		if (n < 0 && errno != EINTR)
			set_pipe_error(r, -errno);
		if (is_due(r))
			tell(r, CORE_NEWS_DUE);
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

		drop_middle(pipe);
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

/* Returns the pid, or -errno if the launch has failed. */
static int wait_for_start(struct runner *r)
{
	struct core_dialog *run = r->run;
	int ret;

	/* uv_spawn(3) waits for the exec whatever happens. */
	while (r->due && !r->like_uv_spawn) {
		ret = core_wait_for(r->core, run->id, (unsigned)wait_ms(r));
		if (ret)
			return ret;
		if (is_due(r))
			tell(r, CORE_NEWS_DUE);
	}
	return core_wait(r->core, run->id);
}

/* Of the launch, which has started or failed. */
static void take_launch(struct runner *r)
{
	struct core_dialog *run = r->run;
	struct core *core = r->core;
	struct job *job;

	core_lock(core);
	job = job_find(core, run->id);
	r->launch = &job->launch;
	r->pidfd = job->launch.pidfd;
	run->by = job->launch.by;
	run->failed_op =
		job->first.type == CORE_FAILED ? job->first.failed.op : 0;
	run->template_error = chain_template_error(job->launch.chain);
	core_unlock(core);
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

int core_run(struct core *core, const struct core_request *request,
	     struct core_dialog *run, const char **why)
{
	struct core_request req = *request;
	struct runner r = {.core = core,
			   .run = run,
			   .like_uv_spawn = request->like_uv_spawn};
	size_t i;
	int ret;

	*why = "out of memory";
	r.polls = calloc(run->nr_pipes + 1, sizeof(*r.polls));
	if (!r.polls)
		return -ENOMEM;
	req.waited = true;
	set_due(&r);
	/*
	 * Before the child can end: one that reads nothing would make this fail
	 * with EPIPE now and then. Nothing is closed as long as the launch may
	 * be refused.
	 */
	for (i = 0; i < run->nr_pipes; i++) {
		struct core_dialog_pipe *pipe = &run->pipes[i];
		int flags = fcntl(pipe->fd, F_GETFL);

		fcntl(pipe->fd, F_SETFL, flags | O_NONBLOCK);
		if (pipe->input && write_input(&r, pipe) && r.like_uv_spawn)
			end_input(&r, pipe);
	}
	ret = core_launch(core, &req, &run->id, why);
	if (ret) {
		free(r.polls);
		return ret;
	}
	core_flush(core);
	ret = wait_for_start(&r);
	take_launch(&r);
	if (ret > 0) {
		run->pid = ret;
		converse(&r);
		trim_outputs(run);
		run->error = r.pipe_error;
	} else {
		run->error = ret;
	}
	close_pipes(run);
	release(core, run->id);
	free(r.polls);
	return 0;
}
