/* SPDX-License-Identifier: MIT */
/*
 * Signals: through the pidfd, by pid if a filter forbids that, to groups, and
 * the error for a child that may not be signalled. Also children that a
 * debugger holds after their end: they must not make the loop spin.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "filter.h"
#include "io_uring_spawn.h"
#include "reap.h"
#include "side.h"

struct child {
	uint32_t id;
	pid_t pid;
	int status;
	bool over;
};

static void take(struct side *side, struct child *child)
{
	struct core_event *events = core_drain(side->core, 64), *e;

	for (e = events; e; e = e->next) {
		CHECK(e->type != CORE_FAILED && e->id == child->id);
		if (e->type == CORE_STARTED)
			child->pid = e->started.pid;
		if (e->type == CORE_EXITED) {
			child->status = e->exited.status;
			child->over = true;
		}
	}
	core_events_free(events);
}

/* @group: leads one. @uid: runs as that user, or 0. */
static struct child start(struct side *side, const char *line, bool group,
			  unsigned uid)
{
	const char *const argv[] = {"sh", "-c", line, NULL};
	struct core_request req = {.kind = side->kind};
	struct child child = {0};
	struct chain_op *op;
	const char *why;
	struct pack p;

	pack_init(&p, 2U + group + !!uid);
	pack_op(&p, CHAIN_CLONE)->fd = -1;
	if (group)
		pack_op(&p, CHAIN_TASK_SET)->len = IORING_TASK_SETPGID;
	if (uid) {
		op = pack_op(&p, CHAIN_TASK_SET);
		op->len = IORING_TASK_UID;
		op->addr = uid;
	}
	pack_exec(&p, "/bin/sh", argv);
	req.chain = pack_end(&p);
	req.chain_size = p.size;
	CHECK(!core_launch(side->core, &req, &child.id, &why));
	core_flush(side->core);
	while (!child.pid) {
		sem_wait(&side->woken);
		take(side, &child);
	}
	return child;
}

static void end(struct side *side, struct child *child, int status)
{
	while (!child->over) {
		sem_wait(&side->woken);
		take(side, child);
	}
	CHECK(child->status == status);
}

static void test_signals(struct side *side)
{
	struct child child = start(side, "exec sleep 600", false, 0);

	CHECK(!core_kill(side->core, child.id, 0));
	CHECK(core_kill(side->core, child.id, 1000) == -EINVAL);
	CHECK(!core_kill(side->core, child.id, SIGTERM));
	end(side, &child, SIGTERM);
	CHECK(core_kill(side->core, child.id, SIGTERM) == -ESRCH);
}

/* The leader has ended, the rest of its group has not. */
static void test_group(struct side *side)
{
	struct child child = start(side, "sleep 600 & exit 3", true, 0);
	int status;

	CHECK(!core_kill_group(side->core, child.id, child.pid, 0));
	end(side, &child, 3);
	CHECK(!core_kill_group(side->core, child.id, child.pid, SIGKILL));
	/* An orphan is ours: see main(). */
	CHECK(waitpid(-child.pid, &status, __WALL) > 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(core_kill_group(side->core, child.id, child.pid, 0) == -ESRCH);

	child = start(side, "exec sleep 600", false, 0);
	CHECK(core_kill_group(side->core, child.id, child.pid, SIGKILL) ==
	      -ESRCH);
	CHECK(!core_kill(side->core, child.id, SIGKILL));
	end(side, &child, SIGKILL);
	/* Another process has the number: this one. */
	CHECK(reap_signal_group(-1, getpid(), SIGKILL) == -ESRCH);
	CHECK(core_kill_group(side->core, child.id, 1, 0) == -EINVAL);
}

static void test_with_group(struct side *side)
{
	/*
	 * It stops once it has forked: a shell blocks signals while it forks,
	 * and the child that it makes then has missed those sent before.
	 */
	struct child child =
		start(side, "sleep 600 & kill -STOP $$; wait", true, 0);
	siginfo_t info;
	int pidfd, status;

	CHECK(!waitid(P_PID, (id_t)child.pid, &info, WSTOPPED | __WALL));
	CHECK(!core_kill(side->core, child.id, SIGCONT));
	CHECK(!core_kill_with_group(side->core, child.id, 0));
	CHECK(!core_kill_with_group(side->core, child.id, SIGTERM));
	end(side, &child, SIGTERM);
	while (waitpid(-child.pid, &status, __WALL) > 0)
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	CHECK(core_kill_with_group(side->core, child.id, SIGTERM) == -ESRCH);

	/* It leads no group: it is signalled alone. */
	child = start(side, "exec sleep 600", false, 0);
	CHECK(core_kill_with_group(side->core, child.id, 1000) == -EINVAL);
	CHECK(!core_kill_with_group(side->core, child.id, SIGTERM));
	end(side, &child, SIGTERM);

	/* What lives on after its leader. */
	child = start(side, "trap '' TERM; sleep 600 & kill -STOP $$; exit 3",
		      true, 0);
	pidfd = core_hold(side->core, child.id);
	CHECK(pidfd >= 0);
	CHECK(!waitid(P_PID, (id_t)child.pid, &info, WSTOPPED | __WALL));
	CHECK(!core_kill(side->core, child.id, SIGCONT));
	end(side, &child, 3);
	CHECK(core_hold(side->core, child.id) == -ESRCH);
	CHECK(!core_kill_held(pidfd, child.pid, SIGTERM));
	CHECK(!core_kill_held(pidfd, child.pid, 0));
	CHECK(!core_kill_held(pidfd, child.pid, SIGKILL));
	while (waitpid(-child.pid, &status, __WALL) > 0)
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(core_kill_held(pidfd, child.pid, 0) == -ESRCH);
	CHECK(core_kill_held(pidfd, 1, 0) == -EINVAL);
	close(pidfd);
}

static double cpu_seconds(void)
{
	struct rusage ru;

	CHECK(!getrusage(RUSAGE_SELF, &ru));
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	       (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

/*
 * Holds @pid as a debugger until all others have closed @pipe[1]. A process, as
 * threads share their children.
 */
static pid_t hold(pid_t pid, int ready, const int pipe[2])
{
	pid_t debugger = fork();
	siginfo_t info;
	char byte = 0;

	CHECK(debugger >= 0);
	if (debugger)
		return debugger;
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) || kill(pid, SIGKILL))
		_exit(1);
	/* It stays a zombie until it is reaped here. */
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | __WALL);
	if (write(ready, &byte, 1) != 1)
		_exit(1);
	close(pipe[1]);
	while (read(pipe[0], &byte, 1) < 0)
		;
	waitid(P_PID, (id_t)pid, &info, WEXITED | __WALL);
	_exit(0);
}

