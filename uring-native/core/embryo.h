/* SPDX-License-Identifier: MIT */
/*
 * Processes that exist before they run (see pidfd_spawn.h). Until it runs,
 * nothing that takes a pidfd takes an embryo's descriptor, and its last copy
 * ends the process when it is closed.
 */
#ifndef EMBRYO_H
#define EMBRYO_H

#include <sys/types.h>

/*
 * Why there are none here, or 0: -EOPNOTSUPP (the kernel has none), -ENOSYS (it
 * was built without, or a filter), -EPERM (a filter).
 */
int embryo_probe(void);

/*
 * Whether the calling thread may still change and run the embryo @fd: 0,
 * -ESRCH (it has ended), or -EACCES (the thread has other credentials or
 * filters than when it made it).
 */
int embryo_check(int fd);

/* The number of the process here, or -1 if /proc does not show it. */
pid_t embryo_pid(int fd);

/*
 * Signals the embryo *@embryo, which its launch thread may let go of meanwhile
 * by embryo_drop(), or turn into a process. Returns 0, -EAGAIN if there is none
 * or /proc does not show it, -EINVAL (no such signal).
 */
int embryo_signal(const _Atomic int *embryo, int sig);

/* Ends the embryo *@embryo, which becomes -1. */
void embryo_drop(_Atomic int *embryo);

#endif
