/* SPDX-License-Identifier: MIT */
/*
 * A child gets the attributes that the requesting thread has at the call,
 * whatever they were when the core began, and whatever they become before the
 * launch happens.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "side.h"

/* A shell command; with the second kind of chain, it first waits for a FIFO. */
static void launch(struct side *side, const char *line, const char *fifo)
{
	const char *const argv[] = {"sh", "-c", line, NULL};
	struct core_request req = {.kind = side->kind};
	struct chain_op *op;
	const char *why;
	struct pack p;
	uint32_t id;

	pack_init(&p, fifo ? 3 : 2);
	pack_op(&p, CHAIN_CLONE)->fd = -1;
	if (fifo) {
		op = pack_op(&p, CHAIN_OPENAT);
		op->fd = AT_FDCWD;
		op->flags = O_RDONLY;
		op->addr = pack_str(&p, fifo);
	}
	pack_exec(&p, "/bin/sh", argv);
	req.chain = pack_end(&p);
	req.chain_size = p.size;
	CHECK(!core_launch(side->core, &req, &id, &why));
}

/* Waits for @nr children to end; all must succeed. */
static void succeed(struct side *side, int nr)
{
	core_flush(side->core);
	while (nr) {
		struct core_event *events, *e;

		sem_wait(&side->woken);
		events = core_drain(side->core, 64);
		for (e = events; e; e = e->next) {
			CHECK(e->type != CORE_FAILED);
			if (e->type != CORE_EXITED)
				continue;
			CHECK(e->exited.code == CLD_EXITED &&
			      !e->exited.status);
			nr--;
		}
		core_events_free(events);
	}
}

static void check(struct side *side, const char *line)
{
	launch(side, line, NULL);
	succeed(side, 1);
}

static int add_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {1, code};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static bool add_inheritable(int cap)
{
	struct {
		uint32_t version;
		int pid;
	} header = {0x20080522, 0};
	struct {
		uint32_t effective, permitted, inheritable;
	} data[2];

	CHECK(!syscall(SYS_capget, &header, data));
	data[cap / 32].inheritable |= 1U << cap % 32;
	return !syscall(SYS_capset, &header, data);
}

/* Checks that a child's status has the same line as the calling thread's. */
static void launch_same(struct side *side, const char *field)
{
	char line[256], command[512];
	FILE *f = fopen("/proc/thread-self/status", "r");
	size_t len = strlen(field);

	CHECK(f);
	while (fgets(line, sizeof(line), f) &&
	       (strncmp(line, field, len) || line[len] != ':'))
		;
	CHECK(!feof(f));
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	snprintf(command, sizeof(command), "grep -qxF '%s' /proc/self/status",
		 line);
	launch(side, command, NULL);
}

static void check_same(struct side *side, const char *field)
{
	launch_same(side, field);
	succeed(side, 1);
}

/* Fields of /proc/PID/stat, from 1. The name before them has no space here. */
#define STAT_NICE 19
#define STAT_POLICY 41

static void launch_stat(struct side *side, int field, int value,
			const char *fifo)
{
	char line[64];

	snprintf(line, sizeof(line),
		 "set -- `cat /proc/self/stat`; test ${%d} = %d", field, value);
	launch(side, line, fifo);
}

/* A higher nice value, up to the maximum; any user may set it. */
static void launch_nicer(struct side *side, const char *fifo)
{
	int nice = getpriority(PRIO_PROCESS, 0) + 1;

	nice = nice > 19 ? 19 : nice;
	CHECK(!setpriority(PRIO_PROCESS, 0, nice));
	launch_stat(side, STAT_NICE, nice, fifo);
}

static void check_policy(struct side *side)
{
	launch_stat(side, STAT_POLICY, sched_getscheduler(0), NULL);
	succeed(side, 1);
}

static void test_schedule(struct side *side)
{
	struct sched_param none = {0};
	cpu_set_t all, one;
	int cpu = 0;

	launch_nicer(side, NULL);
	succeed(side, 1);
	/* Two launches in one turn, before the change and after it. */
	launch_nicer(side, NULL);
	launch_nicer(side, NULL);
	succeed(side, 2);

	CHECK(!sched_getaffinity(0, sizeof(all), &all));
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	check_same(side, "Cpus_allowed_list");
	CHECK(!sched_setaffinity(0, sizeof(one), &one));
	check_same(side, "Cpus_allowed_list");
	CHECK(!sched_setaffinity(0, sizeof(all), &all));
	check_same(side, "Cpus_allowed_list");

	check_policy(side);
	CHECK(!sched_setscheduler(0, SCHED_BATCH, &none));
	check_policy(side);
	CHECK(!sched_setscheduler(0, SCHED_OTHER, &none));
	check_policy(side);
}

static void test_confinement(struct side *side)
{
	launch_same(side, "NoNewPrivs");
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	launch_same(side, "NoNewPrivs");
	succeed(side, 2);
	check_same(side, "Seccomp");
	CHECK(!add_filter());
	check_same(side, "Seccomp");
	/* A second filter, which leaves the mode the same. */
	CHECK(!add_filter());
	check_same(side, "Seccomp_filters");
	/* SECBIT_NOROOT: an exec gives root nothing of its own. */
	if (!prctl(PR_SET_SECUREBITS, 1, 0, 0, 0)) {
		check(side, "grep -q '^CapEff:.*[1-9a-f]' /proc/self/status"
			    " && exit 1; exit 0");
		CHECK(!prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
		check(side, "grep -q '^CapEff:.*[1-9a-f]' /proc/self/status");
	}
	if (!geteuid() && add_inheritable(10))
		check_same(side, "CapInh");
}

/*
 * A slow launch with other attributes than the next one: its thread still
 * lives.
 */
static void test_slow(struct side *side, const char *fifo)
{
	int fd;

	launch_nicer(side, fifo);
	core_flush(side->core);
	launch_nicer(side, NULL);
	succeed(side, 1);
	fd = open(fifo, O_WRONLY);
	CHECK(fd >= 0);
	succeed(side, 1);
	close(fd);
}

/* In a thread of its own, as the attributes belong to a thread. */
static void *environment(void *arg)
{
	const struct core_config *given = arg;
	struct side side = {.kind = *(const enum launcher_kind *)given->arg};
	char fifo[] = "/tmp/uring-spawn-XXXXXX", path[64];

	CHECK(mkdtemp(fifo));
	snprintf(path, sizeof(path), "%s/fifo", fifo);
	CHECK(!mkfifo(path, 0600));
	side_open(&side, given->no_ring);
	if (!core_can_launch(side.core, side.kind)) {
		test_schedule(&side);
		test_slow(&side, path);
		test_confinement(&side);
	} else {
		printf("launcher %d does not work here\n", side.kind);
	}
	core_detach(side.core);
	CHECK(!unlink(path) && !rmdir(fifo));
	return NULL;
}

int main(void)
{
	int i;

	for (i = 0; i < 2 * NR_LAUNCHERS; i++) {
		enum launcher_kind kind = i / 2;
		struct core_config config = {.arg = &kind, .no_ring = i % 2};
		pthread_t thread;

		CHECK(!pthread_create(&thread, NULL, environment, &config));
		CHECK(!pthread_join(thread, NULL));
	}
	return 0;
}
