/* SPDX-License-Identifier: MIT */
/* A core's beginning and end. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "direct.h"
#include "direct_ring.h"
#include "doomed.h"
#include "embryo.h"
#include "events.h"
#include "inbox.h"
#include "job.h"
#include "lock.h"
#include "loop.h"
#include "own.h"
#include "pool.h"
#include "reap.h"
#include "state.h"
#include "status.h"
#include "sys.h"
#include "template.h"
#include "threads.h"

static void core_free(struct core *core)
{
	if (core->wake.fd >= 0)
		close(core->wake.fd);
	if (core->status >= 0)
		close(core->status);
	direct_exit(core);
	ends_exit(core);
	sem_destroy(&core->ready);
	pool_exit(core);
	doomed_exit(core);
	pthread_cond_destroy(&core->settled);
	pthread_mutex_destroy(&core->owner_lock);
	pthread_mutex_destroy(&core->lender.lock);
	pthread_mutex_destroy(&core->lock);
	free(core);
}

int core_new(const struct core_config *config, struct core **out)
{
	struct core *core = calloc(1, sizeof(*core));
	pthread_condattr_t by_monotonic;
	int ret;

	if (!core)
		return -ENOMEM;
	core->config = *config;
	core->refs = 1;
	core->free = core_free;
	core->wake.fd = -1;
	core->status = status_open();
	doomed_init(core);
	core->events_tail = &core->events;
	core->submits_tail = &core->submits;
	core->inbox_tail = &core->inbox;
	pthread_mutex_init(&core->lock, NULL);
	pthread_condattr_init(&by_monotonic);
	pthread_condattr_setclock(&by_monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&core->settled, &by_monotonic);
	pthread_condattr_destroy(&by_monotonic);
	pthread_mutex_init(&core->owner_lock, NULL);
	pthread_mutex_init(&core->lender.lock, NULL);
	attributes_look(&core->attributes, true);
	core->loop_attributes = core->attributes;
	core->info.template_error = template_probe();
	core->info.embryo_error = embryo_probe();
	place_root(&core->root);
	sem_init(&core->ready, 0, 0);
	sys_sigmask(SIG_SETMASK, NULL, &core->sigmask);
	ret = ends_init(core);
	direct_init(core);
	if (!ret)
		ret = core_thread(core, loop_main, core);
	if (!ret) {
		while (sem_wait(&core->ready) < 0)
			;
		ret = core->ready_error;
	}
	if (ret) {
		core->refs = 1;
		core_lock(core);
		core_put(core);
		return ret;
	}
	*out = core;
	return 0;
}

void core_get_info(const struct core *core, struct core_info *info)
{
	*info = core->info;
}

/*
 * The environment's end is that of the parent for its children. The kernel
 * tells those of launch threads, which end now. Those of the ring have the
 * loop's thread for their parent, which goes on for as long as they run.
 */
static void tell_death(struct job *job)
{
	int sig = job->launch.chain->pdeathsig;

	if (sig > 0 && job->launch.by == LAUNCHER_URING && job_has_process(job))
		reap_signal(job->launch.pidfd, job->launch.pid, sig);
}

void core_detach(struct core *core)
{
	unsigned i;

	direct_ring_detach(core);
	pthread_mutex_lock(&core->owner_lock);
	core->owner_gone = true;
	pthread_mutex_unlock(&core->owner_lock);
	/* Waits for a write(2) that uses the bytes; it does not block. */
	pthread_mutex_lock(&core->lender.lock);
	core->lender.gone = true;
	pthread_mutex_unlock(&core->lender.lock);
	core_lock(core);
	core->detached = true;
	ends_detach(core);
	events_drop(core);
	for (i = 0; i < JOB_BUCKETS; i++) {
		struct job *job;

		for (job = core->buckets[i]; job; job = job->bucket_next) {
			own_quit(job);
			if (job->state == JOB_LAUNCHING && !job->like_uv_spawn)
				job_give_up(job);
			else if (job->state == JOB_SETTLED) {
				tell_death(job);
				inbox_send(job, TODO_STOP_OUTPUT);
			}
		}
	}
	pool_detach(core);
	core_owe_loop(core);
	core_put(core);
}
