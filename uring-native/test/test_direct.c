/* SPDX-License-Identifier: MIT */
/* Launches by the owner's own thread, and what may come in between. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.h"
#include "filter.h"
#include "io_uring_spawn.h"
#include "job.h"
#include "lock.h"
#include "pack.h"
#include "ring.h"
#include "state.h"

#define HANG_MS 60000
#define REMEMBERED 64

static const char *const ends[] = {"/bin/true", NULL};
static const char *const fails[] = {"/no/such/file", NULL};
static const char *const sleeps[] = {"/bin/sleep", "60", NULL};

/* Who makes the children. */
static enum launcher_kind by;

struct owner {
	struct core *core;
	enum launcher_kind by; /* who has made the last one */
	unsigned started, exited, failed, outputs, chunks;
	size_t size; /* of all outputs */
	int error;   /* of the last that has failed */
	int status;  /* of the last that has exited */
	int code;
	/* By the last bits of the id: */
	bool made[REMEMBERED]; /* by the owner's thread */
	bool owned[REMEMBERED];
};

static void wait_for_wake(const struct owner *o)
{
	struct pollfd fd = {core_fd(o->core), POLLIN, 0};
	int ret;

	do {
		ret = poll(&fd, 1, HANG_MS);
	} while (ret < 0 && errno == EINTR);
	CHECK(ret == 1);
}

/* Takes what there is. */
static void take(struct owner *o)
{
	struct core_event *events, *e;

	core_poll(o->core);
	events = core_drain(o->core, 1000);
	for (e = events; e; e = e->next) {
		switch (e->type) {
		case CORE_STARTED:
			o->started++;
			o->by = e->started.by;
			break;
		case CORE_EXITED:
			CHECK(o->started > o->exited);
			o->exited++;
			o->code = e->exited.code;
			o->status = e->exited.status;
			break;
		case CORE_OUTPUT:
			CHECK(o->started && !e->output.error);
			o->outputs++;
			o->size += e->output.size;
			break;
		case CORE_CHUNK:
			o->chunks++;
			o->size += e->output.size;
			break;
		default:
			CHECK(e->type == CORE_FAILED);
			o->failed++;
			o->error = e->failed.error;
		}
	}
	core_events_free(events);
}

static void turn(struct owner *o)
{
	wait_for_wake(o);
	take(o);
}

/* All that have been launched, @nr, are over. */
static void turns(struct owner *o, unsigned nr)
{
	while (o->exited + o->failed < nr)
		turn(o);
}

static uint32_t request(struct owner *o, const struct core_request *req)
{
	const struct direct *d = &o->core->direct;
	unsigned made = d->nr_made, owned = d->nr_owned;
	const char *why;
	uint32_t id;

	CHECK(!core_launch(o->core, req, &id, &why));
	o->made[id % REMEMBERED] = d->nr_made != made;
	o->owned[id % REMEMBERED] = d->nr_owned != owned;
	return id;
}

/* Whether the owner's thread has made, or submitted, it. */
static bool made_here(const struct owner *o, uint32_t id)
{
	return o->made[id % REMEMBERED];
}

/*
 * Whether the owner's thread has begun to collect its output. It does not if
 * the start is over by then, as on a busy machine.
 */
static bool was_owned(const struct owner *o, uint32_t id)
{
	return o->owned[id % REMEMBERED];
}

/* @more operations are packed by @fill between the head and the exec. */
static uint32_t queue_linked(struct owner *o, const char *const *argv,
			     uint8_t link, uint32_t more,
			     void (*fill)(struct pack *p))
{
	struct core_request req = {.kind = by};
	struct chain_op *op;
	struct pack p;

	pack_init(&p, 2 + more);
	op = pack_op(&p, CHAIN_CLONE);
	op->fd = -1;
	op->flags = CHAIN_CLONE_FDS;
	if (fill)
		fill(&p);
	op = pack_exec(&p, argv[0], argv);
	op->link = link;
	req.chain = pack_end(&p);
	req.chain_size = p.size;
	return request(o, &req);
}

static uint32_t queue(struct owner *o, const char *const *argv, uint32_t more,
		      void (*fill)(struct pack *p))
{
	return queue_linked(o, argv, 0, more, fill);
}

