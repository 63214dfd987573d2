/* SPDX-License-Identifier: MIT */
/* posix_spawn(3) of the C library. */
#include <errno.h>
#include <spawn.h>

#include "bench.h"

static void setup(void)
{
}

static void start(const struct job *job, int *handles)
{
	pid_t pid;

	errno = posix_spawn(&pid, job->path, NULL, NULL, job->argv, job->envp);
	if (errno)
		die("posix_spawn");
	handles[0] = pid;
}

const struct method method_posix_spawn = {"posix_spawn", 1, setup, start,
					  collect_pid};
