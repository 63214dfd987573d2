/* SPDX-License-Identifier: MIT */
/* What /proc tells about a descriptor of this process, and the process. */
#ifndef FDINFO_H
#define FDINFO_H

#include <sys/types.h>

/*
 * Opens an ordinary pidfd of the process behind @fd, a pidfd or an embryo's
 * descriptor; *@pid becomes its number. Returns -1 if /proc does not show it,
 * or by the number of another pid namespace. Async-signal-safe.
 */
int fdinfo_open_process(int fd, pid_t *pid);

/*
 * The number that /proc knows the process behind @pidfd by, or -1; it may
 * belong to another pid namespace than ours. Async-signal-safe.
 */
pid_t fdinfo_pid(int pidfd);

/*
 * Opens the file @name in the folder of the process with that number. Returns a
 * close-on-exec descriptor or -errno. Async-signal-safe.
 */
int fdinfo_open_file(pid_t pid, const char *name);

#endif
