/* SPDX-License-Identifier: MIT */
/*
 * A chain as linked SQEs: the kernel makes the process and runs the chain in
 * it. The SQEs point into the chain, which must stay until its last CQE.
 *
 * Only CLONE, for the pid, and the execs post a CQE when they succeed, so that
 * a process costs two. If another operation fails, it posts the chain's last
 * CQE: the kernel skips those of the operations after it. If CLONE or an exec
 * ends the chain instead, all operations after it post theirs.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "core.h"
#include "io_uring_spawn.h"
#include "launcher.h"
#include "ring.h"
#include "sys.h"

/* How often to retry a CLONE that a signal interrupts. */
#define MAX_TRIES 100U

/* Internal to the kernel; the C library does not define it. */
#define ERESTARTNOINTR 513

/* The index of the link that does not belong to the chain. */
#define EXTRA UINT32_MAX

/* An operation of a chain, which its SQE's user_data refers to. */
struct uring_link {
	struct ring_request request;
	struct launch *launch;
	uint32_t index;
};

/* A launch's SQEs, from the first try to the last CQE. */
struct uring_links {
	const struct launch_ops *ops;
	struct sys_clone_args args; /* read while the SQEs are submitted */
	uint32_t tries;
	bool interrupted; /* CLONE was, by a signal */
	bool all_post;	  /* every operation posts a CQE, successful or not */
	struct uring_link extra;
	struct uring_link link[];
};

static void prep_clone(struct io_uring_sqe *sqe, struct launch *launch,
		       const struct chain_op *op)
{
	struct sys_clone_args *args = &launch->links->args;

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
		if (op->len) {
			io_uring_prep_exec_template(sqe, (int)op->len - 1,
						    chain_ptr(op->addr2),
						    chain_ptr(op->addr3));
			break;
		}
		io_uring_prep_execveat(sqe, op->fd, chain_ptr(op->addr),
				       chain_ptr(op->addr2),
				       chain_ptr(op->addr3), (int)op->flags);
		if (op->link & CHAIN_SEARCH)
			sqe->ioprio = IORING_EXEC_SEARCH;
		break;
	}
}

static void link_complete(struct ring_request *request, int res);

static void set_link(struct io_uring_sqe *sqe, struct uring_link *link,
		     struct launch *launch, uint32_t index)
{
	link->request.complete = link_complete;
	link->launch = launch;
	link->index = index;
	ring_set_request(sqe, &link->request);
}

static bool skips(const struct launch *launch, uint32_t i)
{
	return i && launch->chain->ops[i].op != CHAIN_EXEC &&
	       !launch->want_results;
}

static void queue_link(struct launch *launch, struct ring *ring, uint32_t i)
{
	const struct chain_op *op = &launch->chain->ops[i];
	struct io_uring_sqe *sqe = ring_sqe(ring);

	if (i)
		prep_op(sqe, op);
	else
		prep_clone(sqe, launch, op);
	if (i + 1 < launch->chain->nr_ops)
		sqe->flags |= op->link & CHAIN_HARDLINK ? IOSQE_IO_HARDLINK
							: IOSQE_IO_LINK;
	if (skips(launch, i))
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	set_link(sqe, &launch->links->link[i], launch, i);
}

/*
 * The child begins with the signal mask of the submitting thread, which blocks
 * everything. It would keep that mask, or at least could not be ended while it
 * waits in an open. Cannot fail.
 */
static void queue_sigmask(struct launch *launch, struct ring *ring)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);

	io_uring_prep_task_set(sqe, IORING_TASK_SIGMASK,
			       (uint64_t)(uintptr_t)&launch->sigmask, 8);
	sqe->flags |= IOSQE_IO_LINK;
	if (!launch->want_results)
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	set_link(sqe, &launch->links->extra, launch, EXTRA);
}

static int queue(struct launch *launch, struct ring *ring)
{
	struct chain *c = launch->chain;
	bool sigmask = !c->sets_sigmask || c->may_block;
	uint32_t i;
	int ret = ring_reserve(ring, c->nr_ops + sigmask);

	if (ret)
		return ret;
	chain_reset(c);
	launch->pid = -1;
	launch->pidfd = -1;
	launch->links->interrupted = false;
	launch->links->all_post = false;
	launch->links->tries++;
	queue_link(launch, ring, 0);
	if (sigmask)
		queue_sigmask(launch, ring);
	for (i = 1; i < c->nr_ops; i++)
		queue_link(launch, ring, i);
	return 0;
}

