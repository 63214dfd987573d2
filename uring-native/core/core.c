/* SPDX-License-Identifier: MIT */
#include "core.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core_private.h"
#include "sys.h"

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

/* The last to go frees; the lock is held, and gone after. */
void core_put(struct core *core)
{
	bool last = --core->refs == 0;

	pthread_mutex_unlock(&core->lock);
	if (!last)
		return;
	if (core->wake.fd >= 0)
		close(core->wake.fd);
	sem_destroy(&core->ready);
	pthread_cond_destroy(&core->work);
	pthread_mutex_destroy(&core->lock);
	free(core);
}

/*
 * Threads of the core take no signals: those are the program's. libc keeps the
 * two it needs unblocked.
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

static void wake_loop(struct core *core)
{
	uint64_t one = 1;

	if (core->woken)
		return;
	core->woken = true;
	if (write(core->wake.fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		abort();
}

void core_todo(struct job *job, unsigned todo)
{
	struct core *core = job->core;

	if (!job->todo) {
		job->inbox_next = NULL;
		*core->inbox_tail = job;
		core->inbox_tail = &job->inbox_next;
	}
	job->todo |= todo;
	wake_loop(core);
}

/* An event is small; without memory for it the child would be lost. */
struct core_event *event_new(struct job *job, enum core_event_type type)
{
	struct core_event *event = calloc(1, sizeof(*event));

	if (!event)
		abort();
	event->type = type;
	event->id = job->id;
	event->close_fd = -1;
	return event;
}

void core_event_free(struct core_event *event)
{
	if (event->close_fd >= 0)
		close(event->close_fd);
	free(event->res);
	free(event->buf);
	free(event);
}

void core_post(struct core *core, struct core_event *event)
{
	bool first = !core->events;

	if (core->detached) {
		core_event_free(event);
		return;
	}
	*core->events_tail = event;
	core->events_tail = &event->next;
	if (first)
		core->config.wake(core->config.arg);
}

void core_post_unlocked(struct core *core, struct core_event *event)
{
	pthread_mutex_lock(&core->lock);
	core_post(core, event);
	pthread_mutex_unlock(&core->lock);
}

static void close_all(struct job *job)
{
	size_t i;

	for (i = 0; i < job->nr_close; i++)
		close(job->close_fds[i]);
	job->nr_close = 0;
}

static void job_free(struct job *job)
{
	size_t i;

	chain_free(job->launch.chain);
	for (i = 0; i < job->nr_outputs; i++)
		free(job->outputs[i].output.buf);
	free(job->outputs);
	free(job->input.input.buf);
	free(job->close_fds);
	free(job);
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
		wake_loop(core);
}

static void add_results(struct job *job, struct core_event *event)
{
	const struct chain *c = job->launch.chain;
	uint32_t i;

	event->res = malloc(c->nr_ops * sizeof(*event->res));
	if (!event->res)
		return;
	event->nr_res = c->nr_ops;
	for (i = 0; i < c->nr_ops; i++)
		event->res[i] = c->res[i];
}

/* The launch failed: nobody reads or writes the pipes any more. */
static void drop_pipes(struct job *job)
{
	size_t i;

	for (i = 0; i < job->nr_outputs; i++)
		close(job->outputs[i].output.watch.fd);
	if (job->has_input)
		close(job->input.input.watch.fd);
	job->refs -= (unsigned)job->nr_outputs + job->has_input;
	job->nr_outputs = 0;
	job->has_input = false;
}

