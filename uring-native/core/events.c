/* SPDX-License-Identifier: MIT */
/* Events: each is part of the job it is about, and holds it until freed. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core_private.h"

void event_init(struct core_event *event, struct job *job,
		enum core_event_type type)
{
	memset(event, 0, sizeof(*event));
	event->type = type;
	event->id = job->id;
	event->token = job->token;
	event->job = job;
}

/* Who took nothing leaves nothing behind. The lock is held. */
static void event_release(struct core_event *event)
{
	struct job *job = event->job;
	uint32_t i;

	for (i = 0; i < event->nr_fds; i++)
		if (event->fds[i] >= 0)
			close(event->fds[i]);
	if (event->type == CORE_EXITED && job->launch.pidfd >= 0) {
		close(job->launch.pidfd);
		job->launch.pidfd = -1;
	}
	free(event->buf);
	job_put(job);
}

void core_event_free(struct core_event *event)
{
	struct core *core = event->job->core;

	pthread_mutex_lock(&core->lock);
	event_release(event);
	pthread_mutex_unlock(&core->lock);
}

void event_post(struct core_event *event, bool wake)
{
	struct core *core = event->job->core;

	event->job->refs++;
	if (core->detached) {
		event_release(event);
		return;
	}
	event->next = NULL;
	*core->events_tail = event;
	core->events_tail = &event->next;
	if (wake && !core->waking) {
		core->waking = true;
		core->config.wake(core->config.arg);
	}
}

struct core_event *core_drain(struct core *core, unsigned max)
{
	struct core_event *events, **end = &events, *rest;

	pthread_mutex_lock(&core->lock);
	events = core->events;
	while (*end && max--)
		end = &(*end)->next;
	rest = *end;
	*end = NULL;
	core->events = rest;
	if (!rest)
		core->events_tail = &core->events;
	core->waking = rest != NULL;
	pthread_mutex_unlock(&core->lock);
	return events;
}

void events_drop(struct core *core)
{
	struct core_event *event;

	while ((event = core->events)) {
		core->events = event->next;
		event_release(event);
	}
	core->events_tail = &core->events;
}
