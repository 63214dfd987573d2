/* SPDX-License-Identifier: MIT */
#include "own.h"

#include "direct.h"
#include "ends.h"
#include "inbox.h"
#include "job.h"
#include "lock.h"
#include "loop.h"
#include "state.h"

static void own_arm(struct poller *poller, struct watch *watch)
{
	struct job *job = job_output_of(watch)->job;
	struct core *core = job->core;

	(void)poller;
	watch->armed = !ends_add_output(&core->ends[ENDS_OWNER], watch);
	if (watch->armed)
		return;
	/* ENOMEM, ENOSPC: the loop tries until there is room. */
	core_lock(core);
	job->own_quits = true;
	core_unlock(core);
}

/* Nobody waits by it, and who stops an output has left it to the loop. */
static const struct poller_ops own_ops = {
	.name = "the owner's",
	.arm = own_arm,
};

static struct poller own_poller = {&own_ops};

bool own_can(const struct job *job)
{
	size_t i;

	for (i = 0; i < job->nr_pipes; i++)
		if (job->pipes[i].given)
			return false;
	return job->nr_outputs && job->lazy && !job->more && !job->stopped &&
	       !job->has_input;
}

void own_add(struct job *job)
{
	struct direct *d = &job->core->direct;

	job->owned = true;
	job->own_busy = true;
	job->own_next = d->owned;
	d->owned = job;
	d->nr_owned++;
}

void own_stop(struct job *job)
{
	struct ends *ends = &job->core->ends[ENDS_OWNER];
	struct job **at;
	size_t i;

	for (at = &job->core->direct.owned; *at != job; at = &(*at)->own_next)
		;
	*at = job->own_next;
	job->owned = false;
	for (i = 0; i < job->nr_outputs; i++) {
		struct watch *watch = &job->outputs[i].output.watch;

		if (watch->added && watch->fd >= 0)
			ends_forget(ends, watch->fd);
		watch->added = false;
		watch->armed = false;
	}
	if (!job->exited)
		ends_forget(ends, job->launch.pidfd);
}

static bool is_asked(const struct job *job)
{
	size_t i;

	for (i = 0; i < job->nr_outputs; i++)
		if (job->outputs[i].asked)
			return true;
	return false;
}

void own_quit(struct job *job)
{
	unsigned todo = TODO_WATCH;

	if (!job->owned)
		return;
	if (job->own_busy) {
		job->own_quits = true;
		return;
	}
	if (job->direct) {
		direct_hand_over(job);
		return;
	}
	own_stop(job);
	if (job->stopped)
		todo |= TODO_STOP_OUTPUT;
	if (is_asked(job))
		todo |= TODO_MORE;
	inbox_send(job, todo);
}

/* Lock held: the owner has done what there was to do. */
static void done(struct job *job)
{
	job->own_busy = false;
	if (job->own_quits)
		own_quit(job);
}

void own_begin(struct job *job)
{
	struct core *core = job->core;
	size_t i;

	loop_prepare(job);
	for (i = 0; i < job->nr_outputs; i++)
		output_start_small(&job->outputs[i].output, &own_poller,
				   OWN_BYTES);
	core_lock(core);
	if (ends_add_own(&core->ends[ENDS_OWNER], job))
		job->own_quits = true;
	done(job);
	core_unlock(core);
}

/*
 * Whether @job is still the owner's. If its launch was under way, that is over.
 */
static bool enter(struct job *job)
{
	bool owned, settled;

	core_lock(job->core);
	owned = job->owned;
	settled = job->state == JOB_SETTLED;
	job->own_busy = owned;
	core_unlock(job->core);
	return owned && (settled || direct_settle(job));
}

static bool is_open(const struct job *job)
{
	size_t i;

	for (i = 0; i < job->nr_outputs; i++)
		if (job->outputs[i].output.watch.fd >= 0)
			return true;
	return false;
}

static bool is_much(const struct output *out)
{
	return out->len >= OWN_BYTES || out->truncated;
}

static void leave(struct job *job, bool quit)
{
	core_lock(job->core);
	job->own_quits |= quit;
	if (job->owned && job->exited && !is_open(job))
		own_stop(job);
	done(job);
	core_unlock(job->core);
}

void own_output(struct job_output *output)
{
	struct output *out = &output->output;
	struct job *job = output->job;

	if (!enter(job))
		return;
	out->watch.armed = false;
	out->watch.ready(&out->watch);
	leave(job, is_much(out));
}

void own_end(struct job *job)
{
	/* A debugger may hold it. */
	if (enter(job))
		leave(job, job_end(job, false) != 0);
}
