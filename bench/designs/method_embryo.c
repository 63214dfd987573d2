/* SPDX-License-Identifier: MIT */
/*
 * pidfd_open(0, PIDFD_EMPTY), the design with a process that is configured
 * before it runs: given its program and descriptors, then run. The descriptor
 * is a pidfd from then on.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "bench.h"
#include "pidfd_spawn.h"

void pidfd_configure(int fd, const struct job *job)
{
	checked(pidfd_spawn_set_path(fd, "exe", job->path, AT_FDCWD), "exe");
	checked(pidfd_spawn_set_strings(fd, "argv", job->argv), "argv");
	checked(pidfd_spawn_set_strings(fd, "envp", job->envp), "envp");
	for (int i = 0; i < 3; i++) {
		const struct pidfd_config_dup2 dup = {.fd = i, .newfd = i};

		checked(pidfd_spawn_set_binary(fd, "dup2", &dup, sizeof(dup)),
			"dup2");
	}
}

static void setup(void)
{
}

static void start(const struct job *job, int *handles)
{
	int fd = checked(pidfd_open_empty(0), "pidfd_open");

	pidfd_configure(fd, job);
	checked(pidfd_spawn_run(fd), "pidfd_spawn_run");
	handles[0] = fd;
}

const struct method method_embryo = {"embryo", 1, setup, start, collect_pidfd};
