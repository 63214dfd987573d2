/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "direct.h"
#include "doomed.h"
#include "job.h"
#include "launcher.h"
#include "lock.h"
#include "pipes.h"
#include "settle.h"
#include "state.h"
#include "sys.h"
#include "threads.h"

#define MAX_LAUNCH_THREADS 8U
#define MAX_WAITING_THREADS 64U

/* Not cached in a static: environments run in several threads. */
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

static void crew_init(struct crew *crew, struct core *core)
{
	pthread_condattr_t attr;
	unsigned i;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	crew->core = core;
	for (i = 0; i < NR_POOLS; i++) {
		struct pool *pool = &crew->pools[i];

		pool->crew = crew;
		pool->queue_tail = &pool->queue;
		pthread_cond_init(&pool->work, &attr);
	}
	pthread_condattr_destroy(&attr);
	crew->pools[POOL_WAITING].max_threads = MAX_WAITING_THREADS;
	crew->next = core->crews;
	core->crews = crew;
}

static bool has_threads(const struct crew *crew)
{
	unsigned i, nr = 0;

	for (i = 0; i < NR_POOLS; i++)
		nr += crew->pools[i].nr_threads;
	return nr > 0;
}

static void wake_all(struct crew *crew)
{
	unsigned i;

	for (i = 0; i < NR_POOLS; i++)
		pthread_cond_broadcast(&crew->pools[i].work);
}

/* Makes a crew with the attributes of the calling thread the current one. */
static int renew_crew(struct core *core)
{
	struct crew *crew = core->crews;
	unsigned i;

	while (crew && has_threads(crew))
		crew = crew->next;
	if (!crew) {
		crew = calloc(1, sizeof(*crew));
		if (!crew)
			return -ENOMEM;
		crew_init(crew, core);
	}
	if (core->crew && core->crew != crew) {
		core->crew->retired = true;
		wake_all(core->crew);
	}
	crew->retired = false;
	crew->attributes = core->attributes;
	for (i = 0; i < NR_POOLS; i++) {
		crew->pools[i].kept_threads = max_threads();
		if (i != POOL_WAITING)
			crew->pools[i].max_threads = max_threads();
	}
	core->crew = crew;
	return 0;
}

void pool_exit(struct core *core)
{
	struct crew *crew;
	unsigned i;

	while ((crew = core->crews)) {
		core->crews = crew->next;
		for (i = 0; i < NR_POOLS; i++)
			pthread_cond_destroy(&crew->pools[i].work);
		free(crew);
	}
}

void pool_detach(struct core *core)
{
	struct crew *crew;

	for (crew = core->crews; crew; crew = crew->next)
		wake_all(crew);
}

/* A launch thread, with the pool's state for it. */
struct pool_thread {
	struct launch_thread launch;
	struct pool *pool;
	struct job *job; /* the one under way */
	/*
	 * It made a child with a parent-death signal, which the kernel would
	 * send when the thread ends.
	 */
	bool bound;
};

static bool has_surplus(const struct pool *pool)
{
	return pool->crew->retired ||
	       pool->nr_threads - pool->nr_slow > pool->max_threads;
}

/* How long a thread may be idle, beyond those that are kept. */
#define IDLE_SECONDS 1

/*
 * Waits for work. Returns false if none came for IDLE_SECONDS and the thread is
 * not one of those to keep.
 */
static bool wait_for_work(struct pool_thread *thread)
{
	struct pool *pool = thread->pool;
	struct core *core = pool->crew->core;
	struct timespec end;
	int ret = 0;

	pool->nr_idle++;
	if (thread->bound || pool->nr_threads <= pool->kept_threads) {
		pthread_cond_wait(&pool->work, &core->lock);
	} else {
		clock_gettime(CLOCK_MONOTONIC, &end);
		end.tv_sec += IDLE_SECONDS;
		ret = pthread_cond_timedwait(&pool->work, &core->lock, &end);
	}
	pool->nr_idle--;
	return ret != ETIMEDOUT || pool->nr_threads <= pool->kept_threads;
}

/* Returns NULL if the thread has to end. */
static struct job *dequeue(struct pool_thread *thread)
{
	struct pool *pool = thread->pool;
	struct core *core = pool->crew->core;
	struct job *job;

	while (!pool->queue) {
		if (core->detached || (has_surplus(pool) && !thread->bound))
			return NULL;
		if (!wait_for_work(thread) && !pool->queue)
			return NULL;
	}
	job = pool->queue;
	pool->queue = job->queue_next;
	if (!pool->queue)
		pool->queue_tail = &pool->queue;
	pool->nr_queued--;
	return job;
}

/*
 * Waking a SCHED_BATCH thread does not preempt the waker, so a launch does not
 * interrupt the thread that requests it. Children get the policy back that they
 * would have otherwise. A thread with another policy than SCHED_OTHER, or that
 * may not change it, keeps its own. Threads that a batch thread makes are batch
 * threads.
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
	int ret = core_thread(pool->crew->core,
			      from_batch ? pool_main_batch : pool_main, pool);

	if (!ret)
		pool->nr_threads++;
	return ret;
}

/* Adds threads for what is queued, up to the limit. Lock held. */
static void grow(struct pool *pool, bool from_batch)
{
	unsigned wanted = pool->nr_queued;

	/* Busy threads that are not slow will take the rest. */
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
	struct core *core = pool->crew->core;

	core_lock(core);
	pool->nr_slow++;
	grow(pool, launch_thread->batch);
	/* The pidfd was not known when core_detach() ran. */
	if (core->detached && !thread->job->like_uv_spawn)
		job_signal(thread->job, SIGKILL);
	core_unlock(core);
}

