/* SPDX-License-Identifier: MIT */
/* Launchers that work on every kernel, and the descriptors a child gets. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.h"
#include "embryo.h"
#include "execd.h"
#include "filter.h"
#include "ignored.h"
#include "io_uring_spawn.h"
#include "launcher.h"
#include "pack.h"
#include "reap.h"
#include "ring.h"
#include "status.h"
#include "sys.h"
#include "template.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

static struct launch_thread thread;

static void launch(const struct launcher *by, struct pack *p, struct launch *l)
{
	const char *why;

	pack_end(p);
	memset(l, 0, sizeof(*l));
	l->pidfd = -1;
	while (launcher_get(l->by) != by)
		l->by++;
	CHECK(!chain_load(p->bytes, p->size, &l->chain, &why));
	by->launch(l, &thread);
}

static int wait_for(struct launch *l)
{
	struct exit_status status;
	siginfo_t info;

	CHECK(!l->error);
	CHECK(!sys_waitid_pidfd(l->pidfd, &info, WEXITED | WNOWAIT | __WALL,
				NULL));
	CHECK(!reap(l->pidfd, &status));
	close(l->pidfd);
	chain_free(l->chain);
	CHECK(status.code == CLD_EXITED);
	return status.status;
}

/* cwd, then exec: the first one that fails is reported. */
static void test_step(const struct launcher *by, const char *dir,
		      const char *path, int error, uint32_t at)
{
	static const char *const argv[] = {"true", NULL};
	struct launch l;
	struct pack p;
	struct chain_op *op;

	pack_init(&p, 4);
	pack_op(&p, CHAIN_CLONE)->fd = -1;
	op = pack_op(&p, CHAIN_OPENAT);
	op->fd = AT_FDCWD;
	op->flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	op->addr = pack_str(&p, dir);
	pack_op(&p, CHAIN_FCHDIR)->fd = CHAIN_FD_LAST;
	pack_exec(&p, path, argv);
	launch(by, &p, &l);
	CHECK(l.error == error);
	if (!error) {
		CHECK(wait_for(&l) == 0);
		return;
	}
	CHECK(l.failed_op == at);
	close(l.pidfd);
	chain_free(l.chain);
	/* An embryo ends by itself, and is no zombie. */
	CHECK(waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD);
}

/* Two descriptors change places, and no other is left. */
static void test_fds(const struct launcher *by)
{
	static const char *const argv[] = {
		"sh", "-c",
		"read a <&3; read b <&4; test \"$a$b\" = 43 &&"
		/* 5 is the directory that echo reads. */
		" test \"$(cd /proc/self/fd; echo *)\" = '0 1 2 3 4 5'",
		NULL};
	struct chain_fd fds[] = {
		{0, 0, 0, 0}, {1, 1, 0, 0}, {2, 2, 0, 0},
		{4, 3, 0, 0}, {3, 4, 0, 0},
	};
	struct chain_op *op;
	struct launch l;
	struct pack p;
	int a[2], b[2];

	CHECK(!pipe2(a, 0) && !pipe2(b, 0));
	CHECK(write(a[1], "3\n", 2) == 2 && write(b[1], "4\n", 2) == 2);
	fds[4].fd = a[0];
	fds[3].fd = b[0];
	pack_init(&p, 2);
	op = pack_op(&p, CHAIN_CLONE);
	op->fd = -1;
	op->flags = CHAIN_CLONE_FDS;
	op->len = 5;
	op->addr = pack_data(&p, fds, sizeof(fds));
	pack_exec(&p, "/bin/sh", argv);
	launch(by, &p, &l);
	CHECK(wait_for(&l) == 0);
	/* Our own are unchanged. */
	CHECK(!close(a[0]) && !close(a[1]) && !close(b[0]) && !close(b[1]));
}

/* Often enough to notice a leak. */
static void test_leak(const struct launcher *by)
{
	int before = dup(0), after, i;

	for (i = 0; i < 100; i++) {
		test_step(by, "/", "/bin/true", 0, 0);
		test_step(by, "/", "/nowhere", -ENOENT, 3);
	}
	after = dup(0);
	close(before);
	CHECK(after == before + 1);
	close(after);
}

