/* SPDX-License-Identifier: MIT */
#include "configure.h"

#include <fcntl.h>

#include "ahead.h"
#include "pidfd_spawn.h"

/* struct sched_attr, which no libc of the time has. */
struct schedule {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

#define RESET_ON_FORK 0x40000000 /* in a policy */
#define FLAG_RESET_ON_FORK 1

static bool expresses_action(const struct action *a, int nr)
{
	switch (a->kind) {
	case ACTION_OPEN:
		/* Kept if the number is the lowest that is free. */
		return !(a->open.oflag & O_CLOEXEC);
	case ACTION_FCHDIR:
		return !actions_change(a - nr, nr, a->fd);
	case ACTION_TCSETPGRP:
		return false;
	default:
		return true;
	}
}

bool configure_expresses(const struct child *child)
{
	int i;

	if (!child->start->argv || ahead_differs(child->start->file) ||
	    !child_keeps_ids(child))
		return false;
	for (i = 0; i < child->nr_actions; i++)
		if (!expresses_action(&child->actions[i], i))
			return false;
	return true;
}

bool configure_can_run(void)
{
	return sys_call(__NR_pidfd_spawn_run, -1, NULL, 0) == -EBADF;
}

bool configure_is_forbidden(long ret)
{
	return ret == -EPERM || ret == -ENOSYS;
}

long configure(int fd, unsigned command, const char *key, const void *value,
	       int aux)
{
	return sys_call(__NR_pidfd_config, fd, command, key, value, aux);
}

long configure_int(int fd, const char *key, int number)
{
	return configure(fd, PIDFD_CONFIG_SET_INT, key, NULL, number);
}

long configure_binary(int fd, const char *key, const void *value, size_t size)
{
	return configure(fd, PIDFD_CONFIG_SET_BINARY, key, value, (int)size);
}

long configure_strings(int fd, const struct start *start)
{
	long ret =
		configure(fd, PIDFD_CONFIG_SET_STRINGS, "argv", start->argv, 0);

	if (ret >= 0 && start->envp)
		ret = configure(fd, PIDFD_CONFIG_SET_STRINGS, "envp",
				start->envp, 0);
	return ret;
}

static long set_schedule(int fd, const struct child *child)
{
	struct schedule now = {.size = sizeof(now)};
	long ret = sys_call(SYS_sched_getattr, 0, &now, sizeof(now), 0);

	/* The child has another policy, or a nice value that is not told. */
	if (ret < 0 || now.flags & FLAG_RESET_ON_FORK ||
	    (now.policy != SCHED_OTHER && now.policy != SCHED_BATCH &&
	     now.policy != SCHED_IDLE))
		return START_LEFT;
	now.size = sizeof(now);
	now.priority = (uint32_t)child->param.sched_priority;
	if (child->flags & POSIX_SPAWN_SETSCHEDULER) {
		int policy = child->policy;

		if (policy < 0)
			return -EINVAL;
		if (policy & RESET_ON_FORK)
			now.flags = FLAG_RESET_ON_FORK;
		now.policy = (uint32_t)(policy & ~RESET_ON_FORK);
	}
	return configure_binary(fd, "sched", &now, sizeof(now));
}

long configure_attributes(int fd, const struct child *child)
{
	long ret = 0;

	/* Its first moments are not in it, as by clone3(2), but nobody sees. */
	if (child->flags & POSIX_SPAWN_SETCGROUP &&
	    configure(fd, PIDFD_CONFIG_SET_FD, "cgroup", NULL, child->cgroup))
		return START_LEFT;
	if (child->flags & POSIX_SPAWN_SETSIGDEF)
		ret = configure_binary(fd, "sigdefault", &child->defaults, 8);
	if (ret >= 0 && child->flags & (POSIX_SPAWN_SETSCHEDULER |
					POSIX_SPAWN_SETSCHEDPARAM))
		ret = set_schedule(fd, child);
	if (ret >= 0 && child->flags & POSIX_SPAWN_SETSID)
		ret = configure(fd, PIDFD_CONFIG_SET_FLAG, "setsid", NULL, 0);
	if (ret >= 0 && child->flags & POSIX_SPAWN_SETPGROUP)
		ret = configure_int(fd, "pgid", child->pgroup);
	return ret;
}

long configure_dup2(int fd, int from, int to, unsigned flags)
{
	const struct pidfd_config_dup2 dup = {
		.fd = from,
		.newfd = to,
		.flags = flags,
	};

	return configure_binary(fd, "dup2", &dup, sizeof(dup));
}

long configure_open(int fd, const struct action *a)
{
	struct pidfd_config_open open = {
		.path = (uint64_t)(uintptr_t)a->open.path,
		.dirfd = AT_FDCWD,
		.newfd = a->open.fd,
		.flags = ahead_open_flags((uint32_t)a->open.oflag |
					  (uint32_t)O_LARGEFILE),
	};

	if (open.flags & (O_CREAT | O_TMPFILE) & ~O_DIRECTORY)
		open.mode = a->open.mode & 07777;
	return configure_binary(fd, "open", &open, sizeof(open));
}

long configure_close_range(int fd, unsigned first, unsigned last)
{
	const struct pidfd_config_close_range range = {
		.first = first,
		.last = last,
	};

	return configure_binary(fd, "close_range", &range, sizeof(range));
}