static void release(struct launch *launch)
{
	free(launch->links);
	launch->links = NULL;
}

/* A launch that is submitted again keeps its links, and counts its tries. */
static int uring_submit(struct launch *launch, struct ring *ring,
			const struct launch_ops *ops)
{
	struct uring_links *links = launch->links;

	if (ring->spawn_error)
		return ring->spawn_error;
	if (!links)
		links = calloc(1,
			       sizeof(*links) + launch->chain->nr_ops *
							sizeof(*links->link));
	if (!links)
		return -ENOMEM;
	links->ops = ops;
	launch->links = links;
	return queue(launch, ring);
}

/* Operations without a CQE of their own have succeeded. */
static void fill_skipped(struct launch *launch, uint32_t end)
{
	struct chain *c = launch->chain;
	uint32_t i;

	for (i = 1; i < end; i++)
		if (skips(launch, i) && c->res[i] == -ECANCELED)
			c->res[i] = 0;
}

/*
 * The kernel reaps a child whose chain failed. A CLONE that fails may have
 * stored the number of a pidfd before, which is not open, or is another file by
 * now.
 */
static void finish(struct launch *launch)
{
	const struct launch_ops *ops = launch->links->ops;
	struct chain *c = launch->chain;

	release(launch);
	if (launch->known) {
		ops->done(launch);
		return;
	}
	launch->error = chain_result(c, &launch->failed_op);
	if (launch->error)
		launch->pid = -1;
	if (c->res[0] < 0)
		launch->pidfd = -1;
	ops->done(launch);
}

/*
 * Whether this is the last CQE of the chain. Take CLONE, DUP and two EXECs, the
 * first of them hard-linked:
 * - DUP fails: its CQE is the last. The kernel skips those of the EXECs.
 * - CLONE fails: all others post -ECANCELED, DUP as well. The last operation's
 *   is the last.
 * - The first EXEC fails: nothing has ended, the second one posts the last.
 */
static bool is_last(struct launch *launch, uint32_t i, int res)
{
	const struct chain *c = launch->chain;
	bool skipping = i == EXTRA ? !launch->want_results : skips(launch, i);

	if (i != EXTRA && i + 1 == c->nr_ops)
		return true;
	if (res >= 0 || launch->links->all_post)
		return false;
	if (skipping)
		return true;
	if (!i || res == -ECANCELED ||
	    (i != EXTRA && !(c->ops[i].link & CHAIN_HARDLINK)))
		launch->links->all_post = true;
	return false;
}

static int meaning(uint32_t i, int res)
{
	/*
	 * EINTR: the child was killed during this operation, such as an exec.
	 */
	if (i && res == -EINTR)
		return -ECANCELED;
	/* Our pointers are valid, so EFAULT here means out of memory. */
	if (i && res == -EFAULT)
		return -ENOMEM;
	return res;
}

static void record(struct launch *launch, uint32_t i, int res)
{
	if (i != EXTRA) {
		if (!launch->links->all_post)
			fill_skipped(launch, i);
		launch->chain->res[i] = res;
	}
	if (!i && res > 0)
		launch->pid = res;
	if (!i && (res == -EINTR || res == -ERESTARTNOINTR))
		launch->links->interrupted = true;
}

static void link_complete(struct ring_request *request, int cqe_res)
{
	struct uring_link *link = (struct uring_link *)request;
	struct launch *launch = link->launch;
	struct uring_links *links = launch->links;
	uint32_t i = link->index;
	int res = meaning(i, cqe_res);

	if (!launch->known)
		record(launch, i, res);
	if (!is_last(launch, i, res))
		return;
	if (links->interrupted && links->tries < MAX_TRIES) {
		links->ops->again(launch);
		return;
	}
	finish(launch);
}

static int uring_error(const struct core_info *info)
{
	return info->spawn_error;
}

const struct launcher launcher_uring = {
	.error = uring_error,
	.own_place = true,
	.submit = uring_submit,
};
