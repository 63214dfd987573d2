/* SPDX-License-Identifier: MIT */
/*
 * Calls every function of core.h from two threads at once, while children
 * start, fail, write and exit: for ThreadSanitizer, and to check what must hold
 * for the events in any order. Runs two cores at a time, as two workers do.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.h"
#include "pack.h"

#define NR_LAUNCHES 300U
#define IN_FLIGHT 24U
#define INPUT 70000U /* more than a pipe holds */

static char input[INPUT];

struct side {
	struct core *core;
	enum launcher_kind kind;
	sem_t woken;
	atomic_uint ids[NR_LAUNCHES];
	atomic_uint newest;  /* the last one */
	atomic_uint over;    /* FAILED or EXITED */
	atomic_uint started; /* and STARTED */
	atomic_uint outputs; /* still to come */
	atomic_bool done;
};

static void wake(void *arg)
{
	struct side *side = arg;

	sem_post(&side->woken);
}

enum program { CAT, SLEEP, NO_FILE, NO_FOLDER, NO_PIPE, NR_PROGRAMS };

/*
 * Its pipe cannot be moved above the target: the launch fails before there is a
 * child.
 */
static void pack_no_pipe(struct pack *p)
{
	static const char *const cat[] = {"cat", NULL};
	struct chain_op *op;

	pack_init(p, 3);
	pack_op(p, CHAIN_CLONE)->fd = -1;
	op = pack_op(p, CHAIN_DUP);
	op->fd = CHAIN_FD_PIPE(1);
	op->len = INT32_MAX - 1;
	pack_exec(p, "/bin/cat", cat);
	pack_end(p);
}

static void pack_program(struct pack *p, enum program which)
{
	static const char *const cat[] = {"cat", NULL};
	static const char *const wait[] = {"sleep", "1", NULL};
	static const struct chain_fd fds[] = {{CHAIN_FD_PIPE(0), 0, 0, 0},
					      {CHAIN_FD_PIPE(1), 1, 0, 0},
					      {2, 2, 0, 0}};
	struct chain_op *op;

	if (which == NO_PIPE) {
		pack_no_pipe(p);
		return;
	}
	pack_init(p, which == NO_FOLDER ? 4 : 2);
	op = pack_op(p, CHAIN_CLONE);
	op->fd = -1;
	op->flags = CHAIN_CLONE_FDS;
	op->len = 3;
	op->addr = pack_data(p, fds, sizeof(fds));
	if (which == NO_FOLDER) {
		op = pack_op(p, CHAIN_OPENAT);
		op->fd = -100;
		op->addr = pack_str(p, "/nowhere");
		pack_op(p, CHAIN_FCHDIR)->fd = CHAIN_FD_LAST;
	}
	if (which == CAT)
		pack_exec(p, "/bin/cat", cat);
	else if (which == SLEEP)
		pack_exec(p, "/bin/sleep", wait);
	else
		pack_exec(p, "/nowhere", cat);
	pack_end(p);
}

static void launch(struct side *side, unsigned nr)
{
	static const struct core_pipe pipes[] = {
		{.input = true, .collect = true},
		{.collect = true, .max = INPUT - 1},
	};
	struct core_request req = {
		.kind = side->kind,
		.token = nr,
		.lazy = nr & 8,
		.want_results = nr & 16,
		.pipes = pipes,
		.nr_pipes = 2,
		.input = input,
		.input_size = INPUT,
		.borrow_input = nr & 4,
	};
	const char *why;
	struct pack p;
	uint32_t id;

	pack_program(&p, nr % NR_PROGRAMS);
	req.chain = p.bytes;
	req.chain_size = p.size;
	/*
	 * Count it first: the other thread may see its end before this one
	 * does.
	 */
	atomic_fetch_add(&side->outputs, 1);
	CHECK(!core_launch(side->core, &req, &id, &why));
	atomic_store(&side->ids[nr], id);
	atomic_store(&side->newest, id);
	if (nr % 3)
		core_flush(side->core);
}

