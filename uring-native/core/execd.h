/* SPDX-License-Identifier: MIT */
/*
 * Whether a child has exec'd, for those who are told no more than its pid when
 * it has or has failed to. Async-signal-safe.
 */
#ifndef EXECD_H
#define EXECD_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Whether the child @pid has exec'd; if it is about to, or to fail, this waits
 * for that. It may have ended, but has not been reaped. @pidfd is the same
 * process.
 */
bool execd(pid_t pid, int pidfd);

/* Without waiting, by one system call, for a child in the caller's session. */
bool execd_in_session(pid_t pid);

/* Without waiting, for any child: whether it is known to have exec'd by now. */
bool execd_by_now(pid_t pid, int pidfd);

/*
 * While SIGCHLD is ignored, a child may be gone before it can be inspected.
 */
bool execd_can_tell(void);

#endif
