/* SPDX-License-Identifier: MIT */
/*
 * The ends of children, and the signals that bring them about. A signal goes
 * through the child's pidfd, so that it reaches no other process. Where a
 * filter forbids that, it goes by number, which is safe only until the child
 * has been reaped: so both are done under one lock.
 */
#ifndef REAP_H
#define REAP_H

#include <sys/resource.h>
#include <sys/types.h>

struct exit_status {
	int code;   /* CLD_EXITED, CLD_KILLED, CLD_DUMPED; 0: someone else
		       waited for the child, its status is lost */
	int status; /* exit code or signal */
	struct rusage rusage;
};

/*
 * Takes the status of the child behind @pidfd, and of no other: waiting for
 * any child would steal those of libuv. Returns 0, or -EAGAIN where it still
 * runs, or a debugger has not let go of it.
 */
int reap(int pidfd, struct exit_status *status);

/*
 * Signals the child @pid behind @pidfd. Returns 0, also for one that is over
 * and not reaped; -ESRCH (reaped), -EPERM (it has other credentials), -EINVAL
 * (no such signal).
 */
int reap_signal(int pidfd, pid_t pid, int sig);

/*
 * Signals the process group that the child @pid leads, or led. @pidfd is -1
 * once it is closed. Kernels before 6.9 know groups by number only: then one
 * whose leader has been reaped is signalled unless its number has become
 * another process's, which it cannot while the group has members. Returns 0,
 * -ESRCH (no group, or nobody in it), -EPERM (none may be signalled), -EINVAL.
 */
int reap_signal_group(int pidfd, pid_t pid, int sig);

#endif
