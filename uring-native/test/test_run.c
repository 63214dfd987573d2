/* SPDX-License-Identifier: MIT */
/* core_run(): a process from its launch to its end, while the caller waits. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "side.h"

#define MIB ((size_t)1024 * 1024)
#define ROUNDS 100
/* Only something that hangs takes this long. */
#define HANG_MS 60000

static atomic_int sigchlds;

static void on_sigchld(int sig)
{
	(void)sig;
	atomic_fetch_add(&sigchlds, 1);
}

/* The child's 0 to 2 are @fds; its exec is of @path. */
static const void *pack_start(struct pack *p, const char *path,
			      const char *script, const struct chain_fd *fds)
{
	static const uint64_t none = 0;
	const char *const argv[] = {"sh", "-c", script, NULL};
	struct chain_op *op;

	pack_init(p, 3);
	op = pack_op(p, CHAIN_CLONE);
	op->fd = -1;
	op->len = 3;
	op->flags = CHAIN_CLONE_FDS;
	op->addr = pack_data(p, fds, 3 * sizeof(*fds));
	op = pack_op(p, CHAIN_TASK_SET);
	op->len = 0; /* sigmask */
	op->addr = pack_data(p, &none, sizeof(none));
	op->addr2 = sizeof(none);
	pack_exec(p, path, argv);
	return pack_end(p);
}

/* Two sockets: the child's 0, and its 1 and 2. Frees what it wrote. */
struct talk {
	struct core_dialog_pipe pipes[2];
	struct core_dialog run;
};

static void talk_init(struct talk *talk)
{
	memset(talk, 0, sizeof(*talk));
	talk->pipes[0].input = true;
	talk->pipes[1].output = true;
	talk->run.pipes = talk->pipes;
	talk->run.nr_pipes = 2;
	talk->run.kill_signal = SIGTERM;
}

static int run_path(struct side *side, struct talk *talk, const char *path,
		    const char *script)
{
	struct core_request req = {.kind = side->kind};
	int children[2], i;
	struct chain_fd fds[3];
	const char *why;
	struct pack p;

	for (i = 0; i < 2; i++) {
		int ends[2];

		CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				  ends));
		talk->pipes[i].fd = ends[0];
		children[i] = ends[1];
	}
	for (i = 0; i < 3; i++)
		fds[i] = (struct chain_fd){children[i > 0], i, 0, 0};
	req.chain = pack_start(&p, path, script, fds);
	req.chain_size = p.size;
	req.close_fds = children;
	req.nr_close = 2;
	CHECK(!core_run(side->core, &req, &talk->run, &why));
	CHECK(talk->pipes[0].fd == -1 && talk->pipes[1].fd == -1);
	return talk->run.error;
}

static int run_script(struct side *side, struct talk *talk, const char *script)
{
	return run_path(side, talk, "/bin/sh", script);
}

static void test_talk(struct side *side)
{
	char *bytes = malloc(3 * MIB);
	struct talk talk;
	size_t i;

	for (i = 0; i < 3 * MIB; i++)
		bytes[i] = (char)(i * 7 + i / 4096);
	talk_init(&talk);
	talk.pipes[0].in = bytes;
	talk.pipes[0].in_size = 3 * MIB;
	CHECK(!run_script(side, &talk, "cat; exit 7"));
	CHECK(talk.run.pid > 0);
	CHECK(talk.run.exited.code == CLD_EXITED);
	CHECK(talk.run.exited.status == 7);
	CHECK(talk.pipes[1].out_size == 3 * MIB);
	CHECK(!memcmp(talk.pipes[1].out, bytes, 3 * MIB));
	free(talk.pipes[1].out);

	/* Does not read: the input does not fit into the socket. */
	talk_init(&talk);
	talk.pipes[0].in = bytes;
	talk.pipes[0].in_size = 3 * MIB;
	CHECK(run_script(side, &talk, "exit 0") == -EPIPE);
	CHECK(talk.run.exited.code == CLD_EXITED && !talk.run.exited.status);
	/* Nor does this, but it fits. */
	talk_init(&talk);
	talk.pipes[0].in = bytes;
	talk.pipes[0].in_size = 100;
	CHECK(!run_script(side, &talk, "exit 0"));
	free(bytes);
}

/*
 * Once the child has ended, others that have its pipe get the time. On a slow
 * machine even a shell that only exits takes longer than the first limits.
 */
