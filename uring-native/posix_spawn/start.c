/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn(3) resets signal handlers in the child, one or two system calls
 * for each signal, and maps a stack for it. CLONE_CLEAR_SIGHAND does the first
 * in the kernel, and with CLONE_VFORK the child can use the stack of its
 * parent, who does not need it meanwhile.
 */
#include "start.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "child_fds.h"
#include "clone.h"
#include "interfaces.h"
#include "series.h"

#define KNOWN_FLAGS                                                            \
	(POSIX_SPAWN_RESETIDS | POSIX_SPAWN_SETPGROUP |                        \
	 POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |                      \
	 POSIX_SPAWN_SETSCHEDPARAM | POSIX_SPAWN_SETSCHEDULER |                \
	 POSIX_SPAWN_USEVFORK | POSIX_SPAWN_SETSID | POSIX_SPAWN_SETCGROUP)

/* Since 2.39. */
extern int posix_spawnattr_getcgroup_np(const posix_spawnattr_t *attr,
					int *cgroup);
#pragma weak posix_spawnattr_getcgroup_np

/* As execvp(3) has it. */
#define DEFAULT_PATH "/bin:/usr/bin"

static uint64_t kernel_set(const sigset_t *set)
{
	uint64_t first;

	memcpy(&first, set, sizeof(first));
	return first;
}

/* Reads the attributes. Returns whether all of them are known. */
static bool read_attributes(struct child *child, const posix_spawnattr_t *attr)
{
	sigset_t set;

	child->flags = 0;
	if (!attr)
		return true;
	posix_spawnattr_getflags(attr, &child->flags);
	if (child->flags & ~KNOWN_FLAGS)
		return false;
	if (child->flags & POSIX_SPAWN_SETPGROUP)
		posix_spawnattr_getpgroup(attr, &child->pgroup);
	if (child->flags & POSIX_SPAWN_SETSIGDEF) {
		posix_spawnattr_getsigdefault(attr, &set);
		child->defaults = kernel_set(&set);
	}
	if (child->flags & POSIX_SPAWN_SETSIGMASK) {
		posix_spawnattr_getsigmask(attr, &set);
		child->mask = kernel_set(&set);
	}
	if (child->flags & POSIX_SPAWN_SETSCHEDULER)
		posix_spawnattr_getschedpolicy(attr, &child->policy);
	if (child->flags &
	    (POSIX_SPAWN_SETSCHEDULER | POSIX_SPAWN_SETSCHEDPARAM))
		posix_spawnattr_getschedparam(attr, &child->param);
	if (child->flags & POSIX_SPAWN_SETCGROUP)
		return posix_spawnattr_getcgroup_np &&
		       !posix_spawnattr_getcgroup_np(attr, &child->cgroup);
	return true;
}

/* --- In the child: no libc, nothing but system calls. ------------------- */

static long set_schedule(const struct child *child)
{
	if (child->flags & POSIX_SPAWN_SETSCHEDULER)
		return sys_call(SYS_sched_setscheduler, 0, child->policy,
				&child->param);
	if (child->flags & POSIX_SPAWN_SETSCHEDPARAM)
		return sys_call(SYS_sched_setparam, 0, &child->param);
	return 0;
}

/* The effective IDs become the real ones. */
static long reset_ids(void)
{
	long ret = sys_call(SYS_setresuid, -1, sys_call(SYS_getuid), -1);

	if (ret < 0)
		return ret;
	return sys_call(SYS_setresgid, -1, sys_call(SYS_getgid), -1);
}

static long set_attributes(const struct child *child)
{
	long ret = 0;

	/* Handlers are gone; what is ignored stays so unless it is in the set.
	 */
	if (child->flags & POSIX_SPAWN_SETSIGDEF)
		sys_sigdefault(child->defaults);
	ret = set_schedule(child);
	if (ret >= 0 && child->flags & POSIX_SPAWN_SETSID)
		ret = sys_call(SYS_setsid);
	if (ret >= 0 && child->flags & POSIX_SPAWN_SETPGROUP)
		ret = sys_call(SYS_setpgid, 0, child->pgroup);
	if (ret >= 0 && child->flags & POSIX_SPAWN_RESETIDS)
		ret = reset_ids();
	return ret;
}

