/* SPDX-License-Identifier: MIT */
#ifndef JOB_H
#define JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core.h"
#include "input.h"
#include "launcher.h"
#include "output.h"
#include "poller.h"

enum job_state {
	/*
	 * Nobody has begun: it waits for a launch thread, for the loop, for
	 * room in the ring, or until its program is no longer open for writing.
	 * There is no process; a signal sets @cancelled.
	 */
	JOB_QUEUED,
	/*
	 * A launch thread has it, or its chain is on the ring. The process can
	 * be signalled once the launch's pid is known. Back to QUEUED if the
	 * program is open for writing.
	 */
	JOB_LAUNCHING,
	/*
	 * It has started or failed, and @first is posted. Started, it is the
	 * loop's until its exit, its outputs and its input have ended.
	 */
	JOB_SETTLED,
};

struct job_output {
	struct output output;
	struct job *job;
	/*
	 * Lock held: a chunk has been asked for and is not there yet, or is in
	 * an event that has not been freed. So one event is enough for all.
	 */
	bool asked;
	bool told;
	struct core_event chunk;
	struct core_event overflow;
	struct core_event end;
};

/* The output that @watch waits for. */
static inline struct job_output *job_output_of(struct watch *watch)
{
	return (struct job_output *)((char *)watch -
				     offsetof(struct job_output, output.watch));
}

struct job_input {
	struct input input;
	struct job *job;
	struct core_event fed;
};

/*
 * One process, from the request until its last event is freed.
 *
 * The core's lock guards state, cancelled, stopped, lazy, more, direct, told,
 * owned, own_busy, own_quits, own_ticked, refs, todo and the list pointers; and
 * what CQEs on the owner's ring say. The rest belongs to whoever has the job:
 * its maker until it is queued, a launch thread (or the loop, for a ring) until
 * it is settled, then the loop. The launch's pid and pidfd are atomic, for
 * signals meanwhile.
 */
struct job {
	struct launch launch;
	struct watch exit;
	struct core *core;
	struct job *watcher; /* it waits for this one's start; a reference */
	uint32_t id;
	uint32_t token;
	enum job_state state;
	bool cancelled;
	bool stopped; /* its output no longer is, or will not be, collected */
	bool more;    /* chunks were asked for before it had settled */
	bool lazy;    /* its core_request's, until a chunk is asked for */
	bool like_uv_spawn; /* its core_request's */
	bool waited;	    /* its core_request's; once settled, core_run()'s */
	/*
	 * The launch is the owner's own, see direct.h: nobody has seen yet that
	 * it is over, and no launch thread goes on with it.
	 */
	bool direct;
	bool told;	  /* the owner's ring tells of it, see direct_ring.h */
	bool owned;	  /* the owner's thread collects for it, see own.h */
	bool own_busy;	  /* and is at it */
	bool own_quits;	  /* and will be no longer then */
	bool own_ticked;  /* it was its at the last tick */
	unsigned busy_ms; /* waited while the program was open for writing */
	bool watched;	  /* the loop waits for its exit and output, or did */
	bool exited;
	/* Of a direct launch, until it is over; the core's lock guards it. */
	struct direct_room *room;
	int notice;	      /* of whoever takes the ends of the owner's set */
	struct job *own_next; /* in the list of those that are owned, or told */
	/*
	 * One each for the launch, which passes its own on to the exit, every
	 * output, the input, every event that is not freed, the inbox, the
	 * notice, the CQEs of a chain on the owner's ring, and what waits for
	 * this one as its watcher.
	 */
	unsigned refs;
	/* Each occurs at most once, so memory for it is always at hand. */
	struct core_event first; /* STARTED or FAILED */
	struct core_event last;	 /* EXITED */
	unsigned todo;		 /* TODO_*, while in the inbox */
	struct job *inbox_next;
	struct job *queue_next;
	uint64_t number; /* of those for the pools, from 1 */
	struct job *bucket_next;
	int *close_fds;
	size_t nr_close;
	struct core_pipe *pipes;
	int *pipe_fds; /* our end of those that are not collected */
	size_t nr_pipes;
	bool fds_open; /* job_open_fds() has made them */
	struct job_output *outputs;
	size_t nr_outputs;
	struct job_input input;
	bool has_input;
};

/*
 * Makes a job for @req, which is not queued and has no id. Returns 0, -ENOMEM,
 * or -EINVAL; then *@why says what is wrong, and the request's descriptors are
 * still the caller's.
 */
int job_new(struct core *core, const struct core_request *req, struct job **out,
	    const char **why);
/* Frees a job that is in no list. */
void job_free(struct job *job);
/* For the owner: it starts where the process is, or the request said. */
void job_set_place(struct job *job);
/*
 * After a launch: whether to launch once more, because the file was no program
 * and its chain now has /bin/sh run it. See chain_use_shell().
 */
bool job_use_shell(struct job *job);
/*
 * After a launch: whether the program was open for writing, and may be launched
 * once more. What an open did, to a FIFO or to a file that it created, must not
 * happen twice.
 */
bool job_met_writer(const struct job *job);

/* Lock held: */

/* The job of that id, or NULL once its last event has been freed. */
struct job *job_find(struct core *core, uint32_t id);
/* Gives @job an id. */
void job_number(struct core *core, struct job *job);
/* From now on it is found by its id. */
void job_add(struct core *core, struct job *job);
/* Drops a reference; the last one frees the job. */
void job_put(struct job *job);
/* Whether it has a process that can be signalled. */
bool job_has_process(const struct job *job);
/*
 * Signals the process, which may not have run yet. Returns as reap_signal(), or
 * -EAGAIN if there is none that a signal can reach.
 */
int job_signal(const struct job *job, int sig);
/*
 * The environment ends: kills the child of a launch that is under way, unless
 * it runs its program already.
 */
void job_give_up(const struct job *job);
/*
 * A launch that has failed is tried once more: closes its pidfd. Without the
 * lock another thread might be about to signal through that. A signal cancels
 * the job from now on.
 */
void job_queue_again(struct job *job);

#endif
