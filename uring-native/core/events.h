/* SPDX-License-Identifier: MIT */
/*
 * Events. Each is part of its job, so that there is always memory for it, and
 * holds a reference to the job until it is freed.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include "core.h"

/* Fills in what all events have. */
void event_init(struct core_event *event, struct job *job,
		enum core_event_type type);

/* Lock held: */

/*
 * Queues the event for core_drain(). Without @wake it comes with the next one
 * that wakes the owner.
 */
void event_post(struct core_event *event, bool wake);
/* Frees all that have not been drained. */
void events_drop(struct core *core);

#endif
