/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn(3) from an executable template, which is made for the one start.
 *
 * To keep templates would be the gain, but this is a library in programs of
 * others. A template that is kept is a descriptor that they do not know of, and
 * close or overwrite; it denies writing to the program, which a build may be
 * about to link anew; and it keeps its file system mounted.
 *
 * Of a child that fails only an exit status is left. So whatever fails is left
 * to clone3(2), which says why; and files that are opened are, too, as nothing
 * may be done twice.
 */
#include <fcntl.h>

#include "ahead.h"
#include "execd.h"
#include "interfaces.h"
#include "spawn_template.h"
#include "template.h"

#define MAX_ACTIONS 32
#define MAX_DIRS 4

struct template_start {
	const struct child *child;
	struct spawn_template_action actions[MAX_ACTIONS];
	struct spawn_template_sigset sets[2];
	unsigned nr, nr_sets;
	int dirs[MAX_DIRS]; /* ours, to be closed */
	unsigned nr_dirs;
	int cwd; /* one of them, or AT_FDCWD */
	int pidfd;
};

static bool add(struct template_start *t,
		const struct spawn_template_action *action)
{
	if (t->nr == MAX_ACTIONS)
		return false;
	t->actions[t->nr++] = *action;
	return true;
}

static bool add_signals(struct template_start *t, uint32_t type,
			const uint64_t *set)
{
	struct spawn_template_sigset *sigset = &t->sets[t->nr_sets++];

	sigset->sigset = (uint64_t)(uintptr_t)set;
	sigset->sigsetsize = sizeof(*set);
	return add(t, &(struct spawn_template_action){
			      .type = type,
			      .arg = (uint64_t)(uintptr_t)sigset,
		      });
}

static bool add_close_range(struct template_start *t, int first, int last)
{
	return add(t, &(struct spawn_template_action){
			      .type = SPAWN_TEMPLATE_ACTION_CLOSE_RANGE,
			      .fd = first,
			      .newfd = last,
		      });
}

static bool add_fchdir(struct template_start *t, int fd)
{
	return add(t, &(struct spawn_template_action){
			      .type = SPAWN_TEMPLATE_ACTION_FCHDIR,
			      .fd = fd,
		      });
}

static bool add_dup2(struct template_start *t, int nr)
{
	const struct child *child = t->child;
	int fd = child->actions[nr].dup2.fd, flags;

	/* To itself: the flag that would be cleared must not be set. */
	if (fd == child->actions[nr].dup2.newfd &&
	    !actions_change(child->actions, nr, fd)) {
		flags = (int)sys_call(SYS_fcntl, fd, F_GETFD);
		if (flags < 0 || flags & FD_CLOEXEC)
			return false;
	}
	return add(t, &(struct spawn_template_action){
			      .type = SPAWN_TEMPLATE_ACTION_DUP2,
			      .fd = fd,
			      .newfd = child->actions[nr].dup2.newfd,
		      });
}

/* There is no action for it, but one that enters a directory of ours. */
static bool add_chdir(struct template_start *t, const char *path)
{
	const struct child *child = t->child;
	int fd;

	if (t->nr_dirs == MAX_DIRS)
		return false;
	fd = ahead_look_up(t->cwd, path, O_DIRECTORY);
	if (fd < 0)
		return false;
	t->dirs[t->nr_dirs++] = fd;
	t->cwd = fd;
	return !actions_use(child->actions, child->nr_actions, fd) &&
	       !actions_change(child->actions, child->nr_actions, fd) &&
	       add_fchdir(t, fd);
}

