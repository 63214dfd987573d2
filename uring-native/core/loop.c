/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "direct.h"
#include "direct_ring.h"
#include "ends.h"
#include "events.h"
#include "inbox.h"
#include "job.h"
#include "launcher.h"
#include "lock.h"
#include "pipes.h"
#include "place.h"
#include "ring.h"
#include "settle.h"
#include "state.h"
#include "threads.h"

/* Until a child that a debugger holds is looked at again: at first, at most. */
#define HELD_MS 1U
#define HELD_MAX_MS 100U

/*
 * The pidfd is readable but waitid(2) returns nothing: a debugger holds the
 * ended child. The pidfd stays readable and does not signal when the debugger
 * detaches, so try again after a while.
 */
static void wait_while_held(struct core *core, struct watch *watch)
{
	watch->ms = watch->kind == WATCH_EXIT ? HELD_MS : watch->ms * 2;
	if (watch->ms > HELD_MAX_MS)
		watch->ms = HELD_MAX_MS;
	watch->kind = WATCH_TIMER;
	core->poller->ops->arm(core->poller, watch);
}

/* The job that @watch, its exit, belongs to. */
static struct job *job_of(struct watch *watch)
{
	return (struct job *)((char *)watch - offsetof(struct job, exit));
}

static void on_exit_ready(struct watch *watch)
{
	struct job *job = job_of(watch);
	struct core *core = job->core;

	if (job_end(job, true) == -EAGAIN)
		wait_while_held(core, watch);
}

static void on_overflow(struct output *output)
{
	struct job_output *o = (struct job_output *)output;
	struct job *job = o->job;

	event_init(&o->overflow, job, CORE_OVERFLOW);
	o->overflow.overflow.which = (uint32_t)(o - job->outputs);
	core_lock(job->core);
	event_post(&o->overflow, true);
	core_unlock(job->core);
}

static void on_chunk(struct output *output)
{
	struct job_output *o = (struct job_output *)output;
	struct core_event *event = &o->chunk;
	struct job *job = o->job;

	event_init(event, job, CORE_CHUNK);
	event->output.which = (uint32_t)(o - job->outputs);
	event->output.buf = output->buf;
	event->output.size = output->len;
	core_lock(job->core);
	o->asked = false;
	o->told = true;
	event_post(event, true);
	core_unlock(job->core);
}

static void on_output(struct output *output)
{
	struct job_output *o = (struct job_output *)output;
	struct core_event *event = &o->end;
	struct job *job = o->job;
	struct core *core = job->core;

	event_init(event, job, CORE_OUTPUT);
	event->output.which = (uint32_t)(o - job->outputs);
	event->output.error = output->error;
	event->output.buf = output->buf;
	event->output.size =
		output->len < output->max ? output->len : output->max;
	event->output.truncated = output->truncated;
	output->buf = NULL;
	core_lock(core);
	event_post(event, !job->lazy || job->exited);
	job_put(job);
	core_unlock(core);
}

static void on_input(struct input *input)
{
	struct job_input *in = (struct job_input *)input;
	struct job *job = in->job;
	struct core *core = job->core;

	core_lock(core);
	if (input->lender) {
		event_init(&in->fed, job, CORE_FED);
		event_post(&in->fed, true);
	}
	job_put(job);
	core_unlock(core);
}

void loop_prepare(struct job *job)
{
	size_t i;

	for (i = 0; i < job->nr_outputs; i++) {
		job->outputs[i].output.overflow = on_overflow;
		job->outputs[i].output.chunk = on_chunk;
		job->outputs[i].output.finished = on_output;
	}
	job->input.input.finished = on_input;
}

/* The owner may have begun, and what has ended by then is over. */
static void watch_job(struct core *core, struct job *job)
{
	size_t i;

	job->watched = true;
	loop_prepare(job);
	job->exit.fd = job->launch.pidfd;
	job->exit.kind = WATCH_EXIT;
	job->exit.ready = on_exit_ready;

	for (i = 0; i < job->nr_outputs; i++)
		if (job->outputs[i].output.watch.fd >= 0)
			output_start(&job->outputs[i].output, core->poller);
	if (job->has_input)
		input_start(&job->input.input, core->poller);
	if (!job->exited)
		core->poller->ops->arm(core->poller, &job->exit);
}

