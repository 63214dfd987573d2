/* SPDX-License-Identifier: MIT */
/*
 * clone3(2) as a careful library calls it today: memory shared until the exec,
 * a pidfd, signal handlers reset. The child runs on the stack of the suspended
 * caller, so this function must not return in the child.
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

static void setup(void)
{
}

/* The child's arguments are in registers, not in this frame. */
static void start(const struct job *job, int *handles)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD |
			 CLONE_CLEAR_SIGHAND,
		.pidfd = (uint64_t)(uintptr_t)&handles[0],
		.exit_signal = SIGCHLD,
	};
	register long ret __asm__("rax") = SYS_clone3;
	register void *arg __asm__("rdi") = &args;
	register long size __asm__("rsi") = sizeof(args);
	register const void *path __asm__("r8") = job->path;
	register const void *argv __asm__("r9") = job->argv;
	register const void *envp __asm__("r10") = job->envp;

	/* The child calls execve at once, and exit if that fails. */
	__asm__ volatile(
		"syscall\n\t"
		"test %%rax, %%rax\n\t"
		"jnz 1f\n\t"
		"mov %%r8, %%rdi\n\t"
		"mov %%r9, %%rsi\n\t"
		"mov %%r10, %%rdx\n\t"
		"mov %[execve], %%eax\n\t"
		"syscall\n\t"
		"mov $127, %%edi\n\t"
		"mov %[exit], %%eax\n\t"
		"syscall\n\t"
		"1:"
		: "+r"(ret), "+r"(arg), "+r"(size)
		: "r"(path), "r"(argv),
		  "r"(envp), [execve] "i"(SYS_execve), [exit] "i"(SYS_exit)
		: "rcx", "r11", "rdx", "memory");
	if (ret < 0)
		die("clone3");
}

const struct method method_clone3 = {"clone3", 1, setup, start, collect_pidfd};