bool child_may_have(int fd)
{
	struct rlimit limit;

	sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
	return fd >= 0 && (rlim_t)fd < limit.rlim_cur;
}

long child_closed(int fd, long ret)
{
	return ret < 0 && !child_may_have(fd) ? ret : 0;
}

static long do_dup2(int fd, int newfd)
{
	long flags;

	if (fd != newfd)
		return sys_call(SYS_dup3, fd, newfd, 0);
	flags = sys_call(SYS_fcntl, fd, F_GETFD);
	if (flags < 0)
		return flags;
	return sys_call(SYS_fcntl, fd, F_SETFD, flags & ~FD_CLOEXEC);
}

static long do_open(const struct action *a)
{
	long fd, ret;

	/* First, so that there is room, and devices that open once can be. */
	sys_call(SYS_close, a->open.fd);
	fd = sys_call(SYS_openat, AT_FDCWD, a->open.path,
		      a->open.oflag | O_LARGEFILE, a->open.mode);
	if (fd < 0 || fd == a->open.fd)
		return fd;
	ret = sys_call(SYS_dup3, fd, a->open.fd, 0);
	if (ret < 0)
		return ret;
	return sys_call(SYS_close, fd);
}

static long do_tcsetpgrp(const struct child *child, int fd)
{
	pid_t pgroup = child->pgroup;

	if (!(child->flags & POSIX_SPAWN_SETPGROUP) || !pgroup)
		pgroup = (pid_t)sys_call(SYS_getpgid, 0);
	return sys_call(SYS_ioctl, fd, TIOCSPGRP, &pgroup);
}

static long do_action(const struct child *child, const struct action *a)
{
	switch (a->kind) {
	case ACTION_CLOSE:
		return child_closed(a->fd, sys_call(SYS_close, a->fd));
	case ACTION_DUP2:
		return do_dup2(a->dup2.fd, a->dup2.newfd);
	case ACTION_OPEN:
		return do_open(a);
	case ACTION_CHDIR:
		return sys_call(SYS_chdir, a->path);
	case ACTION_FCHDIR:
		return sys_call(SYS_fchdir, a->fd);
	case ACTION_CLOSEFROM:
		return child_close_range((unsigned)a->fd, ~0U, 0);
	case ACTION_TCSETPGRP:
		return do_tcsetpgrp(child, a->fd);
	default:
		return -EINVAL;
	}
}

static long execute(void *arg, const char *path)
{
	const struct child *child = arg;

	return sys_call(SYS_execve, path, child->start->argv,
			child->start->envp);
}

bool search_goes_on(struct search *search, long ret)
{
	search->forbidden |= ret == -EACCES;
	search->ret = ret;
	/* After these, execvp(3) tries the next directory. */
	if (ret != -ENOENT && ret != -EACCES && ret != -ENOTDIR &&
	    ret != -ESTALE && ret != -ENODEV && ret != -ETIMEDOUT)
		return false;
	if (search->forbidden)
		search->ret = -EACCES;
	return true;
}

static size_t length_to(const char *s, char end)
{
	size_t n = 0;

	while (s[n] && s[n] != end)
		n++;
	return n;
}

static void copy(char *to, const char *from, size_t n)
{
	while (n--)
		*to++ = *from++;
}

/* Not inlined: a start without a search needs less stack. */
__attribute__((noinline)) long child_search(const struct child *child,
					    child_execute *try, void *arg)
{
	const char *file = child->start->file, *dir = child->path;
	size_t length = length_to(file, '\0');
	char name[PATH_MAX + NAME_MAX + 2];
	struct search search = {.ret = -ENOENT};

	if (!length)
		return -ENOENT;
	if (file[length_to(file, '/')])
		return try(arg, file);
	if (length > NAME_MAX)
		return -ENAMETOOLONG;
	for (;;) {
		size_t n = length_to(dir, ':');

		/* A longer name than that is none. */
		if (n < PATH_MAX) {
			copy(name, dir, n);
			name[n] = '/';
			copy(name + n + !!n, file, length + 1);
			if (!search_goes_on(&search, try(arg, name)))
				return search.ret;
		}
		if (!dir[n])
			return search.ret;
		dir += n + 1;
	}
}