static uint32_t launch(struct owner *o, const char *const *argv)
{
	uint32_t id = queue(o, argv, 0, NULL);

	core_flush(o->core);
	return id;
}

/* Whether no other thread goes on with it. */
static bool is_direct(struct owner *o, uint32_t id)
{
	struct job *job;
	bool direct;

	core_lock(o->core);
	job = job_find(o->core, id);
	direct = job && job->direct;
	core_unlock(o->core);
	return direct;
}

/* A step of a wait that ends for certain. */
static void wait_more(int *ms)
{
	CHECK((*ms)++ < HANG_MS);
	usleep(1000);
}

static void wait_until_settled(struct owner *o, uint32_t id)
{
	struct job *job;
	bool settled;
	int ms = 0;

	do {
		wait_more(&ms);
		core_lock(o->core);
		job = job_find(o->core, id);
		settled = !job || job->state == JOB_SETTLED;
		core_unlock(o->core);
	} while (!settled);
}

/* The first launch makes the launch threads, where they are needed. */
static void begin(struct owner *o)
{
	struct core_config config = {.polled = true};
	uint32_t id;

	memset(o, 0, sizeof(*o));
	CHECK(!core_new(&config, &o->core));
	id = launch(o, ends);
	CHECK(made_here(o, id) == (by == LAUNCHER_URING));
	turns(o, 1);
	CHECK(o->exited == 1);
	o->started = o->exited = 0;
}

static const struct core_pipe outs[] = {
	{.collect = true, .max = SIZE_MAX / 2},
	{.collect = true, .max = SIZE_MAX / 2},
};

/* Collects two outputs of a shell that runs @script. */
static uint32_t queue_run(struct owner *o, const char *file, const char *script)
{
	static const struct chain_fd fds[] = {{CHAIN_FD_PIPE(0), 1, 0, 0},
					      {CHAIN_FD_PIPE(1), 2, 0, 0}};
	const char *argv[] = {file, "-c", script, NULL};
	struct core_request req = {.kind = by, .lazy = true};
	struct chain_op *op;
	struct pack p;

	pack_init(&p, 2);
	op = pack_op(&p, CHAIN_CLONE);
	op->fd = -1;
	op->flags = CHAIN_CLONE_FDS;
	op->len = 2;
	op->addr = pack_data(&p, fds, sizeof(fds));
	pack_exec(&p, file, argv);
	req.chain = pack_end(&p);
	req.chain_size = p.size;
	req.pipes = outs;
	req.nr_pipes = 2;
	return request(o, &req);
}

static uint32_t launch_run(struct owner *o, const char *script)
{
	uint32_t id = queue_run(o, "/bin/sh", script);

	core_flush(o->core);
	return id;
}

/* Until @nr processes, and both outputs of each that has started, are over. */
static void turns_run(struct owner *o, unsigned nr)
{
	while (o->exited + o->failed < nr || o->outputs < 2 * o->exited)
		turn(o);
}

static bool is_owned(struct owner *o, uint32_t id)
{
	struct job *job;
	bool owned;

	core_lock(o->core);
	job = job_find(o->core, id);
	owned = job && job->owned;
	core_unlock(o->core);
	return owned;
}

static bool have_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) ==
		       0 ||
	       errno != ECHILD;
}

/* A chain that has failed may tell so before its child is gone. */
static void wait_for_children(void)
{
	int ms = 0;

	while (have_children())
		wait_more(&ms);
}

static void wait_for_fds(int nr)
{
	int ms = 0;

	while (count_fds() != nr)
		wait_more(&ms);
}

static void end(struct owner *o, int fds_before)
{
	core_detach(o->core);
	wait_for_children();
	wait_for_fds(fds_before);
}

static void test_one_at_a_time(void)
{
	int before = count_fds();
	struct owner o;
	unsigned nr;

	begin(&o);
	for (nr = 0; nr < 200; nr++) {
		CHECK(made_here(&o, launch(&o, ends)));
		turns(&o, nr + 1);
		CHECK(o.code == CLD_EXITED && o.status == 0 && o.by == by);
	}
	CHECK(o.started == 200 && o.exited == 200);
	end(&o, before);
}

