/* SPDX-License-Identifier: MIT */
#include "embryo.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "fdinfo.h"
#include "pidfd_spawn.h"
#include "reap.h"
#include "series.h"
#include "sys.h"

/* Held while an embryo is signalled: its descriptor stays what it is. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int embryo_probe(void)
{
	int ret = series_has(__NR_pidfd_config, -1, EBADF);

	return ret ? ret : series_has(__NR_pidfd_spawn_run, -1, EBADF);
}

int embryo_check(int fd)
{
	/* It looks at the caller and the process before it does at the key. */
	int ret = pidfd_spawn_set_flag(fd, "");

	return ret == -EINVAL ? 0 : ret;
}

pid_t embryo_pid(int fd)
{
	pid_t pid;
	int pidfd = fdinfo_open_process(fd, &pid);

	if (pidfd < 0)
		return -1;
	close(pidfd);
	return pid;
}

int embryo_signal(const _Atomic int *embryo, int sig)
{
	int fd, pidfd = -1, ret = -EAGAIN;
	pid_t pid;

	pthread_mutex_lock(&lock);
	fd = *embryo;
	if (fd >= 0)
		pidfd = fdinfo_open_process(fd, &pid);
	if (pidfd >= 0) {
		ret = reap_signal(pidfd, pid, sig);
		close(pidfd);
	}
	pthread_mutex_unlock(&lock);
	return ret == -ESRCH ? -EAGAIN : ret;
}

void embryo_drop(_Atomic int *embryo)
{
	pthread_mutex_lock(&lock);
	close(*embryo);
	*embryo = -1;
	pthread_mutex_unlock(&lock);
}