/* Which launcher made a process that does @op before its exec for @kind. */
static void test_by(enum launcher_kind kind, const struct chain_op *op,
		    const char *path, enum launcher_kind by)
{
	static const char *const argv[] = {"true", NULL};
	struct launch l;
	struct pack p;

	pack_init(&p, op ? 3 : 2);
	pack_op(&p, CHAIN_CLONE)->fd = -1;
	if (op)
		*pack_op(&p, (enum chain_opcode)op->op) = *op;
	pack_exec(&p, path, argv);
	launch(launcher_get(kind), &p, &l);
	CHECK(!l.error && l.by == by);
	CHECK(wait_for(&l) == 0);
}

/* That @op before the exec fails, and with what. */
static void test_error(enum launcher_kind kind, const struct chain_op *op,
		       int error)
{
	static const char *const argv[] = {"true", NULL};
	struct launch l;
	struct pack p;

	pack_init(&p, 3);
	pack_op(&p, CHAIN_CLONE)->fd = -1;
	*pack_op(&p, (enum chain_opcode)op->op) = *op;
	pack_exec(&p, "/bin/true", argv);
	launch(launcher_get(kind), &p, &l);
	CHECK(l.error == error && l.failed_op == 1 && l.by == kind);
	CHECK(l.pid == -1 && l.pidfd == -1);
	CHECK(l.chain->res[0] == 0 && l.chain->res[2] == -ECANCELED);
	chain_free(l.chain);
}

