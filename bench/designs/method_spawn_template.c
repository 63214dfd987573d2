/* SPDX-License-Identifier: MIT */
/*
 * spawn_template_spawn(2), the system-call design: the caller waits for the
 * child's exec and gets a pidfd. As in the RFC the template keeps only headers,
 * or it learns what its starts touch.
 */
#define _GNU_SOURCE
#include <errno.h>

#include "bench.h"
#include "spawn_template.h"

int bench_template(const char *path, bool learns)
{
	static int fd = -1;

	if (fd >= 0)
		return fd;
	fd = spawn_template_create(
		path, learns ? 0 : SPAWN_TEMPLATE_CREATE_HEADERS_ONLY);
	/* Where no template learns, there is no flag against it. */
	if (fd == -EINVAL && !learns)
		fd = spawn_template_create(path, 0);
	return checked(fd, "spawn_template_create");
}

static void setup(void)
{
}

static void spawn(const struct job *job, int *handles, bool learns)
{
	int template_fd = bench_template(job->path, learns);

	checked(spawn_template_spawn(template_fd, &handles[0], job->argv,
				     job->envp, NULL, 0, 0),
		"spawn_template_spawn");
}

static void start(const struct job *job, int *handles)
{
	spawn(job, handles, false);
}

static void start_learned(const struct job *job, int *handles)
{
	spawn(job, handles, true);
}

const struct method method_spawn_template = {"spawn_template", 1, setup, start,
					     collect_pidfd};
const struct method method_spawn_learned = {"spawn_learned", 1, setup,
					    start_learned, collect_pidfd};
