/* SPDX-License-Identifier: MIT */
/*
 * Spawns /usr/bin/env through a chain of linked SQEs, its output redirected to
 * a file, and prints each completion. Needs a kernel that announces
 * IORING_FEAT_SPAWN; build with
 *
 *	gcc -I uring-native/include -o chain examples/chain.c -luring
 */
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io_uring_spawn.h"

#define OUTPUT "/tmp/chain-output"

static const char *const steps[] = {"CLONE", "OPENAT", "DUP", "EXEC"};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* A free SQE. */
static struct io_uring_sqe *next(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe) {
		fprintf(stderr, "chain: the submission queue is full\n");
		exit(1);
	}
	return sqe;
}

/* Marks an SQE with its place in the chain, which its completion then has. */
static void finish(struct io_uring_sqe *sqe, size_t step, unsigned flags)
{
	sqe->user_data = step;
	sqe->flags |= flags;
}

static void queue(struct io_uring *ring, char **argv, char **envp)
{
	struct io_uring_sqe *sqe;

	sqe = next(ring);
	io_uring_prep_clone(sqe);
	finish(sqe, 0, IOSQE_IO_LINK);

	sqe = next(ring);
	io_uring_prep_openat(sqe, AT_FDCWD, OUTPUT,
			     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	finish(sqe, 1, IOSQE_IO_LINK);

	sqe = next(ring);
	io_uring_prep_dup(sqe, IORING_SPAWN_FD_LAST, STDOUT_FILENO, 0);
	finish(sqe, 2, IOSQE_IO_LINK);

	sqe = next(ring);
	io_uring_prep_exec(sqe, "/usr/bin/env", argv, envp);
	finish(sqe, 3, 0);
}

/* Prints the completions as they come. Returns the result of the last one. */
static int reap(struct io_uring *ring)
{
	int last = 0;

	for (size_t i = 0; i < STEPS; i++) {
		struct io_uring_cqe *cqe;
		int ret = io_uring_wait_cqe(ring, &cqe);

		if (ret < 0) {
			fprintf(stderr, "chain: waiting for a completion: %s\n",
				strerror(-ret));
			exit(1);
		}
		last = cqe->res;
		printf("%-6s %d%s%s\n", steps[cqe->user_data], last,
		       last < 0 ? " " : "", last < 0 ? strerror(-last) : "");
		io_uring_cqe_seen(ring, cqe);
	}
	return last;
}

int main(void)
{
	char *argv[] = {"env", NULL};
	char *envp[] = {"GREETING=hello from the chain", NULL};
	struct io_uring ring;
	int status, ret;

	ret = io_uring_queue_init(8, &ring, 0);
	if (ret < 0) {
		fprintf(stderr, "chain: no ring: %s\n", strerror(-ret));
		return 1;
	}
	if (!(ring.features & IORING_FEAT_SPAWN)) {
		fprintf(stderr, "chain: this kernel has no IORING_OP_CLONE\n");
		return 1;
	}

	queue(&ring, argv, envp);
	ret = io_uring_submit(&ring);
	if (ret < 0) {
		fprintf(stderr, "chain: submitting: %s\n", strerror(-ret));
		return 1;
	}
	/* Without an exec there is no child to wait for. */
	if (reap(&ring) < 0)
		return 1;
	if (wait(&status) < 0) {
		perror("chain: wait");
		return 1;
	}
	io_uring_queue_exit(&ring);
	printf("env ended with status %d; its output is in %s\n",
	       WEXITSTATUS(status), OUTPUT);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
