/* SPDX-License-Identifier: MIT */
/*
 * Process creation through io_uring: the interface of a kernel that announces
 * IORING_FEAT_SPAWN, and helpers that fill SQEs for it, named and shaped as
 * liburing would have them.
 *
 * A chain of linked SQEs describes one new process. CLONE is its head and
 * makes the process, the links after it run in that process, and EXEC turns it
 * into a program:
 *
 *	sqe = io_uring_get_sqe(ring);
 *	io_uring_prep_clone(sqe);
 *	sqe->flags |= IOSQE_IO_LINK;
 *	sqe = io_uring_get_sqe(ring);
 *	io_uring_prep_exec(sqe, "/usr/bin/env", argv, envp);
 *	io_uring_submit(ring);
 *
 * Strings, vectors and structures that an SQE points at are read when its link
 * runs and must stay valid until that link's CQE; what CLONE points at is read
 * during io_uring_enter(2).
 *
 * The names and numbers are those of the kernel's <linux/io_uring.h>; they are
 * repeated here so that a program builds against the headers of any kernel.
 */
#ifndef IO_URING_SPAWN_H
#define IO_URING_SPAWN_H

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef IORING_FEAT_SPAWN

/* io_uring_params.features: the kernel has the series. */
#define IORING_FEAT_SPAWN (1U << 31)

/* Operations. */
#define IORING_OP_CLONE 224
#define IORING_OP_EXEC 225
#define IORING_OP_DUP 226
#define IORING_OP_FCHDIR 227
#define IORING_OP_CLOSE_RANGE 228
#define IORING_OP_TASK_SET 229

/*
 * sqe->fd of a link: the descriptor that the nearest earlier OPENAT or OPENAT2
 * of the same chain returned.
 */
#define IORING_SPAWN_FD_LAST (-2)

/* sqe->rw_flags of CLONE: the child starts with the listed descriptors only. */
#define IORING_CLONE_FDS (1U << 0)

/* sqe->ioprio of EXEC: sqe->fd is an executable template. */
#define IORING_EXEC_TEMPLATE (1U << 0)

/*
 * sqe->ioprio of EXEC with IOSQE_IO_HARDLINK: the chain goes on only after the
 * errors after which execvp(3) tries the next directory of PATH.
 */
#define IORING_EXEC_SEARCH (1U << 1)

/* One descriptor of the list that IORING_CLONE_FDS reads. */
struct io_uring_clone_fd {
	__s32 fd; /* in the submitter's table, or a registered file's index */
	__s32 newfd; /* in the child's table; each number once */
	__u32 flags; /* IORING_CLONE_FD_* */
	__u32 pad;   /* must be zero */
};

#define IORING_CLONE_FD_FIXED (1U << 0)	  /* fd indexes the registered files */
#define IORING_CLONE_FD_CLOEXEC (1U << 1) /* closed by the exec */

/* sqe->len of TASK_SET: which attribute; sqe->addr is its value. */
enum io_uring_task_attr {
	IORING_TASK_SIGMASK,	/* addr: const u64 *set, off: 8 */
	IORING_TASK_SIGDEFAULT, /* addr: const u64 *set, off: 8 */
	IORING_TASK_SETSID,	/* addr: 0 */
	IORING_TASK_SETPGID,	/* addr: group, 0 for one of its own */
	IORING_TASK_UID,	/* addr: real, effective and saved uid */
	IORING_TASK_GID,	/* addr: real, effective and saved gid */
	IORING_TASK_GROUPS,	/* addr: const u32 *gids, off: how many */
	IORING_TASK_UMASK,	/* addr: mask */
	IORING_TASK_NICE,	/* addr: nice value as s64 */
	IORING_TASK_RLIMIT,	/* addr: const struct rlimit64 *, off: which */
	IORING_TASK_PDEATHSIG,	/* addr: signal, 0 for none */
	IORING_TASK_NO_NEW_PRIVS, /* addr: 1 */
	IORING_TASK_LAST,
};

#endif /* IORING_FEAT_SPAWN */

static inline void io_uring_spawn_prep(struct io_uring_sqe *sqe, int op, int fd,
				       const void *addr, unsigned len,
				       uint64_t off)
{
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = (__u8)op;
	sqe->fd = fd;
	sqe->off = off;
	sqe->addr = (uint64_t)(uintptr_t)addr;
	sqe->len = len;
}

