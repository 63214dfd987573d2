/* SPDX-License-Identifier: MIT */
/*
 * loop MS THREADS FILE: posix_spawn and waitpid for MS milliseconds in THREADS
 * threads, with /dev/null as the children's stdio, like the other sides. Prints
 * the starts per second: the machine's limit for the C library.
 */
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;
static char *args[2];
static posix_spawn_file_actions_t actions;
static double begin, seconds;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Returns the number of processes it started. */
static void *run(void *unused)
{
	long count = 0;
	int status;
	pid_t pid;

	(void)unused;
	for (; now() - begin < seconds; count++) {
		if (posix_spawn(&pid, args[0], &actions, NULL, args, environ) ||
		    waitpid(pid, &status, 0) != pid || status)
			exit(1);
	}
	return (void *)count;
}

int main(int argc, char **argv)
{
	pthread_t threads[256];
	long count = 0;
	int i, nr;

	if (argc != 4)
		return 2;
	nr = atoi(argv[2]);
	if (nr < 1 || nr > 256)
		return 2;
	seconds = atof(argv[1]) / 1000;
	args[0] = argv[3];
	if (posix_spawn_file_actions_init(&actions) ||
	    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR,
					     0) ||
	    posix_spawn_file_actions_adddup2(&actions, 0, 1) ||
	    posix_spawn_file_actions_adddup2(&actions, 0, 2))
		return 1;
	begin = now();
	for (i = 0; i < nr; i++)
		if (pthread_create(&threads[i], NULL, run, NULL))
			return 1;
	for (i = 0; i < nr; i++) {
		void *started;

		pthread_join(threads[i], &started);
		count += (long)started;
	}
	printf("[%.1f]\n", (double)count / (now() - begin));
	return 0;
}