static bool add_action(struct template_start *t, int nr)
{
	const struct action *a = &t->child->actions[nr];

	switch (a->kind) {
	case ACTION_CLOSE:
		return child_may_have(a->fd) &&
		       add_close_range(t, a->fd, a->fd);
	case ACTION_DUP2:
		return add_dup2(t, nr);
	case ACTION_CHDIR:
		return add_chdir(t, a->path);
	case ACTION_FCHDIR:
		/* Where is that? Another chdir may begin there. */
		if (actions_change(t->child->actions, nr, a->fd))
			return false;
		t->cwd = a->fd;
		return add_fchdir(t, a->fd);
	case ACTION_CLOSEFROM:
		return add_close_range(t, a->fd, -1);
	default:
		return false;
	}
}

static bool add_all(struct template_start *t)
{
	const struct child *child = t->child;
	int i;

	if (child->flags & POSIX_SPAWN_SETSIGDEF &&
	    !add_signals(t, SPAWN_TEMPLATE_ACTION_SIGDEFAULT, &child->defaults))
		return false;
	for (i = 0; i < child->nr_actions; i++)
		if (!add_action(t, i))
			return false;
	return add_signals(t, SPAWN_TEMPLATE_ACTION_SIGMASK, &child->mask);
}

static bool expresses(const struct child *child)
{
	const short known = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
			    POSIX_SPAWN_USEVFORK | POSIX_SPAWN_RESETIDS;

	return child->start->argv && !ahead_differs(child->start->file) &&
	       !(child->flags & ~known) && child_keeps_ids(child) &&
	       !actions_open(child->actions, child->nr_actions);
}

/* Returns the pid, or START_LEFT. */
static long spawn(struct template_start *t, int template_fd)
{
	const struct start *start = t->child->start;
	const struct spawn_template_spawn_args args = {
		.flags = SPAWN_TEMPLATE_SPAWN_INHERIT_FDS,
		.pidfd = (uint64_t)(uintptr_t)&t->pidfd,
		.argv = (uint64_t)(uintptr_t)start->argv,
		.envp = (uint64_t)(uintptr_t)start->envp,
		.actions = (uint64_t)(uintptr_t)t->actions,
		.actions_len = t->nr,
	};
	siginfo_t info;
	long pid;

	pid = sys_call(__NR_spawn_template_spawn, template_fd, &args,
		       sizeof(args));
	if (pid < 0)
		return START_LEFT;
	if (execd((pid_t)pid, t->pidfd))
		return pid;
	while (sys_waitid_pidfd(t->pidfd, &info, WEXITED | __WALL, NULL) ==
	       -EINTR)
		;
	sys_call(SYS_close, t->pidfd);
	return START_LEFT;
}

/* An error has a search go on, or is left to clone3(2) in the end. */
static long execute(void *arg, const char *path)
{
	struct template_start *t = arg;
	const struct child *child = t->child;
	long ret = START_LEFT;
	int fd;

	/* What is started from a descriptor has its number for a name. */
	if (*path != '/')
		return START_LEFT;
	fd = template_new(path, -1, false);
	if (fd < 0)
		return fd;
	/* The child has that, too, until its exec. */
	if (!actions_use(child->actions, child->nr_actions, fd))
		ret = spawn(t, fd);
	sys_call(SYS_close, fd);
	return ret;
}

static long run(struct template_start *t)
{
	const struct start *start = t->child->start;
	long ret;

	if (!add_all(t))
		return START_LEFT;
	ret = start->search ? child_search(t->child, execute, t)
			    : execute(t, start->file);
	/* An action that fails would do so before that. */
	return ret < 0 ? START_LEFT : ret;
}

long start_template(struct child *child, int *pidfd)
{
	struct template_start t = {
		.child = child,
		.cwd = AT_FDCWD,
		.pidfd = -1,
	};
	long ret;

	if (!expresses(child) || !start_has_series() || !execd_can_tell())
		return START_LEFT;
	ret = run(&t);
	while (t.nr_dirs)
		sys_call(SYS_close, t.dirs[--t.nr_dirs]);
	if (ret > 0 && child->start->pidfd)
		*pidfd = t.pidfd;
	else if (ret > 0)
		sys_call(SYS_close, t.pidfd);
	return ret;
}
