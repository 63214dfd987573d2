/* SPDX-License-Identifier: MIT */
#include "inbox.h"

#include "job.h"
#include "lock.h"
#include "state.h"

void inbox_add(struct job *job, unsigned todo)
{
	struct core *core = job->core;

	if (!job->todo) {
		job->inbox_next = NULL;
		*core->inbox_tail = job;
		core->inbox_tail = &job->inbox_next;
		/* The job may end before the loop gets to it. */
		job->refs++;
	}
	job->todo |= todo;
	core->unflushed = true;
}

void inbox_send(struct job *job, unsigned todo)
{
	inbox_add(job, todo);
	/* The loop itself checks its inbox before it sleeps. */
	if (!pthread_equal(pthread_self(), job->core->loop))
		core_owe_loop(job->core);
}