static void take(struct side *side)
{
	struct core_event *events = core_drain(side->core, 5), *e;
	int n = 0;

	for (e = events; e; e = e->next, n++) {
		switch (e->type) {
		case CORE_STARTED:
			CHECK(e->started.pid > 0 && e->started.pidfd >= 0);
			atomic_fetch_add(&side->started, 1);
			if (e->token % 2)
				core_stop_output(side->core, e->id);
			break;
		case CORE_FAILED:
			CHECK(e->failed.error < 0);
			atomic_fetch_sub(&side->outputs, 1);
			atomic_fetch_add(&side->over, 1);
			break;
		case CORE_EXITED:
			CHECK(e->exited.code);
			atomic_fetch_add(&side->over, 1);
			break;
		case CORE_OUTPUT:
			CHECK(!e->output.error && e->output.size < INPUT);
			atomic_fetch_sub(&side->outputs, 1);
			break;
		case CORE_OVERFLOW:
		case CORE_FED:
		case CORE_CHUNK:
			break;
		}
	}
	/* Let the loop handle what has been queued. */
	usleep((unsigned)rand() % 30);
	core_events_free(events);
	if (n == 5)
		wake(side);
}

/* Kills, stops, flushes and drains what the other thread launches. */
static void *meddle(void *arg)
{
	struct side *side = arg;
	struct core_info info;
	unsigned i;

	for (i = 0; !atomic_load(&side->done); i++) {
		uint32_t id = atomic_load(&side->ids[i % NR_LAUNCHES]);
		int j, ret;

		/* Even while it is being launched. */
		for (j = 0; j < 50; j++) {
			uint32_t newest = atomic_load(&side->newest);

			ret = newest ? core_kill(side->core, newest, 0) : 0;
			CHECK(!ret || ret == -ESRCH || ret == -EAGAIN);
		}

		core_get_info(side->core, &info);
		CHECK(info.poller);
		if (id && i % 3 == 0)
			core_stop_output(side->core, id);
		ret = id ? core_kill(side->core, id, i % 5 ? SIGKILL : 0) : 0;
		CHECK(!ret || ret == -ESRCH || ret == -EAGAIN);
		core_flush(side->core);
		take(side);
		if (id && i % 8 == 0)
			usleep(i % 100);
	}
	return NULL;
}

static void race(struct side *side)
{
	pthread_t other;
	unsigned nr;

	CHECK(!pthread_create(&other, NULL, meddle, side));
	for (nr = 0; nr < NR_LAUNCHES; nr++) {
		launch(side, nr);
		while (nr + 1 - atomic_load(&side->over) > IN_FLIGHT) {
			sem_wait(&side->woken);
			take(side);
		}
	}
	core_flush(side->core);
	while (atomic_load(&side->over) < NR_LAUNCHES ||
	       atomic_load(&side->outputs)) {
		usleep(1000);
		take(side);
	}
	atomic_store(&side->done, true);
	CHECK(!pthread_join(other, NULL));
	CHECK(atomic_load(&side->started) > 0);
	CHECK(!core_drain(side->core, 1));
}

/* What is under way when the core is detached. */
static void leave(struct side *side)
{
	unsigned nr;

	for (nr = 0; nr < IN_FLIGHT; nr++)
		launch(side, nr);
	core_flush(side->core);
	for (nr = 0; nr < IN_FLIGHT; nr++)
		core_kill(side->core, atomic_load(&side->ids[nr]), SIGKILL);
}

struct environment {
	enum launcher_kind kind;
	bool no_ring;
};

static void *environment(void *arg)
{
	struct environment *env = arg;
	struct side side = {.kind = env->kind};
	struct core_config config = {
		.wake = wake, .arg = &side, .no_ring = env->no_ring};

	sem_init(&side.woken, 0, 0);
	CHECK(!core_new(&config, &side.core));
	if (!core_can_launch(side.core, side.kind)) {
		race(&side);
		leave(&side);
	}
	core_detach(side.core);
	return NULL;
}

int main(void)
{
	struct environment envs[NR_LAUNCHERS + 1] = {{LAUNCHER_VFORK, true}};
	size_t i;

	for (i = 0; i < NR_LAUNCHERS; i++)
		envs[i + 1].kind = i;
	for (i = 0; i < NR_LAUNCHERS; i++) {
		pthread_t a, b;

		CHECK(!pthread_create(&a, NULL, environment, &envs[i]));
		CHECK(!pthread_create(&b, NULL, environment, &envs[i + 1]));
		CHECK(!pthread_join(a, NULL));
		CHECK(!pthread_join(b, NULL));
	}
	for (i = 0; i < 20000; i++) {
		siginfo_t info;

		if (waitid(P_ALL, 0, &info,
			   WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
			break;
		usleep(1000);
	}
	CHECK(i < 20000 && errno == ECHILD);
	return 0;
}
