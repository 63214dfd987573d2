/* SPDX-License-Identifier: MIT */
/* A core whose owner watches core_fd(), as an event loop does. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.h"
#include "pack.h"

#define MANY 60	  /* processes at once: their ends come by the loop */
#define TOTAL 120 /* processes of a test, one after another */
#define HANG_MS 60000

static const char *const ends[] = {"true", NULL};
static const char *const sleeps[] = {"sleep", "60", NULL};
static const char *const writes[] = {"echo", "hello", NULL};

/* One owner, its core, and what it has seen of each launch, by token. */
struct owner {
	struct core *core;
	enum launcher_kind kind;
	unsigned started[TOTAL];
	unsigned over[TOTAL];
	unsigned outputs;
	unsigned nr_over;
	_Atomic uint32_t ids[TOTAL];
	atomic_bool done;
};

static bool readable(struct owner *o, int ms)
{
	struct pollfd fd = {core_fd(o->core), POLLIN, 0};
	int ret;

	do {
		ret = poll(&fd, 1, ms);
	} while (ret < 0 && errno == EINTR);
	return ret == 1;
}

static void count(struct owner *o, const struct core_event *e)
{
	CHECK(e->token < TOTAL);
	CHECK(e->type == CORE_OUTPUT || !o->over[e->token]);
	switch (e->type) {
	case CORE_STARTED:
		CHECK(!o->started[e->token]++);
		break;
	case CORE_EXITED:
		CHECK(o->started[e->token]);
		CHECK(e->exited.code == CLD_EXITED ||
		      e->exited.code == CLD_KILLED);
		o->over[e->token]++;
		o->nr_over++;
		break;
	case CORE_FAILED: /* cancelled */
		CHECK(e->failed.error == -ECANCELED && !o->started[e->token]);
		o->over[e->token]++;
		o->nr_over++;
		break;
	default:
		CHECK(e->type == CORE_OUTPUT && !e->output.error);
		o->outputs++;
	}
}

/* What an event loop does in a turn. Returns how many events there were. */
static unsigned turn(struct owner *o, unsigned max)
{
	struct core_event *events, *e;
	unsigned nr = 0;

	CHECK(readable(o, HANG_MS));
	core_poll(o->core);
	events = core_drain(o->core, max);
	for (e = events; e; e = e->next, nr++)
		count(o, e);
	core_events_free(events);
	if (nr == max)
		core_wake(o->core);
	return nr;
}

static uint32_t launch(struct owner *o, uint32_t token, const char *const *argv,
		       bool collect)
{
	static const struct core_pipe out = {.collect = true, .max = 100};
	static const struct chain_fd fds[] = {{CHAIN_FD_PIPE(0), 1, 0, 0}};
	struct core_request req = {.kind = o->kind, .token = token};
	struct chain_op *op;
	const char *why;
	struct pack p;
	char path[64];
	uint32_t id;

	pack_init(&p, 2);
	op = pack_op(&p, CHAIN_CLONE);
	op->fd = -1;
	op->flags = CHAIN_CLONE_FDS;
	if (collect) {
		op->len = 1;
		op->addr = pack_data(&p, fds, sizeof(fds));
		req.pipes = &out;
		req.nr_pipes = 1;
	}
	snprintf(path, sizeof(path), "/bin/%s", argv[0]);
	pack_exec(&p, path, argv);
	req.chain = pack_end(&p);
	req.chain_size = p.size;
	CHECK(!core_launch(o->core, &req, &id, &why));
	atomic_store(&o->ids[token], id);
	return id;
}

/* Returns false if the launcher does not work here. */
static bool begin(struct owner *o, enum launcher_kind kind, bool no_ring)
{
	struct core_config config = {.polled = true, .no_ring = no_ring};

	memset(o, 0, sizeof(*o));
	o->kind = kind;
	CHECK(!core_new(&config, &o->core));
	CHECK(core_fd(o->core) >= 0);
	return !core_can_launch(o->core, kind);
}

static bool have_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) ==
		       0 ||
	       errno != ECHILD;
}

/* Until what is left of detached cores is gone. */
static void wait_for_ends(int fds_before)
{
	int i;

	for (i = 0; have_children() || count_fds() != fds_before; i++) {
		CHECK(i < HANG_MS);
		usleep(1000);
	}
}

static void end(struct owner *o, int fds_before)
{
	core_detach(o->core);
	wait_for_ends(fds_before);
}

/* Each starts, then ends, once, however many there are at a time. */
static void test_each(enum launcher_kind kind, bool no_ring, unsigned at_once,
		      unsigned max)
{
	int before = count_fds();
	struct owner o;
	unsigned nr;

	if (begin(&o, kind, no_ring)) {
		for (nr = 0; nr < TOTAL; nr++) {
			launch(&o, nr, ends, false);
			core_flush(o.core);
			while (nr + 1 - o.nr_over >= at_once)
				turn(&o, max);
		}
		while (o.nr_over < TOTAL)
			turn(&o, max);
		CHECK(!core_drain(o.core, 1));
	}
	end(&o, before);
}

