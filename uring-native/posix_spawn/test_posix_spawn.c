/* SPDX-License-Identifier: MIT */
/*
 * test_posix_spawn SEEN [COUNT [SEED [INTERFACE]]]: starts processes with
 * random attributes and file actions, each by the C library and by
 * start_process(), and compares what both return and what the processes see.
 * Where clone3(2) is denied, what the interface leaves to that is counted
 * instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../test/pack.h"
#include "actions.h"
#include "child_fds.h"
#include "interfaces.h"
#include "start.h"

#pragma weak posix_spawn_file_actions_addclosefrom_np
#pragma weak posix_spawn_file_actions_addtcsetpgrp_np

/* Descriptors of this process: some are open, half of them close-on-exec. */
#define FIRST 10
#define LAST 40

extern char **environ;

static unsigned long long state;
static char dir[] = "/tmp/posix-spawn-XXXXXX";
static char seen[4096], report[64], said[2][65536];
static int started, failed, left;
static enum start_interface by;

static unsigned pick(unsigned n)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(state >> 33) % n;
}

static bool chance(unsigned percent)
{
	return pick(100) < percent;
}

#define ONE_OF(...)                                                            \
	((const char *[]){__VA_ARGS__})[pick(                                  \
		sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))]

static void on_signal(int sig)
{
	(void)sig;
}

static void random_set(sigset_t *set)
{
	int sig;

	sigemptyset(set);
	if (chance(10))
		sigfillset(set);
	for (sig = 1; sig < 65; sig++)
		if (chance(15))
			sigaddset(set, sig);
}

/* What the next process may inherit. */
static void change_self(void)
{
	static const int some[] = {SIGPIPE, SIGXFSZ, SIGUSR1, SIGHUP,
				   SIGTERM, SIGINT,  50};
	sigset_t mask;
	int fd;
	size_t i;

	for (i = 0; i < sizeof(some) / sizeof(*some); i++)
		signal(some[i], chance(30)   ? SIG_IGN
				: chance(50) ? on_signal
					     : SIG_DFL);
	random_set(&mask);
	sigdelset(&mask, SIGALRM);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	for (fd = FIRST; fd < LAST; fd++)
		fcntl(fd, F_SETFD, chance(50) ? FD_CLOEXEC : 0);
	umask(chance(50) ? 022 : 077);
}

static int random_fd(void)
{
	switch (pick(6)) {
	case 0:
		return (int)pick(3);
	case 1:
		return LAST + (int)pick(60);
	case 2:
		return chance(20) ? 1000000 : 3 + (int)pick(FIRST - 3);
	default:
		return FIRST + (int)pick(LAST - FIRST);
	}
}

static void random_attr(posix_spawnattr_t *attr)
{
	static const short flags[] = {
		POSIX_SPAWN_SETPGROUP,	  POSIX_SPAWN_SETSIGDEF,
		POSIX_SPAWN_SETSIGMASK,	  POSIX_SPAWN_SETSCHEDPARAM,
		POSIX_SPAWN_SETSCHEDULER, POSIX_SPAWN_RESETIDS,
		POSIX_SPAWN_SETSID,	  POSIX_SPAWN_USEVFORK,
	};
	struct sched_param param = {.sched_priority = chance(30) ? 1 : 0};
	sigset_t set;
	short all = 0;
	size_t i;

	posix_spawnattr_init(attr);
	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		/* Most starts are to succeed. */
		if (chance(i == 3 || i == 4 ? 10 : 30))
			all |= flags[i];
	posix_spawnattr_setflags(attr, all);
	posix_spawnattr_setpgroup(attr, chance(80)   ? 0
					: chance(50) ? getpgrp()
						     : 1);
	random_set(&set);
	posix_spawnattr_setsigdefault(attr, &set);
	random_set(&set);
	posix_spawnattr_setsigmask(attr, &set);
	/* The last one does not exist. */
	posix_spawnattr_setschedpolicy(
		attr, ((int[]){SCHED_OTHER, SCHED_BATCH, SCHED_IDLE, SCHED_FIFO,
			       SCHED_RR, 77})[pick(6)]);
	posix_spawnattr_setschedparam(attr, &param);
}

