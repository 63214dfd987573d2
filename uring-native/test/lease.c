/* SPDX-License-Identifier: MIT */
/*
 * lease FILE
 *
 * Holds a write lease on a file until its standard input ends: opening or
 * executing the file meanwhile hangs, as on a file system that does not respond
 * (the kernel breaks the lease after /proc/sys/fs/lease-break-time seconds).
 * Prints "held" once it holds the lease.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char byte;
	int fd;

	/*
	 * The kernel signals this to break the lease; it would end the program.
	 */
	signal(SIGIO, SIG_IGN);
	fd = argc == 2 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0) {
		perror("lease");
		return 125;
	}
	puts("held");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}
