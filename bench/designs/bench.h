/* SPDX-License-Identifier: MIT */
/*
 * One launch method is one file that defines one struct method. The harness
 * (main.c) makes the parent what the axes say, calls the method and counts.
 */
#ifndef BENCH_DESIGNS_H
#define BENCH_DESIGNS_H

#include <sys/types.h>

#define MAX_BATCH 16

/* What every method starts: the same program, arguments and descriptors. */
struct job {
	const char *path;
	char *const *argv;
	char *const *envp;
};

struct method {
	const char *name;
	/* Processes that one call of start() makes. */
	int batch;
	/* Once, before anything is counted. */
	void (*setup)(void);
	/*
	 * Makes the processes and returns when the caller could go on, with
	 * what collect() needs in @handles: a pid or a pidfd for each.
	 */
	void (*start)(const struct job *job, int *handles);
	/* Waits for one process and releases what start() took for it. */
	void (*collect)(int handle);
};

extern const struct method method_fork, method_vfork, method_vfork_batch,
	method_posix_spawn, method_clone3, method_chain, method_chain_fds,
	method_chain_pidfd, method_chain_batch, method_chain_template,
	method_spawn_template;

/* Ends the program, saying what failed and why. */
void die(const char *what) __attribute__((noreturn));

/* An executable template of the program at @path. */
int bench_template(const char *path);

/* For methods whose handle is a pid, or a pidfd. */
void collect_pid(int pid);
void collect_pidfd(int pidfd);

#endif