static void random_open(posix_spawn_file_actions_t *fa)
{
	static const int modes[] = {O_RDONLY,
				    O_WRONLY | O_CREAT,
				    O_RDWR | O_APPEND,
				    O_RDONLY | O_CLOEXEC,
				    O_RDONLY | O_DIRECTORY,
				    O_PATH};
	const char *path = chance(85) ? ONE_OF("file", "/dev/null", "sub",
					       "sub/../file", "/proc/sys")
				      : ONE_OF("absent", "", "file/below");
	int mode = path[0] == 's' || path[1] == 'p' ? O_RDONLY
		   : chance(90)			    ? modes[pick(4)]
						    : modes[pick(6)];

	posix_spawn_file_actions_addopen(fa, random_fd(), path, mode, 0640);
}

static void random_actions(posix_spawn_file_actions_t *fa)
{
	unsigned n = pick(7);

	posix_spawn_file_actions_init(fa);
	while (n--) {
		switch (pick(12)) {
		case 0:
		case 1:
			posix_spawn_file_actions_addclose(fa, random_fd());
			break;
		case 2:
			random_open(fa);
			break;
		case 3:
			posix_spawn_file_actions_addchdir_np(
				fa, chance(85) ? ONE_OF(dir, "/", "/proc", ".")
					       : ONE_OF("absent", "file", ""));
			break;
		case 4:
			posix_spawn_file_actions_addfchdir_np(
				fa, chance(70) ? FIRST : random_fd());
			break;
		case 5:
			if (chance(50) &&
			    posix_spawn_file_actions_addclosefrom_np)
				posix_spawn_file_actions_addclosefrom_np(
					fa, random_fd());
			break;
		case 6:
			if (chance(20) &&
			    posix_spawn_file_actions_addtcsetpgrp_np)
				posix_spawn_file_actions_addtcsetpgrp_np(
					fa, random_fd());
			break;
		case 7: {
			int fd = random_fd();

			posix_spawn_file_actions_adddup2(fa, fd, fd);
			break;
		}
		default:
			posix_spawn_file_actions_adddup2(
				fa, FIRST + (int)pick(LAST - FIRST),
				random_fd());
		}
	}
}

static void read_report(char *into, size_t size)
{
	int fd = open(report, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, into, size - 1);

	if (fd >= 0)
		close(fd);
	into[n < 0 ? 0 : n] = '\0';
	unlink(report);
}

/* A process that a builder could not start may not be quite gone yet. */
static void check_no_child(void)
{
	pid_t pid;

	do {
		pid = waitpid(-1, NULL, WNOHANG);
	} while (!pid && by == START_BUILDER && !sched_yield());
	CHECK(pid < 0 && errno == ECHILD);
}

/* Starts it, ours or theirs; returns what that returns. */
static int start_one(bool ours, const struct start *start, char *into,
		     size_t size)
{
	int fds = count_fds(), status = 0, ret;
	sigset_t before, after;
	pid_t pid = -5;

	pthread_sigmask(SIG_BLOCK, NULL, &before);
	/* A file that one of them has created is new to the other, too. */
	unlink("made");
	if (ours)
		ret = start_process(&pid, start);
	else if (start->search)
		ret = posix_spawnp(&pid, start->file, start->file_actions,
				   start->attr, start->argv, start->envp);
	else
		ret = posix_spawn(&pid, start->file, start->file_actions,
				  start->attr, start->argv, start->envp);
	if (!ret) {
		CHECK(pid > 0);
		CHECK(waitpid(pid, &status, 0) == pid);
		/* Where it could not write its report, it ends with 1. */
		CHECK(WIFEXITED(status));
	} else {
		CHECK(pid == -5);
	}
	check_no_child();
	CHECK(count_fds() == fds);
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	/* The kernel fills in no more than this. */
	CHECK(!memcmp(&before, &after, sizeof(uint64_t)));
	read_report(into, size);
	snprintf(into + strlen(into), size - strlen(into), "status %d\n",
		 status);
	return ret;
}

