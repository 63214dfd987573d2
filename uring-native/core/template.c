/* SPDX-License-Identifier: MIT */
#include "template.h"

#include <errno.h>
#include <unistd.h>

#include "spawn_template.h"
#include "sys.h"

/*
 * Another kernel may give these system call numbers to other calls, so they are
 * tried only if this file shows that the kernel has the series.
 */
#define SERIES "/proc/sys/kernel/io_uring_spawn"

int template_probe(void)
{
#if defined(__x86_64__)
	long ret;

	if (access(SERIES, F_OK) < 0)
		return -EOPNOTSUPP;
	/* The kernel refuses a size of 0 before it reads anything else. */
	ret = sys_call(__NR_spawn_template_create, NULL, 0);
	return ret == -EINVAL ? 0 : (int)ret;
#else
	return -EOPNOTSUPP;
#endif
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
