/* SPDX-License-Identifier: MIT */
#include "direct_ring.h"

#include <errno.h>

#include "direct.h"
#include "ends.h"
#include "execd.h"
#include "inbox.h"
#include "job.h"
#include "launcher.h"
#include "lock.h"
#include "own.h"
#include "ring.h"
#include "settle.h"
#include "state.h"

/* For how long an end waits for children that have been killed. */
#define DETACH_MS 1000U

bool direct_by_ring(const struct job *job)
{
	return launcher_get(job->launch.by)->submit;
}

static void make_ring(struct direct *d, const struct core *core)
{
	int err;

	d->ring_tried = true;
	d->owner = pthread_self();
	d->ring = ring_new_told(core->ends[ENDS_OWNER].wake, &err);
	if (d->ring && d->ring->spawn_error) {
		d->ring->poller.ops->free(&d->ring->poller);
		d->ring = NULL;
	}
}

static bool is_owner(const struct direct *d)
{
	return d->ring && pthread_equal(d->owner, pthread_self());
}

/*
 * Whether it takes the CQEs to know how @launch has gone: which of several
 * programs runs, and what each operation has returned.
 */
static bool needs_cqes(const struct launch *launch)
{
	const struct chain *c = launch->chain;
	uint32_t i, execs = 0;

	for (i = 1; i < c->nr_ops; i++)
		execs += c->ops[i].op == CHAIN_EXEC;
	return launch->want_results || execs > 1;
}

bool direct_ring_can(struct core *core, const struct job *job)
{
	struct direct *d = &core->direct;

	/* With the first launch: a descriptor that came later would look lost.
	 */
	if (!d->ring_tried)
		make_ring(d, core);
	/* While the owner is busy, nobody else could read what it writes. */
	if (job->nr_outputs && needs_cqes(&job->launch))
		return false;
	return is_owner(d) && job->launch.chain->nr_ops < d->ring->entries;
}

void direct_ring_exit(struct core *core)
{
	struct ring *ring = core->direct.ring;

	if (ring)
		ring->poller.ops->free(&ring->poller);
}

/* Lock held, as whenever CQEs are taken. */
static void chain_done(struct launch *launch)
{
	struct job *job = (struct job *)launch;

	if (launch->known)
		job->core->direct.nr_late--;
	job_put(job);
}

static void chain_again(struct launch *launch)
{
	((struct job *)launch)->core->direct.again = true;
}

static const struct launch_ops ops = {
	.done = chain_done,
	.again = chain_again,
};

/* All CQEs of the chain have been taken. */
static bool is_over(const struct job *job)
{
	return !job->launch.links;
}

/*
 * CLONE's CQE is there as soon as it is submitted, unless the thread is traced.
 */
static void take_clone(struct job *job)
{
	struct direct *d = &job->core->direct;
	bool known = false;

	ring_submit(d->ring);
	while (!known) {
		core_lock(job->core);
		ring_take(d->ring);
		known = job->launch.pid > 0 || is_over(job) || d->again;
		core_unlock(job->core);
		if (!known)
			ring_await(d->ring, LAUNCH_SLOW_MS);
	}
}

/* Returns 0, also if CLONE has failed, or -errno: nothing is submitted. */
static int submit(struct job *job)
{
	struct direct *d = &job->core->direct;
	int ret;

	do {
		d->again = false;
		ret = launcher_get(job->launch.by)
			      ->submit(&job->launch, d->ring, &ops);
		if (!ret)
			take_clone(job);
	} while (!ret && d->again);
	return ret;
}

void direct_ring_tell(struct job *job)
{
	struct core *core = job->core;
	struct direct *d = &core->direct;

	job->told = true;
	job->own_next = d->told;
	d->told = job;
	/*
	 * In this order: if the kernel still finds that it is not to tell, it
	 * has set the flag that is looked at here.
	 */
	ring_tell(d->ring, true);
	if (is_over(job) || ring_has_work(d->ring))
		ends_wake(core);
}

/* Lock held. */
static void forget(struct job *job)
{
	struct direct *d = &job->core->direct;
	struct job **at;

	for (at = &d->told; *at != job; at = &(*at)->own_next)
		;
	*at = job->own_next;
	job->told = false;
	if (!d->told)
		ring_tell(d->ring, false);
}

