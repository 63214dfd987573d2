/* SPDX-License-Identifier: MIT */
/* core_run(): a process from its launch to its end, while the caller waits. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

/* The child's 0, and its 1 and 2. */
struct talk {
	struct side *side;
	struct core_dialog_pipe pipes[2];
	struct core_dialog run;
	int kill_signal; /* for one that exceeds a limit */
	int exceeded;	 /* which limit: -ETIMEDOUT, -ENOBUFS */
	bool ended;
	bool stops;    /* at the end, takes what there is */
	int more;      /* how often it wants to hear of the end again */
	int all_times; /* how often it has */
};

/* As spawnSync() does: once a limit is exceeded, nothing more is read. */
static void on_news(struct core_dialog *run, enum core_news news)
{
	struct talk *talk = run->arg;

	run->wait_ms = -1;
	if (news == CORE_NEWS_OVER) {
		CHECK(!talk->ended);
		talk->ended = true;
		run->stop = talk->stops;
	} else if (news == CORE_NEWS_ALL) {
		CHECK(talk->ended);
		talk->all_times++;
		if (talk->more-- > 0)
			run->wait_ms = 1;
	} else if (!talk->exceeded) {
		struct core *core = talk->side->core;
		int ret = talk->ended
				  ? 0
				  : core_kill(core, run->id, talk->kill_signal);

		if (ret == -EAGAIN) {
			/* It is being made. */
			run->wait_ms = 2;
			return;
		}
		if (ret == -EINVAL)
			core_kill(core, run->id, SIGKILL);
		talk->exceeded = news == CORE_NEWS_DUE ? -ETIMEDOUT : -ENOBUFS;
		run->cut = true;
	}
}

static void talk_init(struct talk *talk)
{
	memset(talk, 0, sizeof(*talk));
	talk->pipes[0].input = true;
	talk->pipes[1].output = true;
	talk->pipes[1].head = SIZE_MAX;
	talk->run.pipes = talk->pipes;
	talk->run.nr_pipes = 2;
	talk->run.wait_ms = -1;
	talk->run.tell = on_news;
	talk->run.arg = talk;
	talk->kill_signal = SIGTERM;
}

/* Sockets, or with @pipes pipes. */
static void connect_talk(struct talk *talk, int children[2], bool pipes)
{
	int i;

	for (i = 0; i < 2; i++) {
		int ends[2];

		if (pipes)
			CHECK(!pipe2(ends, O_CLOEXEC));
		else
			CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC,
					  0, ends));
		/* The child reads from the first, and writes to the second. */
		talk->pipes[i].fd = ends[i == 0];
		children[i] = ends[i != 0];
	}
}

static int run_as(struct side *side, struct talk *talk, const char *path,
		  const char *script, bool like_uv_spawn)
{
	struct core_request req = {.kind = side->kind,
				   .like_uv_spawn = like_uv_spawn};
	int children[2], i;
	struct chain_fd fds[3];
	const char *why;
	struct pack p;

	talk->side = side;
	connect_talk(talk, children, !like_uv_spawn);
	for (i = 0; i < 3; i++)
		fds[i] = (struct chain_fd){children[i > 0], i, 0, 0};
	req.chain = pack_start(&p, path, script, fds);
	req.chain_size = p.size;
	req.close_fds = children;
	req.nr_close = 2;
	CHECK(!core_run(side->core, &req, &talk->run, &why));
	CHECK(talk->pipes[0].fd == -1 && talk->pipes[1].fd == -1);
	return talk->exceeded ? talk->exceeded : talk->run.error;
}

static int run_path(struct side *side, struct talk *talk, const char *path,
		    const char *script)
{
	return run_as(side, talk, path, script, true);
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
		talk.run.wait_ms = ms;
	} while (run_script(side, &talk, script) == -ETIMEDOUT);
	CHECK(!talk.exceeded && !talk.run.error);
	CHECK(talk.run.exited.status == 5);
	CHECK(talk.pipes[1].out_size == 5);
	free(talk.pipes[1].out);
}

