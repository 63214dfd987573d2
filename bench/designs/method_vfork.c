/* SPDX-License-Identifier: MIT */
/* vfork(2) and execve(2): nothing is copied, the caller waits. */
#define _GNU_SOURCE
#include <unistd.h>

#include "bench.h"

static void setup(void)
{
}

static void start(const struct job *job, int *handles)
{
	pid_t pid = vfork();

	if (pid < 0)
		die("vfork");
	if (pid == 0) {
		execve(job->path, job->argv, job->envp);
		_exit(127);
	}
	handles[0] = pid;
}

const struct method method_vfork = {"vfork", 1, setup, start, collect_pid};