/* The inbox holds a reference to the job meanwhile. */
static void stop_output(struct job *job)
{
	size_t i;

	for (i = 0; i < job->nr_outputs; i++)
		if (job->outputs[i].output.watch.fd >= 0)
			output_stop(&job->outputs[i].output);
	if (job->has_input && job->input.input.watch.fd >= 0)
		input_stop(&job->input.input);
}

static void more_output(struct core *core, struct job *job)
{
	size_t i;

	for (i = 0; i < job->nr_outputs; i++) {
		struct job_output *o = &job->outputs[i];
		bool asked;

		core_lock(core);
		asked = o->asked;
		core_unlock(core);
		if (asked)
			output_more(&o->output);
	}
}

static void defer_submit(struct core *core, struct job *job)
{
	job->queue_next = NULL;
	*core->submits_tail = job;
	core->submits_tail = &job->queue_next;
}

static void on_busy_over(struct watch *watch)
{
	struct job *job = job_of(watch);

	defer_submit(job->core, job);
}

/*
 * Whether to submit a chain again whose program was open for writing, as
 * exec_retry() in child.c does. The kernel has reaped the child.
 */
static bool retries(const struct job *job)
{
	return job_met_writer(job) && job->busy_ms + job->exit.ms < BUSY_MS;
}

static void wait_while_busy(struct job *job)
{
	struct core *core = job->core;
	struct watch *watch = &job->exit;

	core_lock(core);
	job_queue_again(job);
	core_unlock(core);
	watch->kind = WATCH_TIMER;
	watch->ready = on_busy_over;
	watch->ms = watch->ms ? watch->ms * 2 : 1;
	job->busy_ms += watch->ms;
	core->poller->ops->arm(core->poller, watch);
}

static void launch_done(struct launch *launch)
{
	struct job *job = (struct job *)launch;

	if (job_use_shell(job))
		defer_submit(job->core, job);
	else if (retries(job))
		wait_while_busy(job);
	else
		job_settle(job);
}

/*
 * Leaves the place of the submitted chains. Returns 0, or -EBUSY, and stays,
 * while some of them are not submitted.
 */
static int leave(struct core *core)
{
	int ret;

	if (!core->submit_place)
		return 0;
	ret = ring_submit(core->ring);
	if (ret)
		return ret;
	place_put(core->submit_place);
	core->submit_place = NULL;
	place_leave();
	return 0;
}

/*
 * A ring's children start where the submitting thread is. What is queued for
 * another place is submitted there first.
 */
static int enter(struct core *core, struct place *place)
{
	long ret;

	if (!place || place == core->submit_place)
		return 0;
	ret = leave(core);
	if (ret < 0)
		return (int)ret;
	ret = place_enter(place);
	if (ret < 0)
		return (int)ret;
	core->submit_place = place_get(place);
	return 0;
}

static void launch_again(struct launch *launch)
{
	struct job *job = (struct job *)launch;

	defer_submit(job->core, job);
}

static const struct launch_ops launch_ops = {
	.done = launch_done,
	.again = launch_again,
};

/* Returns false if the ring has no room now. */
static bool submit_job(struct core *core, struct job *job)
{
	struct launch *launch = &job->launch;
	/* The exec, if that is what it has been waiting to repeat. */
	uint32_t failed = job->busy_ms ? launch->failed_op : 0;
	int ret = -ECANCELED;
	bool wanted;

	core_lock(core);
	wanted = !job->cancelled && (!core->detached || job->like_uv_spawn);
	job->state = JOB_LAUNCHING;
	core_unlock(core);
	if (wanted) {
		ret = job_open_fds(job, &failed);
		if (!ret)
			ret = enter(core, launch->place);
		if (!ret)
			ret = launcher_get(launch->by)
				      ->submit(launch, core->ring, &launch_ops);
	}
	if (!ret)
		return true;
	if (ret == -EBUSY)
		return false;
	launch_no_child(launch, ret);
	launch->failed_op = failed;
	job_settle(job);
	return true;
}

