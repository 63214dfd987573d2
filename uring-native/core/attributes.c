/* SPDX-License-Identifier: MIT */
#include "attributes.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sys.h"

/* From linux/prctl.h and linux/ioprio.h. */
#define GET_SECCOMP 21
#define GET_SECUREBITS 27
#define GET_NO_NEW_PRIVS 39
#define WHO_PROCESS 1

/* sched_getattr(2)'s, in its first version; the C library has none. */
struct sched_attributes {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
};

#define RESET_ON_FORK 1

static void look_at_schedule(struct attributes *a)
{
	struct sched_attributes sched = {0};
	long ret = sys_call(SYS_sched_getattr, 0, &sched, sizeof(sched), 0);
	long size;

	a->policy = ret < 0 ? UINT32_MAX : sched.policy;
	if (sched.flags & RESET_ON_FORK)
		a->policy |= 0x40000000;
	a->nice = sched.nice;
	a->priority = sched.priority;
	/* The raw call returns how many bytes the kernel's mask has. */
	size = sys_call(SYS_sched_getaffinity, 0, sizeof(a->cpus), a->cpus);
	a->cpus_size = size < 0 ? 0 : (uint32_t)size;
}

static int32_t get(int option)
{
	return (int32_t)sys_call(SYS_prctl, option, 0, 0, 0, 0);
}

static bool has_cap(const struct attributes *a, int cap)
{
	return a->caps[cap / 32 * 3] & 1U << cap % 32;
}

/* Whether a thread like this may install seccomp filters. */
static bool may_filter(const struct attributes *a)
{
	return a->no_new_privs == 1 || has_cap(a, CAP_SYS_ADMIN);
}

/* A thread never gets rid of these, so what is set needs no second look. */
static void look_at_confinement(struct attributes *a)
{
	if (a->no_new_privs != 1)
		a->no_new_privs = get(GET_NO_NEW_PRIVS);
	if (a->seccomp <= 0 && may_filter(a))
		a->seccomp = get(GET_SECCOMP);
}

/*
 * The number of seccomp filters, or -1 without /proc. Only /proc shows it, and
 * reading it takes longer than everything else here, so it is read only if a
 * filter may have been added to others. The mode shows the first filter.
 */
static int32_t count_filters(const struct attributes *a)
{
	static const char key[] = "\nSeccomp_filters:";
	char buf[4096], *at;
	long fd, n;

	if (a->seccomp <= 0 || !may_filter(a))
		return 0;
	fd = sys_call(SYS_openat, AT_FDCWD, "/proc/thread-self/status",
		      O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = sys_call(SYS_read, fd, buf, sizeof(buf) - 1);
	sys_call(SYS_close, fd);
	buf[n < 0 ? 0 : n] = '\0';
	at = strstr(buf, key);
	return at ? atoi(at + sizeof(key) - 1) : -1;
}

/* A capability that is neither permitted nor inheritable never comes back. */
static void look_at_caps(struct attributes *a)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	uint32_t some = 0;
	int i;

	for (i = 0; i < 2; i++)
		some |= a->caps[i * 3 + 1] | a->caps[i * 3 + 2];
	if (!some && a->caps_known)
		return;
	if (sys_call(SYS_capget, &header, data) < 0)
		memset(data, 0xff, sizeof(data));
	for (i = 0; i < 2; i++) {
		a->caps[i * 3] = data[i].effective;
		a->caps[i * 3 + 1] = data[i].permitted;
		a->caps[i * 3 + 2] = data[i].inheritable;
	}
	a->caps_known = true;
}

void attributes_look(struct attributes *a, bool all)
{
	look_at_schedule(a);
	if (all)
		look_at_caps(a);
	look_at_confinement(a);
	if (!all)
		return;
	a->filters = count_filters(a);
	if (has_cap(a, CAP_SETPCAP))
		a->securebits = get(GET_SECUREBITS);
	a->ioprio = (int32_t)sys_call(SYS_ioprio_get, WHO_PROCESS, 0);
}

bool attributes_equal(const struct attributes *a, const struct attributes *b)
{
	return !memcmp(a, b, offsetof(struct attributes, cpus)) &&
	       !memcmp(a->cpus, b->cpus, a->cpus_size);
}
