/* SPDX-License-Identifier: MIT */
/* Launches like uv_spawn(3): what their request promises besides a process. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "side.h"

#define NR 20
/* Only something that hangs takes this long. */
#define HANG_MS 60000

static atomic_int sigchlds;
static char dir[] = "/tmp/uv-spawn-XXXXXX";

static void on_sigchld(int sig)
{
	(void)sig;
	atomic_fetch_add(&sigchlds, 1);
}

static const char *in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void nap(void)
{
	struct timespec ms = {0, 1000000};

	nanosleep(&ms, NULL);
}

/* Launches @path with @argv; @link is that of its exec. Returns the id. */
static uint32_t start(struct side *side, const char *path,
		      const char *const *argv, uint8_t link)
{
	static const uint64_t none = 0;
	struct core_request req = {.kind = side->kind, .like_uv_spawn = true};
	struct chain_op *op;
	const char *why;
	struct pack p;
	uint32_t id;

	pack_init(&p, 3);
	pack_op(&p, CHAIN_CLONE)->fd = -1;
	op = pack_op(&p, CHAIN_TASK_SET);
	op->len = 0; /* sigmask */
	op->addr = pack_data(&p, &none, sizeof(none));
	op->addr2 = sizeof(none);
	pack_exec(&p, path, argv)->link = link;
	req.chain = pack_end(&p);
	req.chain_size = p.size;
	CHECK(!core_launch(side->core, &req, &id, &why));
	core_flush(side->core);
	return id;
}

/* Takes events until one of @type has come, which the caller frees. */
static struct core_event *next(struct side *side, enum core_event_type type)
{
	for (;;) {
		struct core_event *event = core_drain(side->core, 1);

		if (event && event->type == type)
			return event;
		if (event)
			core_events_free(event);
		else
			sem_wait(&side->woken);
	}
}

static bool open_side(struct side *side, enum launcher_kind kind)
{
	side->kind = kind;
	side_open(side, false);
	if (!core_can_launch(side->core, kind))
		return true;
	printf("launcher %d does not work here\n", kind);
	core_detach(side->core);
	return false;
}

/* core_wait() returns the pid, the child's until EXITED is freed. */
static void test_pid(enum launcher_kind kind)
{
	static const char *const argv[] = {"true", NULL};
	struct core_event *exited;
	struct side side;
	int pid, before = sigchlds;
	uint32_t id;

	if (!open_side(&side, kind))
		return;
	id = start(&side, "/bin/true", argv, 0);
	pid = core_wait(side.core, id);
	CHECK(pid > 0);
	CHECK(core_wait(side.core, id) == pid);
	exited = next(&side, CORE_EXITED);
	CHECK(!exited->exited.status && exited->like_uv_spawn);
	while (sigchlds == before)
		nap();
	CHECK(!kill(pid, 0));
	CHECK(!core_kill(side.core, id, SIGTERM));
	core_events_free(exited);
	CHECK(kill(pid, 0) < 0 && errno == ESRCH);
	CHECK(core_wait(side.core, id) == -ESRCH);
	CHECK(core_kill(side.core, id, SIGTERM) == -ESRCH);

	id = start(&side, in_dir("missing"), argv, 0);
	CHECK(core_wait(side.core, id) == -ENOENT);
	core_events_free(next(&side, CORE_FAILED));
	core_detach(side.core);
}

/* A script without #! is for the shell, if that is asked for. */
static void test_shell(enum launcher_kind kind)
{
	static const char script[] = "exit $((40 + $1 + $#))\n";
	char path[128];
	const char *const argv[] = {"zero", "1", "2", NULL};
	struct core_event *event;
	struct side side;
	int fd;

	if (!open_side(&side, kind))
		return;
	snprintf(path, sizeof(path), "%s", in_dir("script"));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	CHECK(write(fd, script, strlen(script)) == (ssize_t)strlen(script));
	CHECK(!close(fd));
	CHECK(core_wait(side.core, start(&side, path, argv, 0)) == -ENOEXEC);
	core_events_free(next(&side, CORE_FAILED));
	CHECK(core_wait(side.core, start(&side, path, argv, CHAIN_SHELL)) > 0);
	event = next(&side, CORE_EXITED);
	CHECK(event->exited.status == 43);
	core_events_free(event);
	CHECK(!unlink(path));
	core_detach(side.core);
}

/* Requests NR launches, which make directories in @dir, and ends. */
static int end(enum launcher_kind kind, bool exits)
{
	static struct side side; /* the core's threads outlive this call */
	char path[128];
	int i;

	if (!open_side(&side, kind))
		return 1;
	for (i = 0; i < NR; i++) {
		const char *const argv[] = {"mkdir", path, NULL};

		snprintf(path, sizeof(path), "%s/%d", dir, i);
		start(&side, "/bin/mkdir", argv, 0);
	}
	if (!exits)
		core_detach(side.core);
	return 0;
}

/* What has been requested is started, whoever ends meanwhile. */
static void test_end(enum launcher_kind kind, bool exits)
{
	char digit[] = {(char)('0' + kind), '\0'};
	int i, status;
	pid_t pid = fork();

	if (!pid) {
		execl("/proc/self/exe", "test_uv_spawn", digit,
		      exits ? "exit" : "detach", dir, NULL);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	for (i = 0; i < NR; i++) {
		char path[128];
		int ms;

		snprintf(path, sizeof(path), "%s/%d", dir, i);
		for (ms = 0; rmdir(path) < 0; ms++) {
			CHECK(ms < HANG_MS);
			nap();
		}
	}
}

static bool works(enum launcher_kind kind)
{
	struct side side;
	bool works = open_side(&side, kind);

	if (works)
		core_detach(side.core);
	return works;
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_sigchld,
			       .sa_flags = SA_RESTART};
	int i;

	if (argc == 4) {
		snprintf(dir, sizeof(dir), "%s", argv[3]);
		return end((enum launcher_kind)(*argv[1] - '0'),
			   !strcmp(argv[2], "exit"));
	}
	CHECK(mkdtemp(dir));
	CHECK(!sigaction(SIGCHLD, &sa, NULL));
	for (i = 0; i < NR_LAUNCHERS; i++) {
		enum launcher_kind kind = (enum launcher_kind)i;

		test_pid(kind);
		test_shell(kind);
		if (!works(kind))
			continue;
		test_end(kind, true);
		test_end(kind, false);
	}
	CHECK(!rmdir(dir));
	return 0;
}