/* Submits as many as the ring has room for; the rest come later. */
static void submit_jobs(struct core *core)
{
	struct job *job;

	while ((job = core->submits)) {
		struct job *next = job->queue_next;

		if (!submit_job(core, job))
			return;
		core->submits = next;
		if (!next)
			core->submits_tail = &core->submits;
	}
}

static void on_wake(struct watch *watch)
{
	struct core *core =
		(struct core *)((char *)watch - offsetof(struct core, wake));
	uint64_t count;

	if (read(watch->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		abort();
	core->poller->ops->arm(core->poller, watch);
}

static void do_job(struct core *core, struct job *job, unsigned todo)
{
	if (todo & TODO_STARTED)
		direct_ring_take_over(job);
	if (todo & TODO_SUBMIT)
		defer_submit(core, job);
	if (todo & TODO_WATCH)
		watch_job(core, job);
	if (todo & TODO_MORE && job->watched)
		more_output(core, job);
	if (todo & TODO_STOP_OUTPUT && job->watched)
		stop_output(job);
}

/*
 * Handles the inbox. Until it is found empty, no wake-up needs to be sent to
 * the loop. Returns false when the loop has to end.
 */
static bool do_inbox(struct core *core)
{
	bool on;

	core_lock(core);
	atomic_store(&core->loop_woken, true);
	while (core->inbox) {
		struct job *job = core->inbox;
		unsigned todo = job->todo;

		core->inbox = job->inbox_next;
		if (!core->inbox)
			core->inbox_tail = &core->inbox;
		job->todo = 0;
		/* The inbox's reference keeps it alive meanwhile. */
		core_unlock(core);
		do_job(core, job, todo);
		core_lock(core);
		job_put(job);
	}
	atomic_store(&core->loop_woken, false);
	core->unflushed = false;
	on = !core->detached || core->nr_jobs;
	core_unlock(core);
	return on;
}

static int loop_init(struct core *core)
{
	int err = 0;

	if (core->config.no_ring)
		core->info.ring_error = -ECANCELED;
	else
		core->ring = ring_new(&core->info.ring_error);
	if (core->ring) {
		core->poller = &core->ring->poller;
		core->info.spawn_error = core->ring->spawn_error;
		/*
		 * Children start where this thread is: see enter(). Until then
		 * it stays in no directory of the program's.
		 */
		if (!core->info.spawn_error)
			core->info.spawn_error = place_own();
		if (!core->info.spawn_error)
			place_leave();
	} else {
		core->info.spawn_error = core->info.ring_error;
		core->poller = poller_epoll_new(&err);
		if (!core->poller)
			return err;
	}
	core->info.poller = core->poller->ops->name;
	core->wake.kind = WATCH_READ;
	core->wake.ready = on_wake;
	core->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (core->wake.fd < 0) {
		err = -errno;
		core->poller->ops->free(core->poller);
		return err;
	}
	core->poller->ops->arm(core->poller, &core->wake);
	direct_watch(core);
	return 0;
}

void *loop_main(void *arg)
{
	struct core *core = arg;

	core->loop = pthread_self();
	core_thread_name("uring-loop");
	core->ready_error = loop_init(core);
	if (core->ready_error) {
		sem_post(&core->ready);
		return NULL;
	}
	sem_post(&core->ready);
	while (do_inbox(core)) {
		submit_jobs(core);
		leave(core);
		ends_watch(core);
		core->poller->ops->wait(core->poller, !core->submits);
	}
	core->poller->ops->free(core->poller);
	core_lock(core);
	core->poller = NULL;
	core_put(core);
	return NULL;
}
