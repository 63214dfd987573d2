/* SPDX-License-Identifier: MIT */
/*
 * What a child inherits from the thread that makes it, and not from its
 * process: scheduling, no_new_privs, seccomp filters, capabilities and so on.
 * Launch threads inherit all of it, seen here or not, from the thread that
 * makes them. This file checks whether the calling thread still has the same
 * attributes. A child that the calling thread makes itself (direct.h) needs no
 * look. The first other launch of a turn costs four system calls for an
 * ordinary user (as much time as four times getppid(2)) and seven for root
 * (eight times); further ones two and four. A thread under a seccomp filter
 * that may add another has to read /proc as well, once per turn: as long as 70
 * times getppid(2). Nothing else shows the number of filters.
 *
 * Some of it is not seen:
 * - a Landlock domain, which the kernel does not show. An ordinary thread needs
 *   no_new_privs for one and usually sets it just before, which is seen. A
 *   domain added after a launch with no_new_privs is not, nor is one that root
 *   adds without it;
 * - namespaces, and the root, working directory and umask of a thread that has
 *   left those of its process (unshare(2), setns(2): root only);
 * - timer slack, personality, NUMA policy and the session keyring: each would
 *   cost a system call more per launch.
 * Children see these only along with a change that is seen.
 */
#ifndef ATTRIBUTES_H
#define ATTRIBUTES_H

#include <stdbool.h>
#include <stdint.h>

#define ATTRIBUTES_CPUS 1024 /* bytes; a bit per processor */

struct attributes {
	uint32_t policy; /* with SCHED_RESET_ON_FORK */
	int32_t nice;
	uint32_t priority;
	int32_t no_new_privs;
	int32_t seccomp; /* mode */
	/* The following are read less often. */
	int32_t filters; /* of seccomp; 0 if none can have been added */
	int32_t securebits;
	int32_t ioprio;
	uint32_t caps_known;
	uint32_t caps[6];   /* effective, permitted, inheritable; low, high */
	uint32_t cpus_size; /* bytes of @cpus in use */
	uint8_t cpus[ATTRIBUTES_CPUS];
};

/*
 * Reads the attributes of the calling thread: all, or only the cheap ones, and
 * then leaves the others unchanged. What the kernel or a filter refuses to show
 * is recorded as such, and so compares equal each time.
 */
void attributes_look(struct attributes *attributes, bool all);

bool attributes_equal(const struct attributes *a, const struct attributes *b);

#endif
