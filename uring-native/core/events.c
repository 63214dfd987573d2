/* SPDX-License-Identifier: MIT */
#include "events.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"
#include "lock.h"
#include "pipes.h"
#include "reap.h"
#include "state.h"

void event_init(struct core_event *event, struct job *job,
		enum core_event_type type)
{
	memset(event, 0, sizeof(*event));
	event->type = type;
	event->id = job->id;
	event->token = job->token;
	event->like_uv_spawn = job->like_uv_spawn;
	event->job = job;
}

/*
 * Closes whatever the receiver did not claim. Returns the job's pidfd if it is
 * to be closed, otherwise -1. Lock held.
 */
static int event_release(struct core_event *event)
{
	struct job *job = event->job;
	int pidfd = -1;
	uint32_t i;

	switch (event->type) {
	case CORE_STARTED:
		for (i = 0; i < event->started.nr_fds; i++) {
			if (event->started.fds[i] >= 0)
				close(event->started.fds[i]);
			event->started.fds[i] = -1;
		}
		break;
	case CORE_EXITED:
		pidfd = job->launch.pidfd;
		if (job->like_uv_spawn)
			reap(pidfd, &(struct exit_status){0});
		job->launch.pidfd = -1;
		break;
	case CORE_CHUNK:
		job->outputs[event->output.which].told = false;
		free(event->output.buf);
		break;
	case CORE_OUTPUT:
		free(event->output.buf);
		break;
	case CORE_FAILED:
		job_close_fds(job);
		break;
	case CORE_OVERFLOW:
	case CORE_FED:
		break;
	}
	job_put(job);
	return pidfd;
}

static void event_drop(struct core_event *event)
{
	int pidfd = event_release(event);

	if (pidfd >= 0)
		close(pidfd);
}

#define AT_ONCE 64

/*
 * Closing the last descriptor of a process takes a while, so that is done
 * without the lock.
 */
void core_events_free(struct core_event *event)
{
	int pidfds[AT_ONCE];

	while (event) {
		struct core *core = event->job->core;
		unsigned i, n = 0;

		core_lock(core);
		for (i = 0; event && i < AT_ONCE; i++) {
			struct core_event *next = event->next;
			int pidfd = event_release(event);

			if (pidfd >= 0)
				pidfds[n++] = pidfd;
			event = next;
		}
		core_unlock(core);
		for (i = 0; i < n; i++)
			close(pidfds[i]);
	}
}

void event_post(struct core_event *event, bool wake)
{
	struct core *core = event->job->core;

	if (event->job->waited)
		return;
	event->job->refs++;
	if (core->detached) {
		event_drop(event);
		return;
	}
	event->next = NULL;
	*core->events_tail = event;
	core->events_tail = &event->next;
	if (wake)
		core->owes_owner = true;
}

struct core_event *core_drain(struct core *core, unsigned max)
{
	struct core_event *events, **end = &events, *rest;

	core_lock(core);
	events = core->events;
	while (*end && max--)
		end = &(*end)->next;
	rest = *end;
	*end = NULL;
	core->events = rest;
	if (!rest)
		core->events_tail = &core->events;
	atomic_store(&core->owner_woken, rest != NULL);
	core_unlock(core);
	return events;
}

void events_drop(struct core *core)
{
	struct core_event *event;

	while ((event = core->events)) {
		core->events = event->next;
		event_drop(event);
	}
	core->events_tail = &core->events;
}
