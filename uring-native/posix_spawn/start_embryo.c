/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn(3) on a process that exists before it runs: an attribute or an
 * action is a call that changes it from outside, so nothing has to be undone in
 * the child, no handler can run there and each error is that of its call.
 *
 * Left to clone3(2) is what has no key (RESETIDS that changes anything,
 * cgroups, tcsetpgrp), what depends on which numbers the child has free or what
 * it has at one of them, and files for which one may have to wait or that are
 * others to the child: here they are opened by the caller.
 */
#include "start_embryo.h"

#include <fcntl.h>
#include <poll.h>

#include "ahead.h"
#include "fdinfo.h"
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

struct embryo {
	const struct child *child;
	int fd;
	int cwd; /* our descriptor of its directory, or AT_FDCWD */
	bool owns_cwd;
	bool opened; /* a file may have been created: nothing is done twice */
};

/* May its descriptor @fd be another than ours, before action @nr? */
static bool is_changed(const struct child *child, int nr, int fd)
{
	int i;

	for (i = 0; i < nr; i++) {
		const struct action *a = &child->actions[i];

		if ((a->kind == ACTION_CLOSE && a->fd == fd) ||
		    (a->kind == ACTION_DUP2 && a->dup2.newfd == fd) ||
		    (a->kind == ACTION_OPEN && a->open.fd == fd) ||
		    (a->kind == ACTION_CLOSEFROM && a->fd <= fd))
			return true;
	}
	return false;
}

static bool expresses_action(const struct child *child, int nr, bool *opens)
{
	const struct action *a = &child->actions[nr];

	switch (a->kind) {
	case ACTION_DUP2:
		/* It only clears a flag, and no key does that. */
		return a->dup2.fd != a->dup2.newfd;
	case ACTION_OPEN:
		*opens = true;
		/* Kept if the number is the lowest that is free. */
		return !(a->open.oflag & O_CLOEXEC);
	case ACTION_CHDIR:
		return !*opens;
	case ACTION_FCHDIR:
		return !is_changed(child, nr, a->fd);
	case ACTION_TCSETPGRP:
		return false;
	default:
		return true;
	}
}

static bool expresses(const struct child *child)
{
	bool opens = false;
	int i;

	if (!child->start->argv || ahead_differs(child->start->file) ||
	    child->flags & POSIX_SPAWN_SETCGROUP)
		return false;
	if (child->flags & POSIX_SPAWN_RESETIDS &&
	    (sys_call(SYS_getuid) != sys_call(SYS_geteuid) ||
	     sys_call(SYS_getgid) != sys_call(SYS_getegid)))
		return false;
	for (i = 0; i < child->nr_actions; i++)
		if (!expresses_action(child, i, &opens))
			return false;
	return true;
}

static long set(const struct embryo *e, unsigned command, const char *key,
		const void *value, int aux)
{
	return sys_call(__NR_pidfd_config, e->fd, command, key, value, aux);
}

static long set_int(const struct embryo *e, const char *key, int number)
{
	return set(e, PIDFD_CONFIG_SET_INT, key, NULL, number);
}

static long set_binary(const struct embryo *e, const char *key,
		       const void *value, size_t size)
{
	return set(e, PIDFD_CONFIG_SET_BINARY, key, value, (int)size);
}

static long set_schedule(const struct embryo *e)
{
	const struct child *child = e->child;
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
	return set_binary(e, "sched", &now, sizeof(now));
}

static long set_attributes(const struct embryo *e)
{
	const struct child *child = e->child;
	long ret = 0;

	if (child->flags & POSIX_SPAWN_SETSIGDEF)
		ret = set_binary(e, "sigdefault", &child->defaults, 8);
	if (ret >= 0 && child->flags & (POSIX_SPAWN_SETSCHEDULER |
					POSIX_SPAWN_SETSCHEDPARAM))
		ret = set_schedule(e);
	if (ret >= 0 && child->flags & POSIX_SPAWN_SETSID)
		ret = set(e, PIDFD_CONFIG_SET_FLAG, "setsid", NULL, 0);
	if (ret >= 0 && child->flags & POSIX_SPAWN_SETPGROUP)
		ret = set_int(e, "pgid", child->pgroup);
	return ret;
}

/* Whether nobody has to wait for the files that are opened from @nr on. */
static bool opens_at_once(const struct embryo *e, int nr)
{
	const struct child *child = e->child;

	for (; nr < child->nr_actions; nr++) {
		const struct action *a = &child->actions[nr];

		if (a->kind == ACTION_OPEN &&
		    !ahead_path_opens_at_once(e->cwd, a->open.path,
					      (uint32_t)a->open.oflag))
			return false;
	}
	return true;
}

static long do_open(struct embryo *e, int nr)
{
	const struct action *a = &e->child->actions[nr];
	struct pidfd_config_open open = {
		.path = (uint64_t)(uintptr_t)a->open.path,
		.dirfd = AT_FDCWD,
		.newfd = a->open.fd,
		.flags = ahead_open_flags((uint32_t)a->open.oflag |
					  (uint32_t)O_LARGEFILE),
	};

	if (!e->opened && !opens_at_once(e, nr))
		return START_LEFT;
	if (open.flags & (O_CREAT | O_TMPFILE) & ~O_DIRECTORY)
		open.mode = a->open.mode & 07777;
	e->opened = true;
	/* First, as some devices can be open but once. */
	set_int(e, "close", a->open.fd);
	return set_binary(e, "open", &open, sizeof(open));
}

