/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>

#include "core_private.h"
#include "sys.h"

/* Not kept: environments in other threads ask at the same time. */
static unsigned max_threads(void)
{
	unsigned max = 2;
	cpu_set_t set;

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
	core->pools[POOL_TEMPLATE].max_threads = max_threads();
	core->pools[POOL_WAITING].max_threads = MAX_WAITING_THREADS;
}

void pool_exit(struct core *core)
{
	unsigned i;

	for (i = 0; i < NR_POOLS; i++)
		pthread_cond_destroy(&core->pools[i].work);
}

/* Of launch threads, with what the pool knows of one. */
struct pool_thread {
	struct launch_thread launch;
	struct pool *pool;
	struct job *job; /* the one under way */
	/*
	 * It made a child with a parent-death signal, which would come when the
	 * thread ends.
	 */
	bool bound;
};

static bool has_surplus(const struct pool *pool)
{
	return pool->nr_threads - pool->nr_slow > pool->max_threads;
}

/* NULL where the thread is to end. */
static struct job *dequeue(struct pool_thread *thread)
{
	struct pool *pool = thread->pool;
	struct core *core = pool->core;
	struct job *job;

	while (!pool->queue) {
		if (core->detached || (has_surplus(pool) && !thread->bound))
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
 * Waking a SCHED_BATCH thread does not preempt the waker: the thread that asks
 * for a launch is not interrupted by it. Children start with the policy they
 * would have without. A thread that is not ordinary, or may not change its
 * policy, keeps it. Threads that a batch thread makes are batch threads.
 */
static bool be_batch(void)
{
	struct sched_param none = {0};

	return sched_getscheduler(0) == SCHED_OTHER &&
	       !sched_setscheduler(0, SCHED_BATCH, &none);
}

static void *run_thread(struct pool *pool, bool batch);

static void *pool_main(void *arg)
{
	return run_thread(arg, be_batch());
}

static void *pool_main_batch(void *arg)
{
	return run_thread(arg, true);
}

static int add_thread(struct pool *pool, bool from_batch)
{
	int ret = core_thread(pool->core,
			      from_batch ? pool_main_batch : pool_main, pool);

	if (!ret)
		pool->nr_threads++;
	return ret;
}

/* Threads for what is queued, as far as there may be more. Lock held. */
static void grow(struct pool *pool, bool from_batch)
{
	unsigned wanted = pool->nr_queued;

	/* A busy one that is not slow takes the rest in its turn. */
	while (wanted > pool->nr_idle) {
		unsigned swift = pool->nr_threads - pool->nr_slow;

		if (swift >= pool->max_threads ||
		    swift >= wanted + pool->nr_idle ||
		    add_thread(pool, from_batch))
			break;
	}
}

static void on_slow(struct launch_thread *launch_thread)
{
	struct pool_thread *thread = (struct pool_thread *)launch_thread;
	struct pool *pool = thread->pool;
	struct core *core = pool->core;

	core_lock(core);
	pool->nr_slow++;
	grow(pool, launch_thread->batch);
	/* Its pidfd came too late for core_detach(). */
	if (core->detached && thread->job->launch.pidfd >= 0)
		sys_pidfd_send_signal(thread->job->launch.pidfd, SIGKILL);
	core_unlock(core);
}

static void launch(struct pool_thread *thread, struct job *job)
{
	struct core *core = job->core;
	uint32_t which = 0;
	int err = job->cancelled || core->detached ? -ECANCELED : 0;

	job->state = JOB_LAUNCHING;
	thread->job = job;
	thread->bound |= job->launch.chain->sets_pdeathsig;
	thread->launch.number = job->number;
	thread->launch.asked = core->nr_queued;
	thread->launch.slow = false;
	core_unlock(core);
	if (err) {
		launch_no_child(&job->launch, err);
	} else if ((err = job_open_pipes(job, &which))) {
		launch_no_child(&job->launch, err);
		job->launch.failed = job->launch.chain->nr_ops + which;
	} else {
		launcher_get(job->kind)->launch(&job->launch, &thread->launch);
	}
	job_launched(job);
	core_lock(core);
	if (thread->launch.slow)
		thread->pool->nr_slow--;
}

static void *run_thread(struct pool *pool, bool batch)
{
	struct pool_thread thread = {.pool = pool};
	struct core *core = pool->core;
	struct job *job;

	launch_thread_init(&thread.launch);
	thread.launch.batch = batch;
	thread.launch.on_slow = on_slow;
	thread.launch.may_own_place = pool == &core->pools[POOL_TEMPLATE];
	core_lock(core);
	while ((job = dequeue(&thread)))
		launch(&thread, job);
	pool->nr_threads--;
	core_put(core);
	launch_thread_exit(&thread.launch);
	return NULL;
}

static struct pool *pool_of(struct core *core, const struct job *job)
{
	if (job->launch.chain->may_block)
		return &core->pools[POOL_WAITING];
	if (job->kind == LAUNCHER_TEMPLATE)
		return &core->pools[POOL_TEMPLATE];
	return &core->pools[POOL_SWIFT];
}

int pool_queue(struct core *core, struct job *job)
{
	struct pool *pool = pool_of(core, job);
	int ret = pool->nr_threads ? 0 : add_thread(pool, false);

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
		grow(pool, false);
	}
}

void pool_wake(struct core *core, const unsigned idle[NR_POOLS])
{
	unsigned i, n;

	for (i = 0; i < NR_POOLS; i++)
		for (n = 0; n < idle[i]; n++)
			pthread_cond_signal(&core->pools[i].work);
}
