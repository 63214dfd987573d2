/* SPDX-License-Identifier: MIT */
#ifndef REAP_H
#define REAP_H

#include <sys/resource.h>

struct exit_status {
	int code;   /* CLD_EXITED, CLD_KILLED, CLD_DUMPED; 0: someone else
		       waited for the child, what it did is lost */
	int status; /* exit code or signal */
	struct rusage rusage;
};

/*
 * Takes the status of the child behind @pidfd, and of no other: waiting for
 * any child would steal those of libuv. Returns 0, or -EAGAIN where it still
 * runs.
 */
int reap(int pidfd, struct exit_status *status);

#endif
