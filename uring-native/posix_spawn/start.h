/* SPDX-License-Identifier: MIT */
#ifndef START_H
#define START_H

#include <spawn.h>
#include <stdbool.h>
#include <sys/types.h>

/* How a process is made. */
enum start_interface {
	START_VFORK,	/* clone3(2), with the caller's memory until the exec */
	START_EMBRYO,	/* pidfd_open(0, PIDFD_EMPTY): configured, then run */
	START_BUILDER,	/* pidfd_spawn_open(2): recorded, then run once */
	START_TEMPLATE, /* spawn_template_spawn(2), of a template for the one */
	START_CHAIN,	/* io_uring requests, on a ring for the one start */
	START_INTERFACES,
};

/* What they are called. */
extern const char *const start_names[START_INTERFACES];

/* posix_spawn(3)'s arguments. */
struct start {
	const char *file;
	bool search; /* for a name without a slash, in PATH */
	const posix_spawn_file_actions_t *file_actions; /* or NULL */
	const posix_spawnattr_t *attr;			/* or NULL */
	char *const *argv;
	char *const *envp;
	int *pidfd;		 /* where to store one; NULL: none */
	enum start_interface by; /* if that can do it */
};

/* start_process() cannot do this here: the C library's own function can. */
#define START_NOT_HERE (-1)

/*
 * Starts a process as posix_spawn(3) of glibc would, with the same results, but
 * by one clone3(2) that clears the signal handlers; or by another interface, if
 * asked for and possible. Stores its pid in *@pid unless that is NULL, and the
 * pidfd, which is the caller's. Returns 0, the error number of what failed, or
 * START_NOT_HERE with nothing done: no clone3(2), or an attribute or action
 * that is not known. Any thread may call it, and a child of fork(2). It needs
 * 6 KiB of stack, and keeps nothing.
 */
int start_process(pid_t *pid, const struct start *start);

#endif
