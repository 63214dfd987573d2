/* SPDX-License-Identifier: MIT */
#include "ahead.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sys.h"

bool ahead_is_directory(const struct chain_op *op)
{
	const uint32_t directory = O_PATH | O_DIRECTORY;

	return op->fd == AT_FDCWD && (op->flags & directory) == directory;
}

/*
 * What @path is, but for links to descriptors. In /proc, as /proc/self, it may
 * be something else for the child.
 */
static int look_up(int cwd, const char *path, uint32_t flags)
{
	struct open_how how = {
		/* openat(2) ignores others beside O_PATH, this call does not */
		.flags = O_PATH | O_CLOEXEC |
			 (flags & (O_DIRECTORY | O_NOFOLLOW)),
		.resolve = RESOLVE_NO_MAGICLINKS,
	};
	struct statfs fs;
	int fd = (int)sys_call(SYS_openat2, cwd, path, &how, sizeof(how));

	if (fd == -ELOOP)
		return -EOPNOTSUPP;
	if (fd < 0)
		return fd;
	if (!fstatfs(fd, &fs) && fs.f_type != PROC_SUPER_MAGIC)
		return fd;
	close(fd);
	return -EOPNOTSUPP;
}

int ahead_open_directory(int cwd, const struct chain_op *op)
{
	return look_up(cwd, chain_ptr(op->addr), op->flags);
}

static bool starts_with(const char *s, const char *start)
{
	return !strncmp(s, start, strlen(start));
}

bool ahead_differs(const char *path)
{
	return starts_with(path, "/proc/") || starts_with(path, "/dev/fd/");
}
