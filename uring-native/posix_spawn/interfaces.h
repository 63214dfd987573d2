/* SPDX-License-Identifier: MIT */
/*
 * The interfaces by which start_process() can make a process, besides
 * clone3(2). Each leaves what it cannot do to that, before it has done
 * anything.
 */
#ifndef INTERFACES_H
#define INTERFACES_H

#include <limits.h>
#include <sched.h>
#include <stdint.h>

#include "actions.h"
#include "start.h"
#include "sys.h"

#ifndef POSIX_SPAWN_SETCGROUP
#define POSIX_SPAWN_SETCGROUP 0x100
#endif

/* What the child is to do; by clone3(2) it shares this with its parent. */
struct child {
	const struct start *start;
	const struct action *actions;
	int nr_actions;
	const char *path; /* the parent's PATH */
	short flags;
	pid_t pgroup;
	uint64_t defaults; /* signals */
	uint64_t mask;
	int policy;
	struct sched_param param;
	int cgroup;
	volatile int error; /* of what failed */
};

/* Whether @fd is a number that a descriptor can have. No libc. */
bool child_may_have(int fd);

/*
 * The result of an ACTION_CLOSE of @fd whose close(2) returned @ret: only a
 * descriptor that cannot be open is an error. No libc.
 */
long child_closed(int fd, long ret);

/* Whether POSIX_SPAWN_RESETIDS, if set, changes nothing. */
bool child_keeps_ids(const struct child *child);

/* Whether this is a kernel with the series, whose numbers mean what we think.
 */
bool start_has_series(void);

typedef long child_execute(void *arg, const char *path);

/*
 * Looks for the program in PATH as execvp(3) does: calls @try with @arg for one
 * name after the other. Returns its result, or the -errno of a program that is
 * not there. No libc.
 */
long child_search(const struct child *child, child_execute *try, void *arg);

/* What such a search has come to; @ret is -ENOENT at first. */
struct search {
	bool forbidden; /* a file may not be executed */
	long ret;
};

/* Takes what an exec has returned; returns whether to try another. No libc. */
bool search_goes_on(struct search *search, long ret);

/*
 * Waits for the end of a child that could not be started, and closes @pidfd.
 * Until then wait(2) would find a child that posix_spawn(3) has not made.
 */
void child_await_end(int pidfd);

/* No error number: another way has to be taken. */
#define START_LEFT LONG_MIN

/*
 * Starts the process by an interface, while all signals are blocked. Returns
 * the pid, with a pidfd in *@pidfd if the caller wants one; the -errno of what
 * failed; or START_LEFT with nothing done, if the kernel does not have the
 * interface, a filter forbids it, or it has no word for what is asked for.
 */
typedef long start_function(struct child *child, int *pidfd);

start_function start_embryo;
start_function start_builder;
start_function start_template;
start_function start_chain;

#endif
