/* SPDX-License-Identifier: MIT */
/*
 * seen FILE WORD...: writes to FILE what a process sees of how it was started.
 * It is linked statically: most of what a start of it costs is the start.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

static char text[65536];
static size_t size;

#define PUT(...)                                                               \
	(size +=                                                               \
	 (size_t)snprintf(text + size, sizeof(text) - size, __VA_ARGS__))

static void put_fds(void)
{
	int fd;

	for (fd = 0; fd < 128; fd++) {
		int flags = fcntl(fd, F_GETFL);
		struct stat st;

		if (flags < 0 || fstat(fd, &st))
			continue;
		PUT("fd %d: %llx:%llx %o flags %x at %lld\n", fd,
		    (unsigned long long)st.st_dev,
		    (unsigned long long)st.st_ino, st.st_mode, flags,
		    (long long)lseek(fd, 0, SEEK_CUR));
	}
}

static void put_signals(void)
{
	sigset_t mask;
	int sig;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	PUT("blocked");
	for (sig = 1; sig < 65; sig++)
		if (sigismember(&mask, sig) > 0)
			PUT(" %d", sig);
	PUT("\nignored");
	/* sigaction(3) hides the two that the C library keeps for itself. */
	for (sig = 1; sig < 65; sig++) {
		uintptr_t sa[4];

		if (!syscall(SYS_rt_sigaction, sig, NULL, sa, 8) &&
		    sa[0] == (uintptr_t)SIG_IGN)
			PUT(" %d", sig);
	}
	PUT("\n");
}

static void put_ids(void)
{
	uid_t r, e, s;
	pid_t pid = getpid();

	getresuid(&r, &e, &s);
	PUT("uid %u %u %u\n", r, e, s);
	getresgid(&r, &e, &s);
	PUT("gid %u %u %u\n", r, e, s);
	/* The own pid is another one each time. */
	PUT("parent %d group %d session %d\n", getppid(),
	    getpgrp() == pid ? 0 : getpgrp(), getsid(0) == pid ? 0 : getsid(0));
}

static void put_schedule(void)
{
	struct sched_param param = {0};

	sched_getparam(0, &param);
	PUT("policy %d priority %d nice %d\n", sched_getscheduler(0),
	    param.sched_priority, getpriority(PRIO_PROCESS, 0));
}

static void put_cgroup(void)
{
	int fd = open("/proc/self/cgroup", O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text + size, 4096);

	if (n > 0)
		size += (size_t)n;
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	char cwd[4096] = "";
	mode_t mask;
	int i, fd;

	put_fds();
	put_signals();
	put_ids();
	put_schedule();
	put_cgroup();
	mask = umask(0);
	if (!getcwd(cwd, sizeof(cwd)))
		PUT("getcwd: %s\n", strerror(errno));
	PUT("umask %o cwd %s\n", mask, cwd);
	for (i = 0; i < argc; i++)
		PUT("arg %s\n", argv[i]);
	for (i = 0; environ[i]; i++)
		PUT("env %s\n", environ[i]);
	fd = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
	if (fd < 0 || write(fd, text, size) != (ssize_t)size)
		return 1;
	return 7;
}