/* The caller may open nothing more, which clone3(2) has no need to. */
static bool is_full(int fd)
{
	return fd == -EMFILE || fd == -ENFILE;
}

static void enter(struct embryo *e, int fd, bool owns)
{
	if (e->owns_cwd)
		sys_call(SYS_close, e->cwd);
	e->cwd = fd;
	e->owns_cwd = owns;
}

static long do_fchdir(struct embryo *e, int fd, bool owns)
{
	long ret = set(e, PIDFD_CONFIG_SET_FD, "cwd", NULL, fd);

	if (ret >= 0)
		enter(e, fd, owns);
	else if (owns)
		sys_call(SYS_close, fd);
	return ret;
}

static long do_chdir(struct embryo *e, const char *path)
{
	int fd = ahead_look_up(e->cwd, path, O_DIRECTORY);

	if (fd == -EOPNOTSUPP || is_full(fd))
		return START_LEFT;
	return fd < 0 ? fd : do_fchdir(e, fd, true);
}

static long do_dup2(const struct embryo *e, const struct action *a)
{
	const struct pidfd_config_dup2 dup = {
		.fd = a->dup2.fd,
		.newfd = a->dup2.newfd,
		.flags = PIDFD_CONFIG_DUP2_OWN,
	};

	return set_binary(e, "dup2", &dup, sizeof(dup));
}

static long do_closefrom(const struct embryo *e, int first)
{
	const struct pidfd_config_close_range range = {
		.first = (uint32_t)first,
		.last = ~0U,
	};

	return set_binary(e, "close_range", &range, sizeof(range));
}

static long do_action(struct embryo *e, int nr)
{
	const struct action *a = &e->child->actions[nr];

	switch (a->kind) {
	case ACTION_CLOSE:
		return child_closed(a->fd, set_int(e, "close", a->fd));
	case ACTION_DUP2:
		return do_dup2(e, a);
	case ACTION_OPEN:
		return do_open(e, nr);
	case ACTION_CHDIR:
		return do_chdir(e, a->path);
	case ACTION_FCHDIR:
		/* Opened since: the child does not have them. */
		if (a->fd == e->fd || (e->owns_cwd && a->fd == e->cwd))
			return -EBADF;
		return do_fchdir(e, a->fd, false);
	case ACTION_CLOSEFROM:
		return do_closefrom(e, a->fd);
	default:
		return -EINVAL;
	}
}

/* A program that is not there leaves the process as it is, for another try. */
static long execute(void *arg, const char *path)
{
	const struct embryo *e = arg;
	long ret = set(e, PIDFD_CONFIG_SET_PATH, "exe", path, AT_FDCWD);

	if (ret >= 0)
		ret = sys_call(__NR_pidfd_spawn_run, e->fd, NULL, 0);
	return ret;
}

static long run(struct embryo *e)
{
	const struct start *start = e->child->start;

	return start->search ? child_search(e->child, execute, e)
			     : execute(e, start->file);
}

static long configure(struct embryo *e)
{
	const struct child *child = e->child;
	const struct start *start = child->start;
	long ret = set(e, PIDFD_CONFIG_SET_STRINGS, "argv", start->argv, 0);
	int i;

	if (ret >= 0 && start->envp)
		ret = set(e, PIDFD_CONFIG_SET_STRINGS, "envp", start->envp, 0);
	/* An exec would first say that the program is missing. */
	if (ret < 0)
		return START_LEFT;
	ret = set_attributes(e);
	for (i = 0; ret >= 0 && i < child->nr_actions; i++)
		ret = do_action(e, i);
	/* Until the end it has that of this thread. */
	if (ret >= 0)
		ret = set_binary(e, "sigmask", &child->mask, 8);
	return ret;
}

/*
 * Ends the process, which nobody else knows. Until it is gone, wait(2) would
 * find a child that posix_spawn(3) has not made.
 */
static void drop(int fd)
{
	pid_t pid;
	int pidfd = fdinfo_open_process(fd, &pid);
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};

	sys_call(SYS_close, fd);
	if (pidfd < 0)
		return;
	sys_call(SYS_ppoll, &ended, 1, NULL, NULL, 0);
	sys_call(SYS_close, pidfd);
}

long start_embryo(struct child *child, int *pidfd)
{
	struct embryo e = {.child = child, .cwd = AT_FDCWD};
	long ret;

	if (!expresses(child))
		return START_LEFT;
	e.fd = (int)sys_call(SYS_pidfd_open, 0,
			     PIDFD_EMPTY | PIDFD_INHERIT_FDS);
	/* No such processes, or a filter. */
	if (e.fd == -EINVAL || e.fd == -ENOSYS || e.fd == -EPERM ||
	    is_full(e.fd))
		return START_LEFT;
	if (e.fd < 0)
		return e.fd;
	ret = configure(&e);
	if (ret >= 0)
		ret = run(&e);
	enter(&e, AT_FDCWD, false);
	if (ret < 0)
		drop(e.fd);
	else if (child->start->pidfd)
		*pidfd = e.fd;
	else
		sys_call(SYS_close, e.fd);
	return ret;
}
