/* SPDX-License-Identifier: MIT */
/*
 * A chain of linked SQEs, CLONE to EXEC: with a copy of the descriptor table,
 * with a list of descriptors, with a pidfd too, from a template that learns
 * what its starts touch or keeps only the headers, and sixteen chains in one
 * io_uring_enter(2). EXEC posts a completion only if it fails. CLONE's
 * completion has the pid; a CLONE with a pidfd posts none.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "io_uring_spawn.h"

#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

static struct io_uring ring;
static struct clone_args args[MAX_BATCH];
/* The template for EXEC; -1 to use the path. */
static int template_fd = -1;

static const struct io_uring_clone_fd stdio[] = {
	{.fd = 0, .newfd = 0},
	{.fd = 1, .newfd = 1},
	{.fd = 2, .newfd = 2},
};

static void setup(void)
{
	checked(io_uring_queue_init(2 * MAX_BATCH, &ring,
				    IORING_SETUP_SINGLE_ISSUER |
					    IORING_SETUP_DEFER_TASKRUN),
		"io_uring_queue_init");
	if (!(ring.features & IORING_FEAT_SPAWN)) {
		fprintf(stderr, "bench: this kernel has no IORING_OP_CLONE\n");
		exit(1);
	}
}

static struct io_uring_sqe *next(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	if (!sqe) {
		errno = EBUSY;
		die("io_uring_get_sqe");
	}
	return sqe;
}

/* CLONE's user_data points to the place of its result; NULL with a pidfd. */
static void queue(const struct job *job, int *handle, int slot, bool list,
		  bool pidfd)
{
	const unsigned skip = IOSQE_CQE_SKIP_SUCCESS;
	struct io_uring_sqe *sqe = next();

	args[slot] = (struct clone_args){
		.flags = pidfd ? CLONE_PIDFD : 0,
		.pidfd = (uint64_t)(uintptr_t)(pidfd ? handle : NULL),
		.exit_signal = SIGCHLD,
	};
	if (list)
		io_uring_prep_clone_fds(sqe, &args[slot], sizeof(args[slot]),
					stdio, 3);
	else
		io_uring_prep_clone3(sqe, &args[slot], sizeof(args[slot]));
	sqe->flags |= IOSQE_IO_LINK | (pidfd ? skip : 0);
	sqe->user_data = (uint64_t)(uintptr_t)(pidfd ? NULL : handle);
	sqe = next();
	if (template_fd < 0)
		io_uring_prep_exec(sqe, job->path, job->argv, job->envp);
	else
		io_uring_prep_exec_template(sqe, template_fd, job->argv,
					    job->envp);
	sqe->flags |= skip;
}

/* CLONE has completed when the call returns; any other completion is a failure.
 */
static void submit(void)
{
	unsigned int queued = io_uring_sq_ready(&ring);
	struct io_uring_cqe *cqe;
	int ret = io_uring_submit(&ring);

	/* A batch must take one call. */
	errno = ret < 0 ? -ret : EAGAIN;
	if (ret != (int)queued)
		die("io_uring_submit");
	while (io_uring_peek_cqe(&ring, &cqe) == 0) {
		int *handle = (int *)(uintptr_t)cqe->user_data;

		errno = -cqe->res;
		if (cqe->res < 0 || !handle)
			die("a request of the chain");
		*handle = cqe->res;
		io_uring_cqe_seen(&ring, cqe);
	}
}

static void start(const struct job *job, int *handles)
{
	queue(job, handles, 0, false, false);
	submit();
}

static void start_fds(const struct job *job, int *handles)
{
	queue(job, handles, 0, true, false);
	submit();
}

static void start_pidfd(const struct job *job, int *handles)
{
	queue(job, handles, 0, true, true);
	submit();
}

static void start_template(const struct job *job, int *handles)
{
	template_fd = bench_template(job->path, true);
	start_fds(job, handles);
}

static void start_headers(const struct job *job, int *handles)
{
	template_fd = bench_template(job->path, false);
	start_fds(job, handles);
}

static void start_batch(const struct job *job, int *handles)
{
	for (int i = 0; i < MAX_BATCH; i++)
		queue(job, &handles[i], i, true, false);
	submit();
}

const struct method method_chain = {"chain", 1, setup, start, collect_pid};
const struct method method_chain_fds = {"chain_fds", 1, setup, start_fds,
					collect_pid};
const struct method method_chain_pidfd = {"chain_pidfd", 1, setup, start_pidfd,
					  collect_pidfd};
const struct method method_chain_template = {"chain_template", 1, setup,
					     start_template, collect_pid};
const struct method method_chain_headers = {"chain_headers", 1, setup,
					    start_headers, collect_pid};
const struct method method_chain_batch = {"chain_batch", MAX_BATCH, setup,
					  start_batch, collect_pid};
