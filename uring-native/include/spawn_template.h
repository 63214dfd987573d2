/* SPDX-License-Identifier: MIT */
/*
 * Executable templates: the interface of a kernel with CONFIG_SPAWN_TEMPLATE,
 * for programs that build against the headers of any kernel.
 *
 * A template is a descriptor that stands for one ELF executable.
 * spawn_template_spawn() starts from it, or in a chain
 * io_uring_prep_exec_template() of io_uring_spawn.h.
 *
 * The system calls and structures are those of Li Chen's spawn_template RFC of
 * 2026; the names and numbers are those of <linux/spawn_template.h>.
 */
#ifndef SPAWN_TEMPLATE_H
#define SPAWN_TEMPLATE_H

#include <errno.h>
#include <linux/openat2.h>
#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers on x86-64, which is where the series adds the calls. */
#ifndef __NR_spawn_template_create
#define __NR_spawn_template_create 472
#define __NR_spawn_template_spawn 473
#endif

#ifndef SPAWN_TEMPLATE_CREATE_CLOEXEC

#define SPAWN_TEMPLATE_CREATE_CLOEXEC (1ULL << 0)
/* Allow writing to the executable while a template of it exists. */
#define SPAWN_TEMPLATE_CREATE_ALLOW_WRITE (1ULL << 32)
/* Do not learn which pages the starts touch. */
#define SPAWN_TEMPLATE_CREATE_HEADERS_ONLY (1ULL << 33)

/* Without it the child has no descriptors above 2. */
#define SPAWN_TEMPLATE_SPAWN_INHERIT_FDS (1ULL << 0)

enum spawn_template_action_type {
	SPAWN_TEMPLATE_ACTION_CLOSE = 0,
	SPAWN_TEMPLATE_ACTION_DUP2 = 1,
	SPAWN_TEMPLATE_ACTION_FCHDIR = 2,
	SPAWN_TEMPLATE_ACTION_OPEN = 3,
	SPAWN_TEMPLATE_ACTION_CLOSE_RANGE = 4,
	SPAWN_TEMPLATE_ACTION_SIGMASK = 5,
	SPAWN_TEMPLATE_ACTION_SIGDEFAULT = 6,
};

struct spawn_template_action {
	__u32 type;
	__u32 flags; /* of DUP2: O_CLOEXEC; of CLOSE_RANGE: its own */
	__s32 fd;
	__s32 newfd;
	__aligned_u64 arg; /* OPEN, SIGMASK, SIGDEFAULT: the structure below */
};

struct spawn_template_open {
	__aligned_u64 path;
	struct open_how how;
};

struct spawn_template_sigset {
	__aligned_u64 sigset;
	__u64 sigsetsize; /* 8 */
};

struct spawn_template_create_args {
	__aligned_u64 flags;
	__s32 execfd; /* or -1 */
	__u32 exec_flags;
	__aligned_u64 filename; /* absolute, or NULL */
	__aligned_u64 actions;
	__aligned_u64 actions_len;
	__aligned_u64 reserved[4];
};

struct spawn_template_spawn_args {
	__aligned_u64 flags;
	__aligned_u64 pidfd; /* int * */
	__aligned_u64 argv;
	__aligned_u64 envp;
	__aligned_u64 actions;
	__aligned_u64 actions_len;
	__aligned_u64 reserved[4];
};

#endif /* SPAWN_TEMPLATE_CREATE_CLOEXEC */

/*
 * A template of the ELF executable at the absolute path @path, close-on-exec
 * and with @flags. Returns a descriptor that the caller closes, or a negative
 * errno: ENOEXEC for anything but an ELF executable of this architecture,
 * ENOSYS if the kernel has no templates, ETXTBSY while the file is being
 * written, or any error of an execve of it.
 */
static inline int spawn_template_create(const char *path, uint64_t flags)
{
	struct spawn_template_create_args args = {
		.flags = flags | SPAWN_TEMPLATE_CREATE_CLOEXEC,
		.execfd = -1,
		.filename = (uint64_t)(uintptr_t)path,
	};
	long fd = syscall(__NR_spawn_template_create, &args, sizeof(args));

	return fd < 0 ? -errno : (int)fd;
}

/*
 * Starts a process from @template and returns when it has exec'd or failed to:
 * its pid, with a pidfd stored through @pidfd, or a negative errno and no
 * process; ESTALE means that the executable has changed since.
 */
static inline int
spawn_template_spawn(int template_fd, int *pidfd, char *const *argv,
		     char *const *envp,
		     const struct spawn_template_action *actions,
		     size_t actions_len, uint64_t flags)
{
	struct spawn_template_spawn_args args = {
		.flags = flags,
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.argv = (uint64_t)(uintptr_t)argv,
		.envp = (uint64_t)(uintptr_t)envp,
		.actions = (uint64_t)(uintptr_t)actions,
		.actions_len = actions_len,
	};
	long pid = syscall(__NR_spawn_template_spawn, template_fd, &args,
			   sizeof(args));

	return pid < 0 ? -errno : (int)pid;
}

#ifdef __cplusplus
}
#endif

#endif /* SPAWN_TEMPLATE_H */