/* The first of a turn is made here; the others go to other threads. */
static void test_burst(void)
{
	int before = count_fds();
	struct owner o;
	uint32_t a, b;

	begin(&o);
	a = queue(&o, ends, 0, NULL);
	b = queue(&o, ends, 0, NULL);
	core_flush(o.core);
	CHECK(made_here(&o, a) && !made_here(&o, b));
	turns(&o, 2);
	CHECK(o.exited == 2);
	/* In turns of their own, without waiting. */
	for (a = 0; a < 50; a++)
		launch(&o, ends);
	turns(&o, 52);
	CHECK(o.exited == 52);
	end(&o, before);
}

static void dup_of_nothing(struct pack *p)
{
	struct chain_op *op = pack_op(p, CHAIN_DUP);

	op->fd = 99;
	op->len = 5;
}

static void test_failures(void)
{
	char script[] = "/tmp/uring-direct-XXXXXX";
	const char *argv[] = {script, NULL};
	int before, fd, nr;
	struct owner o;

	fd = mkstemp(script);
	CHECK(fd >= 0 && write(fd, "exit 7\n", 7) == 7 && !fchmod(fd, 0700));
	close(fd);
	before = count_fds();
	begin(&o);
	for (nr = 0; nr < 30; nr += 3) {
		CHECK(made_here(&o, launch(&o, fails)));
		turns(&o, nr + 1);
		CHECK(o.failed && o.error == -ENOENT);
		queue(&o, ends, 1, dup_of_nothing);
		core_flush(o.core);
		turns(&o, nr + 2);
		CHECK(o.error == -EBADF);
		/* No program: the shell runs it, where this process is now. */
		CHECK(!made_here(&o,
				 queue_linked(&o, argv, CHAIN_SHELL, 0, NULL)));
		core_flush(o.core);
		turns(&o, nr + 3);
		CHECK(o.code == CLD_EXITED && o.status == 7);
	}
	CHECK(o.failed == 20 && o.exited == 10);
	wait_for_children();
	end(&o, before);
	unlink(script);
}

/* Somebody writes to the program: to the end, or until after the first try. */
static void test_writer(void)
{
	char path[] = "/tmp/uring-direct-XXXXXX";
	const char *argv[] = {path, NULL};
	int before = count_fds(), fd;
	struct owner o;
	unsigned nr;
	uint32_t id;

	fd = mkstemp(path);
	CHECK(fd >= 0 && write(fd, "#!/bin/true\n", 12) == 12);
	CHECK(!fchmod(fd, 0700));
	begin(&o);
	CHECK(made_here(&o, launch(&o, argv)));
	turns(&o, 1);
	CHECK(o.failed == 1 && o.error == -ETXTBSY);
	close(fd);
	/* On a busy machine, the time for further tries may be over, too. */
	while (!o.exited) {
		CHECK(o.failed < 20);
		nr = o.failed + 1;
		fd = open(path, O_WRONLY | O_CLOEXEC);
		id = launch(&o, argv);
		CHECK(fd >= 0 && made_here(&o, id));
		/* Until it is the loop's: the first try has failed. */
		while (is_direct(&o, id))
			turn(&o);
		close(fd);
		turns(&o, nr);
		CHECK(o.exited || o.error == -ETXTBSY);
	}
	CHECK(o.code == CLD_EXITED && o.status == 0);
	end(&o, before);
	unlink(path);
}

static void kill_soon(struct owner *o, uint32_t id, int sig)
{
	int ret;

	do {
		ret = core_kill(o->core, id, sig);
	} while (ret == -EAGAIN);
	CHECK(!ret);
}

static void test_cancelled(void)
{
	int before = count_fds();
	struct owner o;
	unsigned nr;

	begin(&o);
	for (nr = 2; !o.failed; nr += 2) {
		CHECK(nr < 40);
		/* Before its exec, or right after it. */
		kill_soon(&o, queue(&o, sleeps, 0, NULL), SIGTERM);
		/* This one is not begun yet, unless the loop has other work. */
		kill_soon(&o, queue(&o, sleeps, 0, NULL), SIGTERM);
		core_flush(o.core);
		turns(&o, nr);
		CHECK(!o.exited ||
		      (o.code == CLD_KILLED && o.status == SIGTERM));
	}
	CHECK(o.error == -ECANCELED);
	/* Not even flushed. */
	queue(&o, ends, 0, NULL);
	end(&o, before);
}

/* An executable whose exec hangs until release(). */
struct held {
	char path[64];
	pid_t holder;
	int fd;
};