/* A child that reaps itself leaves no trace of whether it exec'd. */
static void test_ignored(void)
{
	static const char *const argv[] = {"true", NULL};
	struct launch l;
	struct pack p;

	CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
	pack_init(&p, 2);
	pack_op(&p, CHAIN_CLONE)->fd = -1;
	pack_exec(&p, "/bin/true", argv);
	launch(&launcher_spawn_template, &p, &l);
	CHECK(!l.error && l.by == LAUNCHER_VFORK);
	CHECK(waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD);
	close(l.pidfd);
	chain_free(l.chain);
	CHECK(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
}

/* Bit n - 1 for signal n. */
static uint64_t bit(int sig)
{
	return 1ULL << (sig - 1);
}

/* What is ignored from now on is seen, with a status to read and without. */
static void test_ignored_signals(int status)
{
	const int last = SIGRTMAX;
	sighandler_t old = signal(SIGUSR1, SIG_DFL);
	uint64_t set;

	CHECK(signal(last, SIG_DFL) != SIG_ERR);
	set = ignored_signals(status);
	CHECK(!(set & (bit(SIGUSR1) | bit(last))));
	CHECK(signal(SIGUSR1, SIG_IGN) == SIG_DFL);
	CHECK(signal(last, SIG_IGN) == SIG_DFL);
	CHECK(ignored_signals(status) == (set | bit(SIGUSR1) | bit(last)));
	CHECK(signal(SIGUSR1, SIG_DFL) == SIG_IGN);
	CHECK(signal(last, SIG_DFL) == SIG_IGN);
	CHECK(ignored_signals(status) == set);
	CHECK(signal(SIGUSR1, old) == SIG_DFL);
}

/* A file that is no status, as if it had been closed and another opened. */
static void test_ignored_by(void)
{
	int status = status_open(), other = open("/dev/null", O_RDONLY);

	CHECK(status >= 0 && other >= 0);
	test_ignored_signals(status);
	test_ignored_signals(other);
	test_ignored_signals(-1);
	CHECK(!close(other) && !close(status));
}

/* What a template can do, and what is left to vfork. */
static void test_template(void)
{
	const struct chain_op dup = {.op = CHAIN_DUP, .fd = 0, .len = 9};
	const struct chain_op umask = {.op = CHAIN_TASK_SET,
				       .len = IORING_TASK_UMASK};
	const enum launcher_kind kind = LAUNCHER_SPAWN_TEMPLATE;
	char script[] = "/tmp/uring-spawn-XXXXXX";
	int fd = mkstemp(script);

	CHECK(fd >= 0 && write(fd, "#!/bin/sh\n", 10) == 10);
	CHECK(!fchmod(fd, 0755) && !close(fd));
	test_by(kind, NULL, "/bin/true", kind);
	test_by(kind, &dup, "/bin/true", kind);
	test_by(kind, &umask, "/bin/true", LAUNCHER_VFORK);
	test_by(kind, NULL, script, LAUNCHER_VFORK);
	CHECK(!unlink(script));
}

static struct chain_op task_set(enum io_uring_task_attr attr, uint64_t value)
{
	const struct chain_op op = {
		.op = CHAIN_TASK_SET,
		.len = attr,
		.addr = value,
	};

	return op;
}

/* What an embryo can be told, and what is left to vfork. */
static void test_builder(void)
{
	const enum launcher_kind kind = LAUNCHER_BUILDER;
	const struct chain_op dup = {.op = CHAIN_DUP, .fd = 0, .len = 9};
	const struct chain_op keep = {.op = CHAIN_DUP, .fd = 0, .len = 0};
	const struct chain_op range = {.op = CHAIN_CLOSE_RANGE,
				       .fd = 3,
				       .len = UINT32_MAX,
				       .flags = CLOSE_RANGE_UNSHARE};
	struct chain_op op;
	char script[] = "/tmp/uring-spawn-XXXXXX";
	int fd = mkstemp(script);

	CHECK(fd >= 0 && write(fd, "#!/bin/sh\n", 10) == 10);
	CHECK(!fchmod(fd, 0755) && !close(fd));
	test_by(kind, NULL, "/bin/true", kind);
	test_by(kind, NULL, script, kind);
	test_by(kind, &dup, "/bin/true", kind);
	test_by(kind, &keep, "/bin/true", kind);
	test_by(kind, &range, "/bin/true", kind);
	op = task_set(IORING_TASK_UMASK, 077);
	test_by(kind, &op, "/bin/true", kind);
	op = task_set(IORING_TASK_SETSID, 0);
	test_by(kind, &op, "/bin/true", kind);
	op = task_set(IORING_TASK_SETPGID, 0);
	test_by(kind, &op, "/bin/true", kind);
	op = task_set(IORING_TASK_NICE, 19);
	test_by(kind, &op, "/bin/true", kind);
	op = task_set(IORING_TASK_NO_NEW_PRIVS, 1);
	test_by(kind, &op, "/bin/true", kind);
	op = task_set(IORING_TASK_PDEATHSIG, SIGKILL);
	test_by(kind, &op, "/bin/true", kind);
	op = task_set(IORING_TASK_UID, geteuid());
	test_by(kind, &op, "/bin/true", kind);
	test_by(kind, NULL, "/proc/self/root/bin/true", LAUNCHER_VFORK);
	op = (struct chain_op){.op = CHAIN_CLOSE_RANGE, .fd = 3, .len = 2};
	test_error(kind, &op, -EINVAL);
	op = task_set(IORING_TASK_PDEATHSIG, 65);
	test_error(kind, &op, -EINVAL);
	CHECK(!unlink(script));
}

/* A file that is opened, and one that nobody may wait for. */
static void test_builder_opens(void)
{
	static const char *const argv[] = {
		"sh", "-c", "test $(stat -c %a \"$0\") = 640 && echo hi >&9",
		NULL, NULL};
	char dir[] = "/tmp/uring-spawn-XXXXXX", path[64], text[4] = "";
	const char *words[5];
	struct stat st;
	int fifo;

	memcpy(words, argv, sizeof(argv));
	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	words[3] = path;
	for (fifo = 0; fifo < 2; fifo++) {
		struct launch l;
		struct chain_op *op;
		struct pack p;
		int fd;

		if (fifo)
			CHECK(!mkfifo(path, 0640));
		fd = fifo ? open(path, O_RDWR) : -1;
		pack_init(&p, 5);
		pack_op(&p, CHAIN_CLONE)->fd = -1;
		*pack_op(&p, CHAIN_TASK_SET) = task_set(IORING_TASK_UMASK, 027);
		op = pack_op(&p, CHAIN_OPENAT);
		op->fd = AT_FDCWD;
		op->flags = O_WRONLY | O_CREAT | O_CLOEXEC;
		op->len = 0666;
		op->addr = pack_str(&p, path);
		op = pack_op(&p, CHAIN_DUP);
		op->fd = CHAIN_FD_LAST;
		op->len = 9;
		pack_exec(&p, "/bin/sh", words);
		launch(&launcher_builder, &p, &l);
		CHECK(l.by == (fifo ? LAUNCHER_VFORK : LAUNCHER_BUILDER));
		CHECK(wait_for(&l) == 0);
		if (!fifo)
			fd = open(path, O_RDONLY);
		CHECK(fd >= 0 && read(fd, text, 3) == 3 && text[0] == 'h');
		CHECK(!fstat(fd, &st) && !close(fd) && !unlink(path));
	}
	CHECK(!rmdir(dir));
}

/* If a stack cannot be mapped, one launch fails, not those after it. */
static void test_no_stack(void)
{
	static const char *const argv[] = {"true", NULL};
	const struct rlimit none = {4096, RLIM_INFINITY};
	struct launch_thread fresh;
	struct rlimit old;
	const char *why;
	struct launch l = {.pidfd = -1, .by = LAUNCHER_VFORK};
	struct pack p;

	pack_init(&p, 2);
	pack_op(&p, CHAIN_CLONE)->fd = -1;
	pack_exec(&p, "/bin/true", argv);
	pack_end(&p);
	CHECK(!chain_load(p.bytes, p.size, &l.chain, &why));
	launch_thread_init(&fresh);
	CHECK(!getrlimit(RLIMIT_AS, &old) && !setrlimit(RLIMIT_AS, &none));
	launcher_vfork.launch(&l, &fresh);
	CHECK(!setrlimit(RLIMIT_AS, &old));
	CHECK(l.error == -ENOMEM && l.failed_op == 0 && l.pidfd == -1);
	launcher_vfork.launch(&l, &fresh);
	CHECK(wait_for(&l) == 0);
	launch_thread_exit(&fresh);
}

/* A child that becomes another user leaves our memory dumpable. */
static void test_dumpable(const struct launcher *by)
{
	static const char *const argv[] = {"true", NULL};
	struct chain_op *op;
	struct launch l;
	struct pack p;

	CHECK(prctl(PR_GET_DUMPABLE) == 1);
	pack_init(&p, 4);
	pack_op(&p, CHAIN_CLONE)->fd = -1;
	op = pack_op(&p, CHAIN_TASK_SET);
	op->len = IORING_TASK_GID;
	op->addr = 61234;
	op = pack_op(&p, CHAIN_TASK_SET);
	op->len = IORING_TASK_UID;
	op->addr = 61234;
	pack_exec(&p, "/bin/true", argv);
	launch(by, &p, &l);
	CHECK(wait_for(&l) == 0);
	CHECK(prctl(PR_GET_DUMPABLE) == 1);
}

/* A child in new namespaces @flags, in a cgroup that is none. */
static void pack_misplaced(struct pack *p, int no_cgroup, uint64_t flags)
{
	static const char *const argv[] = {"true", NULL};
	struct chain_op *op;

	pack_init(p, 2);
	op = pack_op(p, CHAIN_CLONE);
	op->fd = no_cgroup;
	op->addr2 = flags | CLONE_INTO_CGROUP;
	pack_exec(p, "/bin/true", argv);
}

/* The same error from all: clone(2) is no way out, as it knows no cgroups. */
static void test_clone_errors(void)
{
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct launch by_vfork, by_fork;
	struct pack p;
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (!geteuid())
			CHECK(!setresuid(65534, 65534, 65534));
		/* EPERM, unless a filter forbids clone3(2). */
		pack_misplaced(&p, root, CLONE_NEWUTS);
		launch(&launcher_fork, &p, &by_fork);
		pack_misplaced(&p, root, CLONE_NEWUTS);
		launch(&launcher_vfork, &p, &by_vfork);
		CHECK(by_fork.error && by_vfork.error == by_fork.error);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	close(root);
}

static bool ring_done;

static void on_done(struct launch *l)
{
	(void)l;
	ring_done = true;
}

/* There is no pidfd to close, although the kernel stored a number for one. */
static void test_no_pidfd(void)
{
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;
	struct ring *ring = ring_new(&err);
	static const struct launch_ops ops = {.done = on_done};
	struct launch l = {.pid = -1, .pidfd = -1};
	const char *why;
	struct pack p;

	if (ring && !ring->spawn_error) {
		pack_misplaced(&p, root, 0);
		pack_end(&p);
		CHECK(!chain_load(p.bytes, p.size, &l.chain, &why));
		CHECK(!launcher_uring.submit(&l, ring, &ops));
		while (!ring_done)
			ring->poller.ops->wait(&ring->poller, true);
		CHECK(l.error == -EBADF && l.pid == -1 && l.pidfd == -1);
		chain_free(l.chain);
	}
	if (ring)
		ring->poller.ops->free(&ring->poller);
	close(root);
}

static void deny(int nr, int err)
{
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(!filter_deny(nr, err));
}

/* A launch whose child cannot announce its exec, and leaves our session. */
static void test_unannounced(const struct launcher *by)
{
	static const char *const argv[] = {"cat", NULL};
	siginfo_t info = {0};
	struct launch l;
	struct pack p;
	int input[2], status;
	pid_t pid = fork();

	if (!pid) {
		/* Against a hang: cat ends only after the launch. */
		alarm(120);
		deny(SYS_set_robust_list, ENOSYS);
		CHECK(!pipe2(input, O_CLOEXEC) && dup2(input[0], 0) == 0);
		pack_init(&p, 3);
		pack_op(&p, CHAIN_CLONE)->fd = -1;
		pack_op(&p, CHAIN_TASK_SET)->len = IORING_TASK_SETSID;
		pack_exec(&p, "/bin/cat", argv);
		launch(by, &p, &l);
		CHECK(!l.error);
		CHECK(!sys_waitid_pidfd(l.pidfd, &info,
					WEXITED | WNOHANG | __WALL, NULL));
		CHECK(!info.si_pid);
		close(input[1]);
		CHECK(wait_for(&l) == 0);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status);
}

static volatile sig_atomic_t slow_launches;
static int slow_pipe[2];

static void count_slow(struct launch_thread *slow)
{
	(void)slow;
	slow_launches++;
	CHECK(write(slow_pipe[1], "", 1) == 1);
}

/* Until the launch has been slow for long. */
static void await_slow(void)
{
	char byte;

	CHECK(read(slow_pipe[0], &byte, 1) == 1);
	usleep(20 * LAUNCH_SLOW_MS * 1000);
}

/* The launch is slow, once, and goes on when the process @releaser ends. */
static void launch_slowly(const struct launcher *by, struct pack *p,
			  pid_t releaser)
{
	int before = slow_launches, status;
	struct launch l;

	thread.on_slow = count_slow;
	thread.slow = false;
	launch(by, p, &l);
	thread.on_slow = NULL;
	CHECK(slow_launches == before + 1);
	CHECK(wait_for(&l) == 0);
	CHECK(waitpid(releaser, &status, 0) == releaser && !status);
	close(slow_pipe[0]);
	close(slow_pipe[1]);
}

/* A child that waits in an open. */
static void test_slow(const struct launcher *by)
{
	static const char *const argv[] = {"true", NULL};
	char dir[] = "/tmp/uring-spawn-XXXXXX", fifo[64];
	struct chain_op *op;
	struct pack p;
	pid_t opener;

	CHECK(mkdtemp(dir));
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	CHECK(!mkfifo(fifo, 0600));
	CHECK(!pipe2(slow_pipe, O_CLOEXEC));
	opener = fork();
	if (!opener) {
		await_slow();
		_exit(open(fifo, O_RDWR) < 0);
	}
	pack_init(&p, 3);
	pack_op(&p, CHAIN_CLONE)->fd = -1;
	op = pack_op(&p, CHAIN_OPENAT);
	op->fd = AT_FDCWD;
	op->flags = O_RDONLY | O_CLOEXEC;
	op->addr = pack_str(&p, fifo);
	pack_exec(&p, "/bin/true", argv);
	launch_slowly(by, &p, opener);
	CHECK(!unlink(fifo) && !rmdir(dir));
}

static void copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	struct stat st;

	CHECK(in >= 0 && out >= 0 && !fstat(in, &st));
	CHECK(sendfile(out, in, NULL, (size_t)st.st_size) == st.st_size);
	close(in);
	close(out);
}