static void test_late(struct side *side)
{
	unsigned ms = 150;
	char script[64];
	struct talk talk;

	do {
		ms *= 2;
		CHECK(ms < HANG_MS);
		snprintf(script, sizeof(script),
			 "(sleep %u.%u; echo late) & exit 5", ms / 500,
			 ms / 50 % 10);
		talk_init(&talk);
		talk.run.timeout_ms = ms;
	} while (run_script(side, &talk, script) == -ETIMEDOUT);
	CHECK(!talk.run.error);
	CHECK(talk.run.exited.status == 5);
	CHECK(talk.pipes[1].out_size == 5);
	free(talk.pipes[1].out);
}

static void test_limits(struct side *side)
{
	struct talk talk;

	talk_init(&talk);
	talk.run.timeout_ms = 50;
	CHECK(run_script(side, &talk, "echo x; exec sleep 60") == -ETIMEDOUT);
	CHECK(talk.run.exited.code == CLD_KILLED);
	CHECK(talk.run.exited.status == SIGTERM);
	free(talk.pipes[1].out);

	/* There is no such signal. */
	talk_init(&talk);
	talk.run.timeout_ms = 50;
	talk.run.kill_signal = 100;
	CHECK(run_script(side, &talk, "exec sleep 60") == -ETIMEDOUT);
	CHECK(talk.run.exited.status == SIGKILL);

	talk_init(&talk);
	talk.run.max_output = 1000;
	CHECK(run_script(side, &talk, "exec cat /dev/zero") == -ENOBUFS);
	CHECK(talk.run.exited.code == CLD_KILLED);
	CHECK(talk.pipes[1].out_size > 1000);
	CHECK(talk.pipes[1].out_size <= 65536);
	free(talk.pipes[1].out);

	/* Exactly so much is no excess. */
	talk_init(&talk);
	talk.run.max_output = 4;
	CHECK(!run_script(side, &talk, "echo abc"));
	CHECK(talk.pipes[1].out_size == 4);
	free(talk.pipes[1].out);

	test_late(side);
}

static void test_no_start(struct side *side)
{
	struct talk talk;

	talk_init(&talk);
	talk.pipes[0].in = "input";
	talk.pipes[0].in_size = 5;
	CHECK(run_path(side, &talk, "/no/such", "") == -ENOENT);
	CHECK(!talk.run.pid && !talk.pipes[1].out);
}

/* A launch with events, whose child ends while another is waited for. */
static void test_others(struct side *side)
{
	static const struct chain_fd fds[] = {
		{0, 0, 0, 0}, {1, 1, 0, 0}, {2, 2, 0, 0}};
	struct core_request req = {.kind = side->kind, .like_uv_spawn = true};
	int i, exited = 0;
	const char *why;
	struct pack p;
	uint32_t id;

	req.chain = pack_start(&p, "/bin/sh", "exit 9", fds);
	req.chain_size = p.size;
	for (i = 0; i < 5; i++) {
		struct talk talk;

		CHECK(!core_launch(side->core, &req, &id, &why));
		core_flush(side->core);
		talk_init(&talk);
		CHECK(!run_script(side, &talk, "exit 3"));
		CHECK(talk.run.exited.status == 3);
	}
	while (exited < 5) {
		struct core_event *event = core_drain(side->core, 1);

		if (!event) {
			sem_wait(&side->woken);
			continue;
		}
		CHECK(event->type != CORE_FAILED);
		if (event->type == CORE_EXITED) {
			CHECK(event->exited.status == 9);
			exited++;
		}
		core_events_free(event);
	}
}

/* Nothing is left, and a program hears of every end. */
static void test_rest(struct side *side)
{
	int before_chlds = sigchlds, before = count_fds(), i;

	for (i = 0; i < ROUNDS; i++) {
		struct talk talk;

		talk_init(&talk);
		CHECK(!run_script(side, &talk, "exit 0"));
	}
	CHECK(count_fds() == before);
	CHECK(sigchlds > before_chlds);
	CHECK(waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD);
	CHECK(!core_drain(side->core, 1));
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_sigchld};
	int i;

	/* Without SA_RESTART: it interrupts the calls of core_run(), too. */
	CHECK(!sigaction(SIGCHLD, &sa, NULL));
	for (i = 0; i < NR_LAUNCHERS; i++) {
		struct side side = {.kind = (enum launcher_kind)i};

		side_open(&side, false);
		if (!core_can_launch(side.core, side.kind)) {
			test_talk(&side);
			test_limits(&side);
			test_no_start(&side);
			test_others(&side);
			test_rest(&side);
		} else {
			printf("launcher %d does not work here\n", i);
		}
		core_detach(side.core);
	}
	return 0;
}
