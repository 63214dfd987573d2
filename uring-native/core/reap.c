/* SPDX-License-Identifier: MIT */
#include "reap.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "sys.h"

/*
 * Held to reap, and to signal by pid after a look whether the child is still
 * there: reaped in between, its number could be another process's. One lock for
 * all environments: they share pid numbers.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Returns 0, or -EAGAIN or -ECHILD. */
static long look(int pidfd, siginfo_t *info, int flags, struct rusage *ru)
{
	long ret;

	memset(info, 0, sizeof(*info));
	do {
		ret = sys_waitid_pidfd(pidfd, info,
				       WEXITED | WNOHANG | __WALL | flags, ru);
	} while (ret == -EINTR);
	if (ret < 0)
		return -ECHILD;
	return info->si_pid ? 0 : -EAGAIN;
}

static int take_status(int pidfd, struct exit_status *status, int flags)
{
	siginfo_t info;
	long ret;

	memset(status, 0, sizeof(*status));
	pthread_mutex_lock(&lock);
	ret = look(pidfd, &info, flags, &status->rusage);
	pthread_mutex_unlock(&lock);
	if (ret == -EAGAIN)
		return -EAGAIN;
	if (!ret) {
		status->code = info.si_code;
		status->status = info.si_status;
	}
	return 0;
}

int reap(int pidfd, struct exit_status *status)
{
	return take_status(pidfd, status, 0);
}

int reap_later(int pidfd, struct exit_status *status)
{
	return take_status(pidfd, status, WNOWAIT);
}

/* A filter may also fail with EPERM: kill(2) shows which it was. */
static bool is_forbidden(long ret)
{
	return ret == -ENOSYS || ret == -EPERM;
}

static bool is_ours(int pidfd)
{
	siginfo_t info;

	return pidfd >= 0 && look(pidfd, &info, WNOWAIT, NULL) != -ECHILD;
}

int reap_signal(int pidfd, pid_t pid, int sig)
{
	long ret = sys_pidfd_send_signal(pidfd, sig);

	if (!is_forbidden(ret))
		return (int)ret;
	pthread_mutex_lock(&lock);
	ret = is_ours(pidfd) ? sys_call(SYS_kill, pid, sig) : -ESRCH;
	pthread_mutex_unlock(&lock);
	return (int)ret;
}

int reap_signal_group(int pidfd, pid_t pid, int sig)
{
	long ret = -ENOSYS;

	if (pidfd >= 0)
		ret = sys_call(SYS_pidfd_send_signal, pidfd, sig, NULL,
			       PIDFD_SIGNAL_PROCESS_GROUP);
	/* EINVAL: a bad signal, or this kernel lacks the flag. */
	if (!is_forbidden(ret) && ret != -EINVAL)
		return (int)ret;
	pthread_mutex_lock(&lock);
	if (is_ours(pidfd) || sys_call(SYS_kill, pid, 0) == -ESRCH)
		ret = sys_call(SYS_kill, -pid, sig);
	else
		ret = -ESRCH;
	pthread_mutex_unlock(&lock);
	return (int)ret;
}
