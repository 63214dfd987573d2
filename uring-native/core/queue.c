/* SPDX-License-Identifier: MIT */
/* Queues launches: for the loop, which has the ring, or for launch threads. */
#include <errno.h>

#include "doomed.h"
#include "inbox.h"
#include "job.h"
#include "launcher.h"
#include "lock.h"
#include "pool.h"
#include "state.h"
#include "unsettled.h"

/* Without it, a child has to start where the process is. */
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

/*
 * Whether @launcher can make the child of @job. Lock held; if it submits
 * chains, core->attributes are the calling thread's.
 */
static bool can_make(const struct core *core, const struct launcher *launcher,
		     const struct job *job)
{
	/* A thread with a place of its own is not where the process is. */
	if (launcher->own_place &&
	    (!place_known(job->launch.place) || root_changed(core)))
		return false;
	if (job->launch.line && !launcher->writes_pid)
		return false;
	/*
	 * The loop's thread and its ring keep the attributes they were made
	 * with. Their children share our memory: see launcher_vfork.c for what
	 * a change of credentials would do to it.
	 */
	return !launcher->submit ||
	       (!job->launch.chain->sets_ids &&
		attributes_equal(&core->loop_attributes, &core->attributes));
}

int core_can_launch(const struct core *core, enum launcher_kind kind)
{
	const struct launcher *launcher = launcher_get(kind);

	if (!launcher)
		return -EINVAL;
	return launcher->error && launcher->error(&core->info) ? -EOPNOTSUPP
							       : 0;
}

int core_launch(struct core *core, const struct core_request *req, uint32_t *id,
		const char **why)
{
	bool direct = false, submits;
	struct job *job;
	int ret = core_can_launch(core, req->kind);

	*why = "this launcher does not work here";
	if (ret)
		return ret;
	ret = job_new(core, req, &job, why);
	if (ret)
		return ret;
	submits = launcher_get(req->kind)->submit;
	core_lock(core);
	if (req->doomed)
		ret = doomed_take(core, job);
	if (ret) {
		core_unlock(core);
		*why = "no more processes can be watched";
		job_free(job);
		return ret;
	}
	if (submits)
		pool_look(core);
	/* The loop may have to submit a direct chain again. */
	if (launcher_get(req->kind)->own_place)
		job_set_place(job);
	if (!can_make(core, launcher_get(req->kind), job))
		job->launch.by = LAUNCHER_VFORK;
	/* A child that this thread makes has its attributes, seen or not. */
	direct = direct_take(core, req, job);
	if (!direct && !submits)
		pool_look(core);
	if (!direct)
		job_set_place(job);
	job_number(core, job);
	*id = job->id;
	if (req->watcher)
		core->doomed.watcher = job->id;
	if (!direct && launcher_get(job->launch.by)->submit)
		inbox_add(job, TODO_SUBMIT);
	else if (!direct)
		ret = pool_queue(core, job);
	if (!ret)
		job_add(core, job);
	else
		doomed_put(core, job);
	if (!ret && job->like_uv_spawn)
		unsettled_add();
	core->direct.nr_launches++;
	core_unlock(core);
	if (direct)
		direct_launch(job);
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
	core->direct.nr_launches = 0;
	crew = pool_flush(core, idle);
	core->looked = false;
	core_unlock(core);
	pool_wake(crew, idle);
}
