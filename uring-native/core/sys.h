/* SPDX-License-Identifier: MIT */
/*
 * System calls without libc's help: wrappers it lacks in older versions, and
 * ones that a child sharing its parent's memory may call (they touch nothing
 * but errno, and where the raw call differs from libc's, it is the raw one:
 * libc's setuid(2) would change every thread of the parent). All return
 * -errno on failure.
 */
#ifndef SYS_H
#define SYS_H

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

#define SYS_RET(call)                                                          \
	({                                                                     \
		long sys_ret_ = (call);                                        \
		sys_ret_ < 0 ? -(long)errno : sys_ret_;                        \
	})

/* clone3(2)'s argument; the headers' own may be older. */
struct sys_clone_args {
	uint64_t flags;
	uint64_t pidfd;
	uint64_t child_tid;
	uint64_t parent_tid;
	uint64_t exit_signal;
	uint64_t stack;
	uint64_t stack_size;
	uint64_t tls;
	uint64_t set_tid;
	uint64_t set_tid_size;
	uint64_t cgroup;
};

static inline long sys_pidfd_send_signal(int pidfd, int sig)
{
	return SYS_RET(syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0));
}

/* Unlike libc's waitid(3), with the child's resource usage. */
static inline long sys_waitid_pidfd(int pidfd, siginfo_t *info, int options,
				    struct rusage *ru)
{
	return SYS_RET(syscall(SYS_waitid, P_PIDFD, pidfd, info, options, ru));
}

static inline long sys_close_range(unsigned first, unsigned last,
				   unsigned flags)
{
	return SYS_RET(syscall(SYS_close_range, first, last, flags));
}

/* As the kernel has it: 64 signals, bit 0 is signal 1. */
static inline long sys_sigmask(int how, const uint64_t *set, uint64_t *old)
{
	return SYS_RET(syscall(SYS_rt_sigprocmask, how, set, old, 8));
}

#endif
