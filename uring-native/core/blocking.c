/* SPDX-License-Identifier: MIT */
#include "blocking.h"

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
 * would block us. A pipe keeps its packet mode (O_DIRECT).
 */
static int open_anew(int fd, int flags)
{
	char path[32];
	int copy;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	copy = open(path,
		    (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (copy < 0)
		return -1;
	if (fcntl(copy, F_SETFL, flags & O_DIRECT) < 0) {
		close(copy);
		return -1;
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

int blocking_open(int fd, int newfd)
{
	int flags = fcntl(fd, F_GETFL), copy = -1;
	bool nonblocking = flags & O_NONBLOCK;
	struct stat st;

	if (flags < 0 || flags & O_PATH || fstat(fd, &st) < 0)
		return -1;
	if (S_ISFIFO(st.st_mode) ||
	    (nonblocking && S_ISCHR(st.st_mode) && is_terminal(fd)))
		copy = open_anew(fd, flags);
	if (copy < 0 && nonblocking && may_clear(fd, newfd, st.st_mode))
		fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	return copy;
}
