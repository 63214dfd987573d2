/* SPDX-License-Identifier: MIT */
/*
 * Reaping children, and signalling them. A signal goes through the child's
 * pidfd, so it cannot reach another process. If a filter forbids that, it goes
 * by pid, which is safe only until the child is reaped: so one lock covers
 * both.
 */
#ifndef REAP_H
#define REAP_H

#include <sys/resource.h>
#include <sys/types.h>

struct exit_status {
	int code;   /* CLD_EXITED, CLD_KILLED, CLD_DUMPED; 0: other code waited
		       for the child, its status is lost */
	int status; /* exit code or signal */
	struct rusage rusage;
};

/*
 * Takes the status of the child behind @pidfd, and of no other: waiting for any
 * child would steal libuv's. Returns 0, or -EAGAIN while it runs or a debugger
 * holds it.
 */
int reap(int pidfd, struct exit_status *status);

/* The same, but the child remains a zombie, and its pid its own. */
int reap_later(int pidfd, struct exit_status *status);

/*
 * Signals the child @pid behind @pidfd. Returns 0, also for one that has ended
 * but is not reaped; -ESRCH (reaped), -EPERM (it has other credentials),
 * -EINVAL (no such signal).
 */
int reap_signal(int pidfd, pid_t pid, int sig);

/*
 * Signals the process group that the child @pid leads, or led. @pidfd is -1
 * once it is closed. Kernels before 6.9 signal groups only by number: then a
 * group whose leader has been reaped is signalled unless another process has
 * its number, which cannot happen while the group has members. Returns 0,
 * -ESRCH (no such group, or an empty one), -EPERM (no member may be signalled),
 * -EINVAL.
 */
int reap_signal_group(int pidfd, pid_t pid, int sig);

#endif