/* glibc has the child ignore the two signals that it keeps for itself. */
static void drop_own_signals(char *text)
{
	char *at = strstr(text, "\nignored");
	const char *own[] = {" 32", " 33"};
	size_t i;

	for (i = 0; at && i < 2; i++) {
		char *end = strchr(at + 1, '\n'), *found;

		found = strstr(at, own[i]);
		if (found && found < end &&
		    (found[3] == ' ' || found[3] == '\n'))
			memmove(found, found + 3, strlen(found + 3) + 1);
	}
}

static void compare_said(unsigned long long seed, const struct start *start,
			 int theirs, int ours)
{
	drop_own_signals(said[0]);
	drop_own_signals(said[1]);
	if (theirs != ours || strcmp(said[0], said[1])) {
		fprintf(stderr,
			"seed %llu: %s\n--- the C library: %d\n%s"
			"--- start_process(): %d\n%s",
			seed, start->file, theirs, said[0], ours, said[1]);
		exit(1);
	}
	if (ours)
		failed++;
	else
		started++;
}

static void compare(unsigned long long seed)
{
	const char *file = chance(85) ? seen
			   : chance(50)
				   ? ONE_OF("plain", "absent", "sub",
					    "a-script", "/dev/null/x", "")
				   : ONE_OF("./seen", "seen", "closed/seen");
	char *argv[] = {"name", report, chance(50) ? "a word" : NULL, NULL};
	char *envp[] = {"A=1", chance(50) ? "PATH=/nowhere" : NULL, NULL};
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	struct start start = {.file = file,
			      .search = chance(50),
			      .argv = argv,
			      .envp = chance(70) ? envp : environ,
			      .by = by};
	int theirs, ours;

	change_self();
	random_attr(&attr);
	random_actions(&fa);
	start.attr = chance(90) ? &attr : NULL;
	start.file_actions = chance(90) ? &fa : NULL;
	theirs = start_one(false, &start, said[0], sizeof(said[0]));
	ours = start_one(true, &start, said[1], sizeof(said[1]));
	if (by != START_VFORK && ours == START_NOT_HERE)
		left++;
	else
		compare_said(seed, &start, theirs, ours);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&attr);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(!fchmod(fd, mode));
	close(fd);
}

