/* SPDX-License-Identifier: MIT */
/* fork(2) and execve(2), as libuv and most programs did for decades. */
#include <unistd.h>

#include "bench.h"

static void setup(void)
{
}

static void start(const struct job *job, int *handles)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		execve(job->path, job->argv, job->envp);
		_exit(127);
	}
	handles[0] = pid;
}

const struct method method_fork = {"fork", 1, setup, start, collect_pid};
