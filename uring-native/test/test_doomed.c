/* SPDX-License-Identifier: MIT */
/* The file that names the groups which are not to outlive this process. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "io_uring_spawn.h"
#include "pack.h"

#define MANY 300 /* more than the file has lines at first */
#define HANG_MS 60000

static const char *const sleeps[] = {"sleep", "60", NULL};
static const char *const nothing[] = {"no-such-program", NULL};
/* A leader that ends before the rest of its group. */
static const char *const leaves[] = {"sh", "-c", "sleep 60 & exit", NULL};

static struct core *core;
static struct {
	uint32_t id;
	int pid;
	bool failed;
	bool over;
} seen[MANY];

static uint32_t launch(enum launcher_kind kind, uint32_t token,
		       const char *path, const char *const *argv)
{
	struct core_request req = {
		.kind = kind, .token = token, .doomed = true};
	struct pack pack;
	const char *why;
	uint32_t id;

	pack_init(&pack, 3);
	pack_op(&pack, CHAIN_CLONE)->fd = -1;
	pack_op(&pack, CHAIN_TASK_SET)->len = IORING_TASK_SETPGID;
	pack_exec(&pack, path, argv);
	req.chain = pack_end(&pack);
	req.chain_size = pack.size;
	CHECK(!core_launch(core, &req, &id, &why));
	memset(&seen[token], 0, sizeof(seen[token]));
	seen[token].id = id;
	return id;
}

static void take_events(void)
{
	struct pollfd fd = {core_fd(core), POLLIN, 0};
	struct core_event *events, *e;

	CHECK(poll(&fd, 1, HANG_MS) == 1);
	core_poll(core);
	events = core_drain(core, UINT32_MAX);
	for (e = events; e; e = e->next) {
		if (e->type == CORE_STARTED)
			seen[e->token].pid = e->started.pid;
		seen[e->token].failed |= e->type == CORE_FAILED;
		seen[e->token].over |=
			e->type == CORE_EXITED || e->type == CORE_FAILED;
	}
	core_events_free(events);
}

static char *read_file(void)
{
	int fd = core_doomed_file(core);
	struct stat st;
	char *text;

	CHECK(fd >= 0 && !fstat(fd, &st) && st.st_size > 0);
	text = calloc(1, (size_t)st.st_size + 1);
	CHECK(text && pread(fd, text, (size_t)st.st_size, 0) == st.st_size);
	return text;
}

/* How many lines of that kind there are; @pid: with that number, or any. */
static unsigned count(char kind, int pid)
{
	char *text = read_file(), *line, *next = text;
	unsigned n = 0;

	while ((line = strsep(&next, "\n"))) {
		int number = 0;

		if (!*line)
			continue;
		CHECK(strlen(line) >= 8 && strspn(line + 1, " ") >= 7);
		if (line[8])
			number = atoi(line + 8);
		n += *line == kind && number && (!pid || number == pid);
	}
	free(text);
	return n;
}

static void wait_over(uint32_t token)
{
	while (!seen[token].over)
		take_events();
}

static void test_running(enum launcher_kind kind)
{
	uint32_t i;

	for (i = 0; i < MANY; i++)
		launch(kind, i, "/bin/sleep", sleeps);
	core_flush(core);
	for (i = 0; i < MANY; i++) {
		while (!seen[i].pid)
			take_events();
		CHECK(count('+', seen[i].pid) == 1);
	}
	CHECK(count('+', 0) == MANY && core_doomed(core) == MANY);
	for (i = 0; i < MANY; i++)
		CHECK(!core_kill_with_group(core, seen[i].id, SIGKILL));
	for (i = 0; i < MANY; i++)
		wait_over(i);
	CHECK(!count('+', 0) && !count('-', 0) && !core_doomed(core));
}

static void test_failing(enum launcher_kind kind)
{
	launch(kind, 0, "/no/such/program", nothing);
	core_flush(core);
	wait_over(0);
	CHECK(seen[0].failed && !count('+', 0) && !core_doomed(core));
}

static void test_leaving(enum launcher_kind kind)
{
	int ms;

	launch(kind, 0, "/bin/sh", leaves);
	core_flush(core);
	wait_over(0);
	CHECK(seen[0].pid && !count('+', 0) && count('-', seen[0].pid) == 1);
	CHECK(core_doomed(core) == 1);
	CHECK(!kill(-seen[0].pid, SIGKILL));
	/* Somebody else reaps it. */
	for (ms = 0; core_doomed(core) && ms < HANG_MS; ms++)
		usleep(1000);
	CHECK(!core_doomed(core) && !count('-', 0));
}

static uint32_t launch_watcher(enum launcher_kind kind, uint32_t token,
			       const char *path)
{
	struct core_request req = {
		.kind = kind, .token = token, .watcher = true};
	struct pack pack;
	const char *why;
	uint32_t id;

	memset(&seen[token], 0, sizeof(seen[token]));
	pack_init(&pack, 2);
	pack_op(&pack, CHAIN_CLONE)->fd = -1;
	pack_exec(&pack, path, sleeps);
	req.chain = pack_end(&pack);
	req.chain_size = pack.size;
	CHECK(!core_launch(core, &req, &id, &why));
	seen[token].id = id;
	return id;
}

/* The child waits for the watcher, and does not start without one. */
static void test_watcher(enum launcher_kind kind, const char *path, bool starts)
{
	uint32_t id = launch_watcher(kind, 1, path);

	launch(kind, 0, "/bin/sleep", sleeps);
	core_flush(core);
	CHECK((core_wait(core, seen[0].id) > 0) == starts);
	while (!seen[0].pid && !seen[0].over)
		take_events();
	CHECK(seen[0].failed == !starts && seen[1].failed == !starts);
	if (!starts)
		return;
	CHECK(!core_kill(core, seen[0].id, SIGKILL));
	CHECK(!core_kill(core, id, SIGKILL));
	wait_over(0);
	wait_over(1);
	CHECK(!core_doomed(core));
}

/*
 * Nothing waits for a watcher that is requested after it: all launch threads
 * might, and none be left for that.
 */
static void test_watchers(enum launcher_kind kind)
{
	uint32_t i;

	launch_watcher(kind, 0, "/bin/sleep");
	for (i = 1; i < 40; i++) {
		if (i % 13)
			launch(kind, i, "/bin/sleep", sleeps);
		else
			launch_watcher(kind, i, "/bin/sleep");
	}
	core_flush(core);
	for (i = 0; i < 40; i++) {
		while (!seen[i].pid)
			take_events();
		CHECK(!core_kill(core, seen[i].id, SIGKILL));
	}
	for (i = 0; i < 40; i++)
		wait_over(i);
	CHECK(!core_doomed(core));
}

int main(void)
{
	static const enum launcher_kind kinds[] = {
		LAUNCHER_VFORK, LAUNCHER_FORK, LAUNCHER_SPAWN_TEMPLATE,
		LAUNCHER_URING};
	struct core_config config = {.polled = true};
	size_t i;

	CHECK(!core_new(&config, &core));
	CHECK(core_doomed_file(core) >= 0 && !core_doomed(core));
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (core_can_launch(core, kinds[i]))
			continue;
		test_running(kinds[i]);
		test_failing(kinds[i]);
		test_leaving(kinds[i]);
		test_watcher(kinds[i], "/bin/sleep", true);
		test_watcher(kinds[i], "/no/such/program", false);
		test_watcher(kinds[i], "/bin/sleep", true);
		test_watchers(kinds[i]);
	}
	core_detach(core);
	return 0;
}
