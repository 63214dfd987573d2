/* SPDX-License-Identifier: MIT */
#ifndef CLONE_H
#define CLONE_H

#include "sys.h"

/*
 * clone3(2) for a child that shares its parent's memory: it must not return
 * into its parent's frames, so it calls @fn with @arg and exits with what that
 * returns. Without a stack in @args, and only with CLONE_VFORK, it runs on its
 * parent's, below all that the parent uses. Returns the pid or -errno.
 */
static inline long clone3_call(struct sys_clone_args *args, int (*fn)(void *),
			       void *arg)
{
#if defined(__x86_64__)
	register void *r8 __asm__("r8") = (void *)fn;
	register void *r9 __asm__("r9") = arg;
	long ret;

	/* 128 bytes below the stack pointer may be in use, too. */
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "sub $128, %%rsp\n\t"
			 "and $-16, %%rsp\n\t"
			 "mov %%r9, %%rdi\n\t"
			 "call *%%r8\n\t"
			 "mov %%eax, %%edi\n\t"
			 "mov %[exit], %%eax\n\t"
			 "syscall\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(ret)
			 : "0"((long)SYS_clone3), "D"(args), "S"(sizeof(*args)),
			   "r"(r8), "r"(r9), [exit] "i"(SYS_exit_group)
			 : "rcx", "r11", "memory", "cc");
	return ret;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = SYS_clone3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = sizeof(*args);
	register void *x9 __asm__("x9") = (void *)fn;
	register void *x10 __asm__("x10") = arg;

	__asm__ volatile("svc #0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, #0\n\t"
			 "mov x0, x10\n\t"
			 "blr x9\n\t"
			 "mov x8, %[exit]\n\t"
			 "svc #0\n\t"
			 "brk #0\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x9),
			   "r"(x10), [exit] "i"(SYS_exit_group)
			 : "memory", "cc");
	return x0;
#else
#error "uring-spawn knows x86-64 and arm64"
#endif
}

#endif
