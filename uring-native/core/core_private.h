/* SPDX-License-Identifier: MIT */
#ifndef CORE_PRIVATE_H
#define CORE_PRIVATE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "attributes.h"
#include "core.h"
#include "launcher.h"
#include "output.h"
#include "poller.h"

#define JOB_BUCKETS 1024U
#define MAX_LAUNCH_THREADS 8U
#define MAX_WAITING_THREADS 64U

enum job_state {
	JOB_QUEUED,
	JOB_LAUNCHING,
	JOB_RUNNING, /* or ended, with output to come */
};

/* What the loop is asked to do for a job. */
#define JOB_SUBMIT 1U
#define JOB_WATCH 2U
#define JOB_STOP 4U

struct job;

struct job_output {
	struct output output;
	struct job *job;
	struct core_event overflow;
	struct core_event end;
};

struct job_input {
	struct input input;
	struct job *job;
	struct core_event fed;
};

/* One process, from the request until its last event is freed. */
struct job {
	struct launch launch;
	struct watch exit;
	struct core *core;
	uint32_t id;
	uint32_t token;
	enum launcher_kind kind;
	enum job_state state;
	bool cancelled;
	bool stopped; /* its output no longer is, or will not be, collected */
	bool lazy;
	unsigned busy_ms; /* waited while the program was open for writing */
	bool watched;
	bool exited;
	/* The launch or the exit; each output; the input; each event; inbox. */
	unsigned refs;
	/* Each occurs at most once, so memory for it is always at hand. */
	struct core_event first; /* STARTED or FAILED */
	struct core_event last;	 /* EXITED */
	unsigned todo;		 /* JOB_*, while in the inbox */
	struct job *inbox_next;
	struct job *queue_next;
	uint64_t number; /* of those for the pools, from 1 */
	struct job *bucket_next;
	int *close_fds;
	size_t nr_close;
	struct core_pipe *pipes;
	int *pipe_fds; /* our end of those that are not collected */
	size_t nr_pipes;
	bool fds_open;
	struct job_output *outputs;
	size_t nr_outputs;
	struct job_input input;
	bool has_input;
};

/*
 * Launch threads, and the jobs that wait for one. Chains that open files have a
 * pool of their own: they may block, for instance on a FIFO, and must not delay
 * others. So do launches from templates.
 *
 * A thread stays with its child until the child has exec'd: its stack, its
 * thread-local storage and its life (PR_SET_PDEATHSIG) are the child's, too. So
 * a pool gets another thread for each slow one (LAUNCH_SLOW_MS) while there is
 * work, and memory. Idle threads end at once beyond max_threads, and after a
 * second beyond kept_threads.
 */
struct pool {
	struct crew *crew;
	pthread_cond_t work;
	struct job *queue;
	struct job **queue_tail;
	unsigned nr_queued;
	unsigned nr_threads;
	unsigned nr_idle;
	unsigned nr_slow;
	unsigned max_threads; /* that are not slow */
	unsigned kept_threads;
};

enum { POOL_SWIFT, POOL_WAITING, POOL_TEMPLATE, NR_POOLS };

/*
 * Launch threads with the same attributes. The environment's thread makes the
 * first of each pool; others are made by one of the pool's own. Once the
 * environment's thread has other attributes, another crew takes over: the old
 * one finishes its queue, and its threads end. A crew without threads is used
 * again.
 */
struct crew {
	struct core *core;
	struct attributes attributes;
	bool retired;
	struct pool pools[NR_POOLS];
	struct crew *next;
};

struct core {
	pthread_mutex_t lock;
	unsigned refs; /* the environment, the loop, launch threads */
	struct core_config config;
	struct core_info info;
	uint64_t sigmask;     /* of the core's creator */
	struct place_id root; /* at the start; the core's threads keep it */
	bool detached;
	uint32_t last_id;
	unsigned nr_jobs;
	struct job *buckets[JOB_BUCKETS];

	struct core_event *events;
	struct core_event **events_tail;
	atomic_bool owner_woken; /* since the last drain */
	/*
	 * Guards config.wake, which must not be called once the owner is gone.
	 */
	pthread_mutex_t owner_lock;
	bool owner_gone;

	/* Wake-ups to be sent by the lock's holder, after unlocking. */
	bool owes_owner;
	bool owes_loop;

	struct lender lender; /* the environment, of inputs */

	/* The loop. */
	pthread_t loop;
	struct poller *poller;
	struct ring *ring; /* the same, or NULL if it is not a ring */
	struct watch wake;
	struct job *inbox;
	struct job **inbox_tail;
	atomic_bool loop_woken;
	struct place *submit_place; /* where it is while it submits */
	bool unflushed; /* the inbox has jobs that no wake-up was sent for */
	struct job
		*submits; /* the loop's: to be submitted once there is room */
	struct job **submits_tail;
	sem_t ready;
	int ready_error;

	struct crew *crew;  /* for what is launched now */
	struct crew *crews; /* all */
	/*
	 * The calling thread's; @looked: all have been read since the last
	 * flush.
	 */
	struct attributes attributes;
	struct attributes loop_attributes; /* those of the loop's thread */
	bool looked;
	uint64_t nr_requested; /* of the pools, so far */
};

void core_lock(struct core *core);
/*
 * Unlocks, and then sends the wake-ups that are owed: a thread woken earlier
 * would only wait for the lock.
 */
void core_unlock(struct core *core);

/* With the lock held. */
void core_put(struct core *core);		 /* unlocks */
void core_queue(struct job *job, unsigned todo); /* wakes nobody */
void core_todo(struct job *job, unsigned todo);
void core_wake_loop(struct core *core);
void job_put(struct job *job);

/* job.c: what belongs to a job. */
int job_new(struct core *core, const struct core_request *req, struct job **out,
	    const char **why);
void job_free(struct job *job);
/* The launch has succeeded or failed. Lock not held. */
void job_launched(struct job *job);

/*
 * pipes.c: makes the descriptors that the child starts with. Returns 0, or
 * -errno with *@failed as in CORE_FAILED: the operation that passes on what
 * could not be opened anew, or the pipe that could not be made.
 */
int job_open_fds(struct job *job, uint32_t *failed);
void job_close_fds(struct job *job);
/* Closes the pipes after a failed launch. Lock held. */
void job_drop_pipes(struct job *job);

/* events.c. Lock held, except for event_init(). */
void event_init(struct core_event *event, struct job *job,
		enum core_event_type type);
void event_post(struct core_event *event, bool wake);
void events_drop(struct core *core);

int core_thread(struct core *core, void *(*fn)(void *), void *arg);

/* pool.c */
void pool_exit(struct core *core);
/* Lets idle threads end: no new work will come. Lock held. */
void pool_detach(struct core *core);
/*
 * Queues @job for a thread with core->attributes, which are the calling
 * thread's. Returns 0 or -errno. Lock held.
 */
int pool_queue(struct core *core, struct job *job);
/*
 * Makes the threads that are needed. Returns the crew, and in @idle how many
 * threads of each pool pool_wake() has to wake after unlocking.
 */
struct crew *pool_flush(struct core *core, unsigned idle[NR_POOLS]);
void pool_wake(struct crew *crew, const unsigned idle[NR_POOLS]);

/* loop.c */
void *loop_main(void *arg);

#endif
