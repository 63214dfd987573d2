/* SPDX-License-Identifier: MIT */
#include "execd.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fdinfo.h"
#include "sys.h"

/* How long a child that has failed takes to end, in milliseconds. */
#define END_MS 10

/* From the kernel's sched.h; /proc has made them part of its interface. */
#define PF_EXITING 0x00000004
#define PF_FORKNOEXEC 0x00000040

/* The number of the flags among the fields after the name. */
#define FLAGS_FIELD 7

/*
 * Reads the file @name of the process behind @pidfd in /proc. The pid comes
 * from the pidfd's fdinfo, as /proc may belong to another pid namespace.
 */
static bool read_proc(int pidfd, const char *name, char *into, size_t size)
{
	pid_t pid = fdinfo_pid(pidfd);
	long fd, n;

	if (pid <= 0)
		return false;
	fd = fdinfo_open_file(pid, name);
	if (fd < 0)
		return false;
	n = sys_call(SYS_read, fd, into, size - 1);
	sys_call(SYS_close, fd);
	into[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* The flags (PF_*) of a process's main thread, from /proc; or -1. */
static long task_flags(int pidfd)
{
	char stat[1024], *at;
	int field;

	if (!read_proc(pidfd, "stat", stat, sizeof(stat)))
		return -1;
	/* The name may contain anything, but ends at the last parenthesis. */
	at = strrchr(stat, ')');
	for (field = 0; at && field < FLAGS_FIELD; field++)
		at = strchr(at + 1, ' ');
	return at ? strtol(at, NULL, 10) : -1;
}

/* Waits for the end of the process for so long; returns whether it has come. */
static bool await_end(int pidfd, long ms)
{
	const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
	struct pollfd over = {pidfd, POLLIN, 0};

	return sys_call(SYS_ppoll, &over, 1, &time, NULL, 0) == 1;
}

/*
 * setpgid(2) fails with EACCES for a child that has exec'd, otherwise with
 * EPERM, as no group has this number. It also fails with EPERM for a child in
 * another session, so then /proc decides.
 */
bool execd_in_session(pid_t pid)
{
	return sys_call(SYS_setpgid, pid, INT_MAX) == -EACCES;
}

/*
 * There is no /proc, or no descriptor to read it with. A child that failed to
 * exec ends at once; then the answer of setpgid(2) is final. It tells nothing
 * about a child in another session.
 */
static bool execd_without_proc(pid_t pid, int pidfd)
{
	return !await_end(pidfd, END_MS) ||
	       sys_call(SYS_getsid, pid) != sys_call(SYS_getsid, 0) ||
	       execd_in_session(pid);
}

/*
 * A kernel may let us go on in the middle: while the child is in an exec that
 * can no longer fail but is not recorded yet, or has failed but is not exiting
 * yet. A tracer may let the latter last. Both come to an end, so look until one
 * is over.
 */
bool execd(pid_t pid, int pidfd)
{
	long ms = 1;

	for (;;) {
		long flags;

		if (execd_in_session(pid))
			return true;
		flags = task_flags(pidfd);
		if (flags < 0)
			return execd_without_proc(pid, pidfd);
		if (!(flags & PF_FORKNOEXEC))
			return true;
		if (flags & PF_EXITING)
			return false;
		/* the end of the child wakes us */
		await_end(pidfd, ms);
		if (ms < 60000)
			ms *= 2;
	}
}

bool execd_by_now(pid_t pid, int pidfd)
{
	long flags;

	if (execd_in_session(pid))
		return true;
	flags = task_flags(pidfd);
	return flags >= 0 && !(flags & PF_FORKNOEXEC);
}

bool execd_can_tell(void)
{
	struct sigaction sa;

	return !sigaction(SIGCHLD, NULL, &sa) && sa.sa_handler != SIG_IGN &&
	       !(sa.sa_flags & SA_NOCLDWAIT);
}