static void run_chain(struct job *job, struct launch_thread *thread)
{
	const struct launcher *launcher = launcher_get(job->launch.by);

	do {
		launcher->launch(&job->launch, thread);
	} while (job_use_shell(job));
}

static void launch(struct pool_thread *thread, struct job *job)
{
	struct core *core = job->core;
	uint32_t failed = 0;
	/* Nothing starts that is not watched yet. */
	int err = doomed_wait(core, job);
	bool wanted = !core->detached || job->like_uv_spawn;

	if (job->cancelled || !wanted)
		err = -ECANCELED;
	job->state = JOB_LAUNCHING;
	thread->job = job;
	thread->bound |= job->launch.chain->sets_pdeathsig;
	thread->launch.number = job->number;
	thread->launch.asked = core->nr_requested;
	thread->launch.slow = false;
	core_unlock(core);
	if (job->room) {
		direct_finish(job, &thread->launch);
	} else if (err) {
		launch_no_child(&job->launch, err);
	} else if ((err = job_open_fds(job, &failed))) {
		launch_no_child(&job->launch, err);
		job->launch.failed_op = failed;
	} else {
		run_chain(job, &thread->launch);
	}
	job_settle(job);
	core_lock(core);
	if (thread->launch.slow)
		thread->pool->nr_slow--;
}

static void *run_thread(struct pool *pool, bool batch)
{
	struct pool_thread thread = {.pool = pool};
	struct core *core = pool->crew->core;
	struct job *job;

	core_thread_name("uring-launch");
	launch_thread_init(&thread.launch);
	thread.launch.status = core->status;
	thread.launch.batch = batch;
	thread.launch.on_slow = on_slow;
	thread.launch.may_own_place =
		pool == &pool->crew->pools[POOL_OWN_PLACE];
	core_lock(core);
	while ((job = dequeue(&thread)))
		launch(&thread, job);
	pool->nr_threads--;
	core_put(core);
	launch_thread_exit(&thread.launch);
	return NULL;
}

static struct pool *pool_of(struct crew *crew, const struct job *job)
{
	if (job->launch.chain->may_block)
		return &crew->pools[POOL_WAITING];
	if (launcher_get(job->launch.by)->own_place)
		return &crew->pools[POOL_OWN_PLACE];
	return &crew->pools[POOL_SWIFT];
}

static void append(struct pool *pool, struct job *job)
{
	job->queue_next = NULL;
	job->number = ++pool->crew->core->nr_requested;
	*pool->queue_tail = job;
	pool->queue_tail = &job->queue_next;
	pool->nr_queued++;
}

void pool_look(struct core *core)
{
	attributes_look(&core->attributes, !core->looked);
	core->looked = true;
}

int pool_queue(struct core *core, struct job *job)
{
	struct pool *pool;
	int ret = 0;

	if (!core->crew ||
	    !attributes_equal(&core->crew->attributes, &core->attributes))
		ret = renew_crew(core);
	if (ret)
		return ret;
	pool = pool_of(core->crew, job);
	if (!pool->nr_threads)
		ret = add_thread(pool, false);
	if (ret)
		return ret;
	append(pool, job);
	return 0;
}

bool pool_is_ready(const struct core *core, const struct job *job)
{
	return core->crew && pool_of(core->crew, job)->nr_threads;
}

bool pool_continue(struct core *core, struct job *job)
{
	struct pool *pool = pool_of(core->crew, job);

	/*
	 * Once the owner is gone, it does not matter what a new thread
	 * inherits: nothing more is requested.
	 */
	if (!pool->nr_threads && (!core->detached || add_thread(pool, false)))
		return false;
	append(pool, job);
	pthread_cond_signal(&pool->work);
	return true;
}

static bool has_room(const struct pool *pool)
{
	return pool->nr_threads - pool->nr_slow < pool->max_threads;
}

bool pool_has_attributes(struct core *core)
{
	struct attributes now = core->attributes;

	attributes_look(&now, false);
	return attributes_equal(&core->crew->attributes, &now);
}

struct crew *pool_flush(struct core *core, unsigned idle[NR_POOLS])
{
	struct crew *crew = core->crew;
	unsigned i;

	for (i = 0; i < NR_POOLS; i++) {
		struct pool *pool = crew ? &crew->pools[i] : NULL;
		unsigned wanted = pool ? pool->nr_queued : 0;

		idle[i] = 0;
		if (!wanted)
			continue;
		idle[i] = wanted < pool->nr_idle ? wanted : pool->nr_idle;
		if (wanted > pool->nr_idle && has_room(pool) &&
		    pool_has_attributes(core))
			grow(pool, false);
	}
	return crew;
}

void pool_wake(struct crew *crew, const unsigned idle[NR_POOLS])
{
	unsigned i, n;

	for (i = 0; i < NR_POOLS; i++)
		for (n = 0; n < idle[i]; n++)
			pthread_cond_signal(&crew->pools[i].work);
}
