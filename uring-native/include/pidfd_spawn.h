/* SPDX-License-Identifier: MIT */
/*
 * Processes that exist before they run: the interface of a kernel with
 * CONFIG_PIDFD_SPAWN, for programs that build against the headers of any
 * kernel.
 *
 * pidfd_open_empty() makes a process without memory and descriptors that
 * sleeps, the functions pidfd_spawn_set_*() change it, pidfd_spawn_run() has it
 * exec. pidfd_spawn_open() makes a builder instead, which records what the same
 * functions say, and makes a process each time it is run. The names and numbers
 * are those of <linux/pidfd_spawn.h>; the kernel's
 * Documentation/userspace-api/pidfd_spawn.rst has the keys.
 */
#ifndef PIDFD_SPAWN_H
#define PIDFD_SPAWN_H

#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers on x86-64, which is where the series adds the calls. */
#ifndef __NR_pidfd_config
#define __NR_pidfd_config 474
#define __NR_pidfd_spawn_run 475
#define __NR_pidfd_spawn_open 476
#endif

#ifndef PIDFD_EMPTY

/* of pidfd_open(0, flags) */
#define PIDFD_EMPTY 0x10000000
#define PIDFD_INHERIT_FDS 0x20000000

enum pidfd_config_command {
	PIDFD_CONFIG_SET_FLAG = 0,
	PIDFD_CONFIG_SET_INT = 1,
	PIDFD_CONFIG_SET_BINARY = 2,
	PIDFD_CONFIG_SET_PATH = 3,
	PIDFD_CONFIG_SET_FD = 4,
	PIDFD_CONFIG_SET_STRINGS = 5,
};

/* of pidfd_spawn_open(flags), which may also have PIDFD_INHERIT_FDS */
#define PIDFD_SPAWN_CLOEXEC O_CLOEXEC

/*
 * In dup2's flags: fd is a descriptor of the process, too, not the caller's.
 * Without it, -1 leaves the file to each run of a builder.
 */
#define PIDFD_CONFIG_DUP2_OWN 0x1

struct pidfd_config_dup2 {
	__s32 fd;
	__s32 newfd;
	__u32 flags; /* O_CLOEXEC, PIDFD_CONFIG_DUP2_OWN */
};

struct pidfd_config_open {
	__aligned_u64 path;
	__s32 dirfd; /* of the caller, or AT_FDCWD: where the process is */
	__s32 newfd;
	__aligned_u64 flags; /* these three as in struct open_how */
	__aligned_u64 mode;
	__aligned_u64 resolve;
};

struct pidfd_config_close_range {
	__u32 first;
	__u32 last;
	__u32 flags; /* CLOSE_RANGE_CLOEXEC */
};

struct pidfd_config_rlimit {
	__u32 resource; /* RLIMIT_* */
	__u32 reserved; /* 0 */
	__aligned_u64 cur;
	__aligned_u64 max;
};

/* A run's own file for a recorded dup2. */
struct pidfd_spawn_fd {
	__s32 fd;    /* of the runner */
	__s32 newfd; /* as in the dup2 */
};

/* All but the flags is of builders only. */
struct pidfd_spawn_run_args {
	__aligned_u64 flags; /* PIDFD_SPAWN_NOWAIT */
	__aligned_u64 argv;  /* instead of the recorded one, or 0 */
	__aligned_u64 envp;  /* instead of the recorded one, or 0 */
	__aligned_u64 fds;   /* array of struct pidfd_spawn_fd */
	__u32 nr_fds;
	__s32 pidfd;  /* out: the process's, or -1 */
	__u32 failed; /* out: the index of what has failed, see below */
	__u32 reserved0;
	__aligned_u64 reserved[2];
};

/* Return before the exec: poll() of the descriptor and its ioctl() tell more.
 */
#define PIDFD_SPAWN_NOWAIT 0x1

/* The index of an action; if there are only so many, the exec; or: */
#define PIDFD_SPAWN_FAILED_NONE (~0U)

enum pidfd_spawn_state {
	PIDFD_SPAWN_READY = 0,	  /* has not been run */
	PIDFD_SPAWN_STARTING = 1, /* has been told to, and has not exec'd */
	PIDFD_SPAWN_RAN = 2,	  /* has exec'd, and may have ended */
	PIDFD_SPAWN_FAILED = 3,	  /* has not exec'd, and will not */
};

