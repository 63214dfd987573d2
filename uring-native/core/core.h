/* SPDX-License-Identifier: MIT */
/*
 * The processes of one environment: launches them, waits for them, collects
 * what they write. Calls from the environment's thread only queue; the work is
 * done by a loop thread, which owns the ring or epoll, and by launch threads,
 * which block in vfork in its stead. They live as long as the environment,
 * because a parent-death signal is bound to the thread that cloned.
 */
#ifndef CORE_H
#define CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "launcher.h"
#include "reap.h"

#define CORE_MAX_COLLECT 8U

struct core;

struct core_config {
	/* Called from any thread when there are events, until core_detach(). */
	void (*wake)(void *arg);
	void *arg;
	bool no_ring; /* wait through epoll even where io_uring works */
};

struct core_request {
	enum launcher_kind kind;
	const void *chain; /* packed, copied */
	size_t chain_size;
	bool want_results; /* of every operation, also when all went well */
	/* Closed once the launch is over, whatever came of it. */
	const int *close_fds;
	size_t nr_close;
	/* Pipes to read to their end, from when the child has started. */
	struct {
		int fd;
		size_t max; /* bytes to keep */
	} collect[CORE_MAX_COLLECT];
	size_t nr_collect;
	int input_fd; /* pipe to write @input to and close, or -1 */
	const void *input;
	size_t input_size;
};

enum core_event_type {
	CORE_STARTED,  /* a: pid, b: pidfd, open until EXITED is freed */
	CORE_FAILED,   /* a: -errno, b: the operation's index; no process */
	CORE_EXITED,   /* exit */
	CORE_OUTPUT,   /* a: which, b: 0 or -errno; buf, size, truncated */
	CORE_OVERFLOW, /* a: which; output goes beyond its max */
};

struct core_event {
	struct core_event *next;
	enum core_event_type type;
	uint32_t id;
	int a;
	int b;
	int32_t *res; /* STARTED (if wanted), FAILED: per operation */
	uint32_t nr_res;
	struct exit_status exit;
	char *buf; /* the taker may keep it and set this to NULL; malloc(3) */
	size_t size;
	bool truncated;
	int close_fd;
};

struct core_info {
	const char *poller; /* "io_uring" or "epoll" */
	int ring_error;	    /* why there is no ring: -errno, else 0 */
	bool has_spawn;	    /* the uring launcher works */
};

/*
 * Returns 0 or -errno: EAGAIN (no thread), EMFILE, ENOMEM. What is running
 * when the environment goes is what core_detach() says.
 */
int core_new(const struct core_config *config, struct core **out);

void core_get_info(const struct core *core, struct core_info *info);

/*
 * Queues a launch and returns its id (> 0) in *@id. The descriptors of the
 * request belong to the core from then on. On -EINVAL (*@why), -EOPNOTSUPP
 * (the launcher does not work here) or -ENOMEM they are still the caller's.
 */
int core_launch(struct core *core, const struct core_request *request,
		uint32_t *id, const char **why);

/*
 * Signals a child through its pidfd; one whose launch has not begun fails with
 * ECANCELED instead. Returns 0, -ESRCH (over), -EAGAIN (about to be made: try
 * again), or what pidfd_send_signal(2) says: -EPERM, -EINVAL.
 */
int core_kill(struct core *core, uint32_t id, int sig);

/* Ends the collection of a child's output with what there is. */
void core_stop_output(struct core *core, uint32_t id);

/* Takes all events, oldest first; each is freed by core_event_free(). */
struct core_event *core_drain(struct core *core);
void core_event_free(struct core_event *event);

/*
 * The environment ends: no more events. Children that have started live on and
 * are reaped in the background; those that have not do not.
 */
void core_detach(struct core *core);

#endif
