/* SPDX-License-Identifier: MIT */
#include "child_fds.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdbool.h>

#include "io_uring_spawn.h"
#include "sys.h"

struct dirent64 {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static int number(const char *s)
{
	int n = 0;

	if (*s < '0' || *s > '9')
		return -1;
	for (; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (*s - '0');
	return n;
}

static void close_or_mark(unsigned fd, unsigned flags)
{
	if (flags & CLOSE_RANGE_CLOEXEC)
		sys_call(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
	else
		sys_call(SYS_close, fd);
}

/*
 * Reads from /proc which descriptors are open. Closing while reading may make
 * the kernel skip some, so it reads again until a pass finds none. Marking
 * takes none away: one pass is enough.
 */
static int close_range_proc(unsigned first, unsigned last, unsigned flags)
{
	char buf[1024] __attribute__((aligned(8)));
	bool found = true;
	int passes = 0;
	long dir;

	dir = sys_call(SYS_openat, AT_FDCWD, "/proc/self/fd",
		       O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (dir < 0)
		return (int)dir;
	while (found && passes++ < (flags & CLOSE_RANGE_CLOEXEC ? 1 : 64)) {
		long len;

		found = false;
		sys_call(SYS_lseek, dir, 0, SEEK_SET);
		while ((len = sys_call(SYS_getdents64, dir, buf, sizeof(buf))) >
		       0) {
			long at = 0;

			while (at < len) {
				struct dirent64 *d =
					(struct dirent64 *)(buf + at);
				int fd = number(d->name);

				at += d->reclen;
				if (fd < 0 || fd == dir ||
				    (unsigned)fd < first || (unsigned)fd > last)
					continue;
				found = true;
				close_or_mark((unsigned)fd, flags);
			}
		}
	}
	sys_call(SYS_close, dir);
	return 0;
}

static int close_range_loop(unsigned first, unsigned last, unsigned flags)
{
	uint64_t lim[2] = {0, 0};
	long ret = sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, lim);
	unsigned fd;

	if (ret < 0)
		return (int)ret;
	if (lim[0] && last >= lim[0])
		last = (unsigned)lim[0] - 1;
	for (fd = first; fd <= last && fd >= first; fd++)
		close_or_mark(fd, flags);
	return 0;
}

int child_close_range(unsigned first, unsigned last, unsigned flags)
{
	long ret = sys_close_range(first, last, flags);

	if (ret != -ENOSYS && ret != -EPERM)
		return (int)ret;
	if (flags & ~CLOSE_RANGE_CLOEXEC)
		return -EINVAL;
	if (!close_range_proc(first, last, flags))
		return 0;
	return close_range_loop(first, last, flags);
}

int child_unshare_fds(const struct chain_fd *fds, uint32_t nr)
{
	unsigned above = 0;
	uint32_t i;

	for (i = 0; i < nr; i++)
		if (fds[i].fd >= 0 && (unsigned)fds[i].fd >= above)
			above = (unsigned)fds[i].fd + 1;
	return (int)sys_close_range(above, UINT_MAX, CLOSE_RANGE_UNSHARE);
}

static void sort(struct chain_fd *fds, uint32_t nr)
{
	uint32_t i, j;

	for (i = 1; i < nr; i++) {
		struct chain_fd fd = fds[i];

		for (j = i; j && fds[j - 1].newfd > fd.newfd; j--)
			fds[j] = fds[j - 1];
		fds[j] = fd;
	}
}

static bool is_target(const struct chain_fd *fds, uint32_t nr, int fd)
{
	uint32_t i;

	for (i = 0; i < nr; i++)
		if (fds[i].newfd == fd)
			return true;
	return false;
}

long child_dup(int fd, int newfd, unsigned flags)
{
	long ret = sys_call(SYS_dup3, fd, newfd, flags);

#ifdef SYS_dup2
	if (ret == -ENOSYS || ret == -EPERM) {
		ret = sys_call(SYS_dup2, fd, newfd);
		if (ret >= 0 && flags & O_CLOEXEC)
			sys_call(SYS_fcntl, newfd, F_SETFD, FD_CLOEXEC);
	}
#endif
	return ret;
}

/* One descriptor from where it is to where it belongs. */
static int place(int from, const struct chain_fd *fd)
{
	bool cloexec = fd->flags & IORING_CLONE_FD_CLOEXEC;

	if (from == fd->newfd)
		return (int)sys_call(SYS_fcntl, from, F_SETFD,
				     cloexec ? FD_CLOEXEC : 0);
	return (int)child_dup(from, fd->newfd, cloexec ? O_CLOEXEC : 0);
}

static int close_others(const struct chain_fd *fds, uint32_t nr, int keep)
{
	unsigned next = 0;
	uint32_t i;

	for (i = 0; i < nr; i++) {
		unsigned kept = (unsigned)fds[i].newfd;
		int ret =
			kept > next ? child_close_range(next, kept - 1, 0) : 0;

		if (ret < 0)
			return ret;
		next = kept + 1;
	}
	if (keep >= 0) {
		int ret =
			(unsigned)keep > next
				? child_close_range(next, (unsigned)keep - 1, 0)
				: 0;

		if (ret < 0)
			return ret;
		next = (unsigned)keep + 1;
	}
	return child_close_range(next, UINT_MAX, 0);
}

int child_set_fds(struct chain_fd *fds, uint32_t nr, int keep)
{
	int above;
	uint32_t i;
	int ret;

	sort(fds, nr);
	above = nr ? fds[nr - 1].newfd + 1 : 0;

	/*
	 * First move every source that another descriptor would overwrite above
	 * all targets. Given 4 -> 3 and 3 -> 4, with targets up to 4, they
	 * become 5 -> 3 and 6 -> 4.
	 */
	for (i = 0; i < nr; i++) {
		long tmp;

		if (fds[i].fd == fds[i].newfd || !is_target(fds, nr, fds[i].fd))
			continue;
		tmp = sys_call(SYS_fcntl, fds[i].fd, F_DUPFD_CLOEXEC, above);
		if (tmp < 0)
			return (int)tmp;
		fds[i].fd = (int)tmp;
	}
	for (i = 0; i < nr; i++) {
		ret = place(fds[i].fd, &fds[i]);
		if (ret < 0)
			return ret;
	}
	return close_others(fds, nr, keep);
}
