/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn(3) by a chain of io_uring requests, on a ring that is made for
 * the one start. A ring that is kept would be a descriptor that the program
 * does not know of, and after fork(2) one of another process. This one is none:
 * it has a number among the registered rings of the thread, and no other.
 *
 * The requests are written before there is a ring, and all of their completions
 * are waited for, so the caller's memory is no longer read when this returns.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

#include "ahead.h"
#include "interfaces.h"
#include "io_uring_spawn.h"

/* liburing 2.3 lacks these. */
#ifndef IORING_SETUP_NO_MMAP
#define IORING_SETUP_NO_MMAP (1U << 14)
#endif
#ifndef IORING_SETUP_REGISTERED_FD_ONLY
#define IORING_SETUP_REGISTERED_FD_ONLY (1U << 15)
#endif
#ifndef IORING_SETUP_NO_SQARRAY
#define IORING_SETUP_NO_SQARRAY (1U << 16)
#endif
#ifndef IORING_REGISTER_USE_REGISTERED_RING
#define IORING_REGISTER_USE_REGISTERED_RING (1U << 31)
#endif

/* The memory: a page for the ring, one for the requests, one for names. */
#define PAGE 4096U
#define MAX_REQUESTS (PAGE / (unsigned)sizeof(struct io_uring_sqe))

struct chain_start {
	const struct child *child;
	char *map;
	struct io_uring_sqe *sqes;
	unsigned nr;
	unsigned nr_execs; /* the last ones */
	unsigned names;	   /* how many bytes of them there are */
	bool opens;
	struct sys_clone_args clone;
	int pidfd;
	int ring; /* registered */
	struct io_uring_params params;
	int res[MAX_REQUESTS];
};

/* --- What a chain can do. ------------------------------------------------ */

/* Has the child a file at @fd for certain, when action @nr uses it? */
static bool is_open(const struct child *child, int nr, int fd)
{
	while (nr--) {
		const struct action *a = &child->actions[nr];

		if ((a->kind == ACTION_DUP2 && a->dup2.newfd == fd) ||
		    (a->kind == ACTION_OPEN && a->open.fd == fd))
			return true;
		if ((a->kind == ACTION_CLOSE && a->fd == fd) ||
		    (a->kind == ACTION_CLOSEFROM && a->fd <= fd))
			return false;
	}
	return sys_call(SYS_fcntl, fd, F_GETFD) >= 0;
}

/*
 * A file is opened at the lowest number and duplicated to its own. What is at
 * the first one is closed by the exec: until then there may be a file where the
 * program expects none.
 */
static bool expresses_use(const struct child *child, int nr, int fd)
{
	return !actions_open(child->actions, nr) || is_open(child, nr, fd);
}

static bool expresses_action(const struct child *child, int nr)
{
	const struct action *a = &child->actions[nr];

	switch (a->kind) {
	case ACTION_DUP2:
		return expresses_use(child, nr, a->dup2.fd);
	case ACTION_OPEN:
		/* Kept if the number is the lowest that is free. */
		return !(a->open.oflag & O_CLOEXEC) &&
		       !ahead_differs(a->open.path);
	case ACTION_CHDIR:
		return !ahead_differs(a->path);
	case ACTION_FCHDIR:
		return expresses_use(child, nr, a->fd);
	case ACTION_TCSETPGRP:
		return false;
	default:
		return true;
	}
}

static bool expresses(const struct child *child)
{
	const short none = POSIX_SPAWN_SETSCHEDULER | POSIX_SPAWN_SETSCHEDPARAM;
	int i;

	if (!child->start->argv || ahead_differs(child->start->file) ||
	    child->flags & none || !child_keeps_ids(child))
		return false;
	if (child->flags & POSIX_SPAWN_SETPGROUP && child->pgroup < 0)
		return false;
	for (i = 0; i < child->nr_actions; i++)
		if (!expresses_action(child, i))
			return false;
	return true;
}

/* --- The requests. ------------------------------------------------------- */

/* The next one; if there are too many, they are counted all the same. */
static struct io_uring_sqe *next(struct chain_start *c)
{
	unsigned at = c->nr++;

	return &c->sqes[at < MAX_REQUESTS ? at : MAX_REQUESTS - 1];
}

static void link_next(struct chain_start *c, struct io_uring_sqe *sqe)
{
	sqe->flags |= IOSQE_IO_LINK;
	sqe->user_data = c->nr - 1;
}

static void add_clone(struct chain_start *c)
{
	const struct child *child = c->child;
	struct io_uring_sqe *sqe = next(c);

	c->clone.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
	c->clone.pidfd = (uint64_t)(uintptr_t)&c->pidfd;
	c->clone.exit_signal = SIGCHLD;
	if (child->flags & POSIX_SPAWN_SETCGROUP) {
		c->clone.flags |= CLONE_INTO_CGROUP;
		c->clone.cgroup = (uint64_t)(unsigned)child->cgroup;
	}
	io_uring_prep_clone3(sqe, &c->clone, sizeof(c->clone));
	link_next(c, sqe);
}

