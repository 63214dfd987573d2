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

/* Each suspends the caller until its exec; it exits while the next one starts.
 */
static void start_batch(const struct job *job, int *handles)
{
	for (int i = 0; i < MAX_BATCH; i++)
		start(job, &handles[i]);
}

const struct method method_vfork = {"vfork", 1, setup, start, collect_pid};
const struct method method_vfork_batch = {"vfork_batch", MAX_BATCH, setup,
					  start_batch, collect_pid};
