/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn(3) by a record of a process, which is made for the one start and
 * run once. The child carries out the record itself, so it waits for its FIFOs,
 * and an error is that of the first action that fails.
 *
 * To record does nothing yet: whatever cannot be recorded is left to clone3(2).
 */
#include <fcntl.h>
#include <string.h>

#include "ahead.h"
#include "configure.h"
#include "pidfd_spawn.h"

/* How many descriptors a run is given. */
#define MAX_FDS 16U

struct builder {
	const struct child *child;
	int fd;
	bool opens;
	bool ran; /* its actions have been carried out */
	struct pidfd_spawn_fd fds[MAX_FDS];
	uint32_t nr_fds;
	int pidfd;
};

static bool expresses(const struct child *child)
{
	int i;

	for (i = 0; i < child->nr_actions; i++) {
		const struct action *a = &child->actions[i];

		if ((a->kind == ACTION_OPEN && ahead_differs(a->open.path)) ||
		    (a->kind == ACTION_CHDIR && ahead_differs(a->path)))
			return false;
	}
	return configure_expresses(child);
}

/* How much of PATH is copied to the stack. */
#define MAX_PATH 2048
#define MAX_PLACES 64

/* PATH as the key has it. Returns whether there is room for it. */
static bool split_path(const char *path, char *text, const char **dirs)
{
	size_t size = strlen(path) + 1, nr = 0;
	char *at = text, *end;

	if (size > MAX_PATH)
		return false;
	memcpy(text, path, size);
	for (;;) {
		if (nr == MAX_PLACES - 1)
			return false;
		dirs[nr++] = at;
		end = strchr(at, ':');
		if (!end)
			break;
		*end = '\0';
		at = end + 1;
	}
	dirs[nr] = NULL;
	return true;
}

/*
 * Has the child look for the program itself. Older kernels have no key for it:
 * then one process after the other is made, each to try one directory.
 */
__attribute__((noinline)) static bool record_search(const struct builder *b)
{
	const struct start *start = b->child->start;
	const char *dirs[MAX_PLACES];
	char text[MAX_PATH];

	return *start->file && strlen(start->file) <= NAME_MAX &&
	       split_path(b->child->path, text, dirs) &&
	       !configure(b->fd, PIDFD_CONFIG_SET_STRINGS, "search", dirs, 0);
}

/*
 * The child inherits the builder's descriptor, too, until its exec. An action
 * may be about a descriptor of that number, which the caller did not have.
 */
static long hide_own(const struct builder *b)
{
	const struct child *child = b->child;
	unsigned fd = (unsigned)b->fd;

	if (!actions_use(child->actions, child->nr_actions, b->fd))
		return 0;
	return configure_close_range(b->fd, fd, fd);
}

/* A close(2) that fails is an error only of what cannot be open. */
static long record_close(const struct builder *b, int fd)
{
	if (!child_may_have(fd))
		return configure_int(b->fd, "close", fd);
	return configure_close_range(b->fd, (unsigned)fd, (unsigned)fd);
}

static long record_open(const struct builder *b, const struct action *a)
{
	unsigned fd = (unsigned)a->open.fd;
	long ret = configure_close_range(b->fd, fd, fd);

	return ret < 0 ? ret : configure_open(b->fd, a);
}

/* Has the run give the child our file as @fd: a record cannot keep any file. */
static long record_given(struct builder *b, int fd)
{
	uint32_t i;

	for (i = 0; i < b->nr_fds; i++)
		if (b->fds[i].newfd == fd)
			return 0;
	if (b->nr_fds == MAX_FDS)
		return START_LEFT;
	b->fds[b->nr_fds++] = (struct pidfd_spawn_fd){.fd = fd, .newfd = fd};
	return configure_dup2(b->fd, -1, fd, 0);
}

