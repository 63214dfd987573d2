/* SPDX-License-Identifier: MIT */
#include "blocking.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/*
 * Opens with O_NONBLOCK: a FIFO without a reader, or a modem without a carrier,
 * would block us. A pipe keeps its packet mode (O_DIRECT). Returns the new
 * descriptor or -errno.
 */
static int open_anew(int fd, int flags)
{
	char path[32];
	int copy;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	copy = open(path,
		    (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (copy < 0)
		return -errno;
	if (fcntl(copy, F_SETFL, flags & O_DIRECT) < 0) {
		int err = -errno;

		close(copy);
		return err;
	}
	return copy;
}

static bool is_terminal(int fd)
{
	struct termios settings;
	unsigned number;

	return !tcgetattr(fd, &settings) && ioctl(fd, TIOCGPTN, &number) < 0;
}

static bool listens(int fd)
{
	socklen_t size = sizeof(int);
	int on = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) && on;
}

/*
 * A stream with one peer. A program that gets a datagram socket knows how to
 * read it.
 */
static bool is_connected_stream(int fd)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(int), peer_size = sizeof(peer);
	int type = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) &&
	       (type == SOCK_STREAM || type == SOCK_SEQPACKET) &&
	       !getpeername(fd, (struct sockaddr *)&peer, &peer_size);
}

static bool may_clear(int fd, int newfd, mode_t mode)
{
	if (S_ISSOCK(mode))
		return !listens(fd) && (newfd <= 2 || is_connected_stream(fd));
	return newfd <= 2 || S_ISFIFO(mode) ||
	       (S_ISCHR(mode) && is_terminal(fd));
}

static bool will_pass(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM;
}

int blocking_open(int fd, int newfd, int *copy)
{
	int flags = fcntl(fd, F_GETFL), ret = -ENXIO;
	bool nonblocking = flags & O_NONBLOCK;
	struct stat st;

	*copy = -1;
	if (flags < 0 || flags & O_PATH || fstat(fd, &st) < 0)
		return 0;
	if (S_ISFIFO(st.st_mode) ||
	    (nonblocking && S_ISCHR(st.st_mode) && is_terminal(fd)))
		ret = open_anew(fd, flags);
	if (will_pass(ret))
		return ret;
	if (ret >= 0)
		*copy = ret;
	else if (nonblocking && may_clear(fd, newfd, st.st_mode))
		fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	return 0;
}
