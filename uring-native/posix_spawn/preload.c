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

typedef int spawn_function(void *, const char *,
			   const posix_spawn_file_actions_t *,
			   const posix_spawnattr_t *, char *const[],
			   char *const[]);

static bool usable;

__attribute__((constructor)) static void look(void)
{
	const char *disabled = getenv("URING_SPAWN_DISABLE");

	usable = (!disabled || strcmp(disabled, "1")) && actions_known();
}

/* Calls the C library's function of that name. */
static int theirs(const char *name, void *into, const struct start *start)
{
	spawn_function *call = (spawn_function *)dlsym(RTLD_NEXT, name);

	if (!call)
		return ENOSYS;
	return call(into, start->file, start->file_actions, start->attr,
		    start->argv, start->envp);
}

EXPORTED int posix_spawn(pid_t *restrict pid, const char *restrict path,
			 const posix_spawn_file_actions_t *restrict actions,
			 const posix_spawnattr_t *restrict attr,
			 char *const argv[restrict], char *const envp[restrict])
{
	struct start start = {.file = path,
			      .file_actions = actions,
			      .attr = attr,
			      .argv = argv,
			      .envp = envp};
	int ret = usable ? start_process(pid, &start) : START_NOT_HERE;

	return ret == START_NOT_HERE ? theirs("posix_spawn", pid, &start) : ret;
}

EXPORTED int posix_spawnp(pid_t *restrict pid, const char *restrict file,
			  const posix_spawn_file_actions_t *restrict actions,
			  const posix_spawnattr_t *restrict attr,
			  char *const argv[restrict],
			  char *const envp[restrict])
{
	struct start start = {.file = file,
			      .search = true,
			      .file_actions = actions,
			      .attr = attr,
			      .argv = argv,
			      .envp = envp};
	int ret = usable ? start_process(pid, &start) : START_NOT_HERE;

	return ret == START_NOT_HERE ? theirs("posix_spawnp", pid, &start)
				     : ret;
}

/* In glibc since 2.39, with the same types. */
EXPORTED int pidfd_spawn(int *restrict pidfd, const char *restrict path,
			 const posix_spawn_file_actions_t *restrict actions,
			 const posix_spawnattr_t *restrict attr,
			 char *const argv[restrict], char *const envp[restrict])
{
	struct start start = {.file = path,
			      .file_actions = actions,
			      .attr = attr,
			      .argv = argv,
			      .envp = envp,
			      .pidfd = pidfd};
	int ret = usable ? start_process(NULL, &start) : START_NOT_HERE;

	return ret == START_NOT_HERE ? theirs("pidfd_spawn", pidfd, &start)
				     : ret;
}

EXPORTED int pidfd_spawnp(int *restrict pidfd, const char *restrict file,
			  const posix_spawn_file_actions_t *restrict actions,
			  const posix_spawnattr_t *restrict attr,
			  char *const argv[restrict],
			  char *const envp[restrict])
{
	struct start start = {.file = file,
			      .search = true,
			      .file_actions = actions,
			      .attr = attr,
			      .argv = argv,
			      .envp = envp,
			      .pidfd = pidfd};
	int ret = usable ? start_process(NULL, &start) : START_NOT_HERE;

	return ret == START_NOT_HERE ? theirs("pidfd_spawnp", pidfd, &start)
				     : ret;
}
