/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>

#include "core_private.h"

static unsigned max_threads(void)
{
	static unsigned max;
	cpu_set_t set;

	if (max)
		return max;
	max = 2;
	if (!sched_getaffinity(0, sizeof(set), &set))
		max = (unsigned)CPU_COUNT(&set);
	if (max < 2)
		max = 2;
	if (max > MAX_LAUNCH_THREADS)
		max = MAX_LAUNCH_THREADS;
	return max;
}

void pool_init(struct core *core)
{
	unsigned i;

	for (i = 0; i < NR_POOLS; i++) {
		struct pool *pool = &core->pools[i];

		pool->core = core;
		pool->queue_tail = &pool->queue;
		pthread_cond_init(&pool->work, NULL);
	}
	core->pools[POOL_SWIFT].max_threads = max_threads();
	core->pools[POOL_WAITING].max_threads = MAX_WAITING_THREADS;
}

void pool_exit(struct core *core)
{
	unsigned i;

	for (i = 0; i < NR_POOLS; i++)
		pthread_cond_destroy(&core->pools[i].work);
}

static struct job *dequeue(struct pool *pool)
{
	struct core *core = pool->core;
	struct job *job;

	while (!pool->queue) {
		if (core->detached)
			return NULL;
		pool->nr_idle++;
		pthread_cond_wait(&pool->work, &core->lock);
		pool->nr_idle--;
	}
	job = pool->queue;
	pool->queue = job->queue_next;
	if (!pool->queue)
		pool->queue_tail = &pool->queue;
	pool->nr_queued--;
	return job;
}

/*
 * Whom a batch thread wakes up for does not lose the processor to it: the
 * thread that asks is not interrupted by what it asks for. Children start as
 * they would have without. Where this thread is not ordinary either, or must
 * not say, all stays as it is.
 */
static bool be_batch(void)
{
	struct sched_param none = {0};

	return sched_getscheduler(0) == SCHED_OTHER &&
	       !sched_setscheduler(0, SCHED_BATCH, &none);
}

static void launch(struct job *job, struct launch_thread *thread, int err)
{
	struct core *core = job->core;
	uint32_t which = 0;

	if (!err && (job->cancelled || core->detached))
		err = -ECANCELED;
	job->state = JOB_LAUNCHING;
	thread->number = job->number;
	thread->asked = core->nr_queued;
	core_unlock(core);
	if (err) {
		launch_no_child(&job->launch, err);
	} else if ((err = job_open_pipes(job, &which))) {
		launch_no_child(&job->launch, err);
		job->launch.failed = job->launch.chain->nr_ops + which;
	} else {
		launcher_get(job->kind)->launch(&job->launch, thread);
	}
	job_launched(job);
	core_lock(core);
}

static void *pool_main(void *arg)
{
	struct pool *pool = arg;
	struct core *core = pool->core;
	struct launch_thread thread;
	struct job *job;
	int err = launch_thread_init(&thread);

	thread.batch = be_batch();
	core_lock(core);
	while ((job = dequeue(pool)))
		launch(job, &thread, err);
	pool->nr_threads--;
	core_put(core);
	if (!err)
		launch_thread_exit(&thread);
	return NULL;
}

static int add_thread(struct pool *pool)
{
	int ret = core_thread(pool->core, pool_main, pool);

	if (!ret)
		pool->nr_threads++;
	return ret;
}

int pool_queue(struct core *core, struct job *job)
{
	struct pool *pool =
		&core->pools[job->launch.chain->may_block ? POOL_WAITING
							  : POOL_SWIFT];
	int ret = pool->nr_threads ? 0 : add_thread(pool);

	if (ret)
		return ret;
	job->queue_next = NULL;
	job->number = ++core->nr_queued;
	*pool->queue_tail = job;
	pool->queue_tail = &job->queue_next;
	pool->nr_queued++;
	return 0;
}

void pool_flush(struct core *core, unsigned idle[NR_POOLS])
{
	unsigned i;

	for (i = 0; i < NR_POOLS; i++) {
		struct pool *pool = &core->pools[i];
		unsigned wanted = pool->nr_queued;

		idle[i] = wanted < pool->nr_idle ? wanted : pool->nr_idle;
		/* One that is there, and busy, takes the rest in its turn. */
		while (wanted > pool->nr_idle &&
		       pool->nr_threads < pool->max_threads &&
		       pool->nr_threads < wanted + pool->nr_idle)
			if (add_thread(pool))
				break;
	}
}

void pool_wake(struct core *core, const unsigned idle[NR_POOLS])
{
	unsigned i, n;

	for (i = 0; i < NR_POOLS; i++)
		for (n = 0; n < idle[i]; n++)
			pthread_cond_signal(&core->pools[i].work);
}
