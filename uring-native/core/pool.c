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

static struct job *dequeue(struct core *core)
{
	struct job *job;

	while (!core->queue) {
		if (core->detached)
			return NULL;
		core->nr_idle++;
		pthread_cond_wait(&core->work, &core->lock);
		core->nr_idle--;
	}
	job = core->queue;
	core->queue = job->queue_next;
	if (!core->queue)
		core->queue_tail = &core->queue;
	return job;
}

static void launch(struct job *job, struct launch_thread *thread)
{
	struct core *core = job->core;
	bool cancelled = job->cancelled || core->detached;

	job->state = JOB_LAUNCHING;
	pthread_mutex_unlock(&core->lock);
	if (cancelled)
		launch_no_child(&job->launch, -ECANCELED);
	else
		launcher_get(job->kind)->launch(&job->launch, thread);
	job_launched(job);
	pthread_mutex_lock(&core->lock);
}

static void *pool_main(void *arg)
{
	struct core *core = arg;
	struct launch_thread thread;
	struct job *job;
	int err = launch_thread_init(&thread, core->sigmask);

	pthread_mutex_lock(&core->lock);
	while ((job = dequeue(core))) {
		if (!err) {
			launch(job, &thread);
			continue;
		}
		pthread_mutex_unlock(&core->lock);
		launch_no_child(&job->launch, err);
		job_launched(job);
		pthread_mutex_lock(&core->lock);
	}
	core->nr_threads--;
	core_put(core);
	if (!err)
		launch_thread_exit(&thread);
	return NULL;
}

int pool_queue(struct core *core, struct job *job)
{
	unsigned waiting = 1;
	struct job *j;
	int ret = 0;

	for (j = core->queue; j && waiting <= core->nr_idle; j = j->queue_next)
		waiting++;
	if (waiting > core->nr_idle && core->nr_threads < max_threads()) {
		ret = core_thread(core, pool_main, core);
		if (!ret)
			core->nr_threads++;
	}
	if (!core->nr_threads)
		return ret;
	job->queue_next = NULL;
	*core->queue_tail = job;
	core->queue_tail = &job->queue_next;
	pthread_cond_signal(&core->work);
	return 0;
}
