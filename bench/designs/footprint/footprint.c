/* SPDX-License-Identifier: MIT */
/*
 * What a program has mapped when it ends, whatever started it.
 *
 *	footprint --child PATH [--runs N] [--output FILE] [-- ARGUMENT...]
 *
 * Stops the program on its way out, while it still has its memory, and reads
 * from /proc. Its standard output is this program's: with --output, the figures
 * go to a file instead. Prints one line of JSON, with a number for each run:
 *   faults     page faults, from the exec to the end; none waits for a disk
 *	       if the program is in memory
 *   mapped     pages in its page tables, shared ones included
 *   anonymous  those of them that are of no file, copies of a file's included
 *   tables     pages that its page tables take, without the top one
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../cli.h"

static void fail(const char *what)
{
	fprintf(stderr, "footprint: %s\n", what);
	exit(1);
}

/* The number after @key, in KiB, in a file of the process in /proc. */
static long kib_of(pid_t pid, const char *name, const char *key)
{
	char path[64], line[256];
	long found = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	file = fopen(path, "r");
	if (!file)
		die(path);
	while (found < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			found = strtol(line + strlen(key), NULL, 10);
	fclose(file);
	if (found < 0) {
		fprintf(stderr, "footprint: %s has no %s\n", path, key);
		exit(1);
	}
	return found;
}

struct footprint {
	long faults, mapped, anonymous, tables;
};

static pid_t start(const char *path, char *const *argv)
{
	static char *const envp[] = {"PATH=/usr/bin:/bin", NULL};
	/* After a fork the child would fault on what it shares. */
	pid_t pid = vfork();

	if (pid < 0)
		die("vfork");
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
			execve(path, argv, envp);
		_exit(127);
	}
	return pid;
}

/* Waits until the program stops; fails if it ends instead. */
static int next_stop(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	if (!WIFSTOPPED(status))
		fail("the child ended before it was stopped");
	return status;
}

static struct footprint run_once(const char *path, char *const *argv)
{
	const long page = sysconf(_SC_PAGESIZE) / 1024;
	pid_t pid = start(path, argv);
	struct footprint found;
	struct rusage usage;
	int status, signal = 0;

	next_stop(pid);
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL,
		   PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL) < 0)
		die("PTRACE_SETOPTIONS");
	for (;;) {
		if (ptrace(PTRACE_CONT, pid, NULL, signal) < 0)
			die("PTRACE_CONT");
		status = next_stop(pid);
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8))
			break;
		signal = WSTOPSIG(status);
	}
	/*
	 * The counters in status lag behind, by up to 32 pages for each
	 * processor: smaps_rollup looks at the page tables.
	 */
	found.mapped = kib_of(pid, "smaps_rollup", "Rss:") / page;
	found.anonymous = kib_of(pid, "smaps_rollup", "Anonymous:") / page;
	found.tables = kib_of(pid, "status", "VmPTE:") / page;
	if (ptrace(PTRACE_CONT, pid, NULL, 0) < 0)
		die("PTRACE_CONT");
	if (wait4(pid, &status, 0, &usage) < 0)
		die("wait4");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail("the child failed");
	found.faults = usage.ru_minflt + usage.ru_majflt;
	return found;
}

#define PRINT(before, name)                                                    \
	do {                                                                   \
		fprintf(output, before);                                       \
		PRINT_EACH(output, #name, all, runs, name);                    \
	} while (0)

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"child", required_argument, NULL, 'c'},
		{"runs", required_argument, NULL, 'r'},
		{"output", required_argument, NULL, 'o'},
		{NULL, 0, NULL, 0},
	};
	const char *child = NULL, *file = NULL;
	struct footprint *all;
	FILE *output = stdout;
	char **arguments;
	long runs = 1;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			child = optarg;
			break;
		case 'r':
			runs = number(optarg, 1);
			break;
		case 'o':
			file = optarg;
			break;
		default:
			return 2;
		}
	}
	if (!child) {
		fprintf(stderr, "footprint: give a --child\n");
		return 2;
	}
	all = calloc((size_t)runs, sizeof(*all));
	arguments = calloc((size_t)(argc - optind) + 2, sizeof(*arguments));
	if (!all || !arguments)
		die("calloc");
	arguments[0] = (char *)child;
	memcpy(arguments + 1, argv + optind,
	       (size_t)(argc - optind) * sizeof(*arguments));
	/* The first time brings the program's files into memory. */
	run_once(child, arguments);
	for (long i = 0; i < runs; i++)
		all[i] = run_once(child, arguments);
	if (file)
		output = fopen(file, "w");
	if (!output)
		die(file);
	PRINT("{", faults);
	PRINT(",", mapped);
	PRINT(",", anonymous);
	PRINT(",", tables);
	fprintf(output, "}\n");
	if (fclose(output) != 0)
		die("writing the figures");
	free(arguments);
	free(all);
	return 0;
}