/* A child whose exec waits, for somebody who gives up a lease. */
static void test_slow_exec(const struct launcher *by)
{
	static const char *const argv[] = {"true", NULL};
	char dir[] = "/tmp/uring-spawn-XXXXXX", path[64], byte;
	int held[2], fd;
	pid_t holder;
	struct pack p;

	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/true", dir);
	copy_file("/bin/true", path);
	CHECK(!pipe2(held, O_CLOEXEC) && !pipe2(slow_pipe, O_CLOEXEC));
	holder = fork();
	if (!holder) {
		/* The kernel asks for the lease by this signal. */
		signal(SIGIO, SIG_IGN);
		fd = open(path, O_RDWR);
		CHECK(fd >= 0 && !fcntl(fd, F_SETLEASE, F_WRLCK));
		CHECK(write(held[1], "", 1) == 1);
		await_slow();
		_exit(0);
	}
	close(held[1]);
	CHECK(read(held[0], &byte, 1) == 1);
	close(held[0]);
	pack_init(&p, 2);
	pack_op(&p, CHAIN_CLONE)->fd = -1;
	pack_exec(&p, path, argv);
	launch_slowly(by, &p, holder);
	CHECK(!unlink(path) && !rmdir(dir));
}

/*
 * A child that has neither exec'd nor begun to exit will do one of both, in
 * this session or in another.
 */
