/* SPDX-License-Identifier: MIT */
/*
 * pidfd_spawn_open(), the design whose configuration is recorded once and run
 * many times: by itself, and with a pidfd as spawn_template_spawn() gives.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "pidfd_spawn.h"

/* A process starts one program by one method, as with templates. */
static int builder_of(const struct job *job)
{
	static int fd = -1;

	if (fd >= 0)
		return fd;
	fd = checked(pidfd_spawn_open(PIDFD_SPAWN_CLOEXEC), "pidfd_spawn_open");
	pidfd_configure(fd, job);
	return fd;
}

static void setup(void)
{
}

static void start(const struct job *job, int *handles)
{
	handles[0] =
		checked(pidfd_spawn_run(builder_of(job)), "pidfd_spawn_run");
}

static void start_pidfd(const struct job *job, int *handles)
{
	struct pidfd_spawn_run_args args = {0};

	checked(pidfd_spawn_run_with(builder_of(job), &args),
		"pidfd_spawn_run");
	handles[0] = args.pidfd;
}

const struct method method_builder = {"builder", 1, setup, start, collect_pid};
const struct method method_builder_pidfd = {"builder_pidfd", 1, setup,
					    start_pidfd, collect_pidfd};
