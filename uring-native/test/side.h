/* SPDX-License-Identifier: MIT */
/* A core, and the thread that waits for its events. */
#ifndef SIDE_H
#define SIDE_H

#include <semaphore.h>
#include <stdbool.h>

#include "core.h"
#include "pack.h"

struct side {
	struct core *core;
	enum launcher_kind kind; /* that its launches ask for */
	sem_t woken;		 /* posted when there are events */
};

static inline void side_wake(void *arg)
{
	struct side *side = arg;

	sem_post(&side->woken);
}

static inline void side_open(struct side *side, bool no_ring)
{
	struct core_config config = {
		.wake = side_wake, .arg = side, .no_ring = no_ring};

	sem_init(&side->woken, 0, 0);
	CHECK(!core_new(&config, &side->core));
}

#endif
