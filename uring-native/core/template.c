/* SPDX-License-Identifier: MIT */
#include "template.h"

#include <errno.h>
#include <unistd.h>

#include "spawn_template.h"
#include "sys.h"

/*
 * The numbers of the system calls may come to mean something else, so they are
 * tried only on a kernel that has the series, which this file tells.
 */
#define SERIES "/proc/sys/kernel/io_uring_spawn"

int template_probe(void)
{
#if defined(__x86_64__)
	long ret;

	if (access(SERIES, F_OK) < 0)
		return -EOPNOTSUPP;
	/* A size of none is refused before anything else is looked at. */
	ret = sys_call(__NR_spawn_template_create, NULL, 0);
	return ret == -EINVAL ? 0 : (int)ret;
#else
	return -EOPNOTSUPP;
#endif
}

int template_new(const char *path, int fd)
{
	struct spawn_template_create_args args = {
		.flags = SPAWN_TEMPLATE_CREATE_CLOEXEC,
		.execfd = path ? -1 : fd,
		.filename = (uint64_t)(uintptr_t)path,
	};

	return (int)sys_call(__NR_spawn_template_create, &args, sizeof(args));
}