static void test_has_execd(bool execs, bool session)
{
	pid_t pid = fork();
	int pidfd, status;

	if (!pid) {
		if (session)
			setsid();
		usleep(5 * LAUNCH_SLOW_MS * 1000);
		if (execs)
			execl("/bin/sleep", "sleep", "60", NULL);
		_exit(9);
	}
	pidfd = (int)sys_call(SYS_pidfd_open, pid, 0);
	CHECK(pidfd >= 0);
	CHECK(execd(pid, pidfd) == execs);
	if (execs)
		CHECK(!kill(pid, SIGKILL));
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(execs ? WIFSIGNALED(status) : WEXITSTATUS(status) == 9);
	close(pidfd);
}

/*
 * Whoever gets the addresses next finds no red zone of the children there. The
 * report of one in a child, which a kill may end, holds the sanitizer's locks.
 */
static void end_thread(void)
{
#ifdef __SANITIZE_ADDRESS__
	void *stack = thread.stack;
	size_t size = thread.stack_size;

	CHECK(__asan_region_is_poisoned(stack, size));
	launch_thread_exit(&thread);
	CHECK(!__asan_region_is_poisoned(stack, size));
#else
	launch_thread_exit(&thread);
#endif
}

int main(void)
{
	struct core_info info = {
		.template_error = template_probe(),
		.embryo_error = embryo_probe(),
	};
	enum launcher_kind kind;

	launch_thread_init(&thread);
	if (!info.template_error) {
		test_template();
		test_ignored();
	}
	if (!info.embryo_error) {
		test_builder();
		test_builder_opens();
	}
	test_ignored_by();
	test_clone_errors();
	test_no_pidfd();
	for (int i = 0; i < 4; i++)
		test_has_execd(i & 1, i & 2);
	for (kind = 0; kind < NR_LAUNCHERS; kind++) {
		const struct launcher *by = launcher_get(kind);

		if (!by->launch || (by->error && by->error(&info)))
			continue;
		test_step(by, "/", "/bin/true", 0, 0);
		test_step(by, "/nowhere", "/bin/true", -ENOENT, 1);
		test_step(by, "/bin/sh", "/bin/true", -ENOTDIR, 1);
		test_step(by, "/", "/nowhere", -ENOENT, 3);
		test_step(by, "/", "/etc/passwd", -EACCES, 3);
		test_fds(by);
		test_leak(by);
		test_slow(by);
		/* This one opens the program itself. */
		if (kind != LAUNCHER_SPAWN_TEMPLATE)
			test_slow_exec(by);
		test_unannounced(by);
		if (!geteuid())
			test_dumpable(by);
	}
	/* After launches: ThreadSanitizer needs memory at the first of them. */
	test_no_stack();
	end_thread();
	return 0;
}
