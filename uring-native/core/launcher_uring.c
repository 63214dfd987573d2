/* SPDX-License-Identifier: MIT */
/*
 * A chain as linked SQEs: the kernel makes the process and runs the chain in
 * it. The SQEs point into the chain, which stays until the last of its CQEs.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "io_uring_spawn.h"
#include "ring.h"
#include "sys.h"

struct uring_links {
	struct sys_clone_args args; /* read while the SQEs are submitted */
	struct uring_link link[];
};

static struct uring_links *links_of(struct launch *launch)
{
	return (struct uring_links *)((char *)launch->links -
				      offsetof(struct uring_links, link));
}

static void prep_clone(struct io_uring_sqe *sqe, struct launch *launch,
		       const struct chain_op *op)
{
	struct sys_clone_args *args = &links_of(launch)->args;

	args->flags = op->addr2 | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
	args->pidfd = (uint64_t)(uintptr_t)&launch->pidfd;
	args->cgroup = op->fd >= 0 ? (uint64_t)op->fd : 0;
	if (op->flags & CHAIN_CLONE_FDS)
		io_uring_prep_clone_fds(sqe, args, sizeof(*args),
					chain_ptr(op->addr), op->len);
	else
		io_uring_prep_clone3(sqe, args, sizeof(*args));
}

static void prep_op(struct io_uring_sqe *sqe, const struct chain_op *op)
{
	int fd = op->fd == CHAIN_FD_LAST ? IORING_SPAWN_FD_LAST : op->fd;

	switch (op->op) {
	case CHAIN_OPENAT:
		io_uring_prep_openat(sqe, op->fd, chain_ptr(op->addr),
				     (int)op->flags, op->len);
		break;
	case CHAIN_DUP:
		io_uring_prep_dup(sqe, fd, (int)op->len, (int)op->flags);
		break;
	case CHAIN_FCHDIR:
		io_uring_prep_fchdir(sqe, fd);
		break;
	case CHAIN_CLOSE_RANGE:
		io_uring_prep_close_range(sqe, (unsigned)op->fd, op->len,
					  op->flags);
		break;
	case CHAIN_TASK_SET:
		io_uring_prep_task_set(sqe, op->len, op->addr, op->addr2);
		break;
	case CHAIN_EXEC:
		io_uring_prep_execveat(sqe, op->fd, chain_ptr(op->addr),
				       chain_ptr(op->addr2),
				       chain_ptr(op->addr3), (int)op->flags);
		break;
	}
}

static int uring_submit(struct launch *launch, struct ring *ring)
{
	struct chain *c = launch->chain;
	struct uring_links *links;
	uint32_t i;
	int ret;

	if (!ring->has_spawn)
		return -EOPNOTSUPP;
	ret = ring_reserve(ring, c->nr_ops);
	if (ret)
		return ret;
	links = calloc(1, sizeof(*links) + c->nr_ops * sizeof(*links->link));
	if (!links)
		return -ENOMEM;
	launch->links = links->link;
	launch->pending = c->nr_ops;
	chain_reset(c);
	for (i = 0; i < c->nr_ops; i++) {
		const struct chain_op *op = &c->ops[i];
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

		if (i)
			prep_op(sqe, op);
		else
			prep_clone(sqe, launch, op);
		if (i + 1 < c->nr_ops)
			sqe->flags |= op->link & CHAIN_HARDLINK
					      ? IOSQE_IO_HARDLINK
					      : IOSQE_IO_LINK;
		links->link[i].launch = launch;
		links->link[i].index = i;
		io_uring_sqe_set_data64(sqe, ring_link_data(&links->link[i]));
	}
	return 0;
}

/* The kernel reaps a child whose chain failed. */
static void finish(struct launch *launch)
{
	struct chain *c = launch->chain;

	free(links_of(launch));
	launch->links = NULL;
	launch->error = chain_result(c, &launch->failed);
	launch->pid = launch->error ? -1 : c->res[0];
	launch->done(launch);
}

void launcher_uring_complete(struct uring_link *link, int res)
{
	struct launch *launch = link->launch;

	launch->chain->res[link->index] = res;
	if (--launch->pending == 0)
		finish(launch);
}

const struct launcher launcher_uring = {
	.name = "uring",
	.submit = uring_submit,
};