static void test_limits(struct side *side)
{
	struct talk talk;

	talk_init(&talk);
	talk.run.wait_ms = 50;
	CHECK(run_script(side, &talk, "echo x; exec sleep 60") == -ETIMEDOUT);
	CHECK(talk.run.exited.code == CLD_KILLED);
	CHECK(talk.run.exited.status == SIGTERM);
	free(talk.pipes[1].out);

	/* There is no such signal. */
	talk_init(&talk);
	talk.run.wait_ms = 50;
	talk.kill_signal = 100;
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

/* What is kept of 200 000 bytes, which count in steps of ten. */
static void test_keeps(struct side *side)
{
	static const size_t sizes[][2] = {
		{0, 0},	     {1, 0},	  {100000, 0},	       {0, 1},
		{0, 70000},  {50, 50},	  {65536, 65536},      {3, 150000},
		{199999, 1}, {1, 199998}, {SIZE_MAX, SIZE_MAX}};
	/* Not by seq, whose -f busybox lacks. */
	static const char count[] = "exec awk 'BEGIN { for (i = 100000; i < "
				    "120000; i++) print i \"---\" }'";
	char *bytes = malloc(200001);
	size_t i;

	for (i = 0; i < 20000; i++)
		snprintf(bytes + i * 10, 11, "%zu---\n", 100000 + i);
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t head = sizes[i][0], tail = sizes[i][1];
		bool all = head > 200000 || head + tail >= 200000;
		struct talk talk;
		char *out;

		talk_init(&talk);
		/* News of what is not kept are not for everybody. */
		talk.exceeded = -ECANCELED;
		talk.pipes[1].head = head;
		talk.pipes[1].tail = tail;
		run_as(side, &talk, "/bin/sh", count, false);
		out = talk.pipes[1].out;
		CHECK(!talk.run.error && !talk.run.exited.status);
		CHECK(talk.pipes[1].truncated == !all);
		if (all)
			head = 200000;
		CHECK(talk.pipes[1].out_size == (all ? head : head + tail));
		CHECK(!head || !memcmp(out, bytes, head));
		CHECK(all || !tail ||
		      !memcmp(out + head, bytes + 200000 - tail, tail));
		free(out);
	}
	free(bytes);
}

/* By pipes, as others than spawnSync() have them. */
static void test_pipes(struct side *side)
{
	static char bytes[MIB];
	struct talk talk;

	talk_init(&talk);
	talk.pipes[0].in = bytes;
	talk.pipes[0].in_size = MIB;
	talk.more = 3;
	CHECK(!run_as(side, &talk, "/bin/sh", "cat", false));
	CHECK(talk.pipes[1].out_size == MIB && talk.all_times == 4);
	free(talk.pipes[1].out);

	/* It does not read, and no signal comes of that. */
	talk_init(&talk);
	talk.pipes[0].in = bytes;
	talk.pipes[0].in_size = MIB;
	CHECK(run_as(side, &talk, "/bin/sh", "exit 4", false) == -EPIPE);
	CHECK(talk.run.exited.status == 4);

	/* A grandchild has its output, and what it is to read. */
	talk_init(&talk);
	talk.pipes[0].in = bytes;
	talk.pipes[0].in_size = MIB;
	talk.stops = true;
	CHECK(!run_as(side, &talk, "/bin/sh",
		      "exec 3<&0; sleep 60 <&3 & echo $!", false));
	CHECK(talk.pipes[1].out_size > 1);
	talk.pipes[1].out[talk.pipes[1].out_size - 1] = '\0';
	kill(atoi(talk.pipes[1].out), SIGKILL);
	free(talk.pipes[1].out);
}

/* The time ends while the start hangs: there is no process to wait for. */
static void test_late_start(struct side *side)
{
	char dir[] = "/tmp/uring-spawn-XXXXXX", fifo[64];
	struct core_request req = {.kind = side->kind};
	struct chain_op *op;
	struct talk talk;
	const char *why;
	struct pack p;

	CHECK(mkdtemp(dir));
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	CHECK(!mkfifo(fifo, 0600));
	talk_init(&talk);
	talk.side = side;
	talk.run.nr_pipes = 0;
	talk.run.wait_ms = 50;
	pack_init(&p, 3);
	op = pack_op(&p, CHAIN_CLONE);
	op->fd = -1;
	op = pack_op(&p, CHAIN_OPENAT);
	op->fd = AT_FDCWD;
	op->addr = pack_data(&p, fifo, strlen(fifo) + 1);
	pack_exec(&p, "/bin/true", (const char *const[]){"true", NULL});
	req.chain = pack_end(&p);
	req.chain_size = p.size;
	CHECK(!core_run(side->core, &req, &talk.run, &why));
	CHECK(talk.exceeded == -ETIMEDOUT && talk.run.pid == 0);
	CHECK(talk.run.error == -ECANCELED);
	unlink(fifo);
	rmdir(dir);
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
			test_keeps(&side);
			test_pipes(&side);
			test_late_start(&side);
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