static void make_place(const char *program)
{
	struct rlimit limit = {512, 4096};
	int fd, at;

	CHECK(realpath(program, seen));
	CHECK(mkdtemp(dir));
	CHECK(!chdir(dir));
	snprintf(report, sizeof(report), "%s/report", dir);
	write_file("file", "text\n", 0644);
	write_file("plain", "text\n", 0644);
	write_file("a-script", "echo no\n", 0755);
	CHECK(!mkdir("sub", 0755));
	CHECK(!mkdir("closed", 0755));
	write_file("closed/seen", "text\n", 0644);
	CHECK(!symlink(seen, "seen"));
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	fd = open(".", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	at = open("file", O_RDONLY);
	CHECK(at >= 0);
	CHECK(dup2(fd, FIRST) == FIRST);
	/* Every third is closed. */
	for (int i = FIRST + 1; i < LAST; i++)
		if (i % 3)
			CHECK(dup2(at, i) == i);
	close(at);
	close(fd);
}

/* PATH: with the program, without, with one that may not be executed, unset. */
static void change_path(void)
{
	char path[8192];

	switch (pick(6)) {
	case 0:
		unsetenv("PATH");
		return;
	case 1:
		snprintf(path, sizeof(path), "/nowhere::%s/closed", dir);
		break;
	case 2:
		snprintf(path, sizeof(path), "%s/closed:%s", dir, dir);
		break;
	case 3:
		snprintf(path, sizeof(path), "%s/file:%s/closed:", dir, dir);
		break;
	case 4:
		snprintf(path, sizeof(path), "%s/closed:/nowhere", dir);
		break;
	default:
		snprintf(path, sizeof(path), "/usr/bin:/bin");
	}
	setenv("PATH", path, 1);
}

static void *spawn_many(void *program)
{
	char *argv[] = {"seen", NULL};
	int i;

	for (i = 0; i < 50; i++) {
		struct start start = {
			.file = program,
			.argv = argv,
			.envp = environ,
			.by = by,
		};
		int pidfd = -1, status;
		pid_t pid;

		start.pidfd = i % 2 ? &pidfd : NULL;
		CHECK(!start_process(&pid, &start));
		CHECK(!start.pidfd || pidfd >= 0);
		if (start.pidfd) {
			struct pollfd ended = {.fd = pidfd, .events = POLLIN};

			CHECK(poll(&ended, 1, 60000) == 1);
			close(pidfd);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		/* It has no file to write to. */
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	}
	return NULL;
}

/* From threads with the smallest of stacks, while a signal keeps coming. */
static void in_threads(void)
{
	pthread_t threads[4];
	pthread_attr_t attr;
	size_t i;

	CHECK(!pthread_attr_init(&attr));
	CHECK(!pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN));
	for (i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], &attr, spawn_many, seen));
	for (i = 0; i < 4; i++)
		CHECK(!pthread_join(threads[i], NULL));
	pthread_attr_destroy(&attr);
}

/*
 * From a process that may open no more files. The directory is only entered.
 * What an interface opens for that it cannot open then.
 */
static void with_full_table(void)
{
	char *argv[] = {"seen", NULL};
	posix_spawn_file_actions_t fa;
	struct start start = {
		.file = seen,
		.file_actions = &fa,
		.argv = argv,
		.envp = environ,
		.by = by,
	};
	struct rlimit limit, full;
	int free, ret, status;
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addchdir_np(&fa, "/");
	CHECK(!getrlimit(RLIMIT_NOFILE, &limit));
	/* No descriptor, and one, for the process or for the directory. */
	for (free = 0; free < 2; free++) {
		full = limit;
		full.rlim_cur = (rlim_t)(3 + free);
		CHECK(!setrlimit(RLIMIT_NOFILE, &full));
		ret = start_process(&pid, &start);
		CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
		if (by != START_VFORK && ret == START_NOT_HERE)
			continue;
		CHECK(!ret);
		CHECK(waitpid(pid, &status, 0) == pid);
	}
	posix_spawn_file_actions_destroy(&fa);
}

/* Starts it; returns whether it could, or leaves it to others. */
static bool start_plain(const posix_spawn_file_actions_t *fa)
{
	char *argv[] = {"seen", NULL};
	struct start start = {
		.file = seen,
		.file_actions = fa,
		.argv = argv,
		.envp = environ,
		.by = by,
	};
	int status, ret, state;
	pid_t pid;

	ret = start_process(&pid, &start);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (by != START_VFORK && ret == START_NOT_HERE)
		return true;
	return !ret && waitpid(pid, &status, 0) == pid && WIFEXITED(status);
}

/* For a C library that has none: it is in glibc since 2.39. */
static int cgroup;

int posix_spawnattr_getcgroup_np(const posix_spawnattr_t *attr, int *fd)
{
	(void)attr;
	*fd = cgroup;
	return 0;
}

