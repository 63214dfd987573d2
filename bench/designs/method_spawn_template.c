/* SPDX-License-Identifier: MIT */
/*
 * spawn_template_spawn(2), the system-call design: the caller waits for the
 * child's exec and gets a pidfd.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "spawn_template.h"

static int template_fd = -1;

int bench_template(const char *path)
{
	return checked(spawn_template_create(path, 0), "spawn_template_create");
}

static void setup(void)
{
}

static void start(const struct job *job, int *handles)
{
	if (template_fd < 0)
		template_fd = bench_template(job->path);
	checked(spawn_template_spawn(template_fd, &handles[0], job->argv,
				     job->envp, NULL, 0, 0),
		"spawn_template_spawn");
}

const struct method method_spawn_template = {"spawn_template", 1, setup, start,
					     collect_pidfd};
