/* SPDX-License-Identifier: MIT */
#include "pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "blocking.h"
#include "job.h"

static void close_both(const int *ends)
{
	close(ends[0]);
	close(ends[1]);
}

/*
 * A chain that copies the descriptor table puts descriptors in place one by
 * one, and would overwrite a source @fd that is one of the targets: where 1 is
 * closed here, the pipe for the child's 3 may get that number, and the child's
 * 1 is put in place first. Returns @fd, or a copy above all targets with @fd
 * closed, or -errno with @fd closed.
 */
static int out_of_the_way(const struct chain *c, int fd)
{
	int moved;

	if (c->fds || fd > c->max_newfd)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, c->max_newfd + 1);
	if (moved < 0)
		moved = -errno;
	close(fd);
	return moved;
}

/* Makes a pipe, or a pair of sockets, whose end @here is non-blocking. */
static int open_pipe(const struct job *job, const struct core_pipe *pipe,
		     int *here, int *child)
{
	bool input = pipe->input;
	int ends[2];
	int ret = pipe->both ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC,
					  0, ends)
			     : pipe2(ends, O_CLOEXEC);

	if (ret < 0)
		return -errno;
	*here = ends[input ? 1 : 0];
	*child = ends[input ? 0 : 1];
	/* A new pipe has no other status flags to lose. */
	if (fcntl(*here, F_SETFL, O_NONBLOCK) < 0) {
		int err = -errno;

		close_both(ends);
		return err;
	}
	*child = out_of_the_way(job->launch.chain, *child);
	if (*child < 0)
		close(*here);
	return *child < 0 ? *child : 0;
}

static int open_blocking(struct job *job, int32_t *fd, int newfd)
{
	int copy = -1;
	int ret = *fd < 0 ? 0 : blocking_open(*fd, newfd, &copy);

	if (copy >= 0) {
		copy = out_of_the_way(job->launch.chain, copy);
		ret = copy < 0 ? copy : 0;
	}
	if (copy < 0)
		return ret;
	job->close_fds[job->nr_close++] = copy;
	*fd = copy;
	return 0;
}

/*
 * Whether what has been done for @before does for @fd. With /dev/null as stdin,
 * stdout and stderr it is looked at once. The lower a descriptor is in the
 * child, the more is done for it; one that was opened anew has another number
 * now.
 */
static bool serves_too(const struct chain_fd *before, const struct chain_fd *fd)
{
	return before->fd == fd->fd && before->newfd < fd->newfd;
}

/*
 * Opens all that the chain passes on: its list, or what it duplicates of a copy
 * of our table. A copy of such a duplicate needs nothing more. Returns 0, or
 * -errno with *@failed the operation that has the descriptor.
 */
static int open_all_blocking(struct job *job, uint32_t *failed)
{
	struct chain *c = job->launch.chain;
	uint32_t i;
	int ret;

	for (i = 0; c->fds && i < c->ops[0].len; i++) {
		if (i && serves_too(&c->fds[i - 1], &c->fds[i]))
			continue;
		ret = open_blocking(job, &c->fds[i].fd, c->fds[i].newfd);
		if (ret) {
			*failed = 0;
			return ret;
		}
	}
	if (c->ops[0].flags & CHAIN_CLONE_FDS)
		return 0;
	for (i = 1; i < c->nr_ops; i++) {
		struct chain_op *op = &c->ops[i];

		if (op->op != CHAIN_DUP || chain_overwrites(c, i, op->fd))
			continue;
		ret = open_blocking(job, &op->fd, (int)op->len);
		if (ret) {
			*failed = i;
			return ret;
		}
	}
	return 0;
}

int job_open_fds(struct job *job, uint32_t *failed)
{
	int child[CHAIN_MAX_PIPES];
	struct job_output *output = job->outputs;
	bool fed = false;
	uint32_t i;
	int ret;

	if (job->fds_open)
		return 0;
	ret = open_all_blocking(job, failed);
	if (ret)
		return ret;
	for (i = 0; i < job->nr_pipes; i++) {
		const struct core_pipe *pipe = &job->pipes[i];
		int here = -1;

		if (pipe->given) {
			child[i] = -1;
			output++;
			continue;
		}
		ret = open_pipe(job, pipe, &here, &child[i]);
		if (ret) {
			*failed = job->launch.chain->nr_ops + i;
			return ret;
		}
		job->close_fds[job->nr_close++] = child[i];
		if (pipe->collect && !pipe->input) {
			output->output.watch.fd = here;
			output++;
		} else if (pipe->collect && job->has_input && !fed) {
			job->input.input.watch.fd = here;
			fed = true;
		} else {
			job->pipe_fds[i] = here;
		}
	}
	chain_set_pipes(job->launch.chain, child);
	job->fds_open = true;
	return 0;
}

void job_close_fds(struct job *job)
{
	size_t i;

	for (i = 0; i < job->nr_close; i++)
		close(job->close_fds[i]);
	job->nr_close = 0;
}

static void close_once(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void job_drop_pipes(struct job *job)
{
	size_t i;

	for (i = 0; i < job->nr_outputs; i++)
		close_once(&job->outputs[i].output.watch.fd);
	if (job->has_input)
		close_once(&job->input.input.watch.fd);
	for (i = 0; i < job->nr_pipes; i++)
		close_once(&job->pipe_fds[i]);
	job->refs -= (unsigned)job->nr_outputs + job->has_input;
	job->nr_outputs = 0;
	job->has_input = false;
}
