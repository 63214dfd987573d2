/* SPDX-License-Identifier: MIT */
#include "template.h"

#include <errno.h>
#include <stdint.h>

#include "series.h"
#include "spawn_template.h"
#include "sys.h"

int template_probe(void)
{
	/* The kernel refuses a size of 0 before it reads anything else. */
	return series_has(__NR_spawn_template_create, 0, EINVAL);
}

int template_new(const char *path, int fd, bool learns)
{
	struct spawn_template_create_args args = {
		.flags = SPAWN_TEMPLATE_CREATE_CLOEXEC |
			 (learns ? 0 : SPAWN_TEMPLATE_CREATE_HEADERS_ONLY),
		.execfd = path ? -1 : fd,
		.filename = (uint64_t)(uintptr_t)path,
	};

	return (int)sys_call(__NR_spawn_template_create, &args, sizeof(args));
}