void direct_ring_launch(struct job *job)
{
	struct core *core = job->core;
	bool owned;
	int ret;

	core_lock(core);
	job->refs++;
	core_unlock(core);
	ret = submit(job);
	core_lock(core);
	if (ret) {
		job->refs--;
		core_unlock(core);
		direct_fail(job, ret, 0);
		return;
	}
	owned = job->nr_outputs && !is_over(job);
	direct_under_way(job);
	if (owned)
		own_add(job);
	else
		direct_ring_tell(job);
	core_unlock(core);
	if (owned)
		own_begin(job);
}

/*
 * Without the lock, for a job that no longer has a room. The loop tries again
 * for a while where somebody writes to the program.
 */
static void settle(struct job *job)
{
	struct core *core = job->core;

	if (!job_met_writer(job)) {
		job_settle(job);
		return;
	}
	core_lock(core);
	job_queue_again(job);
	inbox_send(job, TODO_SUBMIT);
	core_unlock(core);
}

bool direct_ring_settle(struct job *job)
{
	struct core *core = job->core;
	bool over, started;

	core_lock(core);
	ring_take(core->direct.ring);
	over = is_over(job);
	started = over && !job->launch.error;
	if (!started)
		own_stop(job);
	if (over) {
		direct_leave_room(job);
	} else {
		/* Somebody else has written to its pipe. */
		job->own_busy = false;
		direct_ring_tell(job);
	}
	core_unlock(core);
	if (over)
		settle(job);
	return started;
}

void direct_ring_poll(struct core *core)
{
	struct direct *d = &core->direct;
	struct job *over = NULL, *job, *next;

	if (!d->ring)
		return;
	core_lock(core);
	if (d->told || d->nr_late)
		ring_take(d->ring);
	for (job = d->told; job; job = next) {
		next = job->own_next;
		if (!is_over(job))
			continue;
		forget(job);
		direct_leave_room(job);
		job->own_next = over;
		over = job;
	}
	core_unlock(core);
	while ((job = over)) {
		over = job->own_next;
		settle(job);
	}
}

bool direct_ring_is_mine(const struct job *job)
{
	return job->told && is_owner(&job->core->direct);
}

void direct_ring_wait(struct core *core, unsigned ms)
{
	ring_await(core->direct.ring, ms);
	direct_ring_poll(core);
}

/* For other threads than the owner's: fills in what the CQEs will say. */
static bool has_started(struct job *job)
{
	struct launch *launch = &job->launch;
	struct chain *c = launch->chain;
	uint32_t i;

	if (needs_cqes(launch) || !execd_in_session(launch->pid))
		return false;
	launch->known = true;
	job->core->direct.nr_late++;
	for (i = 1; i < c->nr_ops; i++)
		c->res[i] = 0;
	launch->error = 0;
	return true;
}

void direct_ring_take_over(struct job *job)
{
	struct core *core = job->core;
	bool mine;

	core_lock(core);
	mine = job->direct && !job->own_busy &&
	       (is_over(job) || has_started(job));
	if (mine && job->told)
		forget(job);
	else if (mine)
		own_stop(job);
	if (mine)
		direct_leave_room(job);
	core_unlock(core);
	if (mine)
		settle(job);
}

/* Lock held. */
static void kill_all(struct core *core)
{
	struct direct *d = &core->direct;
	struct job *job, *next;

	for (job = d->owned; job; job = next) {
		next = job->own_next;
		if (job->direct && direct_by_ring(job))
			direct_hand_over(job);
	}
	for (job = d->told; job; job = job->own_next)
		job_give_up(job);
}

/* Whether there are CQEs to come. */
static bool expects_some(struct core *core)
{
	bool some;

	core_lock(core);
	some = core->direct.told || core->direct.nr_late;
	core_unlock(core);
	return some;
}

void direct_ring_detach(struct core *core)
{
	unsigned ms = 0;

	if (!is_owner(&core->direct))
		return;
	direct_ring_poll(core);
	core_lock(core);
	kill_all(core);
	core_unlock(core);
	for (; expects_some(core) && ms < DETACH_MS; ms += LAUNCH_SLOW_MS)
		direct_ring_wait(core, LAUNCH_SLOW_MS);
}