void job_launched(struct job *job)
{
	struct core *core = job->core;
	struct launch *launch = &job->launch;
	struct core_event *event;

	close_all(job);
	event = event_new(job, launch->error ? CORE_FAILED : CORE_STARTED);
	if (launch->error || job->want_results)
		add_results(job, event);
	event->a = launch->error ? launch->error : launch->pid;
	event->b = launch->error ? (int)launch->failed : launch->pidfd;

	pthread_mutex_lock(&core->lock);
	job->state = JOB_RUNNING;
	core_post(core, event);
	if (!launch->error) {
		core_todo(job, JOB_WATCH | (core->detached ? JOB_STOP : 0));
	} else {
		if (launch->pidfd >= 0)
			close(launch->pidfd);
		launch->pidfd = -1;
		drop_pipes(job);
		job_put(job);
	}
	pthread_mutex_unlock(&core->lock);
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
	core->queue_tail = &core->queue;
	core->inbox_tail = &core->inbox;
	pthread_mutex_init(&core->lock, NULL);
	pthread_cond_init(&core->work, NULL);
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
		pthread_mutex_lock(&core->lock);
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

static int set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

static int fill_pipes(struct job *job, const struct core_request *req)
{
	size_t i;
	int ret;

	for (i = 0; i < req->nr_collect; i++) {
		struct job_output *o = &job->outputs[i];

		ret = set_nonblock(req->collect[i].fd);
		if (ret)
			return ret;
		o->job = job;
		o->output.watch.fd = req->collect[i].fd;
		o->output.max = req->collect[i].max;
	}
	job->nr_outputs = req->nr_collect;
	if (req->input_fd < 0)
		return 0;
	ret = set_nonblock(req->input_fd);
	if (ret)
		return ret;
	job->input.input.buf = malloc(req->input_size ? req->input_size : 1);
	if (!job->input.input.buf)
		return -ENOMEM;
	if (req->input_size)
		memcpy(job->input.input.buf, req->input, req->input_size);
	job->input.input.len = req->input_size;
	job->input.input.watch.fd = req->input_fd;
	job->input.job = job;
	job->has_input = true;
	return 0;
}

static int job_new(struct core *core, const struct core_request *req,
		   struct job **out, const char **why)
{
	struct job *job = calloc(1, sizeof(*job));
	int ret = -ENOMEM;

	*why = "out of memory";
	if (!job)
		return ret;
	job->core = core;
	job->kind = req->kind;
	job->want_results = req->want_results;
	job->launch.pid = -1;
	job->launch.pidfd = -1;
	job->launch.done = NULL;
	job->outputs = calloc(req->nr_collect + 1, sizeof(*job->outputs));
	job->close_fds = calloc(req->nr_close + 1, sizeof(*job->close_fds));
	if (!job->outputs || !job->close_fds)
		goto err;
	ret = chain_load(req->chain, req->chain_size, &job->launch.chain, why);
	if (ret)
		goto err;
	*why = "a pipe to collect from or write to is not open";
	ret = fill_pipes(job, req);
	if (ret)
		goto err;
	if (req->nr_close)
		memcpy(job->close_fds, req->close_fds,
		       req->nr_close * sizeof(*job->close_fds));
	job->nr_close = req->nr_close;
	job->refs = 1 + (unsigned)job->nr_outputs + job->has_input;
	*out = job;
	return 0;
err:
	job_free(job);
	return ret;
}

int core_launch(struct core *core, const struct core_request *req, uint32_t *id,
		const char **why)
{
	struct job *job;
	int ret = 0;

	*why = "this launcher does not work here";
	if (!launcher_get(req->kind))
		return -EINVAL;
	if (req->kind == LAUNCHER_URING && !core->info.has_spawn)
		return -EOPNOTSUPP;
	ret = job_new(core, req, &job, why);
	if (ret)
		return ret;
	pthread_mutex_lock(&core->lock);
	do {
		job->id = ++core->last_id & INT32_MAX;
	} while (!job->id || find(core, job->id));
	*id = job->id;
	if (req->kind == LAUNCHER_URING)
		core_todo(job, JOB_SUBMIT);
	else
		ret = pool_queue(core, job);
	if (!ret) {
		job->bucket_next = *bucket(core, job->id);
		*bucket(core, job->id) = job;
		core->nr_jobs++;
	}
	pthread_mutex_unlock(&core->lock);
	if (ret) {
		*why = "no thread to launch from can be made";
		job_free(job);
	}
	return ret;
}

int core_kill(struct core *core, uint32_t id, int sig)
{
	struct job *job;
	int ret = 0;

	pthread_mutex_lock(&core->lock);
	job = find(core, id);
	if (!job)
		ret = -ESRCH;
	else if (job->launch.pidfd >= 0)
		ret = (int)sys_pidfd_send_signal(job->launch.pidfd, sig);
	else if (job->state == JOB_QUEUED)
		job->cancelled = true;
	else
		ret = job->state == JOB_LAUNCHING ? -EAGAIN : -ESRCH;
	pthread_mutex_unlock(&core->lock);
	return ret;
}

void core_stop_output(struct core *core, uint32_t id)
{
	struct job *job;

	pthread_mutex_lock(&core->lock);
	job = find(core, id);
	if (job)
		core_todo(job, JOB_STOP);
	pthread_mutex_unlock(&core->lock);
}

struct core_event *core_drain(struct core *core)
{
	struct core_event *events;

	pthread_mutex_lock(&core->lock);
	events = core->events;
	core->events = NULL;
	core->events_tail = &core->events;
	pthread_mutex_unlock(&core->lock);
	return events;
}

void core_detach(struct core *core)
{
	struct core_event *event;
	unsigned i;

	pthread_mutex_lock(&core->lock);
	core->detached = true;
	while ((event = core->events)) {
		core->events = event->next;
		core_event_free(event);
	}
	core->events_tail = &core->events;
	for (i = 0; i < JOB_BUCKETS; i++) {
		struct job *job;

		for (job = core->buckets[i]; job; job = job->bucket_next) {
			if (job->state == JOB_LAUNCHING &&
			    job->launch.pidfd >= 0)
				sys_pidfd_send_signal(job->launch.pidfd,
						      SIGKILL);
			else if (job->state == JOB_RUNNING)
				core_todo(job, JOB_STOP);
		}
	}
	pthread_cond_broadcast(&core->work);
	wake_loop(core);
	core_put(core);
}
