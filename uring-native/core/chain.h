/* SPDX-License-Identifier: MIT */
/*
 * A chain: the steps that make one process, as a packed list of operations. Its
 * head makes the process, the operations after it run in that process in order,
 * and the last ones turn it into a program. Every launcher interprets the same
 * chain, so that what fails, and where, does not depend on how a process is
 * made.
 *
 * The packed form is one block: struct chain_header, nr_ops times struct
 * chain_op, then data. Where an operation points at something, its field holds
 * an offset from the start of the block; 0 is no pointer. chain_load() checks
 * the offsets and turns them into addresses.
 */
#ifndef CHAIN_H
#define CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAIN_MAGIC 0x31435355U /* "USC1" */

/*
 * A ring accepts 1024 requests at once (ring.c), and launcher_uring adds one to
 * a chain. ts/model/limits.ts has the same numbers.
 */
#define CHAIN_MAX_OPS 1000U
#define CHAIN_MAX_FDS 1024U

/* chain_op.fd: the descriptor that the nearest earlier OPENAT returned. */
#define CHAIN_FD_LAST (-2)

/*
 * chain_fd.fd, and chain_op.fd of DUP: the child's end of the launch's pipe
 * @i, which is made when the chain is launched.
 */
#define CHAIN_FD_PIPE(i) (-1000 - (i))
#define CHAIN_MAX_PIPES 1024

/* chain_op.link: a failure does not end the chain. */
#define CHAIN_HARDLINK 1
/*
 * chain_op.link of EXEC, with CHAIN_HARDLINK: only the errors after which
 * execvp(3) looks into the next directory of PATH do not end the chain.
 */
#define CHAIN_SEARCH 2
/*
 * chain_op.link of EXEC: a file that is no program is one for /bin/sh, as in
 * execvp(3). See chain_use_shell().
 */
#define CHAIN_SHELL 4

/*
 * How long to try EXEC, in milliseconds in all, until its program is no longer
 * open for writing.
 */
#define BUSY_MS 255

/* chain_op.flags of CLONE: the child starts with the listed fds only. */
#define CHAIN_CLONE_FDS 1U

enum chain_opcode {
	CHAIN_CLONE,  /* addr: fds, len: how many, addr2: CLONE_*, fd: cgroup */
	CHAIN_OPENAT, /* fd: dirfd, addr: path, flags: open_flags, len: mode */
	CHAIN_DUP,    /* fd: source, len: target, flags: 0 or O_CLOEXEC */
	CHAIN_FCHDIR, /* fd */
	CHAIN_CLOSE_RANGE, /* fd: first, len: last, flags: as close_range(2) */
	CHAIN_TASK_SET, /* len: io_uring_task_attr, addr: value, addr2: arg */
	/*
	 * fd: dirfd, addr: path, addr2: argv, addr3: envp, flags; len: 0, or
	 * one more than our descriptor of an executable template of the same
	 * file, for launchers that can start from one.
	 */
	CHAIN_EXEC,
	CHAIN_OP_LAST,
};

struct chain_header {
	uint32_t magic;
	uint32_t size; /* of the block, bytes */
	uint32_t nr_ops;
	uint32_t reserved;
};

struct chain_op {
	uint8_t op;    /* enum chain_opcode */
	uint8_t link;  /* CHAIN_HARDLINK, CHAIN_SEARCH, CHAIN_SHELL */
	uint16_t step; /* the caller's step it belongs to; not read here */
	int32_t fd;
	uint32_t len;
	uint32_t flags;
	uint64_t addr;
	uint64_t addr2;
	uint64_t addr3;
};

/* One descriptor the child starts with; as struct io_uring_clone_fd. */
struct chain_fd {
	int32_t fd;
	int32_t newfd;
	uint32_t flags; /* IORING_CLONE_FD_CLOEXEC */
	uint32_t pad;
};

/*
 * A loaded chain. @res holds one result per operation, as a CQE's: what the
 * operation returned, -errno, or -ECANCELED if it did not run.
 */
struct chain {
	struct chain_op *ops;
	uint32_t nr_ops;
	int32_t max_newfd; /* the largest descriptor the chain puts in place */
	volatile int32_t *res;
	void *block;
	uint32_t nr_pipes; /* one more than the largest pipe it names */
	bool may_block;	   /* it opens files, and one may be a FIFO */
	bool sets_sigmask;
	bool sets_pdeathsig;
	int pdeathsig;	      /* the signal; 0: none */
	bool sets_ids;	      /* user or group */
	bool has_template;    /* an EXEC names one */
	struct chain_fd *fds; /* those CLONE lists, or NULL */
	uint64_t *shell_argv; /* once chain_use_shell() has changed an EXEC */
};

/*
 * Copies and checks the @size bytes at @packed. Returns 0 and a chain that
 * chain_free() frees, or -EINVAL (malformed; *@why explains), -ENOMEM.
 */
int chain_load(const void *packed, size_t size, struct chain **out,
	       const char **why);

void chain_free(struct chain *chain);

/*
 * Puts the descriptors @fds in the place of the pipes that the chain names,
 * chain->nr_pipes of them.
 */
void chain_set_pipes(struct chain *chain, const int *fds);

/*
 * Whether the chain goes on after @op failed with the -errno @res. A search of
 * PATH=/a:/b must not run /b/tool where /a/tool exists and is no program.
 */
bool chain_goes_on(const struct chain_op *op, long res);

/*
 * Whether one of the first @nr operations puts another file in the place of the
 * child's descriptor @fd.
 */
bool chain_overwrites(const struct chain *chain, uint32_t nr, int fd);

/* The entry for the child's descriptor @newfd in CLONE's list, or NULL. */
const struct chain_fd *chain_listed(const struct chain *chain, int newfd);

/*
 * Our descriptor of the file that the child has as @fd when operation @at runs,
 * or -1 if we have none or cannot tell.
 */
int chain_source(const struct chain *chain, uint32_t at, int fd);

/* Marks every operation as not run. */
void chain_reset(struct chain *chain);

/*
 * Returns the outcome of a chain: 0 if an exec happened, otherwise the -errno
 * of the operation that ended it, with its index in *@index. If the child was
 * killed, that is -ECANCELED and the first operation without a result. For
 * hard-linked execs it is what execvp(3) reports: the first error that explains
 * more than that the file is missing or out of reach; failing that, the first
 * EACCES; failing that, the last error of a search and the first of any other
 * row. An exec from a template that falls back to the next one does not count:
 * the one after it does.
 */
int chain_result(const struct chain *chain, uint32_t *index);

/*
 * For a chain that operation @failed ended with ENOEXEC: changes an EXEC with
 * CHAIN_SHELL so that /bin/sh runs the file, as execvp(3) does. Returns whether
 * to launch the chain once more. Never if it opens files: what an open did must
 * not happen twice.
 */
bool chain_use_shell(struct chain *chain, uint32_t failed);

/* Why the exec from the template failed that the chain names: -errno, or 0. */
int chain_template_error(const struct chain *chain);

static inline void *chain_ptr(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

#endif