static void on_lease_break(int sig)
{
	(void)sig;
}

static void hold(struct held *h)
{
	int in[2], out[2], fd;
	char c;

	strcpy(h->path, "/tmp/uring-held-XXXXXX");
	fd = mkstemp(h->path);
	CHECK(fd >= 0 && write(fd, "#!/bin/true\n", 12) == 12);
	CHECK(!fchmod(fd, 0700));
	close(fd);
	CHECK(!pipe2(in, O_CLOEXEC) && !pipe2(out, O_CLOEXEC));
	h->holder = fork();
	CHECK(h->holder >= 0);
	if (!h->holder) {
		signal(SIGIO, on_lease_break);
		close(in[1]);
		fd = open(h->path, O_RDONLY);
		c = fd >= 0 && !fcntl(fd, F_SETLEASE, F_WRLCK);
		if (write(out[1], &c, 1) < 0)
			_exit(1);
		while (read(in[0], &c, 1) < 0)
			;
		_exit(0);
	}
	CHECK(read(out[0], &c, 1) == 1 && c);
	close(in[0]);
	close(out[0]);
	close(out[1]);
	h->fd = in[1];
}

static void release(struct held *h)
{
	close(h->fd);
	CHECK(waitpid(h->holder, NULL, 0) == h->holder);
	unlink(h->path);
}

/* Until the timer is not armed, or only for a long time. */
static void wait_for_slow_ticks(struct owner *o)
{
	unsigned tick_ms;
	int ms = 0;

	do {
		wait_more(&ms);
		core_lock(o->core);
		tick_ms = o->core->direct.tick_ms;
		core_unlock(o->core);
	} while (tick_ms && tick_ms <= LAUNCH_SLOW_MS);
}

/* While an exec hangs, the owner goes on, and may end the child. */
static void test_hangs(void)
{
	int before = count_fds();
	const char *argv[2] = {NULL};
	struct owner o;
	struct held h;
	uint32_t id;

	hold(&h);
	argv[0] = h.path;
	begin(&o);
	CHECK(made_here(&o, launch(&o, argv)));
	CHECK(made_here(&o, launch(&o, ends)));
	turns(&o, 1);
	CHECK(o.started == 1 && o.exited == 1);
	/* It does not keep the loop busy, and the next one is seen at once. */
	wait_for_slow_ticks(&o);
	launch(&o, ends);
	turns(&o, 2);
	CHECK(o.started == 2 && o.exited == 2);
	release(&h);
	turns(&o, 3);
	CHECK(o.started == 3 && o.exited == 3);

	hold(&h);
	id = launch(&o, argv);
	CHECK(made_here(&o, id));
	CHECK(!core_kill(o.core, id, SIGKILL));
	turns(&o, 4);
	CHECK(o.failed == 1 && o.error == -ECANCELED);
	/* Once a launch thread has it, too. */
	id = launch(&o, argv);
	while (by == LAUNCHER_VFORK && is_direct(&o, id))
		usleep(1000);
	CHECK(!core_kill(o.core, id, SIGKILL));
	turns(&o, 5);
	CHECK(o.failed == 2 && o.error == -ECANCELED);
	release(&h);
	wait_for_children();
	end(&o, before);
}

/* The environment ends while an exec hangs. */
static void test_detach(void)
{
	int before = count_fds(), i;
	const char *argv[2] = {NULL};
	struct owner o;
	struct held h;

	for (i = 0; i < 10; i++) {
		begin(&o);
		launch(&o, i % 2 ? ends : fails);
		end(&o, before);
	}
	hold(&h);
	argv[0] = h.path;
	begin(&o);
	launch(&o, argv);
	core_detach(o.core);
	begin(&o);
	launch(&o, argv);
	release(&h);
	end(&o, before);
}

/* So does its thread, at any moment: a child in its memory ends with it. */
static void *environment(void *arg)
{
	struct owner o;

	begin(&o);
	launch(&o, arg ? ends : fails);
	core_detach(o.core);
	return NULL;
}

static void test_thread_ends(void)
{
	int i, before = count_fds();
	pthread_t thread;

	for (i = 0; i < 40; i++) {
		CHECK(!pthread_create(&thread, NULL, environment,
				      i % 2 ? &i : NULL));
		CHECK(!pthread_join(thread, NULL));
	}
	wait_for_children();
	wait_for_fds(before);
}

