/* SPDX-License-Identifier: MIT */
/*
 * Each launch method is a file that defines a struct method. The harness
 * (main.c) gives the parent its memory and open files, calls the method and
 * counts.
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
	/* Processes that one call of start() starts. */
	int batch;
	/* Once, before anything is counted. */
	void (*setup)(void);
	/*
	 * Starts the processes and returns when the caller can go on. Stores
	 * a pid or a pidfd for each in @handles, for collect().
	 */
	void (*start)(const struct job *job, int *handles);
	/* Waits for one process and releases what start() took for it. */
	void (*collect)(int handle);
};

extern const struct method method_fork, method_vfork, method_vfork_batch,
	method_posix_spawn, method_clone3, method_chain, method_chain_fds,
	method_chain_pidfd, method_chain_batch, method_chain_template,
	method_spawn_template;

/* Prints @what and errno, and exits. */
void die(const char *what) __attribute__((noreturn));

/* Returns a descriptor of an executable template of @path; dies on failure. */
int bench_template(const char *path);

/* collect() of methods whose handle is a pid, or a pidfd, which it closes. */
void collect_pid(int pid);
void collect_pidfd(int pidfd);

#endif
