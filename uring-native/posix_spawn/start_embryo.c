/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn(3) on a process that exists before it runs: an attribute or an
 * action is a call that changes it from outside, so nothing has to be undone in
 * the child, no handler can run there and each error is that of its call.
 *
 * Left to clone3(2) is what has no key, and files for which one may have to
 * wait or that are others to the child: here they are opened by the caller.
 */
#include <fcntl.h>

#include "ahead.h"
#include "configure.h"
#include "fdinfo.h"
#include "pidfd_spawn.h"

struct embryo {
	const struct child *child;
	int fd;
	int cwd; /* our descriptor of its directory, or AT_FDCWD */
	bool owns_cwd;
	bool opened; /* a file may have been created: nothing is done twice */
};

/* A directory is looked up by the caller, before any file is opened. */
static bool expresses(const struct child *child)
{
	int i;

	for (i = 0; i < child->nr_actions; i++)
		if (child->actions[i].kind == ACTION_CHDIR &&
		    actions_open(child->actions, i))
			return false;
	return configure_expresses(child);
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

	if (!e->opened && (!configure_can_run() || !opens_at_once(e, nr)))
		return START_LEFT;
	e->opened = true;
	/* First, as some devices can be open but once. */
	configure_int(e->fd, "close", a->open.fd);
	return configure_open(e->fd, a);
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
	long ret = configure(e->fd, PIDFD_CONFIG_SET_FD, "cwd", NULL, fd);

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

/* Opened since: the child does not have them. */
static bool is_own(const struct embryo *e, int fd)
{
	return fd == e->fd || (e->owns_cwd && fd == e->cwd);
}

static long do_dup2(const struct embryo *e, int nr)
{
	const struct action *a = &e->child->actions[nr];
	int fd = a->dup2.fd;

	/*
	 * To itself: it is to survive the exec. What the actions have put there
	 * does. Other files are given to the child anew, as the key does not
	 * change the flags of its own.
	 */
	if (fd != a->dup2.newfd || is_own(e, fd) ||
	    actions_change(e->child->actions, nr, fd))
		return configure_dup2(e->fd, fd, a->dup2.newfd,
				      PIDFD_CONFIG_DUP2_OWN);
	return configure_dup2(e->fd, fd, fd, 0);
}

static long do_action(struct embryo *e, int nr)
{
	const struct action *a = &e->child->actions[nr];

	switch (a->kind) {
	case ACTION_CLOSE:
		return child_closed(a->fd,
				    configure_int(e->fd, "close", a->fd));
	case ACTION_DUP2:
		return do_dup2(e, nr);
	case ACTION_OPEN:
		return do_open(e, nr);
	case ACTION_CHDIR:
		return do_chdir(e, a->path);
	case ACTION_FCHDIR:
		return is_own(e, a->fd) ? -EBADF : do_fchdir(e, a->fd, false);
	case ACTION_CLOSEFROM:
		return configure_close_range(e->fd, (unsigned)a->fd, ~0U);
	default:
		return -EINVAL;
	}
}

/* A program that is not there leaves the process as it is, for another try. */
static long execute(void *arg, const char *path)
{
	const struct embryo *e = arg;
	long ret =
		configure(e->fd, PIDFD_CONFIG_SET_PATH, "exe", path, AT_FDCWD);

	if (ret >= 0)
		ret = sys_call(__NR_pidfd_spawn_run, e->fd, NULL, 0);
	return configure_is_forbidden(ret) && !e->opened ? START_LEFT : ret;
}

static long run(struct embryo *e)
{
	const struct start *start = e->child->start;

	return start->search ? child_search(e->child, execute, e)
			     : execute(e, start->file);
}

static long configure_all(struct embryo *e)
{
	const struct child *child = e->child;
	int i;
	long ret;

	/* An exec would first say that the program is missing. */
	if (configure_strings(e->fd, child->start) < 0)
		return START_LEFT;
	ret = configure_attributes(e->fd, child);
	for (i = 0; ret >= 0 && i < child->nr_actions; i++)
		ret = do_action(e, i);
	/* Until the end it has that of this thread. */
	if (ret >= 0)
		ret = configure_binary(e->fd, "sigmask", &child->mask, 8);
	return ret;
}

/* Ends the process, which nobody else knows. */
static void drop(int fd)
{
	pid_t pid;
	int pidfd = fdinfo_open_process(fd, &pid);

	sys_call(SYS_close, fd);
	if (pidfd >= 0)
		child_await_end(pidfd);
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
	if (e.fd == -EINVAL || configure_is_forbidden(e.fd) || is_full(e.fd))
		return START_LEFT;
	if (e.fd < 0)
		return e.fd;
	ret = configure_all(&e);
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
