/* SPDX-License-Identifier: MIT */
/*
 * witness WORD...
 *
 * Says how it was started and does what its words say, one after another:
 *
 *   cwd               prints the working directory
 *   env               prints the environment, a variable a line
 *   umask             prints the umask, in octal
 *   ids               prints uid, gid, process group, session and pid
 *   nofile            prints the soft limit of descriptors
 *   nice              prints the nice value
 *   name              prints argv[0]
 *   fds               prints the descriptors that are open
 *   files             prints each descriptor that is open, with its file
 *   say FD TEXT       writes TEXT and a newline
 *   fill FD SEED N    writes N bytes of a pattern
 *   expect SEED N     exits with 3 unless stdin has exactly these bytes
 *   copy              copies stdin to stdout
 *   linger MS TEXT    leaves a process behind that says TEXT after a while
 *   ignore SIGNAL
 *   sleep MS
 *   fifo PATH         makes a FIFO
 *   raise SIGNAL
 *   exit CODE
 *
 * It is linked statically: most of what a start of it costs is the start.
 */
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 65536

extern char **environ;

static char **word;
static char pattern[2 * BLOCK];
static char block[BLOCK];

static void fail(const char *what)
{
	perror(what);
	exit(125);
}

static long number(void)
{
	if (!*word)
		exit(124);
	return strtol(*word++, NULL, 10);
}

static const char *text(void)
{
	if (!*word)
		exit(124);
	return *word++;
}

static void make_pattern(void)
{
	unsigned i;

	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = (char)((i % BLOCK) * 7 + ((i % BLOCK) >> 8));
}

static void write_all(int fd, const char *from, size_t n)
{
	while (n) {
		ssize_t done = write(fd, from, n);

		if (done < 0)
			fail("write");
		from += done;
		n -= (size_t)done;
	}
}

static void fill(void)
{
	int fd = (int)number();
	size_t at = (size_t)number() % BLOCK, left = (size_t)number();

	make_pattern();
	while (left) {
		size_t n = left < BLOCK ? left : BLOCK;

		/* A whole block later the pattern is where it was. */
		write_all(fd, pattern + at, n);
		left -= n;
	}
}

static void expect(void)
{
	size_t at = (size_t)number() % BLOCK, left = (size_t)number();
	ssize_t n;

	make_pattern();
	while ((n = read(0, block, sizeof(block))) > 0) {
		if ((size_t)n > left || memcmp(block, pattern + at, (size_t)n))
			exit(3);
		left -= (size_t)n;
		at = (at + (size_t)n) % BLOCK;
	}
	if (n < 0)
		fail("read");
	if (left)
		exit(3);
}

static void copy(void)
{
	ssize_t n;

	while ((n = read(0, block, sizeof(block))) > 0)
		write_all(1, block, (size_t)n);
	if (n < 0)
		fail("read");
}

static void pause_ms(long ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&time, &time) < 0)
		;
}

static void say(int fd, const char *what)
{
	dprintf(fd, "%s\n", what);
}

static void linger(void)
{
	long ms = number();
	const char *what = text();
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid)
		return;
	pause_ms(ms);
	say(1, what);
	_exit(0);
}

static void print_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char open[1024] = {0};
	int i;

	if (!dir)
		fail("/proc/self/fd");
	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd != dirfd(dir) &&
		    fd < (int)sizeof(open))
			open[fd] = 1;
	}
	closedir(dir);
	for (i = 0; i < (int)sizeof(open); i++)
		if (open[i])
			printf("%d ", i);
	puts("");
}

static void print_files(void)
{
	char path[32], target[PATH_MAX];
	ssize_t length;
	int fd;

	for (fd = 0; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		length = readlink(path, target, sizeof(target));
		if (length >= 0)
			printf("%d %.*s\n", fd, (int)length, target);
	}
}

static void print_cwd(void)
{
	char *cwd = getcwd(NULL, 0);

	if (!cwd)
		fail("getcwd");
	puts(cwd);
	free(cwd);
}

static void print_env(void)
{
	char **at;

	for (at = environ; *at; at++)
		puts(*at);
}

static void print_umask(void)
{
	printf("%o\n", umask(0));
}

static void print_ids(void)
{
	printf("%d %d %d %d %d\n", getuid(), getgid(), getpgrp(), getsid(0),
	       getpid());
}

static void print_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		fail("getrlimit");
	printf("%llu\n", (unsigned long long)limit.rlim_cur);
}

static void print_nice(void)
{
	printf("%d\n", getpriority(PRIO_PROCESS, 0));
}

static bool does(const char *name)
{
	if (!*word || strcmp(*word, name))
		return false;
	word++;
	return true;
}

int main(int argc, char **argv)
{
	(void)argc;
	word = argv + 1;
	while (*word) {
		if (does("cwd"))
			print_cwd();
		else if (does("env"))
			print_env();
		else if (does("umask"))
			print_umask();
		else if (does("ids"))
			print_ids();
		else if (does("nofile"))
			print_nofile();
		else if (does("nice"))
			print_nice();
		else if (does("name"))
			puts(argv[0]);
		else if (does("fds"))
			print_fds();
		else if (does("files"))
			print_files();
		else if (does("fill"))
			fill();
		else if (does("expect"))
			expect();
		else if (does("copy"))
			copy();
		else if (does("linger"))
			linger();
		else if (does("sleep"))
			pause_ms(number());
		else if (does("raise"))
			raise((int)number());
		else if (does("ignore"))
			signal((int)number(), SIG_IGN);
		else if (does("exit"))
			return (int)number();
		else if (does("say")) {
			int fd = (int)number();

			say(fd, text());
		} else if (does("fifo")) {
			if (mkfifo(text(), 0666))
				fail("mkfifo");
		} else {
			fprintf(stderr, "witness: %s?\n", *word);
			return 124;
		}
		fflush(stdout);
	}
	return 0;
}
