/* SPDX-License-Identifier: MIT */
/*
 * System calls made directly, without libc. A child that shares its parent's
 * memory runs at the same time as the thread that made it, with that thread's
 * thread-local storage: a libc wrapper would overwrite the thread's errno. And
 * where the raw call differs from libc's, a child needs the raw one: libc's
 * setuid(2) would change every thread of the parent. All return -errno on
 * failure.
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

#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP (1U << 2)
#endif

#if defined(__x86_64__)
static inline long sys_call6(long nr, long a, long b, long c, long d, long e,
			     long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static inline long sys_call6(long nr, long a, long b, long c, long d, long e,
			     long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#else
#error "uring-spawn knows x86-64 and arm64"
#endif

/* sys_call(SYS_x, up to six arguments): what the call returns, or -errno. */
#define sys_call(...) SYS_CALL_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define SYS_CALL_(nr, a, b, c, d, e, f, ...)                                   \
	sys_call6((nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), \
		  (long)(f))

/* clone3(2)'s argument; the one in the headers may be older. */
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
	return sys_call(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
}

/* Unlike libc's waitid(3), with the child's resource usage. */
static inline long sys_waitid_pidfd(int pidfd, siginfo_t *info, int options,
				    struct rusage *ru)
{
	return sys_call(SYS_waitid, P_PIDFD, pidfd, info, options, ru);
}

static inline long sys_close_range(unsigned first, unsigned last,
				   unsigned flags)
{
	return sys_call(SYS_close_range, first, last, flags);
}

/* In the kernel's form: 64 signals, bit 0 is signal 1. */
static inline long sys_sigmask(int how, const uint64_t *set, uint64_t *old)
{
	return sys_call(SYS_rt_sigprocmask, how, set, old, 8);
}

#define NR_SIGNALS 64

/* The kernel's struct sigaction, which is not libc's. */
struct sys_sigaction {
	uint64_t handler;
	uint64_t flags;
	uint64_t restorer;
	uint64_t mask;
};

#define SYS_DFL ((uint64_t)(uintptr_t)SIG_DFL)
#define SYS_IGN ((uint64_t)(uintptr_t)SIG_IGN)

static inline long sys_sigaction(int sig, const struct sys_sigaction *sa,
				 struct sys_sigaction *old)
{
	return sys_call(SYS_rt_sigaction, sig, sa, old, 8);
}

/* Gives the signals of @set the default: bit 0 is signal 1. */
static inline void sys_sigdefault(uint64_t set)
{
	const struct sys_sigaction sa = {0};

	for (; set; set &= set - 1)
		sys_sigaction(__builtin_ctzll(set) + 1, &sa, NULL);
}

#endif
