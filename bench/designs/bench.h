/* SPDX-License-Identifier: MIT */
/*
 * Each launch method is a file that defines a struct method. The harness
 * (main.c) gives the parent its memory and open files, calls the method and
 * counts.
 */
#ifndef BENCH_DESIGNS_H
#define BENCH_DESIGNS_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli.h"

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

/* The table of methods: a file defines method_NAME for one or more of them. */
#define METHODS(X)                                                             \
	X(fork)                                                                \
	X(vfork)                                                               \
	X(vfork_batch)                                                         \
	X(posix_spawn)                                                         \
	X(clone3)                                                              \
	X(chain)                                                               \
	X(chain_fds)                                                           \
	X(chain_pidfd)                                                         \
	X(chain_batch)                                                         \
	X(chain_template)                                                      \
	X(chain_headers)                                                       \
	X(spawn_template)                                                      \
	X(spawn_learned)                                                       \
	X(embryo)                                                              \
	X(builder)                                                             \
	X(builder_pidfd)

#define DECLARE_METHOD(name) extern const struct method method_##name;
METHODS(DECLARE_METHOD)
#undef DECLARE_METHOD

/*
 * Returns a descriptor of an executable template of @path, which @learns what
 * its starts touch or keeps only the headers; dies on failure. Makes it at the
 * first call: a process starts one program by one method.
 */
int bench_template(const char *path, bool learns);

/* Gives an embryo or a builder its program and descriptors; dies on failure. */
void pidfd_configure(int fd, const struct job *job);

/* collect() of methods whose handle is a pid, or a pidfd, which it closes. */
void collect_pid(int pid);
void collect_pidfd(int pidfd);

#endif