/* A program that runs goes on, whether anybody has seen that or not. */
static void test_detach_running(void)
{
	char path[] = "/tmp/uring-direct-XXXXXX";
	char script[128], text[8];
	const char *argv[] = {"/bin/sh", "-c", script, NULL};
	int before = count_fds(), fd, i, ms;
	struct owner o;

	fd = mkstemp(path);
	CHECK(fd >= 0);
	snprintf(script, sizeof(script), "echo a >%s; sleep 0.1; echo b >>%s",
		 path, path);
	for (i = 0; i < 10; i++) {
		CHECK(!ftruncate(fd, 0));
		begin(&o);
		CHECK(made_here(&o, launch(&o, argv)));
		ms = 0;
		while (!pread(fd, text, sizeof(text), 0))
			wait_more(&ms);
		end(&o, before + 1);
		CHECK(pread(fd, text, sizeof(text), 0) == 4);
	}
	close(fd);
	unlink(path);
}

/* An owner that is busy keeps nobody waiting but itself. */
static void test_busy(void)
{
	int before = count_fds();
	struct owner o;
	uint32_t id;

	begin(&o);
	id = launch(&o, ends);
	wait_until_settled(&o, id);
	turns(&o, 1);
	CHECK(o.started == 1 && o.exited == 1);
	id = launch(&o, ends);
	CHECK(core_wait(o.core, id) > 0);
	CHECK(core_wait(o.core, launch(&o, fails)) == -ENOENT);
	turns(&o, 3);
	CHECK(o.started == 2 && o.exited == 2 && o.failed == 1);
	end(&o, before);
}

/* Before the exec, or after it. */
static void test_stopped(void)
{
	int i, before = count_fds();
	struct owner o;
	uint32_t id;

	begin(&o);
	for (i = 0; i < 20; i++) {
		id = launch(&o, ends);
		if (!core_kill(o.core, id, SIGSTOP)) {
			usleep(i % 4 * 10000);
			core_kill(o.core, id, SIGCONT);
		}
		turns(&o, (unsigned)i + 1);
	}
	CHECK(o.started == 20 && o.exited == 20);
	end(&o, before);
}

/* A program that forks, and keeps what it has: also our pipes. */
static atomic_bool enough;

static void *fork_often(void *arg)
{
	(void)arg;
	while (!atomic_load(&enough)) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid) {
			usleep(300000);
			_exit(0);
		}
		usleep(20000);
	}
	while (wait(NULL) > 0)
		;
	return NULL;
}

static void test_forks(void)
{
	int before = count_fds();
	pthread_t thread;
	struct owner o;
	unsigned i;

	begin(&o);
	CHECK(!pthread_create(&thread, NULL, fork_often, NULL));
	for (i = 0; i < 300; i++) {
		launch(&o, ends);
		turns(&o, i + 1);
	}
	CHECK(o.exited == 300);
	atomic_store(&enough, true);
	CHECK(!pthread_join(thread, NULL));
	end(&o, before);
}

/* A copy of a large table would take the owner's time. */
static void test_large_table(void)
{
	int before = count_fds();
	int fds[300], i;
	struct owner o;

	begin(&o);
	for (i = 0; i < 300; i++)
		CHECK((fds[i] = dup(2)) >= 0);
	CHECK(made_here(&o, launch(&o, ends)) == (by == LAUNCHER_URING));
	turns(&o, 1);
	for (i = 0; i < 300; i++)
		close(fds[i]);
	CHECK(made_here(&o, launch(&o, ends)));
	turns(&o, 2);
	end(&o, before);

	CHECK(dup2(2, 900) == 900);
	before = count_fds();
	begin(&o);
	CHECK(made_here(&o, launch(&o, ends)) == (by == LAUNCHER_URING));
	turns(&o, 1);
	/* There is no copy where no notice is in it. */
	o.started = o.exited = 0;
	CHECK(made_here(&o, launch_run(&o, ":")));
	turns_run(&o, 1);
	end(&o, before);
	close(900);
}

