/* SPDX-License-Identifier: MIT */
/*
 * The pipes between here and a child. They are made by the thread that
 * launches, not by the one that asks: its time is dear.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core_private.h"

static void close_both(const int *ends)
{
	close(ends[0]);
	close(ends[1]);
}

/*
 * [here, child]. A chain that copies the descriptor table puts descriptors in
 * place one after the other: the child's end must be none of those places.
 */
static int open_pipe(const struct job *job, bool input, int *here, int *child)
{
	const struct chain *c = job->launch.chain;
	int ends[2], moved;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	*here = ends[input ? 1 : 0];
	*child = ends[input ? 0 : 1];
	/* Of its flags it has no others to lose. */
	if (fcntl(*here, F_SETFL, O_NONBLOCK) < 0) {
		int err = -errno;

		close_both(ends);
		return err;
	}
	if (c->fds || *child > c->max_newfd)
		return 0;
	moved = fcntl(*child, F_DUPFD_CLOEXEC, c->max_newfd + 1);
	if (moved < 0) {
		int err = -errno;

		close_both(ends);
		return err;
	}
	close(*child);
	*child = moved;
	return 0;
}

int job_open_pipes(struct job *job, uint32_t *which)
{
	int child[CHAIN_MAX_PIPES];
	struct job_output *output = job->outputs;
	bool fed = false;
	uint32_t i;

	if (job->pipes_open)
		return 0;
	for (i = 0; i < job->nr_pipes; i++) {
		const struct core_pipe *pipe = &job->pipes[i];
		int here = -1, ret;

		ret = open_pipe(job, pipe->input, &here, &child[i]);
		if (ret) {
			*which = i;
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
	job->pipes_open = true;
	return 0;
}

void job_close_fds(struct job *job)
{
	size_t i;

	for (i = 0; i < job->nr_close; i++)
		close(job->close_fds[i]);
	job->nr_close = 0;
}

void job_drop_pipes(struct job *job)
{
	size_t i;

	for (i = 0; i < job->nr_outputs; i++)
		if (job->outputs[i].output.watch.fd >= 0)
			close(job->outputs[i].output.watch.fd);
	if (job->has_input && job->input.input.watch.fd >= 0)
		close(job->input.input.watch.fd);
	for (i = 0; i < job->nr_pipes; i++) {
		if (job->pipe_fds[i] >= 0)
			close(job->pipe_fds[i]);
		job->pipe_fds[i] = -1;
	}
	job->refs -= (unsigned)job->nr_outputs + job->has_input;
	job->nr_outputs = 0;
	job->has_input = false;
}
