/* SPDX-License-Identifier: MIT */
/* Many processes at once through the core, with and without a ring. */
#include <errno.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.h"
#include "pack.h"
#include "place.h"

#define NR 200
#define NR_DETACHED 24
#define BYTES 300000
#define AT_ONCE 7

static sem_t woken;

static void wake(void *arg)
{
	(void)arg;
	sem_post(&woken);
}

static bool have_children(void)
{
	return waitpid(-1, NULL, WNOHANG | __WALL) >= 0 || errno != ECHILD;
}

/* A few events at a time; the next call gets the others. */
static struct core_event *take(struct core *core)
{
	struct core_event *events = core_drain(core, AT_ONCE), *e;
	int n = 0;

	for (e = events; e; e = e->next)
		n++;
	CHECK(n <= AT_ONCE);
	if (n == AT_ONCE)
		wake(NULL);
	return events;
}

/* cat with an input and its output collected. */
static uint32_t launch_cat(struct core *core, enum launcher_kind kind)
{
	static const char *const argv[] = {"cat", NULL};
	static char input[BYTES];
	struct core_request req = {.kind = kind};
	static const struct core_pipe pipes[] = {
		{.input = true, .collect = true},
		{.collect = true, .max = SIZE_MAX},
	};
	static const struct chain_fd fds[] = {{CHAIN_FD_PIPE(0), 0, 0, 0},
					      {CHAIN_FD_PIPE(1), 1, 0, 0},
					      {2, 2, 0, 0}};
	const char *why;
	struct pack p;
	struct chain_op *op;
	uint32_t id;

	pack_init(&p, 2);
	op = pack_op(&p, CHAIN_CLONE);
	op->fd = -1;
	op->flags = CHAIN_CLONE_FDS;
	op->len = 3;
	op->addr = pack_data(&p, fds, sizeof(fds));
	pack_exec(&p, "/bin/cat", argv);
	req.chain = pack_end(&p);
	req.chain_size = p.size;
	req.pipes = pipes;
	req.nr_pipes = 2;
	req.input = input;
	req.input_size = BYTES;
	CHECK(!core_launch(core, &req, &id, &why));
	return id;
}

/*
 * Detaches, and waits until the loop has closed its descriptors: then there are
 * @before, as there were before the core.
 */
static void detach(struct core *core, int before)
{
	int i;

	core_detach(core);
	for (i = 0; (have_children() || count_fds() != before) && i < 20000;
	     i++)
		usleep(1000);
	CHECK(!have_children());
	CHECK(count_fds() == before);
}

static void test_many(enum launcher_kind kind, bool no_ring)
{
	struct core_config config = {.wake = wake, .no_ring = no_ring};
	int started = 0, exited = 0, output = 0, i, before = count_fds();
	struct core *core;

	CHECK(!core_new(&config, &core));
	if (core_can_launch(core, kind)) {
		printf("launcher %d does not work here\n", kind);
		detach(core, before);
		return;
	}
	for (i = 0; i < NR; i++)
		launch_cat(core, kind);
	core_flush(core);
	while (exited < NR || output < NR) {
		struct core_event *events, *e;

		sem_wait(&woken);
		events = take(core);
		for (e = events; e; e = e->next) {
			started += e->type == CORE_STARTED;
			if (e->type == CORE_EXITED) {
				CHECK(!e->exited.status);
				exited++;
			} else if (e->type == CORE_OUTPUT) {
				CHECK(e->output.size == BYTES &&
				      !e->output.error);
				output++;
			} else {
				CHECK(e->type == CORE_STARTED);
			}
		}
		core_events_free(events);
	}
	CHECK(started == NR);
	CHECK(!have_children());
	detach(core, before);
}

/* Output in chunks, which come only as they are asked for. */
static void test_chunks(enum launcher_kind kind, bool no_ring)
{
	struct core_config config = {.wake = wake, .no_ring = no_ring};
	int before = count_fds(), chunks = 0;
	bool exited = false, ended = false;
	size_t bytes = 0;
	struct core *core;
	uint32_t id;

	CHECK(!core_new(&config, &core));
	if (core_can_launch(core, kind)) {
		detach(core, before);
		return;
	}
	id = launch_cat(core, kind);
	core_more(core, id, 0);
	/* One call too many, of an output that there is not, of no process. */
	core_more(core, id, 0);
	core_more(core, id, 1);
	core_more(core, id + 1, 0);
	core_flush(core);
	while (!exited || !ended) {
		struct core_event *events, *e;
		int come = 0;

		sem_wait(&woken);
		events = take(core);
		for (e = events; e; e = e->next) {
			exited |= e->type == CORE_EXITED;
			ended |= e->type == CORE_OUTPUT;
			come += e->type == CORE_CHUNK;
			CHECK(e->type != CORE_CHUNK || e->output.size > 0);
			if (e->type == CORE_CHUNK || e->type == CORE_OUTPUT)
				bytes += e->output.size;
			/* It waits for us: only a pipe's rest is left then. */
			CHECK(e->type != CORE_EXITED || bytes + 65536 >= BYTES);
		}
		/* Too early: the event is ours. */
		if (come)
			core_more(core, id, 0);
		core_events_free(events);
		CHECK(come <= 1);
		chunks += come;
		if (come) {
			core_more(core, id, 0);
			core_more(core, id, 0);
		}
	}
	CHECK(bytes == BYTES && chunks > 0);
	CHECK(!have_children());
	detach(core, before);
}

