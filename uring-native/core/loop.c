/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core_private.h"
#include "ring.h"

static void on_exit_ready(struct watch *watch)
{
	struct job *job =
		(struct job *)((char *)watch - offsetof(struct job, exit));
	struct core *core = job->core;
	struct core_event *event;
	struct exit_status status;

	if (reap(watch->fd, &status) == -EAGAIN) {
		if (!core->poller->ops->arm(core->poller, watch))
			return;
		/* Cannot wait here any more; a pidfd always can be polled. */
		abort();
	}
	event = event_new(job, CORE_EXITED);
	event->exit = status;
	pthread_mutex_lock(&core->lock);
	event->close_fd = job->launch.pidfd;
	job->launch.pidfd = -1;
	core_post(core, event);
	job_put(job);
	pthread_mutex_unlock(&core->lock);
}

static void on_overflow(struct output *output)
{
	struct job_output *o = (struct job_output *)output;
	struct core_event *event = event_new(o->job, CORE_OVERFLOW);

	event->a = (int)(o - o->job->outputs);
	core_post_unlocked(o->job->core, event);
}

static void on_output(struct output *output)
{
	struct job_output *o = (struct job_output *)output;
	struct job *job = o->job;
	struct core *core = job->core;
	struct core_event *event = event_new(job, CORE_OUTPUT);

	event->a = (int)(o - job->outputs);
	event->b = output->error;
	event->buf = output->buf;
	event->size = output->len;
	event->truncated = output->truncated;
	output->buf = NULL;
	pthread_mutex_lock(&core->lock);
	core_post(core, event);
	job_put(job);
	pthread_mutex_unlock(&core->lock);
}

static void on_input(struct input *input)
{
	struct job *job = ((struct job_input *)input)->job;
	struct core *core = job->core;

	pthread_mutex_lock(&core->lock);
	job_put(job);
	pthread_mutex_unlock(&core->lock);
}

static void watch_job(struct core *core, struct job *job)
{
	size_t i;

	job->watched = true;
	for (i = 0; i < job->nr_outputs; i++) {
		job->outputs[i].output.overflow = on_overflow;
		job->outputs[i].output.finished = on_output;
	}
	job->input.input.finished = on_input;
	job->exit.fd = job->launch.pidfd;
	job->exit.kind = WATCH_EXIT;
	job->exit.ready = on_exit_ready;

	/* The last of these may free the job: the exit, once ready. */
	for (i = 0; i < job->nr_outputs; i++)
		output_start(&job->outputs[i].output, core->poller);
	if (job->has_input)
		input_start(&job->input.input, core->poller);
	on_exit_ready(&job->exit);
}

static void stop_job(struct job *job)
{
	size_t i, nr = job->nr_outputs;

	/* Each may be the last that holds the job. */
	job->refs++;
	for (i = 0; i < nr; i++)
		if (job->outputs[i].output.watch.fd >= 0)
			output_stop(&job->outputs[i].output);
	if (job->has_input && job->input.input.watch.fd >= 0)
		input_stop(&job->input.input);
	pthread_mutex_lock(&job->core->lock);
	job_put(job);
	pthread_mutex_unlock(&job->core->lock);
}

static void uring_done(struct launch *launch)
{
	job_launched((struct job *)launch);
}

static void submit_job(struct core *core, struct job *job)
{
	bool cancelled = job->cancelled || core->detached;
	int ret = cancelled ? -ECANCELED : -EOPNOTSUPP;

	job->launch.done = uring_done;
	if (!cancelled && core->info.has_spawn)
		ret = launcher_uring.submit(&job->launch,
					    (struct ring *)core->poller);
	if (!ret)
		return;
	launch_no_child(&job->launch, ret);
	job_launched(job);
}

static void on_wake(struct watch *watch)
{
	struct core *core =
		(struct core *)((char *)watch - offsetof(struct core, wake));
	struct job *inbox;
	uint64_t count;

	if (read(watch->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		abort();
	pthread_mutex_lock(&core->lock);
	core->woken = false;
	inbox = core->inbox;
	core->inbox = NULL;
	core->inbox_tail = &core->inbox;
	while (inbox) {
		struct job *job = inbox;
		unsigned todo = job->todo;

		inbox = job->inbox_next;
		job->todo = 0;
		if (todo & JOB_SUBMIT)
			job->state = JOB_LAUNCHING;
		/* Held, so that one thing done does not free it for the next.
		 */
		job->refs++;
		pthread_mutex_unlock(&core->lock);
		if (todo & JOB_SUBMIT)
			submit_job(core, job);
		if (todo & JOB_WATCH)
			watch_job(core, job);
		if (todo & JOB_STOP && job->watched)
			stop_job(job);
		pthread_mutex_lock(&core->lock);
		job_put(job);
	}
	pthread_mutex_unlock(&core->lock);
	core->poller->ops->arm(core->poller, watch);
}

static int loop_init(struct core *core)
{
	struct ring *ring = NULL;
	int err = 0;

	if (core->config.no_ring)
		core->info.ring_error = -ECANCELED;
	else
		ring = ring_new(&core->info.ring_error);
	if (ring) {
		core->poller = &ring->poller;
		core->info.has_spawn = ring->has_spawn;
	} else {
		core->poller = poller_epoll_new(&err);
		if (!core->poller)
			return err;
	}
	core->info.poller = core->poller->ops->name;
	core->wake.kind = WATCH_READ;
	core->wake.ready = on_wake;
	core->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (core->wake.fd < 0)
		err = -errno;
	else
		err = core->poller->ops->arm(core->poller, &core->wake);
	if (err)
		core->poller->ops->free(core->poller);
	return err;
}

void *loop_main(void *arg)
{
	struct core *core = arg;
	bool over = false;

	core->ready_error = loop_init(core);
	if (core->ready_error) {
		sem_post(&core->ready);
		return NULL;
	}
	sem_post(&core->ready);
	while (!over) {
		core->poller->ops->wait(core->poller);
		pthread_mutex_lock(&core->lock);
		over = core->detached && !core->nr_jobs;
		pthread_mutex_unlock(&core->lock);
	}
	core->poller->ops->free(core->poller);
	pthread_mutex_lock(&core->lock);
	core->poller = NULL;
	core_put(core);
	return NULL;
}
