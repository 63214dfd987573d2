/* SPDX-License-Identifier: MIT */
#ifndef CORE_PRIVATE_H
#define CORE_PRIVATE_H

#include <pthread.h>
#include <semaphore.h>

#include "core.h"
#include "output.h"
#include "poller.h"

#define JOB_BUCKETS 1024U
#define MAX_LAUNCH_THREADS 8U

enum job_state {
	JOB_QUEUED,
	JOB_LAUNCHING,
	JOB_RUNNING, /* or over, with output to come */
};

/* What the loop is asked to do for a job. */
#define JOB_SUBMIT 1U
#define JOB_WATCH 2U
#define JOB_STOP 4U

struct job;

struct job_output {
	struct output output;
	struct job *job;
};

struct job_input {
	struct input input;
	struct job *job;
};

/* One process, from the request until all about it has been said. */
struct job {
	struct launch launch;
	struct watch exit;
	struct core *core;
	uint32_t id;
	enum launcher_kind kind;
	enum job_state state;
	bool cancelled;
	bool want_results;
	bool watched;
	unsigned refs; /* the launch or the exit; each output; the input */
	unsigned todo; /* JOB_*, while in the inbox */
	struct job *inbox_next;
	struct job *queue_next;
	struct job *bucket_next;
	int *close_fds;
	size_t nr_close;
	struct job_output *outputs;
	size_t nr_outputs;
	struct job_input input;
	bool has_input;
};

struct core {
	pthread_mutex_t lock;
	unsigned refs; /* the environment, the loop, launch threads */
	struct core_config config;
	struct core_info info;
	uint64_t sigmask; /* of who made the core */
	bool detached;
	uint32_t last_id;
	unsigned nr_jobs;
	struct job *buckets[JOB_BUCKETS];

	struct core_event *events;
	struct core_event **events_tail;

	/* The loop. */
	struct poller *poller;
	struct watch wake;
	struct job *inbox;
	struct job **inbox_tail;
	bool woken;
	sem_t ready;
	int ready_error;

	/* The launch threads. */
	pthread_cond_t work;
	struct job *queue;
	struct job **queue_tail;
	unsigned nr_threads;
	unsigned nr_idle;
};

/* With the lock held. */
void core_put(struct core *core); /* unlocks */
void core_todo(struct job *job, unsigned todo);
void core_post(struct core *core, struct core_event *event);
void job_put(struct job *job);

/* Without. */
struct core_event *event_new(struct job *job, enum core_event_type type);
void core_post_unlocked(struct core *core, struct core_event *event);
void job_launched(struct job *job);
int core_thread(struct core *core, void *(*fn)(void *), void *arg);

/* pool.c */
int pool_queue(struct core *core, struct job *job);

/* loop.c */
void *loop_main(void *arg);

#endif