struct pidfd_spawn_result {
	__u32 state;  /* PIDFD_SPAWN_* */
	__s32 error;  /* of FAILED: the errno */
	__u32 failed; /* as in the arguments of the run */
	__u32 reserved;
};

/* Of the descriptor that a run has stored, or of an embryo. */
#define PIDFD_SPAWN_GET_RESULT _IOR(0xFF, 64, struct pidfd_spawn_result)

#endif /* PIDFD_EMPTY */

/*
 * Makes a process that has not run. @flags: PIDFD_INHERIT_FDS for a copy of the
 * caller's descriptors, or 0 for none. Returns a close-on-exec descriptor, with
 * whose last copy the process ends, or a negative errno: EINVAL if the kernel
 * has no such processes, or an error of fork(2) or open(2).
 */
static inline int pidfd_open_empty(unsigned int flags)
{
	long fd = syscall(SYS_pidfd_open, 0, PIDFD_EMPTY | flags);

	return fd < 0 ? -errno : (int)fd;
}

/*
 * Makes a builder, whose processes start with no descriptors, or with
 * PIDFD_INHERIT_FDS in @flags those of whoever runs it. Returns a descriptor
 * that is no pidfd, or a negative errno: ENOSYS if the kernel has no builders,
 * EINVAL (flags), EMFILE, ENOMEM.
 */
static inline int pidfd_spawn_open(unsigned int flags)
{
	long fd = syscall(__NR_pidfd_spawn_open, flags);

	return fd < 0 ? -errno : (int)fd;
}

/* Returns 0 or a negative errno, as do the functions below. */
static inline int pidfd_config(int fd, unsigned int command, const char *key,
			       const void *value, int aux)
{
	long ret = syscall(__NR_pidfd_config, fd, command, key, value, aux);

	return ret < 0 ? -errno : 0;
}

static inline int pidfd_spawn_set_flag(int fd, const char *key)
{
	return pidfd_config(fd, PIDFD_CONFIG_SET_FLAG, key, NULL, 0);
}

static inline int pidfd_spawn_set_int(int fd, const char *key, int number)
{
	return pidfd_config(fd, PIDFD_CONFIG_SET_INT, key, NULL, number);
}

static inline int pidfd_spawn_set_binary(int fd, const char *key,
					 const void *value, size_t size)
{
	return pidfd_config(fd, PIDFD_CONFIG_SET_BINARY, key, value, (int)size);
}

/* @dirfd: where a relative @path starts; AT_FDCWD: the process's directory. */
static inline int pidfd_spawn_set_path(int fd, const char *key,
				       const char *path, int dirfd)
{
	return pidfd_config(fd, PIDFD_CONFIG_SET_PATH, key, path, dirfd);
}

static inline int pidfd_spawn_set_fd(int fd, const char *key, int value)
{
	return pidfd_config(fd, PIDFD_CONFIG_SET_FD, key, NULL, value);
}

/* @strings ends with NULL; the kernel copies them. */
static inline int pidfd_spawn_set_strings(int fd, const char *key,
					  char *const *strings)
{
	return pidfd_config(fd, PIDFD_CONFIG_SET_STRINGS, key, strings, 0);
}

/*
 * Runs the process and returns when it has exec'd or failed to: its pid, or a
 * negative errno, after which it can be changed and run again. From then on @fd
 * is a pidfd. A builder's can be run as often as one likes.
 */
static inline int pidfd_spawn_run(int fd)
{
	long pid = syscall(__NR_pidfd_spawn_run, fd, NULL, 0);

	return pid < 0 ? -errno : (int)pid;
}

/* The same with arguments; a builder's run stores its results in them, too. */
static inline int pidfd_spawn_run_with(int fd,
				       struct pidfd_spawn_run_args *args)
{
	long pid = syscall(__NR_pidfd_spawn_run, fd, args, sizeof(*args));

	return pid < 0 ? -errno : (int)pid;
}

#ifdef __cplusplus
}
#endif

#endif /* PIDFD_SPAWN_H */
