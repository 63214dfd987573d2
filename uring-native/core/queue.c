/* SPDX-License-Identifier: MIT */
/* Queues launches: for the loop, which has the ring, or for launch threads. */
#include <errno.h>

#include "inbox.h"
#include "job.h"
#include "launcher.h"
#include "lock.h"
#include "pool.h"
#include "state.h"

/*
 * Whether the threads that launch by @kind have a working directory of their
 * own, and with it a root.
 */
static bool from_own_place(enum launcher_kind kind)
{
	return kind == LAUNCHER_URING || kind == LAUNCHER_SPAWN_TEMPLATE;
}

/*
 * Otherwise a child has to start where the process is, which threads with a
 * working directory of their own are not.
 */
static bool place_known(const struct place *place)
{
	return place && place->fd >= 0;
}

/*
 * Whether the calling thread did a chroot(2), which does not affect threads
 * that have a root of their own.
 */
static bool root_changed(const struct core *core)
{
	struct place_id root;

	place_root(&root);
	return core->root.known && !place_same(&core->root, &root);
}

int core_launch(struct core *core, const struct core_request *req, uint32_t *id,
		const char **why)
{
	struct job *job;
	int ret = 0;

	*why = "this launcher does not work here";
	if (!launcher_get(req->kind))
		return -EINVAL;
	if ((req->kind == LAUNCHER_URING && core->info.spawn_error) ||
	    (req->kind == LAUNCHER_SPAWN_TEMPLATE && core->info.template_error))
		return -EOPNOTSUPP;
	ret = job_new(core, req, &job, why);
	if (ret)
		return ret;
	if (from_own_place(req->kind) &&
	    (!place_known(job->launch.place) || root_changed(core)))
		job->kind = job->launch.by = LAUNCHER_VFORK;
	/* The kernel's child would share our memory: see launcher_vfork.c. */
	if (job->kind == LAUNCHER_URING && job->launch.chain->sets_ids)
		job->kind = job->launch.by = LAUNCHER_VFORK;
	core_lock(core);
	attributes_look(&core->attributes, !core->looked);
	core->looked = true;
	/*
	 * The submitting thread and its ring keep the attributes they were made
	 * with.
	 */
	if (job->kind == LAUNCHER_URING &&
	    !attributes_equal(&core->loop_attributes, &core->attributes))
		job->kind = job->launch.by = LAUNCHER_VFORK;
	job_number(core, job);
	*id = job->id;
	if (job->kind == LAUNCHER_URING)
		inbox_add(job, TODO_SUBMIT);
	else
		ret = pool_queue(core, job);
	if (!ret)
		job_add(core, job);
	core_unlock(core);
	if (ret) {
		*why = "no thread to launch from can be made";
		job_free(job);
	}
	return ret;
}

void core_flush(struct core *core)
{
	unsigned idle[NR_POOLS];
	struct crew *crew;

	core_lock(core);
	if (core->unflushed)
		core_owe_loop(core);
	crew = pool_flush(core, idle);
	core->looked = false;
	core_unlock(core);
	pool_wake(crew, idle);
}
