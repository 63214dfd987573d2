/* SPDX-License-Identifier: MIT */
/*
 * deny SYSCALL=ERRNO... -- CMD ARGS...
 *
 * Runs a command under a seccomp filter that denies calls as container profiles
 * do. It knows the system calls that this project has a fallback for.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../include/pidfd_spawn.h"
#include "../include/spawn_template.h"
#include "filter.h"

static const struct {
	const char *name;
	int nr;
} calls[] = {
	{"clone3", SYS_clone3},
	{"close_range", SYS_close_range},
	{"dup3", SYS_dup3},
	{"execveat", SYS_execveat},
	{"io_uring_setup", SYS_io_uring_setup},
	{"kill", SYS_kill},
	{"pidfd_config", __NR_pidfd_config},
	{"pidfd_open", SYS_pidfd_open},
	{"pidfd_send_signal", SYS_pidfd_send_signal},
	{"pidfd_spawn_open", __NR_pidfd_spawn_open},
	{"pidfd_spawn_run", __NR_pidfd_spawn_run},
	{"prlimit64", SYS_prlimit64},
	{"set_robust_list", SYS_set_robust_list},
	{"setpgid", SYS_setpgid},
	{"spawn_template_create", __NR_spawn_template_create},
	{"spawn_template_spawn", __NR_spawn_template_spawn},
};

static int number(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (strlen(calls[i].name) == len &&
		    !strncmp(calls[i].name, name, len))
			return calls[i].nr;
	return -1;
}

static int deny(const char *arg)
{
	const char *eq = strchr(arg, '=');
	int nr = eq ? number(arg, (size_t)(eq - arg)) : -1;
	int err = eq && !strcmp(eq, "=EPERM") ? EPERM : ENOSYS;

	if (nr < 0)
		return -1;
	return filter_deny(nr, err);
}

int main(int argc, char **argv)
{
	int i;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		perror("deny: no_new_privs");
		return 125;
	}
	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (deny(argv[i])) {
			fprintf(stderr, "deny: cannot deny %s\n", argv[i]);
			return 125;
		}
	}
	if (i + 1 >= argc) {
		fputs("usage: deny SYSCALL=ERRNO... -- CMD ARGS...\n", stderr);
		return 125;
	}
	execvp(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return 127;
}
