/* SPDX-License-Identifier: MIT */
#include "template_plan.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "ahead.h"
#include "io_uring_spawn.h"
#include "template.h"

static bool add(struct template_plan *p, uint32_t type, int fd, int newfd,
		uint32_t flags, const void *arg)
{
	if (p->nr == PLAN_ACTIONS)
		return false;
	p->actions[p->nr++] = (struct spawn_template_action){
		.type = type,
		.flags = flags,
		.fd = fd,
		.newfd = newfd,
		.arg = (uint64_t)(uintptr_t)arg,
	};
	return true;
}

/* Takes ownership of @fd, or closes it if the plan owns too many. */
static bool own(struct template_plan *p, int fd)
{
	if (fd < 0)
		return false;
	if (p->nr_own == PLAN_ACTIONS) {
		close(fd);
		return false;
	}
	p->own[p->nr_own++] = fd;
	return true;
}

/* A copy of @fd above all targets, or -1. */
static int set_aside(struct template_plan *p, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, p->chain->max_newfd + 1);

	return own(p, copy) ? copy : -1;
}

/* Whether a DUP2 of @fd to itself, which changes no flag, is enough. */
static bool stays(int fd, bool cloexec)
{
	int flags = fcntl(fd, F_GETFD);

	return flags >= 0 && cloexec == !!(flags & FD_CLOEXEC);
}

static bool dup_action(struct template_plan *p, int fd, int newfd, bool cloexec)
{
	return fd >= 0 && add(p, SPAWN_TEMPLATE_ACTION_DUP2, fd, newfd,
			      cloexec ? O_CLOEXEC : 0, NULL);
}

/* Puts each in its place, whatever their order. */
static bool place_listed(struct template_plan *p)
{
	const struct chain *c = p->chain;
	uint32_t i;

	for (i = 0; c->fds && i < c->ops[0].len; i++) {
		const struct chain_fd *entry = &c->fds[i];
		bool cloexec = entry->flags & IORING_CLONE_FD_CLOEXEC;
		int fd = entry->fd;

		/* Without this, nothing above 2 survives the actions. */
		if (entry->newfd > 2 && !cloexec)
			p->inherit = true;
		if (fd == entry->newfd ? !stays(fd, cloexec)
				       : chain_listed(c, fd) != NULL)
			fd = set_aside(p, fd);
		if (!dup_action(p, fd, entry->newfd, cloexec))
			return false;
	}
	return true;
}

static int next_listed(const struct chain *c, int from)
{
	int next = INT_MAX;
	uint32_t i;

	for (i = 0; c->fds && i < c->ops[0].len; i++)
		if (c->fds[i].newfd >= from && c->fds[i].newfd < next)
			next = c->fds[i].newfd;
	return next;
}

/* Closes all but what is listed. */
static bool close_others(struct template_plan *p)
{
	int from = 0;

	while (from <= 2 || p->inherit) {
		int next = next_listed(p->chain, from);
		int last = next == INT_MAX ? -1 : next - 1;

		if (next != from && !add(p, SPAWN_TEMPLATE_ACTION_CLOSE_RANGE,
					 from, last, 0, NULL))
			return false;
		if (next == INT_MAX)
			break;
		from = next + 1;
	}
	return true;
}

/*
 * Opens directories here, so that an error shows before there is a child. Files
 * are not opened here, as a FIFO would block this thread.
 */
static bool plan_open(struct template_plan *p, const struct chain_op *op)
{
	int fd;

	if (!ahead_is_directory(op))
		return false;
	fd = ahead_open_directory(p->cwd, op);
	if (!own(p, fd))
		return false;
	p->last = fd > p->chain->max_newfd ? fd : set_aside(p, fd);
	return p->last >= 0;
}