static int child_main(void *arg)
{
	struct child *child = arg;
	long ret = set_attributes(child);
	int i;

	for (i = 0; ret >= 0 && i < child->nr_actions; i++)
		ret = do_action(child, &child->actions[i]);
	if (ret >= 0) {
		sys_sigmask(SIG_SETMASK, &child->mask, NULL);
		ret = child->start->search ? child_search(child, execute, child)
					   : execute(child, child->start->file);
	}
	child->error = (int)-ret;
	return 127;
}

/* --- In the parent. ------------------------------------------------------ */

bool child_keeps_ids(const struct child *child)
{
	return !(child->flags & POSIX_SPAWN_RESETIDS) ||
	       (sys_call(SYS_getuid) == sys_call(SYS_geteuid) &&
		sys_call(SYS_getgid) == sys_call(SYS_getegid));
}

/* clone3(2) is absent, too old, or a filter claims so. */
static atomic_bool cannot;

static long start_clone(struct child *child, int *pidfd)
{
	struct sys_clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND,
		.exit_signal = SIGCHLD,
	};
	long ret;

	if (atomic_load_explicit(&cannot, memory_order_relaxed))
		return START_LEFT;
	if (child->start->pidfd) {
		args.flags |= CLONE_PIDFD;
		args.pidfd = (uint64_t)(uintptr_t)pidfd;
	}
	if (child->flags & POSIX_SPAWN_SETCGROUP) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)(unsigned)child->cgroup;
	}
	ret = clone3_call(&args, child_main, child);
	if (ret == -ENOSYS || ret == -EINVAL || ret == -EPERM) {
		/* With its own flags the C library may do better. */
		if (ret != -EPERM && !child->start->pidfd &&
		    !(child->flags & POSIX_SPAWN_SETCGROUP))
			atomic_store(&cannot, true);
		return START_LEFT;
	}
	if (ret < 0 || !child->error)
		return ret;
	sys_call(SYS_wait4, ret, NULL, __WALL, NULL);
	if (*pidfd >= 0)
		sys_call(SYS_close, *pidfd);
	return -child->error;
}

void child_await_end(int pidfd)
{
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};

	while (sys_call(SYS_ppoll, &ended, 1, NULL, NULL, 0) == -EINTR)
		;
	sys_call(SYS_close, pidfd);
}

bool start_has_series(void)
{
	static atomic_int known;
	int found = atomic_load_explicit(&known, memory_order_relaxed);

	if (!found) {
		found = series_is_here() ? 1 : -1;
		atomic_store_explicit(&known, found, memory_order_relaxed);
	}
	return found > 0;
}

const char *const start_names[] = {
	[START_VFORK] = "vfork",     [START_EMBRYO] = "embryo",
	[START_BUILDER] = "builder", [START_TEMPLATE] = "template",
	[START_CHAIN] = "chain",
};

static start_function *const functions[START_INTERFACES] = {
	[START_EMBRYO] = start_embryo,
	[START_BUILDER] = start_builder,
	[START_TEMPLATE] = start_template,
	[START_CHAIN] = start_chain,
};

int start_process(pid_t *pid, const struct start *start)
{
	struct child child = {.start = start};
	uint64_t all = ~0ULL, mask;
	long ret = START_LEFT;
	int pidfd = -1;

	child.actions = actions_of(start->file_actions, &child.nr_actions);
	if (child.nr_actions < 0 || !read_attributes(&child, start->attr))
		return START_NOT_HERE;
	if (start->search) {
		child.path = getenv("PATH");
		if (!child.path)
			child.path = DEFAULT_PATH;
	}
	/*
	 * Even those that libc keeps for itself: no handler may run in the
	 * child before the kernel has cleared it, and no thread may be
	 * cancelled here.
	 */
	sys_sigmask(SIG_SETMASK, &all, &mask);
	if (!(child.flags & POSIX_SPAWN_SETSIGMASK))
		child.mask = mask;
	if (functions[start->by])
		ret = functions[start->by](&child, &pidfd);
	if (ret == START_LEFT)
		ret = start_clone(&child, &pidfd);
	sys_sigmask(SIG_SETMASK, &mask, NULL);
	if (ret == START_LEFT)
		return START_NOT_HERE;
	if (ret < 0)
		return (int)-ret;
	if (start->pidfd)
		*start->pidfd = pidfd;
	if (pid)
		*pid = (pid_t)ret;
	return 0;
}