static void add_set(struct chain_start *c, enum io_uring_task_attr attr,
		    uint64_t value, uint64_t arg)
{
	struct io_uring_sqe *sqe = next(c);

	io_uring_prep_task_set(sqe, attr, value, arg);
	link_next(c, sqe);
}

static void add_set_signals(struct chain_start *c, enum io_uring_task_attr attr,
			    const uint64_t *set)
{
	add_set(c, attr, (uint64_t)(uintptr_t)set, sizeof(*set));
}

static void add_attributes(struct chain_start *c)
{
	const struct child *child = c->child;

	if (child->flags & POSIX_SPAWN_SETSIGDEF)
		add_set_signals(c, IORING_TASK_SIGDEFAULT, &child->defaults);
	if (child->flags & POSIX_SPAWN_SETSID)
		add_set(c, IORING_TASK_SETSID, 0, 0);
	if (child->flags & POSIX_SPAWN_SETPGROUP)
		add_set(c, IORING_TASK_SETPGID, (uint64_t)child->pgroup, 0);
}

static void add_close_range(struct chain_start *c, unsigned first,
			    unsigned last)
{
	struct io_uring_sqe *sqe = next(c);

	io_uring_prep_close_range(sqe, first, last, 0);
	link_next(c, sqe);
}

static void add_close(struct chain_start *c, int fd)
{
	struct io_uring_sqe *sqe = next(c);

	io_uring_prep_close(sqe, fd);
	link_next(c, sqe);
}

static void add_dup(struct chain_start *c, int fd, int newfd)
{
	struct io_uring_sqe *sqe = next(c);

	io_uring_prep_dup(sqe, fd, newfd, 0);
	link_next(c, sqe);
}

static void add_open(struct chain_start *c, const char *path, int flags,
		     mode_t mode)
{
	struct io_uring_sqe *sqe = next(c);

	io_uring_prep_openat(sqe, AT_FDCWD, path, flags | O_CLOEXEC, mode);
	link_next(c, sqe);
}

static void add_fchdir(struct chain_start *c, int fd)
{
	struct io_uring_sqe *sqe = next(c);

	io_uring_prep_fchdir(sqe, fd);
	link_next(c, sqe);
}

static void add_action(struct chain_start *c, const struct action *a)
{
	unsigned fd;

	switch (a->kind) {
	case ACTION_CLOSE:
		fd = (unsigned)a->fd;
		if (child_may_have(a->fd))
			add_close_range(c, fd, fd);
		else
			add_close(c, a->fd);
		break;
	case ACTION_DUP2:
		add_dup(c, a->dup2.fd, a->dup2.newfd);
		break;
	case ACTION_OPEN:
		fd = (unsigned)a->open.fd;
		/* First, as some devices can be open but once. */
		add_close_range(c, fd, fd);
		add_open(c, a->open.path, a->open.oflag, a->open.mode);
		add_dup(c, IORING_SPAWN_FD_LAST, a->open.fd);
		break;
	case ACTION_CHDIR:
		add_open(c, a->path, O_PATH | O_DIRECTORY, 0);
		add_fchdir(c, IORING_SPAWN_FD_LAST);
		add_close(c, IORING_SPAWN_FD_LAST);
		break;
	case ACTION_FCHDIR:
		add_fchdir(c, a->fd);
		break;
	case ACTION_CLOSEFROM:
		add_close_range(c, (unsigned)a->fd, ~0U);
		break;
	default:
		break;
	}
}

/* Returns what has child_search() go on, or START_LEFT. */
static long add_exec(void *arg, const char *path)
{
	struct chain_start *c = arg;
	const struct start *start = c->child->start;
	struct io_uring_sqe *sqe = next(c);
	size_t size = strlen(path) + 1;
	char *name = c->map + 2UL * PAGE + c->names;

	if (size > PAGE - c->names)
		return START_LEFT;
	memcpy(name, path, size);
	c->names += (unsigned)size;
	io_uring_prep_exec(sqe, name, start->argv, start->envp);
	sqe->ioprio = IORING_EXEC_SEARCH;
	sqe->flags |= IOSQE_IO_HARDLINK;
	sqe->user_data = c->nr - 1;
	c->nr_execs++;
	return -ENOENT;
}

/* Returns whether there is room for all of it. */
static bool write_requests(struct chain_start *c)
{
	const struct child *child = c->child;
	const struct start *start = child->start;
	struct io_uring_sqe *last;
	long ret;
	int i;

	add_clone(c);
	add_attributes(c);
	for (i = 0; i < child->nr_actions; i++)
		add_action(c, &child->actions[i]);
	/* Until here it has that of this thread. */
	add_set_signals(c, IORING_TASK_SIGMASK, &child->mask);
	ret = start->search ? child_search(child, add_exec, c)
			    : add_exec(c, start->file);
	/* Without a name to try, an action may fail all the same. */
	if (ret == START_LEFT || !c->nr_execs || c->nr > MAX_REQUESTS)
		return false;
	last = &c->sqes[c->nr - 1];
	last->flags = 0;
	last->ioprio = 0;
	return true;
}

