/* SPDX-License-Identifier: MIT */
#include "job.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "embryo.h"
#include "execd.h"
#include "lock.h"
#include "place.h"
#include "reap.h"
#include "state.h"

void job_free(struct job *job)
{
	size_t i;

	chain_free(job->launch.chain);
	free(job->launch.links);
	place_put(job->launch.place);
	for (i = 0; job->outputs && i < job->nr_outputs; i++)
		free(job->outputs[i].output.buf);
	free(job->outputs);
	input_drop(&job->input.input);
	free(job->pipes);
	free(job->pipe_fds);
	free(job->close_fds);
	free(job);
}

static int take_input(struct job *job, const struct core_request *req)
{
	struct input *input = &job->input.input;
	char *copy;

	input->len = req->input_size;
	if (req->borrow_input) {
		input->lender = &job->core->lender;
		input->buf = req->input;
		return 0;
	}
	copy = malloc(req->input_size ? req->input_size : 1);
	if (!copy)
		return -ENOMEM;
	if (req->input_size)
		memcpy(copy, req->input, req->input_size);
	input->buf = copy;
	return 0;
}

static int copy_pipes(struct job *job, const struct core_request *req)
{
	struct job_output *output;
	size_t i, outputs = 0;

	job->pipes = calloc(req->nr_pipes + 1, sizeof(*job->pipes));
	job->pipe_fds = calloc(req->nr_pipes + 1, sizeof(*job->pipe_fds));
	if (!job->pipes || !job->pipe_fds)
		return -ENOMEM;
	for (i = 0; i < req->nr_pipes; i++) {
		job->pipes[i] = req->pipes[i];
		job->pipe_fds[i] = -1;
		if (req->pipes[i].collect && req->pipes[i].input)
			job->has_input = true;
		else if (req->pipes[i].collect)
			outputs++;
	}
	job->nr_pipes = req->nr_pipes;
	job->outputs = calloc(outputs + 1, sizeof(*job->outputs));
	if (!job->outputs)
		return -ENOMEM;
	job->nr_outputs = outputs;
	output = job->outputs;
	for (i = 0; i < req->nr_pipes; i++) {
		if (!req->pipes[i].collect || req->pipes[i].input)
			continue;
		output->job = job;
		output->output.watch.fd =
			req->pipes[i].given ? req->pipes[i].fd : -1;
		output->output.max = req->pipes[i].max;
		output++;
	}
	job->input.job = job;
	job->input.input.watch.fd = -1;
	return job->has_input ? take_input(job, req) : 0;
}

void job_set_place(struct job *job)
{
	if (!job->launch.place)
		job->launch.place = place_now();
}

/*
 * Each descriptor that is passed on may be replaced by one that we close later.
 */
static size_t max_close(const struct chain *chain,
			const struct core_request *req)
{
	return req->nr_close + req->nr_pipes + chain->ops[0].len +
	       chain->nr_ops;
}

int job_new(struct core *core, const struct core_request *req, struct job **out,
	    const char **why)
{
	struct job *job = calloc(1, sizeof(*job));
	int ret = -ENOMEM;

	*why = "out of memory";
	if (!job)
		return ret;
	job->core = core;
	job->token = req->token;
	job->lazy = req->lazy;
	job->launch.want_results = req->want_results;
	job->like_uv_spawn = req->like_uv_spawn;
	job->waited = req->waited;
	/* The chain sets the mask of the program. */
	job->launch.sigmask = req->like_uv_spawn ? ~0ULL : core->sigmask;
	job->launch.place = place_get(req->place);
	job->launch.by = req->kind;
	job->launch.pid = -1;
	job->launch.pidfd = -1;
	job->launch.embryo = -1;
	job->notice = -1;
	ret = chain_load(req->chain, req->chain_size, &job->launch.chain, why);
	if (ret)
		goto err;
	ret = -EINVAL;
	*why = "the chain names a pipe that does not exist";
	if (req->nr_pipes > CHAIN_MAX_PIPES ||
	    job->launch.chain->nr_pipes > req->nr_pipes)
		goto err;
	*why = "out of memory";
	ret = -ENOMEM;
	job->close_fds = calloc(max_close(job->launch.chain, req), sizeof(int));
	if (!job->close_fds)
		goto err;
	ret = copy_pipes(job, req);
	if (ret)
		goto err;
	if (req->nr_close)
		memcpy(job->close_fds, req->close_fds,
		       req->nr_close * sizeof(*job->close_fds));
	job->nr_close = req->nr_close;
	job->refs = 1 + (unsigned)job->nr_outputs + job->has_input;
	*out = job;
	return 0;
err:
	job_free(job);
	return ret;
}

static struct job **bucket(struct core *core, uint32_t id)
{
	return &core->buckets[id % JOB_BUCKETS];
}

struct job *job_find(struct core *core, uint32_t id)
{
	struct job *job = *bucket(core, id);

	while (job && job->id != id)
		job = job->bucket_next;
	return job;
}

void job_number(struct core *core, struct job *job)
{
	do {
		job->id = ++core->last_id & INT32_MAX;
	} while (!job->id || job_find(core, job->id));
}

void job_add(struct core *core, struct job *job)
{
	job->bucket_next = *bucket(core, job->id);
	*bucket(core, job->id) = job;
	core->nr_jobs++;
}

void job_put(struct job *job)
{
	struct core *core = job->core;
	struct job **at;

	if (--job->refs)
		return;
	for (at = bucket(core, job->id); *at != job; at = &(*at)->bucket_next)
		;
	*at = job->bucket_next;
	job_free(job);
	core->nr_jobs--;
	if (core->detached && !core->nr_jobs)
		core_owe_loop(core);
}

bool job_has_process(const struct job *job)
{
	return job->launch.pid > 0 && job->launch.pidfd >= 0;
}

int job_signal(const struct job *job, int sig)
{
	const struct launch *launch = &job->launch;

	return job_has_process(job)
		       ? reap_signal(launch->pidfd, launch->pid, sig)
		       : embryo_signal(&launch->embryo, sig);
}

void job_give_up(const struct job *job)
{
	if (!job_has_process(job) ||
	    !execd_by_now(job->launch.pid, job->launch.pidfd))
		job_signal(job, SIGKILL);
}

static void drop_pidfd(struct job *job)
{
	if (job->launch.pidfd >= 0)
		close(job->launch.pidfd);
	job->launch.pidfd = -1;
}

void job_queue_again(struct job *job)
{
	drop_pidfd(job);
	job->state = JOB_QUEUED;
}

bool job_use_shell(struct job *job)
{
	struct launch *launch = &job->launch;

	if (launch->error != -ENOEXEC ||
	    !chain_use_shell(launch->chain, launch->failed_op))
		return false;
	core_lock(job->core);
	drop_pidfd(job);
	core_unlock(job->core);
	return true;
}

bool job_met_writer(const struct job *job)
{
	return job->launch.error == -ETXTBSY && !job->launch.chain->may_block;
}