/* Ends of both kinds: with output they are the loop's. */
static void test_output(enum launcher_kind kind)
{
	int before = count_fds();
	unsigned nr, outputs = 0;
	struct owner o;

	if (begin(&o, kind, false)) {
		for (nr = 0; nr < TOTAL; nr++) {
			launch(&o, nr, nr % 2 ? writes : ends, nr % 2);
			outputs += nr % 2;
			core_flush(o.core);
			while (nr + 1 - o.nr_over > 3)
				turn(&o, 100);
		}
		while (o.nr_over < TOTAL || o.outputs < outputs)
			turn(&o, 100);
	}
	end(&o, before);
}

/* Whatever has been told by then, the rest is reaped without the owner. */
static void test_detach(enum launcher_kind kind, bool no_ring, unsigned nr,
			unsigned events)
{
	int before = count_fds();
	struct owner o;
	unsigned i;

	if (begin(&o, kind, no_ring)) {
		for (i = 0; i < nr; i++)
			launch(&o, i, ends, false);
		core_flush(o.core);
		for (i = 0; i < events;)
			i += turn(&o, events - i);
	}
	end(&o, before);
}

/* A process may be stopped, go on, and end by a signal much later. */
static void test_stopped(enum launcher_kind kind)
{
	int before = count_fds();
	struct owner o;
	uint32_t id;

	if (begin(&o, kind, false)) {
		id = launch(&o, 0, sleeps, false);
		core_flush(o.core);
		while (!o.started[0])
			turn(&o, 1);
		/* The wake-up that came with that event. */
		while (readable(&o, 0))
			CHECK(!turn(&o, 1));
		CHECK(!core_kill(o.core, id, SIGSTOP));
		CHECK(!core_kill(o.core, id, SIGCONT));
		CHECK(!readable(&o, 20));
		CHECK(!core_kill(o.core, id, SIGKILL));
		while (!o.nr_over)
			turn(&o, 1);
	}
	end(&o, before);
}

static void test_wake(void)
{
	int before = count_fds();
	struct owner o;

	begin(&o, LAUNCHER_VFORK, false);
	CHECK(!readable(&o, 0));
	core_wake(o.core);
	core_wake(o.core);
	CHECK(readable(&o, 0));
	core_poll(o.core);
	CHECK(!readable(&o, 0));
	core_wake(o.core);
	CHECK(readable(&o, 0));
	end(&o, before);
}

/*
 * The address sanitizer of GCC 12 takes what a killed child left on its stack
 * for its own marks on the stack of a thread that gets the same memory.
 */
#ifndef __SANITIZE_ADDRESS__

/* Kills what the owner launches, at any moment. */
static void *meddle(void *arg)
{
	struct owner *o = arg;
	unsigned i;

	for (i = 0; !atomic_load(&o->done); i++) {
		uint32_t id = atomic_load(&o->ids[i % TOTAL]);
		int ret = id ? core_kill(o->core, id, i % 7 ? SIGKILL : 0) : 0;

		CHECK(!ret || ret == -ESRCH || ret == -EAGAIN);
		core_stop_output(o->core, id);
		core_flush(o->core);
		usleep(i % 50);
	}
	return NULL;
}

static void *environment(void *arg)
{
	const enum launcher_kind *kind = arg;
	unsigned round, nr;

	for (round = 0; round < 4; round++) {
		struct owner *o = malloc(sizeof(*o));
		pthread_t other;

		CHECK(o);
		if (begin(o, *kind, round % 2)) {
			CHECK(!pthread_create(&other, NULL, meddle, o));
			for (nr = 0; nr < TOTAL; nr++) {
				launch(o, nr, nr % 4 ? ends : sleeps, false);
				core_flush(o->core);
				while (nr + 1 - o->nr_over > 1U << round * 2)
					turn(o, 3);
			}
			/* Those at the end are still under way, or not. */
			for (nr = 0; nr < round * 20; nr++)
				if (o->nr_over < TOTAL)
					turn(o, 3);
			atomic_store(&o->done, true);
			CHECK(!pthread_join(other, NULL));
			for (nr = 0; nr < TOTAL; nr++)
				core_kill(o->core, o->ids[nr], SIGKILL);
		}
		core_detach(o->core);
		free(o);
	}
	return NULL;
}

static void test_threads(enum launcher_kind kind)
{
	int i, before = count_fds();
	pthread_t threads[2];

	for (i = 0; i < 2; i++)
		CHECK(!pthread_create(&threads[i], NULL, environment, &kind));
	for (i = 0; i < 2; i++)
		CHECK(!pthread_join(threads[i], NULL));
	wait_for_ends(before);
}

#else

static void test_threads(enum launcher_kind kind)
{
	(void)kind;
}

#endif

static void test_launcher(enum launcher_kind kind, bool no_ring)
{
	unsigned events;

	test_each(kind, no_ring, 1, 100);
	test_each(kind, no_ring, 3, 1);
	test_each(kind, no_ring, MANY, 7);
	for (events = 0; events <= 4; events++)
		test_detach(kind, no_ring, 2, events);
	for (events = 0; events < 2 * MANY; events += 17)
		test_detach(kind, no_ring, MANY, events);
}

int main(void)
{
	enum launcher_kind kind;

	test_wake();
	test_launcher(LAUNCHER_VFORK, true);
	for (kind = 0; kind < NR_LAUNCHERS; kind++) {
		test_launcher(kind, false);
		test_output(kind);
		test_stopped(kind);
		test_threads(kind);
	}
	return 0;
}