/*
 * The head of a chain: a child as fork(2) makes one, SIGCHLD and a copy of the
 * descriptor table. Completes with 0.
 */
static inline void io_uring_prep_clone(struct io_uring_sqe *sqe)
{
	io_uring_spawn_prep(sqe, IORING_OP_CLONE, 0, NULL, 0, 0);
}

/*
 * The head of a chain with clone3(2)'s arguments: @args is a struct clone_args
 * of @size bytes. Completes with the pid.
 */
static inline void io_uring_prep_clone3(struct io_uring_sqe *sqe,
					const void *args, unsigned size)
{
	io_uring_spawn_prep(sqe, IORING_OP_CLONE, 0, args, size, 0);
}

/*
 * As io_uring_prep_clone3(), and the child starts with only the @nr
 * descriptors of @fds.
 */
static inline void io_uring_prep_clone_fds(struct io_uring_sqe *sqe,
					   const void *args, unsigned size,
					   const struct io_uring_clone_fd *fds,
					   unsigned nr)
{
	io_uring_spawn_prep(sqe, IORING_OP_CLONE, (int)nr, args, size,
			    (uint64_t)(uintptr_t)fds);
	sqe->rw_flags = (int)IORING_CLONE_FDS;
}

/*
 * execveat(2) in the child; @flags are AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW.
 * Completes with 0 once the new image is committed.
 */
static inline void io_uring_prep_execveat(struct io_uring_sqe *sqe, int dfd,
					  const char *path, char *const *argv,
					  char *const *envp, int flags)
{
	io_uring_spawn_prep(sqe, IORING_OP_EXEC, dfd, path, 0,
			    (uint64_t)(uintptr_t)argv);
	sqe->addr3 = (uint64_t)(uintptr_t)envp;
	sqe->rw_flags = flags;
}

/* execve(2) in the child. */
static inline void io_uring_prep_exec(struct io_uring_sqe *sqe,
				      const char *path, char *const *argv,
				      char *const *envp)
{
	io_uring_prep_execveat(sqe, AT_FDCWD, path, argv, envp, 0);
}

/* Starts from the executable template @fd. */
static inline void io_uring_prep_exec_template(struct io_uring_sqe *sqe, int fd,
					       char *const *argv,
					       char *const *envp)
{
	io_uring_prep_execveat(sqe, fd, NULL, argv, envp, 0);
	sqe->ioprio = IORING_EXEC_TEMPLATE;
}

/*
 * dup3(2) in the child, @flags 0 or O_CLOEXEC; @oldfd may be
 * IORING_SPAWN_FD_LAST. Where both are the same, close-on-exec is cleared.
 * Completes with @newfd.
 */
static inline void io_uring_prep_dup(struct io_uring_sqe *sqe, int oldfd,
				     int newfd, int flags)
{
	io_uring_spawn_prep(sqe, IORING_OP_DUP, oldfd, NULL, (unsigned)newfd,
			    0);
	sqe->rw_flags = flags;
}

/* fchdir(2) in the child; @fd may be IORING_SPAWN_FD_LAST. */
static inline void io_uring_prep_fchdir(struct io_uring_sqe *sqe, int fd)
{
	io_uring_spawn_prep(sqe, IORING_OP_FCHDIR, fd, NULL, 0, 0);
}

/* close_range(2) in the child. */
static inline void io_uring_prep_close_range(struct io_uring_sqe *sqe,
					     unsigned first, unsigned last,
					     unsigned flags)
{
	io_uring_spawn_prep(sqe, IORING_OP_CLOSE_RANGE, (int)first, NULL, last,
			    0);
	sqe->rw_flags = (int)flags;
}

/*
 * Sets @attr of the child to @value: a number or an address, with @arg, as enum
 * io_uring_task_attr lists them.
 */
static inline void io_uring_prep_task_set(struct io_uring_sqe *sqe,
					  enum io_uring_task_attr attr,
					  uint64_t value, uint64_t arg)
{
	io_uring_spawn_prep(sqe, IORING_OP_TASK_SET, 0, NULL, (unsigned)attr,
			    arg);
	sqe->addr = value;
}

#ifdef __cplusplus
}
#endif

#endif /* IO_URING_SPAWN_H */