/* Into a cgroup, if one can be made here. */
static void with_cgroup(void)
{
	static const char path[] = "/sys/fs/cgroup/posix-spawn-test";
	char *argv[] = {"seen", report, NULL};
	posix_spawnattr_t attr;
	struct start start = {
		.file = seen,
		.attr = &attr,
		.argv = argv,
		.envp = environ,
		.by = by,
	};
	int status, ret;
	pid_t pid;

	/* Of cgroup v2, and ours. */
	if (access("/sys/fs/cgroup/cgroup.procs", F_OK) || mkdir(path, 0755))
		return;
	posix_spawnattr_init(&attr);
	attr.__flags = POSIX_SPAWN_SETCGROUP;
	/* Not a descriptor, and none that is open. */
	cgroup = -1;
	CHECK(start_process(&pid, &start) == START_NOT_HERE);
	cgroup = LAST + 1000;
	ret = start_process(&pid, &start);
	CHECK(ret == EBADF || (by != START_VFORK && ret == START_NOT_HERE));
	cgroup = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(cgroup >= 0);
	ret = start_process(&pid, &start);
	if (!ret) {
		CHECK(waitpid(pid, &status, 0) == pid);
		read_report(said[0], sizeof(said[0]));
		CHECK(strstr(said[0], strrchr(path, '/')));
	} else {
		CHECK(by != START_VFORK && ret == START_NOT_HERE);
	}
	close(cgroup);
	CHECK(!rmdir(path));
	posix_spawnattr_destroy(&attr);
}

/* As a child of fork(2). */
static void after_fork(void)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(start_plain(NULL) ? 0 : 1);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void *write_to_fifo(void *arg)
{
	int fd = open(arg, O_WRONLY);

	CHECK(fd >= 0);
	close(fd);
	return NULL;
}

/* The child waits for somebody to write. */
static void with_fifo(void)
{
	char fifo[] = "fifo", file[] = "file";
	posix_spawn_file_actions_t fa;
	pthread_t writer;
	int fd;

	CHECK(!mkfifo(fifo, 0600));
	CHECK(!pthread_create(&writer, NULL, write_to_fifo, fifo));
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, fifo, O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 1, file, O_RDONLY, 0);
	CHECK(start_plain(&fa));
	posix_spawn_file_actions_destroy(&fa);
	/* Has it been left? */
	fd = open(fifo, O_RDONLY | O_NONBLOCK);
	CHECK(!pthread_join(writer, NULL));
	close(fd);
}

static void *start_cancelled(void *arg)
{
	posix_spawn_file_actions_t fa;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addchdir_np(&fa, "/");
	posix_spawn_file_actions_addchdir_np(&fa, dir);
	posix_spawn_file_actions_addopen(&fa, 1, "file", O_RDONLY, 0);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	pthread_cancel(pthread_self());
	*(bool *)arg = start_plain(&fa);
	posix_spawn_file_actions_destroy(&fa);
	return NULL;
}

/* It is no point at which a thread can be cancelled. */
static void while_cancelled(void)
{
	pthread_t thread;
	bool started = false;
	void *end;

	CHECK(!pthread_create(&thread, NULL, start_cancelled, &started));
	CHECK(!pthread_join(thread, &end));
	CHECK(started);
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1500;
	unsigned long long seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
	unsigned long i;

	CHECK(argc > 1);
	while (argc > 4 && strcmp(start_names[by], argv[4]))
		CHECK(++by < START_INTERFACES);
	CHECK(actions_known());
	/* Others may write to these meanwhile: their offsets would differ. */
	CHECK(!child_close_range(3, ~0U, 0));
	make_place(argv[1]);
	signal(SIGALRM, on_signal);
	for (i = 0; i < count; i++) {
		state = seed + i;
		pick(1);
		change_path();
		compare(seed + i);
	}
	in_threads();
	with_full_table();
	with_cgroup();
	after_fork();
	with_fifo();
	while_cancelled();
	printf("%lu comparisons: %d started, %d failed, no difference\n",
	       count - (unsigned long)left, started, failed);
	if (left)
		printf("%d left to others\n", left);
	CHECK((unsigned long)left <= count / 10 * 9);
	/* Both kinds have been tried; by a template what fails is left. */
	CHECK(count < 100 || started > failed / 10);
	CHECK(count < 100 || by == START_TEMPLATE || failed > started / 10);
	fflush(stdout);
	CHECK(!chdir("/"));
	execl("/bin/rm", "rm", "-r", dir, NULL);
	return 1;
}