static long record_dup2(struct builder *b, int nr)
{
	const struct action *a = &b->child->actions[nr];
	int fd = a->dup2.fd;

	/* As by an embryo. What is not open is an error when its turn comes. */
	if (fd != a->dup2.newfd || fd == b->fd ||
	    actions_change(b->child->actions, nr, fd) ||
	    sys_call(SYS_fcntl, fd, F_GETFD) < 0)
		return configure_dup2(b->fd, fd, a->dup2.newfd,
				      PIDFD_CONFIG_DUP2_OWN);
	return record_given(b, fd);
}

static long record_action(struct builder *b, int nr)
{
	const struct action *a = &b->child->actions[nr];

	switch (a->kind) {
	case ACTION_CLOSE:
		return record_close(b, a->fd);
	case ACTION_DUP2:
		return record_dup2(b, nr);
	case ACTION_OPEN:
		return record_open(b, a);
	case ACTION_CHDIR:
		return configure(b->fd, PIDFD_CONFIG_SET_PATH, "cwd", a->path,
				 AT_FDCWD);
	case ACTION_FCHDIR:
		return configure(b->fd, PIDFD_CONFIG_SET_FD, "cwd", NULL,
				 a->fd);
	case ACTION_CLOSEFROM:
		return configure_close_range(b->fd, (unsigned)a->fd, ~0U);
	default:
		return START_LEFT;
	}
}

static long record(struct builder *b)
{
	const struct child *child = b->child;
	long ret = configure_strings(b->fd, child->start);
	int i;

	if (ret >= 0)
		ret = hide_own(b);
	if (ret >= 0)
		ret = configure_attributes(b->fd, child);
	for (i = 0; ret >= 0 && i < child->nr_actions; i++)
		ret = record_action(b, i);
	if (ret >= 0)
		ret = configure_binary(b->fd, "sigmask", &child->mask, 8);
	return ret;
}

static long execute(void *arg, const char *path)
{
	struct builder *b = arg;
	struct pidfd_spawn_run_args args = {
		.fds = (uint64_t)(uintptr_t)b->fds,
		.nr_fds = b->nr_fds,
	};
	/* With arguments there is a pidfd. */
	bool has_args = b->nr_fds || b->child->start->pidfd;
	long ret =
		configure(b->fd, PIDFD_CONFIG_SET_PATH, "exe", path, AT_FDCWD);

	if (ret < 0)
		return ret;
	b->ran = true;
	ret = sys_call(__NR_pidfd_spawn_run, b->fd, has_args ? &args : NULL,
		       has_args ? sizeof(args) : 0);
	if (configure_is_forbidden(ret) && !b->opens)
		return START_LEFT;
	/* The builder may have taken the last descriptor. */
	if (ret == -EMFILE && has_args &&
	    args.failed == PIDFD_SPAWN_FAILED_NONE)
		return START_LEFT;
	if (ret >= 0 && has_args)
		b->pidfd = args.pidfd;
	return ret;
}

static long run(struct builder *b)
{
	const struct start *start = b->child->start;
	bool tries =
		start->search && !strchr(start->file, '/') && !record_search(b);
	long ret;

	/* Files are opened once. */
	if (b->opens && (tries || !configure_can_run()))
		return START_LEFT;
	ret = tries ? child_search(b->child, execute, b)
		    : execute(b, start->file);
	/* A name that is none. An action would have failed before that. */
	return ret < 0 && !b->ran ? START_LEFT : ret;
}

long start_builder(struct child *child, int *pidfd)
{
	struct builder b = {.child = child, .pidfd = -1};
	long ret;

	if (!expresses(child) || !start_has_series())
		return START_LEFT;
	b.opens = actions_open(child->actions, child->nr_actions);
	b.fd = (int)sys_call(__NR_pidfd_spawn_open,
			     PIDFD_SPAWN_CLOEXEC | PIDFD_INHERIT_FDS);
	if (b.fd < 0)
		return START_LEFT;
	ret = record(&b);
	ret = ret < 0 ? START_LEFT : run(&b);
	sys_call(SYS_close, b.fd);
	if (child->start->pidfd)
		*pidfd = b.pidfd;
	else if (b.pidfd >= 0)
		sys_call(SYS_close, b.pidfd);
	return ret;
}
