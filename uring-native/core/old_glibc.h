/* SPDX-License-Identifier: MIT */
/*
 * Included before everything else in what becomes the addon, so that one that
 * was built on a new system runs with every glibc from 2.28 on.
 *
 * glibc 2.34 moved what was in libpthread into libc, under a new version each:
 * a call of pthread_create() then needs GLIBC_2.34. The old names are still
 * there, as compatible as ever, and only have to be asked for. test/package/
 * portable.test.ts finds what is missing here.
 */
#ifndef OLD_GLIBC_H
#define OLD_GLIBC_H

#include <features.h>

#ifdef __GLIBC__

#if defined(__x86_64__)
#define FIRST_GLIBC "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define FIRST_GLIBC "GLIBC_2.17"
#endif

#if defined(FIRST_GLIBC) && __GLIBC_PREREQ(2, 32)
#define FROM_FIRST(name) __asm__(".symver " #name ", " #name "@" FIRST_GLIBC)

FROM_FIRST(pthread_attr_setstacksize);
FROM_FIRST(pthread_create);
FROM_FIRST(pthread_detach);
FROM_FIRST(pthread_getaffinity_np);
FROM_FIRST(pthread_join);
FROM_FIRST(pthread_kill);
FROM_FIRST(pthread_once);
FROM_FIRST(pthread_sigmask);
FROM_FIRST(sem_destroy);
FROM_FIRST(sem_init);
FROM_FIRST(sem_post);
FROM_FIRST(sem_wait);
#if defined(__x86_64__)
__asm__(".symver pthread_condattr_setclock, "
	"pthread_condattr_setclock@GLIBC_2.3.3");
#else
FROM_FIRST(pthread_condattr_setclock);
#endif
#endif

/* glibc 2.38 reads binary literals, too, under names of their own. */
#if defined(FIRST_GLIBC) && __GLIBC_PREREQ(2, 38)
__asm__(".symver __isoc23_strtol, strtol@" FIRST_GLIBC);
__asm__(".symver __isoc23_strtoul, strtoul@" FIRST_GLIBC);
#if defined(__x86_64__)
__asm__(".symver __isoc23_sscanf, __isoc99_sscanf@GLIBC_2.7");
#else
__asm__(".symver __isoc23_sscanf, __isoc99_sscanf@" FIRST_GLIBC);
#endif
#endif

/*
 * Before 2.33 this was no function. glibc's structure is the kernel's here, and
 * the system call's wrapper sets errno.
 */
#if defined(FIRST_GLIBC) && __GLIBC_PREREQ(2, 33)
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int fstat_by_number(int fd, struct stat *st)
{
	return (int)syscall(SYS_fstat, fd, st);
}
#define fstat fstat_by_number
#endif

#endif /* __GLIBC__ */

#endif
