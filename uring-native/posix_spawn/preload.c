/* SPDX-License-Identifier: MIT */
/*
 * LD_PRELOAD=libposix_spawn_fast.so PROGRAM: the program's calls of
 * posix_spawn(3) and its kin start processes by start_process(). What that
 * cannot do, and with URING_SPAWN_DISABLE=1 everything, the C library does.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "start.h"

#define EXPORTED __attribute__((visibility("default")))

typedef int spawn_function(int *, const char *,
			   const posix_spawn_file_actions_t *,
			   const posix_spawnattr_t *, char *const[],
			   char *const[]);

static bool usable;

__attribute__((constructor)) static void look(void)
{
	const char *disabled = getenv("URING_SPAWN_DISABLE");

	usable = (!disabled || strcmp(disabled, "1")) && actions_known();
}

/* One of the functions that are replaced. */
struct replaced {
	const char *name;
	bool search;
	bool pidfd; /* it stores a pidfd, not a pid */
};

static int run(const struct replaced *f, int *into, const char *file,
	       const posix_spawn_file_actions_t *actions,
	       const posix_spawnattr_t *attr, char *const argv[],
	       char *const envp[])
{
	const struct start start = {.file = file,
				    .search = f->search,
				    .file_actions = actions,
				    .attr = attr,
				    .argv = argv,
				    .envp = envp,
				    .pidfd = f->pidfd ? into : NULL};
	spawn_function *theirs;
	int ret = START_NOT_HERE;

	if (usable)
		ret = start_process(f->pidfd ? NULL : into, &start);
	if (ret != START_NOT_HERE)
		return ret;
	theirs = (spawn_function *)dlsym(RTLD_NEXT, f->name);
	if (!theirs)
		return ENOSYS;
	return theirs(into, file, actions, attr, argv, envp);
}

#define REPLACE(function, does_search, gives_pidfd)                            \
	EXPORTED int function(                                                 \
		int *restrict into, const char *restrict file,                 \
		const posix_spawn_file_actions_t *restrict actions,            \
		const posix_spawnattr_t *restrict attr,                        \
		char *const argv[restrict], char *const envp[restrict])        \
	{                                                                      \
		static const struct replaced f = {                             \
			.name = #function,                                     \
			.search = does_search,                                 \
			.pidfd = gives_pidfd,                                  \
		};                                                             \
                                                                               \
		return run(&f, into, file, actions, attr, argv, envp);         \
	}

REPLACE(posix_spawn, false, false)
REPLACE(posix_spawnp, true, false)
/* In glibc since 2.39, with the same types. */
REPLACE(pidfd_spawn, false, true)
REPLACE(pidfd_spawnp, true, true)
