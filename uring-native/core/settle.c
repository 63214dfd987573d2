/* SPDX-License-Identifier: MIT */
#include "settle.h"

#include <unistd.h>

#include "doomed.h"
#include "ends.h"
#include "events.h"
#include "inbox.h"
#include "job.h"
#include "lock.h"
#include "pipes.h"
#include "place.h"
#include "state.h"
#include "unsettled.h"

static void fill_first(struct job *job)
{
	const struct launch *launch = &job->launch;
	struct core_event *event = &job->first;

	event_init(event, job, launch->error ? CORE_FAILED : CORE_STARTED);
	if (launch->error) {
		event->failed.error = launch->error;
		event->failed.op = (int)launch->failed_op;
	} else {
		event->started.pid = launch->pid;
		event->started.pidfd = launch->pidfd;
		event->started.by = launch->by;
		event->started.fds = job->pipe_fds;
		event->started.nr_fds = (uint32_t)job->nr_pipes;
	}
	if (launch->error || launch->want_results ||
	    chain_template_error(launch->chain)) {
		event->res = launch->chain->res;
		event->nr_res = launch->chain->nr_ops;
	}
}

/* Whether all that is left to wait for is the end of the process. */
static bool only_ends(const struct job *job)
{
	return !job->launch.error && !job->nr_outputs && !job->has_input;
}

/* After STARTED has been posted: nobody hears of an end before that. */
static void watch_end(struct ends *ends, struct job *job)
{
	struct core *core = ends->core;

	if (!ends_add(ends, job))
		return;
	/* The loop tries until there is memory. */
	core_lock(core);
	inbox_send(job, TODO_WATCH);
	core_unlock(core);
}

void job_settle(struct job *job)
{
	struct core *core = job->core;
	struct launch *launch = &job->launch;
	bool like_uv_spawn = job->like_uv_spawn;
	unsigned todo = TODO_WATCH;
	struct ends *ends = NULL;

	/*
	 * Before anybody waits for the end of output: we hold a writer, too.
	 * Those of a uv_spawn() that fails stay open until that is told: what
	 * its caller writes until then must not fail before.
	 */
	if (!launch->error || !like_uv_spawn || job->waited)
		job_close_fds(job);
	place_put(launch->place);
	launch->place = NULL;
	fill_first(job);
	core_lock(core);
	if (job->stopped || core->detached)
		todo |= TODO_STOP_OUTPUT;
	if (job->more)
		todo |= TODO_MORE;
	job->state = JOB_SETTLED;
	if (launch->error)
		doomed_put(core, job);
	if (core->nr_waiters)
		pthread_cond_broadcast(&core->settled);
	event_post(&job->first, !job->lazy || launch->error);
	if (only_ends(job) && !job->waited)
		ends = ends_for(core);
	if (job->waited || ends || job->owned) {
		/* core_run() goes on, watch_end() does, or the owner does. */
	} else if (!launch->error) {
		inbox_send(job, todo);
	} else {
		if (launch->pidfd >= 0)
			close(launch->pidfd);
		launch->pidfd = -1;
		job_drop_pipes(job);
		job_put(job);
	}
	core_unlock(core);
	if (ends)
		watch_end(ends, job);
	if (like_uv_spawn)
		unsettled_sub();
}
