/* SPDX-License-Identifier: MIT */
/* What can be done to a process that has been requested. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <time.h>

#include "direct.h"
#include "direct_ring.h"
#include "inbox.h"
#include "job.h"
#include "lock.h"
#include "own.h"
#include "reap.h"
#include "state.h"

/*
 * A child that does not lead a group yet is about to: until its exec, it is all
 * there is to signal.
 */
static int signal_group(const struct launch *launch, int sig)
{
	int ret = reap_signal_group(launch->pidfd, launch->pid, sig);

	return ret == -ESRCH ? reap_signal(launch->pidfd, launch->pid, sig)
			     : ret;
}

static int signal_job(struct core *core, uint32_t id, int sig, bool group)
{
	struct job *job;
	int ret = 0;

	core_lock(core);
	job = job_find(core, id);
	if (!job)
		ret = -ESRCH;
	else if (group && job_has_process(job))
		ret = signal_group(&job->launch, sig);
	else if (job->state == JOB_QUEUED)
		job->cancelled = true;
	else if (job_has_process(job) || job->state == JOB_LAUNCHING)
		ret = job_signal(job, sig);
	else
		ret = -ESRCH;
	core_unlock(core);
	return ret;
}

int core_kill(struct core *core, uint32_t id, int sig)
{
	return signal_job(core, id, sig, false);
}

int core_kill_with_group(struct core *core, uint32_t id, int sig)
{
	return signal_job(core, id, sig, true);
}

int core_hold(struct core *core, uint32_t id)
{
	struct job *job;
	int ret = -ESRCH;

	core_lock(core);
	job = job_find(core, id);
	if (job && job_has_process(job)) {
		ret = fcntl(job->launch.pidfd, F_DUPFD_CLOEXEC, 3);
		if (ret < 0)
			ret = -errno;
	}
	core_unlock(core);
	return ret;
}

int core_kill_held(int pidfd, pid_t pid, int sig)
{
	return pid <= 1 ? -EINVAL : reap_signal_group(pidfd, pid, sig);
}

int core_kill_group(struct core *core, uint32_t id, pid_t pid, int sig)
{
	struct job *job;
	int pidfd;
	int ret;

	if (pid <= 1)
		return -EINVAL;
	core_lock(core);
	job = job_find(core, id);
	pidfd = job && job_has_process(job) ? job->launch.pidfd : -1;
	ret = reap_signal_group(pidfd, pid, sig);
	core_unlock(core);
	return ret;
}

static bool is_past(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > end->tv_sec ||
	       (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

/* Waits until @end by the clock of @core->settled, or without a limit. */
static int wait_until(struct core *core, uint32_t id,
		      const struct timespec *end)
{
	struct job *job;
	int ret = -ESRCH, late = 0;

	core_lock(core);
	job = job_find(core, id);
	/* Nobody would take note of its start meanwhile. */
	if (job && job->owned)
		own_quit(job);
	else if (job)
		direct_hand_over(job);
	core->nr_waiters++;
	while ((job = job_find(core, id)) && job->state != JOB_SETTLED &&
	       !late) {
		if (direct_ring_is_mine(job)) {
			core_unlock(core);
			direct_ring_wait(core, LAUNCH_SLOW_MS);
			core_lock(core);
			late = end && is_past(end);
		} else if (end)
			late = pthread_cond_timedwait(&core->settled,
						      &core->lock, end);
		else
			pthread_cond_wait(&core->settled, &core->lock);
	}
	core->nr_waiters--;
	if (job && job->state != JOB_SETTLED)
		ret = 0;
	else if (job)
		ret = job->launch.error ? job->launch.error
					: job->first.started.pid;
	core_unlock(core);
	return ret;
}

int core_wait(struct core *core, uint32_t id)
{
	return wait_until(core, id, NULL);
}

int core_wait_for(struct core *core, uint32_t id, unsigned ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += (long)(ms % 1000) * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_nsec -= 1000000000;
		end.tv_sec++;
	}
	return wait_until(core, id, &end);
}

/* Lock held. */
static void ask(struct job *job, uint32_t which)
{
	struct job_output *output;

	if (which >= job->nr_outputs)
		return;
	output = &job->outputs[which];
	if (output->asked || output->told)
		return;
	output->asked = true;
	if (job->state == JOB_SETTLED)
		inbox_send(job, TODO_MORE);
	else
		job->more = true;
}

void core_more(struct core *core, uint32_t id, uint32_t which)
{
	struct job *job;

	core_lock(core);
	job = job_find(core, id);
	if (job) {
		own_quit(job);
		/* A STARTED that is there has woken nobody. */
		if (job->lazy && job->state == JOB_SETTLED && core->events)
			core->owes_owner = true;
		job->lazy = false;
		ask(job, which);
	}
	core_unlock(core);
}

void core_stop_output(struct core *core, uint32_t id)
{
	struct job *job;

	core_lock(core);
	job = job_find(core, id);
	if (job && !job->stopped) {
		own_quit(job);
		job->stopped = true;
		if (job->state == JOB_SETTLED)
			inbox_send(job, TODO_STOP_OUTPUT);
	}
	core_unlock(core);
}