static void test_held(struct side *side)
{
	struct child child = start(side, "exec sleep 600", false, 0);
	struct timespec while_held = {0, 500000000};
	int ready[2], go[2], status;
	double before;
	pid_t debugger;
	char byte;

	CHECK(!pipe2(ready, 0) && !pipe2(go, 0));
	debugger = hold(child.pid, ready[1], go);
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1) {
		before = cpu_seconds();
		nanosleep(&while_held, NULL);
		/* A loop that spins would have used half a second. */
		CHECK(cpu_seconds() - before < 0.1);
		take(side, &child);
		CHECK(!child.over);
		CHECK(!core_kill(side->core, child.id, SIGKILL));
	} else {
		printf("no debugger is allowed here\n");
		CHECK(!core_kill(side->core, child.id, SIGKILL));
	}
	close(go[1]);
	CHECK(waitpid(debugger, &status, 0) == debugger);
	end(side, &child, SIGKILL);
	close(ready[0]);
	close(go[0]);
}

/* A child of another user, and an unprivileged thread that signals it. */
static void test_permission(struct side *side)
{
	struct child child;
	uid_t none = (uid_t)-1;

	if (geteuid())
		return;
	child = start(side, "exec sleep 600", true, 65533);
	/* This thread's alone. */
	CHECK(!syscall(SYS_setresuid, 65534, 65534, none));
	CHECK(core_kill(side->core, child.id, SIGTERM) == -EPERM);
	CHECK(core_kill_group(side->core, child.id, child.pid, SIGTERM) ==
	      -EPERM);
	CHECK(!syscall(SYS_setresuid, none, 0, none));
	CHECK(!core_kill(side->core, child.id, SIGTERM));
	end(side, &child, SIGTERM);
	CHECK(!syscall(SYS_setresuid, 0, 0, none));
}

struct environment {
	enum launcher_kind kind;
	bool no_ring;
	int denied; /* what pidfd_send_signal(2) fails with, or 0 */
};

static void *environment(void *arg)
{
	struct environment *env = arg;
	struct side side = {.kind = env->kind};

	if (env->denied) {
		CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		CHECK(!filter_deny(SYS_pidfd_send_signal, env->denied));
	}
	side_open(&side, env->no_ring);
	if (!core_can_launch(side.core, side.kind)) {
		test_signals(&side);
		test_group(&side);
		test_with_group(&side);
		test_held(&side);
		test_permission(&side);
	}
	core_detach(side.core);
	return NULL;
}

int main(void)
{
	static const int denied[] = {0, ENOSYS, EPERM};
	size_t i, j, k;

	CHECK(!prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	for (i = 0; i < NR_LAUNCHERS; i++) {
		for (j = 0; j < 2; j++) {
			for (k = 0; k < 3; k++) {
				struct environment env = {i, j, denied[k]};
				pthread_t thread;

				CHECK(!pthread_create(&thread, NULL,
						      environment, &env));
				CHECK(!pthread_join(thread, NULL));
			}
		}
	}
	return 0;
}
