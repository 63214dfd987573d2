/* SPDX-License-Identifier: MIT */
#include "ahead.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sys.h"

bool ahead_is_directory(const struct chain_op *op)
{
	const uint32_t directory = O_PATH | O_DIRECTORY;

	return op->fd == AT_FDCWD && (op->flags & directory) == directory;
}

uint32_t ahead_open_flags(uint32_t flags)
{
	const uint32_t large_file = 0100000; /* the C library's may be 0 */

	if (flags & O_PATH)
		return flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return flags &
	       (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |
		O_NONBLOCK | O_SYNC | O_ASYNC | O_DIRECT | large_file |
		O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_TMPFILE);
}

/*
 * Not through links to descriptors. In /proc, as /proc/self, there may be
 * something else for the child.
 */
int ahead_look_up(int cwd, const char *path, uint32_t flags)
{
	struct open_how how = {
		.flags = ahead_open_flags(flags | O_PATH) | O_CLOEXEC,
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
	sys_call(SYS_close, fd);
	return -EOPNOTSUPP;
}

int ahead_open_directory(int cwd, const struct chain_op *op)
{
	return ahead_look_up(cwd, chain_ptr(op->addr), op->flags);
}

bool ahead_path_opens_at_once(int cwd, const char *path, uint32_t flags)
{
	const uint32_t exclusive = O_CREAT | O_EXCL, memory = 1;
	bool follows = (flags & exclusive) != exclusive;
	struct stat st = {0};
	int fd = ahead_look_up(
		cwd, path, (flags & O_NOFOLLOW) | (follows ? 0 : O_NOFOLLOW));

	/* Then it is an error, or a new file. */
	if (fd == -ENOENT)
		return true;
	if (fd < 0)
		return false;
	fstat(fd, &st);
	sys_call(SYS_close, fd);
	/* /dev/null is for everybody what it is for us, a terminal is not. */
	return flags & O_PATH || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ||
	       (S_ISCHR(st.st_mode) && major(st.st_rdev) == memory);
}

bool ahead_opens_at_once(int cwd, const struct chain_op *op)
{
	return ahead_path_opens_at_once(cwd, chain_ptr(op->addr), op->flags);
}

static bool starts_with(const char *s, const char *start)
{
	return !strncmp(s, start, strlen(start));
}

bool ahead_differs(const char *path)
{
	return starts_with(path, "/proc/") || starts_with(path, "/dev/fd/");
}
