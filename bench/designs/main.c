/* SPDX-License-Identifier: MIT */
/*
 * Counts the cost of starting a process, by launch method.
 *
 *	bench METHOD [--child PATH] [--memory MIB] [--fds N] [--runs N]
 *	      [--warm-up N] [--output FILE] [-- ARGUMENT...]
 *
 * --warm-up: starts before those that are counted, by default 20 or 3 batches.
 * The arguments are the child's, which shares standard output: with --output,
 * the counts go to a file instead.
 *
 * Meant for a machine whose clock counts instructions (`lab --icount`), where
 * a nanosecond is an instruction. Prints one line of JSON, with a number for
 * each run:
 *   totals   from before the start to after the collection: everything that
 *	      ran on the one CPU
 *   calls    the submitting thread's part of that, until start() returned
 *   returns  everything until start() returned
 *   begins, returned, ends  the same instants by the processor's time stamp
 *	      counter, to find them in a trace
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "bench.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static const struct method *const methods[] = {
#define METHOD(name) &method_##name,
	METHODS(METHOD)
#undef METHOD
};

#define NR_METHODS (sizeof(methods) / sizeof(methods[0]))

static void check_status(int code, int status)
{
	if (code == CLD_EXITED && status == 0)
		return;
	fprintf(stderr, "bench: the child ended with code %d, status %d\n",
		code, status);
	exit(1);
}

void collect_pid(int pid)
{
	siginfo_t info;

	if (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0)
		die("waitid");
	check_status(info.si_code, info.si_status);
}

void collect_pidfd(int pidfd)
{
	siginfo_t info;

	if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
		die("waitid on a pidfd");
	check_status(info.si_code, info.si_status);
	close(pidfd);
}

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Touches memory page by page, as a program that has grown. */
static void grow(long mib)
{
	size_t size = (size_t)mib << 20;
	char *memory;

	if (!mib)
		return;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		die("mmap");
	madvise(memory, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += 4096)
		memory[i] = 1;
}

static void open_files(long count)
{
	struct rlimit limit = {(rlim_t)count + 256, (rlim_t)count + 256};

	if (count <= 3)
		return;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("setrlimit");
	for (long i = 3; i < count; i++)
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			die("open /dev/null");
}

static const struct method *find(const char *name)
{
	for (size_t i = 0; i < NR_METHODS; i++)
		if (!strcmp(methods[i]->name, name))
			return methods[i];
	fprintf(stderr, "bench: no method %s; there are:", name);
	for (size_t i = 0; i < NR_METHODS; i++)
		fprintf(stderr, " %s", methods[i]->name);
	fprintf(stderr, "\n");
	exit(2);
}

struct count {
	uint64_t total, call, returned;
	uint64_t begin_stamp, returned_stamp, end_stamp;
};

static uint64_t stamp(void)
{
#if defined(__x86_64__)
	return __rdtsc();
#else
	return 0;
#endif
}

static struct count run_once(const struct method *method, const struct job *job)
{
	int handles[MAX_BATCH];
	uint64_t wall = now(CLOCK_MONOTONIC);
	uint64_t cpu = now(CLOCK_THREAD_CPUTIME_ID);
	struct count count;

	count.begin_stamp = stamp();
	method->start(job, handles);
	count.returned_stamp = stamp();
	count.call = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
	count.returned = now(CLOCK_MONOTONIC) - wall;
	for (int i = 0; i < method->batch; i++)
		method->collect(handles[i]);
	count.end_stamp = stamp();
	count.total = now(CLOCK_MONOTONIC) - wall;
	return count;
}

#define PRINT(name, counts, runs, field)                                       \
	do {                                                                   \
		fprintf(output, ",");                                          \
		PRINT_EACH(output, name, counts, runs, field);                 \
	} while (0)

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"child", required_argument, NULL, 'c'},
		{"memory", required_argument, NULL, 'm'},
		{"fds", required_argument, NULL, 'f'},
		{"runs", required_argument, NULL, 'r'},
		{"warm-up", required_argument, NULL, 'w'},
		{"output", required_argument, NULL, 'o'},
		{NULL, 0, NULL, 0},
	};
	char *child_envp[] = {"PATH=/usr/bin:/bin", NULL};
	struct job job = {"/bin/true", NULL, child_envp};
	long memory = 0, fds = 3, runs = 100, warm_up = -1;
	const struct method *method;
	const char *file = NULL;
	FILE *output = stdout;
	struct count *counts;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			job.path = optarg;
			break;
		case 'm':
			memory = number(optarg, 0);
			break;
		case 'f':
			fds = number(optarg, 0);
			break;
		case 'r':
			runs = number(optarg, 0);
			break;
		case 'w':
			warm_up = number(optarg, 0);
			break;
		case 'o':
			file = optarg;
			break;
		default:
			return 2;
		}
	}
	if (optind == argc) {
		fprintf(stderr, "bench: give a method\n");
		return 2;
	}
	method = find(argv[optind]);
	/* The child's name takes the place of the method's. */
	argv[optind] = (char *)job.path;
	job.argv = &argv[optind];

	if (warm_up < 0)
		warm_up = method->batch > 1 ? 3 : 20;
	grow(memory);
	method->setup();
	open_files(fds);
	for (long i = 0; i < warm_up; i++)
		run_once(method, &job);
	/* Touch its pages before anything is counted. */
	counts = calloc((size_t)runs, sizeof(*counts));
	if (!counts)
		die("calloc");
	memset(counts, 1, (size_t)runs * sizeof(*counts));
	for (long i = 0; i < runs; i++)
		counts[i] = run_once(method, &job);
	/* Only now, so that the file is none of the parent's descriptors. */
	if (file)
		output = fopen(file, "w");
	if (!output)
		die(file);
	fprintf(output, "{\"method\":\"%s\",\"pid\":%d,\"batch\":%d",
		method->name, getpid(), method->batch);
	PRINT("totals", counts, runs, total);
	PRINT("calls", counts, runs, call);
	PRINT("returns", counts, runs, returned);
	PRINT("begins", counts, runs, begin_stamp);
	PRINT("returned", counts, runs, returned_stamp);
	PRINT("ends", counts, runs, end_stamp);
	fprintf(output, "}\n");
	if (fclose(output) != 0)
		die("writing the counts");
	free(counts);
	return 0;
}
