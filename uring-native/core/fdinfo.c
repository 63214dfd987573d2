/* SPDX-License-Identifier: MIT */
#include "fdinfo.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sys.h"

/* Puts a number behind the text in @at. */
static void add_number(char *at, unsigned number)
{
	char digits[12];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	at += strlen(at);
	while (n)
		*at++ = digits[--n];
	*at = '\0';
}

int fdinfo_open_file(pid_t pid, const char *name)
{
	char path[64] = "/proc/";

	add_number(path, (unsigned)pid);
	strcat(path, "/");
	strncat(path, name, sizeof(path) - strlen(path) - 1);
	return (int)sys_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

pid_t fdinfo_pid(int pidfd)
{
	char path[48] = "/proc/self/fdinfo/", text[1024];
	const char key[] = "\nPid:";
	const char *at;
	size_t size = 0;
	long fd, n;

	add_number(path, (unsigned)pidfd);
	fd = sys_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while ((n = sys_call(SYS_read, fd, text + size,
			     sizeof(text) - 1 - size)) > 0)
		size += (size_t)n;
	sys_call(SYS_close, fd);
	text[size] = '\0';
	at = strstr(text, key);
	return at ? (pid_t)strtol(at + sizeof(key) - 1, NULL, 10) : -1;
}

int fdinfo_open_process(int fd, pid_t *pid)
{
	struct stat one, other;
	int pidfd;

	*pid = fdinfo_pid(fd);
	if (*pid <= 0)
		return -1;
	pidfd = (int)sys_call(SYS_pidfd_open, *pid, 0);
	if (pidfd < 0)
		return -1;
	if (!fstat(fd, &one) && !fstat(pidfd, &other) &&
	    one.st_dev == other.st_dev && one.st_ino == other.st_ino)
		return pidfd;
	sys_call(SYS_close, pidfd);
	return -1;
}
