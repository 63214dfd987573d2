/* SPDX-License-Identifier: MIT */
/*
 * loop COUNT THREADS FILE: COUNT times posix_spawn and waitpid in all, by
 * THREADS threads, with /dev/null as the children's stdio, which is what the
 * sides ask for. Prints how many per second: the machine's limit, as far as the
 * C library has one.
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
static int each;

static void *run(void *unused)
{
	int i, status;
	pid_t pid;

	(void)unused;
	for (i = 0; i < each; i++) {
		if (posix_spawn(&pid, args[0], &actions, NULL, args, environ) ||
		    waitpid(pid, &status, 0) != pid || status)
			exit(1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct timespec begin, end;
	pthread_t threads[256];
	double seconds;
	int i, nr;

	if (argc != 4)
		return 2;
	nr = atoi(argv[2]);
	if (nr < 1 || nr > 256)
		return 2;
	each = atoi(argv[1]) / nr;
	args[0] = argv[3];
	if (posix_spawn_file_actions_init(&actions) ||
	    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR,
					     0) ||
	    posix_spawn_file_actions_adddup2(&actions, 0, 1) ||
	    posix_spawn_file_actions_adddup2(&actions, 0, 2))
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (i = 0; i < nr; i++)
		if (pthread_create(&threads[i], NULL, run, NULL))
			return 1;
	for (i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	seconds = (double)(end.tv_sec - begin.tv_sec) +
		  (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
	printf("[%.1f]\n", each * nr / seconds);
	return 0;
}