/* What is written is read, whoever does, and however much it is. */
static void test_outputs(void)
{
	static const struct {
		const char *script;
		size_t size;
	} writes[] = {
		{":", 0},
		{"echo hello", 6},
		{"echo hello; echo you >&2", 10},
		{"head -c 1024 /dev/zero", 1024},
		{"head -c 65536 /dev/zero", 65536},
		{"head -c 3000000 /dev/zero; echo >&2", 3000001},
		{"echo a; sleep 0.06; echo b; sleep 0.06; echo c", 6},
		{"(sleep 0.1; echo late) & echo early", 11},
		{"exec >&- 2>&-; sleep 0.06", 0},
	};
	const unsigned nr_writes = sizeof(writes) / sizeof(writes[0]);
	unsigned i, nr = 0, owned = 0;
	int before = count_fds();
	struct owner o;

	begin(&o);
	for (i = 0; owned < 5 * nr_writes; i = owned % nr_writes) {
		uint32_t id = launch_run(&o, writes[i].script);

		CHECK(nr < 20 * (owned + 1) && made_here(&o, id));
		owned += was_owned(&o, id);
		o.size = 0;
		turns_run(&o, ++nr);
		CHECK(o.size == writes[i].size);
		CHECK(o.code == CLD_EXITED && o.status == 0);
	}
	CHECK(o.started == nr && o.exited == nr && o.outputs == 2 * nr);
	/* Nothing of a process that has not started. */
	queue_run(&o, fails[0], "");
	core_flush(o.core);
	turns_run(&o, nr + 1);
	CHECK(o.failed == 1 && o.error == -ENOENT && o.outputs == 2 * nr);
	end(&o, before);
}

/* A child goes on whatever the owner does. */
static void test_busy_run(void)
{
	int before = count_fds();
	struct owner o;
	struct job *job;
	uint32_t id;
	bool exited;
	int ms = 0;

	begin(&o);
	id = launch_run(&o, "head -c 3000000 /dev/zero");
	do {
		wait_more(&ms);
		core_lock(o.core);
		job = job_find(o.core, id);
		exited = job && job->exited;
		core_unlock(o.core);
	} while (!exited);
	turns_run(&o, 1);
	CHECK(o.size == 3000000);
	id = launch_run(&o, "echo hello");
	CHECK(core_wait(o.core, id) > 0);
	turns_run(&o, 2);
	CHECK(o.size == 3000006);
	end(&o, before);
}

/* Somebody wants chunks, or no more, at any time. */
static void test_demands(void)
{
	int i, nr = 0, before = count_fds();
	struct owner o;
	uint32_t id;

	begin(&o);
	for (i = 0; i < 40; i += was_owned(&o, id)) {
		CHECK(nr++ < 20 * (i + 1));
		id = queue_run(&o, "/bin/sh", "echo a; sleep 0.01; echo b");
		if (i % 4 == 0)
			core_more(o.core, id, 0);
		core_flush(o.core);
		CHECK(i % 4 || !is_owned(&o, id));
		usleep(i * 500);
		if (i % 4 == 1)
			core_more(o.core, id, 0);
		if (i % 4 == 2)
			core_stop_output(o.core, id);
		while (i % 4 < 2 && !o.chunks && o.outputs < 2)
			turn(&o);
		/* The rest without bounds. */
		core_more(o.core, id, 0);
		while (o.exited == 0 || o.outputs < 2) {
			core_more(o.core, id, 0);
			turn(&o);
		}
		CHECK(o.started == 1);
		CHECK(i % 4 == 2 || o.size == 4);
		o.started = o.exited = o.outputs = o.chunks = 0;
		o.size = 0;
	}
	end(&o, before);
}

/* The environment ends in between. */
static void test_detach_run(void)
{
	int i, before = count_fds();
	struct owner o;

	for (i = 0; i < 24; i++) {
		begin(&o);
		if (i % 3)
			launch_run(&o, "echo hello; sleep 0.02; echo you");
		else
			queue_run(&o, i % 2 ? "/bin/true" : fails[0], "");
		if (i % 3 == 2)
			core_flush(o.core);
		usleep(i * 300);
		if (i % 4 == 0)
			core_poll(o.core);
		end(&o, before);
	}
}

static void test_kill_run(void)
{
	int before = count_fds();
	struct owner o;
	unsigned i;
	uint32_t id;

	begin(&o);
	for (i = 0; i < 40; i++) {
		id = launch_run(&o, "exec sleep 60");
		usleep(i * 100);
		CHECK(!core_kill(o.core, id, SIGKILL));
		turns_run(&o, i + 1);
	}
	CHECK(o.exited + o.failed == 40 && o.started == o.exited);
	CHECK(!o.failed || o.error == -ECANCELED);
	end(&o, before);
}