static bool plan_fchdir(struct template_plan *p, uint32_t at)
{
	int fd = p->chain->ops[at].fd;

	if (fd == CHAIN_FD_LAST)
		fd = p->cwd = p->last;
	else
		p->cwd = chain_source(p->chain, at, fd);
	return p->cwd >= 0 &&
	       add(p, SPAWN_TEMPLATE_ACTION_FCHDIR, fd, 0, 0, NULL);
}

/* For a chain without a list. */
static bool plan_dup(struct template_plan *p, uint32_t at)
{
	const struct chain_op *op = &p->chain->ops[at];
	bool cloexec = op->flags & O_CLOEXEC;
	int fd = op->fd;

	if (p->chain->ops[0].flags & CHAIN_CLONE_FDS || fd < 0 ||
	    chain_overwrites(p->chain, at, fd))
		return false;
	if (fd == (int)op->len && !stays(fd, cloexec))
		fd = set_aside(p, fd);
	return dup_action(p, fd, (int)op->len, cloexec);
}

static bool plan_sigset(struct template_plan *p, uint32_t type, const void *set)
{
	struct spawn_template_sigset *s = &p->sets[p->nr_sets];

	if (p->nr_sets == PLAN_SETS)
		return false;
	p->nr_sets++;
	s->sigset = (uint64_t)(uintptr_t)set;
	s->sigsetsize = 8;
	return add(p, type, 0, 0, 0, s);
}

static bool plan_op(struct template_plan *p, uint32_t at)
{
	const struct chain_op *op = &p->chain->ops[at];
	const void *value = chain_ptr(op->addr);

	switch (op->op) {
	case CHAIN_OPENAT:
		return plan_open(p, op);
	case CHAIN_FCHDIR:
		return plan_fchdir(p, at);
	case CHAIN_DUP:
		return plan_dup(p, at);
	case CHAIN_TASK_SET:
		if (op->len == IORING_TASK_SIGMASK)
			return plan_sigset(p, SPAWN_TEMPLATE_ACTION_SIGMASK,
					   value);
		if (op->len == IORING_TASK_SIGDEFAULT)
			return plan_sigset(p, SPAWN_TEMPLATE_ACTION_SIGDEFAULT,
					   value);
		return false;
	default:
		return false;
	}
}

bool plan_make(struct template_plan *p, const struct launch *launch)
{
	const struct chain *c = launch->chain;
	const struct chain_op *head = &c->ops[0];
	bool list = head->flags & CHAIN_CLONE_FDS;
	uint32_t at;

	p->chain = c;
	p->nr = p->nr_sets = p->nr_own = 0;
	p->cwd = AT_FDCWD;
	p->last = -1;
	p->inherit = !list;
	/* Actions cannot express a cgroup or namespaces. */
	if (head->fd >= 0 || head->addr2)
		return false;
	if (!plan_sigset(p, SPAWN_TEMPLATE_ACTION_SIGMASK, &launch->sigmask) ||
	    !place_listed(p))
		return false;
	/* The last operation is an EXEC. */
	for (at = 1; c->ops[at].op != CHAIN_EXEC; at++)
		if (!plan_op(p, at))
			return false;
	p->exec = at;
	return !list || close_others(p);
}

int plan_template(const struct template_plan *p, const struct chain_op *op)
{
	const char *path = chain_ptr(op->addr);
	int fd, ret;

	if (!*path && op->flags == AT_EMPTY_PATH) {
		fd = chain_source(p->chain, p->exec, op->fd);
		return fd < 0 ? -EOPNOTSUPP : template_new(NULL, fd, false);
	}
	if (!*path || op->flags || op->fd != AT_FDCWD || ahead_differs(path))
		return -EOPNOTSUPP;
	if (*path == '/')
		return template_new(path, -1, false);
	fd = openat(p->cwd, path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = template_new(NULL, fd, false);
	close(fd);
	return ret;
}

void plan_drop(struct template_plan *p)
{
	while (p->nr_own)
		close(p->own[--p->nr_own]);
}