/* Takes @events events, if that many come, and then detaches. */
static void detach_after(enum launcher_kind kind, bool no_ring, int events)
{
	struct core_config config = {.wake = wake, .no_ring = no_ring};
	int i, before = count_fds();
	struct core *core;

	CHECK(!core_new(&config, &core));
	if (core_can_launch(core, kind))
		events = 0;
	else
		for (i = 0; i < NR_DETACHED; i++)
			launch_cat(core, kind);
	core_flush(core);
	while (events > 0) {
		struct core_event *taken, *e;

		sem_wait(&woken);
		taken = take(core);
		for (e = taken; e; e = e->next)
			events--;
		core_events_free(taken);
	}
	detach(core, before);
}

/*
 * Detaches at every stage: a job that ends meanwhile must not be freed before
 * the loop has stopped it.
 */
static void test_detach(enum launcher_kind kind, bool no_ring)
{
	int events;

	/* Three of each: started, its output, its end. */
	for (events = 0; events < 3 * NR_DETACHED; events += 5)
		detach_after(kind, no_ring, events);
}

/* Without a descriptor of it, a child still starts where the process is. */
static void test_no_place(enum launcher_kind kind)
{
	struct place unknown = {.refs = 1, .fd = -1, .umask = -1};
	char dir[] = "/tmp/uring-spawn-XXXXXX", old[4096], now[4096];
	const char *const argv[] = {"sh", "-c", "test \"$(pwd -P)\" = \"$0\"",
				    now, NULL};
	struct core_config config = {.wake = wake};
	struct core_request req = {.kind = kind, .place = &unknown};
	int before = count_fds();
	struct core *core;
	bool over = false;
	const char *why;
	struct pack p;
	uint32_t id;

	CHECK(!core_new(&config, &core));
	if (core_can_launch(core, kind)) {
		detach(core, before);
		return;
	}
	CHECK(mkdtemp(dir) && getcwd(old, sizeof(old)));
	CHECK(!chdir(dir) && getcwd(now, sizeof(now)));
	pack_init(&p, 2);
	pack_op(&p, CHAIN_CLONE)->fd = -1;
	pack_exec(&p, "/bin/sh", argv);
	req.chain = pack_end(&p);
	req.chain_size = p.size;
	CHECK(!core_launch(core, &req, &id, &why));
	core_flush(core);
	while (!over) {
		struct core_event *events, *e;

		sem_wait(&woken);
		events = take(core);
		for (e = events; e; e = e->next) {
			CHECK(e->type != CORE_FAILED);
			if (e->type == CORE_EXITED) {
				CHECK(!e->exited.status);
				over = true;
			}
		}
		core_events_free(events);
	}
	detach(core, before);
	CHECK(unknown.refs == 1);
	CHECK(!chdir(old) && !rmdir(dir));
}

/* A number that JavaScript may send, but no launcher has. */
static void test_unknown(void)
{
	const enum launcher_kind kinds[] = {NR_LAUNCHERS, -1};
	struct core_config config = {.wake = wake};
	int before = count_fds();
	struct core *core;
	size_t i;

	CHECK(!core_new(&config, &core));
	for (i = 0; i < 2; i++) {
		struct core_request req = {.kind = kinds[i]};
		const char *why = "";
		uint32_t id;

		CHECK(core_can_launch(core, kinds[i]) == -EINVAL);
		CHECK(core_launch(core, &req, &id, &why) == -EINVAL && *why);
	}
	CHECK(!core_can_launch(core, LAUNCHER_VFORK));
	detach(core, before);
}

int main(void)
{
	enum launcher_kind kind;
	struct rlimit files;

	/* NR launches at once need more than the usual 1024. */
	CHECK(!getrlimit(RLIMIT_NOFILE, &files));
	files.rlim_cur = files.rlim_max;
	CHECK(!setrlimit(RLIMIT_NOFILE, &files));
	sem_init(&woken, 0, 0);
	test_unknown();
	test_detach(LAUNCHER_VFORK, true);
	test_many(LAUNCHER_VFORK, true);
	test_chunks(LAUNCHER_VFORK, true);
	for (kind = 0; kind < NR_LAUNCHERS; kind++) {
		test_detach(kind, false);
		test_many(kind, false);
		test_chunks(kind, false);
		test_no_place(kind);
	}
	return 0;
}