/* --- The ring. ----------------------------------------------------------- */

static bool make_ring(struct chain_start *c)
{
	struct io_uring_params *p = &c->params;
	uint64_t addr = (uint64_t)(uintptr_t)c->map;

	p->flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
		   IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_NO_MMAP |
		   IORING_SETUP_REGISTERED_FD_ONLY | IORING_SETUP_NO_SQARRAY;
	/* Where the memory is: the last field, which old headers do not name.
	 */
	memcpy((char *)(&p->cq_off + 1) - sizeof(addr), &addr, sizeof(addr));
	addr += PAGE;
	memcpy((char *)(&p->sq_off + 1) - sizeof(addr), &addr, sizeof(addr));
	c->ring = (int)sys_call(SYS_io_uring_setup, c->nr, p);
	return c->ring >= 0;
}

static void drop_ring(const struct chain_start *c)
{
	const struct io_uring_rsrc_update update = {.offset =
							    (uint32_t)c->ring};

	sys_call(SYS_io_uring_register, c->ring,
		 IORING_UNREGISTER_RING_FDS |
			 IORING_REGISTER_USE_REGISTERED_RING,
		 &update, 1);
}

static uint32_t *ring_word(const struct chain_start *c, uint32_t offset)
{
	return (uint32_t *)(void *)(c->map + offset);
}

/* How many completions there are. */
static unsigned completed(const struct chain_start *c)
{
	return __atomic_load_n(ring_word(c, c->params.cq_off.tail),
			       __ATOMIC_ACQUIRE);
}

static long enter(const struct chain_start *c, unsigned nr, unsigned await)
{
	return sys_call(SYS_io_uring_enter, c->ring, nr, await,
			IORING_ENTER_GETEVENTS | IORING_ENTER_REGISTERED_RING,
			NULL, 0);
}

/* Runs the chain. Returns whether the kernel has taken all of it. */
static bool submit(struct chain_start *c)
{
	const struct io_uring_cqe *cqes =
		(void *)(c->map + c->params.cq_off.cqes);
	unsigned i;
	long taken;

	__atomic_store_n(ring_word(c, c->params.sq_off.tail), c->nr,
			 __ATOMIC_RELEASE);
	taken = enter(c, c->nr, c->nr);
	while ((long)completed(c) < taken)
		enter(c, 0, (unsigned)taken);
	for (i = 0; (long)i < taken; i++)
		c->res[cqes[i].user_data] = cqes[i].res;
	return taken == (long)c->nr;
}

/* --- What has come of it. ------------------------------------------------ */

/*
 * What clone3(2) may have no trouble with, if nothing need be done twice: to
 * enter a directory it opens none, and its child has the caller's rings, too.
 */
static bool may_do_better(const struct chain_start *c, unsigned at)
{
	const struct io_uring_sqe *sqe = &c->sqes[at];

	if (c->opens)
		return false;
	switch (sqe->opcode) {
	case IORING_OP_OPENAT:
		return c->res[at] == -EMFILE || c->res[at] == -ENFILE;
	case IORING_OP_DUP:
	case IORING_OP_FCHDIR:
		return c->res[at] == -EBADF &&
		       sys_call(SYS_fcntl, sqe->fd, F_GETFD) >= 0;
	default:
		return false;
	}
}

/* The pid, or as start_chain(). */
static long result(const struct chain_start *c)
{
	unsigned first_exec = c->nr - c->nr_execs, i;
	struct search search = {.ret = -ENOENT};

	/* There has been no process. */
	if (c->res[0] < 0)
		return START_LEFT;
	for (i = 1; i < first_exec; i++) {
		if (c->res[i] < 0 && may_do_better(c, i))
			return START_LEFT;
		if (c->res[i] < 0)
			return c->res[i];
	}
	for (; i < c->nr; i++) {
		if (!c->res[i])
			return c->res[0];
		if (!search_goes_on(&search, c->res[i]))
			break;
	}
	return search.ret;
}

static long run(struct chain_start *c)
{
	long ret;

	if (!write_requests(c) || !make_ring(c))
		return START_LEFT;
	ret = c->params.features & IORING_FEAT_SPAWN && submit(c) ? result(c)
								  : START_LEFT;
	drop_ring(c);
	if (c->res[0] > 0 && ret < 0)
		child_await_end(c->pidfd);
	/* Somebody has killed it. */
	return ret == -ECANCELED ? -ESRCH : ret;
}

long start_chain(struct child *child, int *pidfd)
{
	struct chain_start c = {.child = child, .pidfd = -1};
	void *map;
	long ret;

	if (!expresses(child) || !start_has_series())
		return START_LEFT;
	map = mmap(NULL, 3UL * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return START_LEFT;
	c.map = map;
	c.sqes = (void *)(c.map + PAGE);
	c.opens = actions_open(child->actions, child->nr_actions);
	ret = run(&c);
	munmap(map, 3UL * PAGE);
	if (ret > 0 && child->start->pidfd)
		*pidfd = c.pidfd;
	else if (ret > 0)
		sys_call(SYS_close, c.pidfd);
	return ret;
}
