/* SPDX-License-Identifier: MIT */
#include "core.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "core_private.h"
#include "sys.h"
#include "template.h"

#define THREAD_STACK (256UL * 1024)

static struct job **bucket(struct core *core, uint32_t id)
{
	return &core->buckets[id % JOB_BUCKETS];
}

static struct job *find(struct core *core, uint32_t id)
{
	struct job *job = *bucket(core, id);

	while (job && job->id != id)
		job = job->bucket_next;
	return job;
}

static void poke_loop(struct core *core)
{
	uint64_t one = 1;

	if (write(core->wake.fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		abort();
}

void core_lock(struct core *core)
{
	pthread_mutex_lock(&core->lock);
}

void core_unlock(struct core *core)
{
	bool owner = core->owes_owner, loop = core->owes_loop;

	core->owes_owner = false;
	core->owes_loop = false;
	pthread_mutex_unlock(&core->lock);
	if (owner && !atomic_exchange(&core->owner_woken, true)) {
		pthread_mutex_lock(&core->owner_lock);
		if (!core->owner_gone)
			core->config.wake(core->config.arg);
		pthread_mutex_unlock(&core->owner_lock);
	}
	if (loop && !atomic_exchange(&core->loop_woken, true))
		poke_loop(core);
}

/*
 * Drops a reference and unlocks; the last one frees the core. After unlocking,
 * the core may be gone at any time, so the loop is woken before that.
 */
void core_put(struct core *core)
{
	bool last = --core->refs == 0;

	if (core->owes_loop)
		poke_loop(core);
	core->owes_loop = false;
	pthread_mutex_unlock(&core->lock);
	if (!last)
		return;
	if (core->wake.fd >= 0)
		close(core->wake.fd);
	sem_destroy(&core->ready);
	pool_exit(core);
	pthread_mutex_destroy(&core->owner_lock);
	pthread_mutex_destroy(&core->lender.lock);
	pthread_mutex_destroy(&core->lock);
	free(core);
}

/*
 * The core's threads block all signals, which belong to the program. libc keeps
 * the two it needs unblocked.
 */
int core_thread(struct core *core, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&thread, &attr, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (!ret)
		core->refs++;
	return -ret;
}

void core_wake_loop(struct core *core)
{
	core->unflushed = false;
	core->owes_loop = true;
}

void core_queue(struct job *job, unsigned todo)
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

void core_todo(struct job *job, unsigned todo)
{
	core_queue(job, todo);
	/* The loop itself checks its inbox before it sleeps. */
	if (!pthread_equal(pthread_self(), job->core->loop))
		core_wake_loop(job->core);
}

void job_put(struct job *job)
{
	struct core *core = job->core;
	struct job **at;

	if (--job->refs)
		return;
	for (at = bucket(core, job->id); *at != job; at = &(*at)->bucket_next)
		;
	*at = job->bucket_next;
	job_free(job);
	core->nr_jobs--;
	if (core->detached && !core->nr_jobs)
		core_wake_loop(core);
}

int core_new(const struct core_config *config, struct core **out)
{
	struct core *core = calloc(1, sizeof(*core));
	int ret;

	if (!core)
		return -ENOMEM;
	core->config = *config;
	core->refs = 1;
	core->wake.fd = -1;
	core->events_tail = &core->events;
	core->submits_tail = &core->submits;
	core->inbox_tail = &core->inbox;
	pthread_mutex_init(&core->lock, NULL);
	pthread_mutex_init(&core->owner_lock, NULL);
	pthread_mutex_init(&core->lender.lock, NULL);
	attributes_look(&core->attributes, true);
	core->loop_attributes = core->attributes;
	core->info.template_error = template_probe();
	place_root(&core->root);
	sem_init(&core->ready, 0, 0);
	sys_sigmask(SIG_SETMASK, NULL, &core->sigmask);
	ret = core_thread(core, loop_main, core);
	if (!ret) {
		while (sem_wait(&core->ready) < 0)
			;
		ret = core->ready_error;
	}
	if (ret) {
		core->refs = 1;
		core_lock(core);
		core_put(core);
		return ret;
	}
	*out = core;
	return 0;
}

void core_get_info(const struct core *core, struct core_info *info)
{
	*info = core->info;
}

/*
 * Whether the threads that launch by @kind have a working directory of their
 * own, and with it a root.
 */
static bool from_own_place(enum launcher_kind kind)
{
	return kind == LAUNCHER_URING || kind == LAUNCHER_TEMPLATE;
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
	    (req->kind == LAUNCHER_TEMPLATE && core->info.template_error))
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
	do {
		job->id = ++core->last_id & INT32_MAX;
	} while (!job->id || find(core, job->id));
	*id = job->id;
	if (job->kind == LAUNCHER_URING)
		core_queue(job, JOB_SUBMIT);
	else
		ret = pool_queue(core, job);
	if (!ret) {
		job->bucket_next = *bucket(core, job->id);
		*bucket(core, job->id) = job;
		core->nr_jobs++;
	}
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
		core_wake_loop(core);
	crew = pool_flush(core, idle);
	core->looked = false;
	core_unlock(core);
	pool_wake(crew, idle);
}

static bool has_process(const struct job *job)
{
	return job->launch.pid > 0 && job->launch.pidfd >= 0;
}

int core_kill(struct core *core, uint32_t id, int sig)
{
	struct job *job;
	int ret = 0;

	core_lock(core);
	job = find(core, id);
	if (!job)
		ret = -ESRCH;
	else if (has_process(job))
		ret = reap_signal(job->launch.pidfd, job->launch.pid, sig);
	else if (job->state == JOB_QUEUED)
		job->cancelled = true;
	else
		ret = job->state == JOB_LAUNCHING ? -EAGAIN : -ESRCH;
	core_unlock(core);
	return ret;
}

int core_kill_group(struct core *core, uint32_t id, pid_t pid, int sig)
{
	struct job *job;
	int pidfd;
	int ret;

	if (pid <= 1)
		return -EINVAL;
	core_lock(core);
	job = find(core, id);
	pidfd = job && has_process(job) ? job->launch.pidfd : -1;
	ret = reap_signal_group(pidfd, pid, sig);
	core_unlock(core);
	return ret;
}

void core_stop_output(struct core *core, uint32_t id)
{
	struct job *job;

	core_lock(core);
	job = find(core, id);
	if (job && !job->stopped) {
		job->stopped = true;
		if (job->state == JOB_RUNNING)
			core_todo(job, JOB_STOP);
	}
	core_unlock(core);
}

void core_detach(struct core *core)
{
	unsigned i;

	pthread_mutex_lock(&core->owner_lock);
	core->owner_gone = true;
	pthread_mutex_unlock(&core->owner_lock);
	/* Waits for a write(2) that uses the bytes; it does not block. */
	pthread_mutex_lock(&core->lender.lock);
	core->lender.gone = true;
	pthread_mutex_unlock(&core->lender.lock);
	core_lock(core);
	core->detached = true;
	events_drop(core);
	for (i = 0; i < JOB_BUCKETS; i++) {
		struct job *job;

		for (job = core->buckets[i]; job; job = job->bucket_next) {
			if (job->state == JOB_LAUNCHING && has_process(job))
				reap_signal(job->launch.pidfd, job->launch.pid,
					    SIGKILL);
			else if (job->state == JOB_RUNNING)
				core_todo(job, JOB_STOP);
		}
	}
	pool_detach(core);
	core_wake_loop(core);
	core_put(core);
}