/* The child has what the thread had at the call. */
static void test_attributes(void)
{
	const char *fresh[] = {"/bin/sh", "-c",
			       "read -r all </proc/self/stat; set -- $all;"
			       "shift 18; exit $1", /* its niceness */
			       NULL};
	struct owner o;

	begin(&o);
	CHECK(made_here(&o, queue(&o, fresh, 0, NULL)));
	CHECK(!setpriority(PRIO_PROCESS, 0, 1));
	core_flush(o.core);
	turns(&o, 1);
	CHECK(o.code == CLD_EXITED && o.status == 0);
	/* A ring has the old ones, and no launch threads beside it. */
	CHECK(made_here(&o, launch(&o, fresh)) == (by == LAUNCHER_VFORK));
	turns(&o, 2);
	CHECK(o.code == CLD_EXITED && o.status == 1);
	CHECK(made_here(&o, launch(&o, fresh)));
	turns(&o, 3);
	CHECK(o.code == CLD_EXITED && o.status == 1 && o.by == LAUNCHER_VFORK);
	core_detach(o.core);
}

/*
 * The thread sanitizer takes clone(2) for a fork, after which it ignores what
 * the child does; in our memory, that is this process.
 */
#ifndef __SANITIZE_THREAD__
static void test_without_clone3(void)
{
	struct owner o;

	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(!filter_deny(SYS_clone3, ENOSYS));
	begin(&o);
	CHECK(made_here(&o, launch(&o, ends)));
	turns(&o, 1);
	CHECK(o.exited == 1);
	launch(&o, fails);
	turns(&o, 2);
	CHECK(o.error == -ENOENT);
	o.started = o.exited = o.failed = 0;
	CHECK(made_here(&o, launch_run(&o, ":")));
	turns_run(&o, 1);
	core_detach(o.core);
	CHECK(dup2(2, 900) == 900);
	begin(&o);
	CHECK(!made_here(&o, launch_run(&o, ":")));
	turns_run(&o, 1);
	core_detach(o.core);
}
#else
static void test_without_clone3(void)
{
}
#endif

/* In a process of its own, which it may change. */
static void apart(void (*test)(void))
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (!pid) {
		test();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

static bool can(enum launcher_kind kind)
{
	struct core_config config = {.polled = true};
	int ret, fds = count_fds();
	struct owner o;

	CHECK(!core_new(&config, &o.core));
	ret = core_can_launch(o.core, kind);
	end(&o, fds);
	return !ret;
}

static bool is_told(struct owner *o)
{
	bool told;

	core_lock(o->core);
	told = o->core->direct.told;
	core_unlock(o->core);
	return told;
}

/*
 * What the ring tells while the owner looks at what there is, is not lost: what
 * it has missed wakes it. Of a program that runs, the loop would tell, too.
 */
static void test_told(void)
{
	int before = count_fds();
	struct owner o;
	unsigned i;

	begin(&o);
	for (i = 1; i <= 100; i++) {
		CHECK(made_here(&o, launch(&o, fails)));
		while (o.failed < i) {
			take(&o);
			/* It is told right after the flag is set. */
			if (is_told(&o) && ring_has_work(o.core->direct.ring))
				wait_for_wake(&o);
		}
	}
	end(&o, before);
}

static void test_all(void)
{
	apart(test_attributes);
	test_one_at_a_time();
	test_burst();
	test_failures();
	test_cancelled();
	test_hangs();
	test_detach();
	test_thread_ends();
	test_detach_running();
	test_busy();
	test_stopped();
	test_forks();
	test_large_table();
	test_outputs();
	test_busy_run();
	test_demands();
	test_detach_run();
	test_kill_run();
}

/* With an argument, only by chains, which have to work here then. */
int main(int argc, char **argv)
{
	(void)argv;
	by = LAUNCHER_VFORK;
	if (argc < 2) {
		apart(test_without_clone3);
		test_all();
	}
	if (argc < 2 && !can(LAUNCHER_URING))
		return 0;
	by = LAUNCHER_URING;
	CHECK(can(by));
	test_writer();
	test_told();
	test_all();
	return 0;
}
