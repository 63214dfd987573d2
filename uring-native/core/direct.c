/* SPDX-License-Identifier: MIT */
#include "direct.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "child.h"
#include "direct_ring.h"
#include "ends.h"
#include "execd.h"
#include "inbox.h"
#include "io_uring_spawn.h"
#include "job.h"
#include "launcher.h"
#include "lock.h"
#include "own.h"
#include "pipes.h"
#include "pool.h"
#include "settle.h"
#include "state.h"
#include "status.h"

/* Children that are on their way to their exec at a time. */
#define MAX_ROOMS 8U
/* The child's table is a copy, which the owner's thread makes. */
#define SMALL_TABLE 256
/* Launches, until the size of the table is looked at again. */
#define LOOK_EVERY 64U
/* A launch that hangs is looked at often at first, then now and then. */
#define MANY_TICKS 50U
#define HANGS_MS 500U

/* What a child needs of our memory until its exec. */
struct direct_room {
	struct launch_thread thread;
	struct child_progress progress;
	struct child child;
	struct job *job; /* whose launch is not over */
	unsigned ticks;	 /* since its launch has begun */
	struct direct_room *next;
};

static void on_tick(struct watch *watch);

void direct_init(struct core *core)
{
	struct direct *d = &core->direct;

	d->tick.kind = WATCH_READ;
	d->tick.ready = on_tick;
	d->tick.fd = -1;
	if (core->config.polled)
		d->tick.fd = timerfd_create(CLOCK_MONOTONIC,
					    TFD_CLOEXEC | TFD_NONBLOCK);
}

void direct_watch(struct core *core)
{
	if (core->direct.tick.fd >= 0)
		core->poller->ops->arm(core->poller, &core->direct.tick);
}

/* Whether no child runs in it. */
static bool is_free(const struct direct_room *room)
{
	return !room->job &&
	       !__atomic_load_n(&room->progress.gone, __ATOMIC_ACQUIRE);
}

void direct_exit(struct core *core)
{
	struct direct_room *room, *next;

	for (room = core->direct.rooms; room; room = next) {
		next = room->next;
		/* A kernel that does not tell: rather lose the memory. */
		if (!is_free(room))
			continue;
		launch_thread_exit(&room->thread);
		free(room);
	}
	if (core->direct.tick.fd >= 0)
		close(core->direct.tick.fd);
	direct_ring_exit(core);
}

/* Lock held. NULL: there is none, nor memory for one. */
static struct direct_room *find_room(struct core *core)
{
	struct direct *d = &core->direct;
	struct direct_room *room;

	for (room = d->rooms; room; room = room->next)
		if (is_free(room))
			return room;
	if (d->nr_rooms == MAX_ROOMS)
		return NULL;
	room = calloc(1, sizeof(*room));
	if (!room)
		return NULL;
	launch_thread_init(&room->thread);
	room->thread.status = core->status;
	room->thread.child_looks = true;
	room->next = d->rooms;
	d->rooms = room;
	d->nr_rooms++;
	return room;
}

/*
 * The size of the descriptor table, which is never less than the highest open
 * descriptor; 0 without /proc.
 */
static long table_size(const struct core *core)
{
	char buf[1024];
	const char *size =
		status_value(core->status, "\nFDSize:\t", buf, sizeof(buf));

	return size ? atol(size) : 0;
}

/*
 * Whether the child would wait, or needs what launch threads are there for. The
 * descriptors that it gets have to be listed: all others but the notice are
 * closed then.
 */
static bool is_plain(const struct chain *c)
{
	const struct chain_op *head = &c->ops[0];
	uint32_t i;

	if (c->may_block || c->sets_ids || c->sets_pdeathsig)
		return false;
	if (!(head->flags & CHAIN_CLONE_FDS) || head->addr2 || head->fd >= 0)
		return false;
	for (i = 1; i < c->nr_ops; i++) {
		const struct chain_op *op = &c->ops[i];

		if (op->op == CHAIN_CLOSE_RANGE)
			return false;
		/* Who starts the shell then has to know where. */
		if (op->link & CHAIN_SHELL)
			return false;
		/* Only /proc shows that a child in another session execs. */
		if (op->op == CHAIN_TASK_SET && op->len == IORING_TASK_SETSID)
			return false;
	}
	return true;
}

static bool has_way(struct core *core, const struct core_request *req,
		    const struct job *job)
{
	/* The child begins where this thread is. */
	if (direct_by_ring(job))
		return !req->place && direct_ring_can(core, job);
	return launcher_get(job->launch.by)->begin && pool_is_ready(core, job);
}

static bool can_launch(struct core *core, const struct core_request *req,
		       const struct job *job)
{
	return core->direct.tick.fd >= 0 && core->nr_jobs < ENDS_FEW &&
	       !core->direct.nr_launches && !req->like_uv_spawn &&
	       !req->waited && !req->doomed && !req->watcher &&
	       (own_can(job) || (!job->nr_outputs && !job->has_input)) &&
	       is_plain(job->launch.chain) && has_way(core, req, job);
}

/* Ticks in @ms milliseconds, unless that is to happen before. Lock held. */
static void tick_in(struct direct *d, unsigned ms)
{
	struct itimerspec once = {.it_value.tv_nsec = ms * 1000000L};

	if (d->tick_ms && d->tick_ms <= ms)
		return;
	if (!timerfd_settime(d->tick.fd, 0, &once, NULL))
		d->tick_ms = ms;
}

void direct_under_way(struct job *job)
{
	struct direct *d = &job->core->direct;

	job->direct = true;
	d->nr_made++;
	tick_in(d, LAUNCH_SLOW_MS);
}

/* Whether making the child takes long: it gets a copy of a large table. */
static bool copies_much(const struct direct *d, const struct job *job)
{
	if (!d->large_table || direct_by_ring(job))
		return false;
	return !job->nr_outputs || launcher_get(job->launch.by)->copies_fds();
}

bool direct_take(struct core *core, const struct core_request *req,
		 struct job *job)
{
	struct direct *d = &core->direct;
	struct direct_room *room;

	if (!can_launch(core, req, job))
		return false;
	if (!direct_by_ring(job) && d->nr_looked++ % LOOK_EVERY == 0)
		d->large_table = table_size(core) > 2 * SMALL_TABLE;
	room = copies_much(d, job) ? NULL : find_room(core);
	if (!room)
		return false;
	room->job = job;
	room->ticks = 0;
	job->room = room;
	job->state = JOB_LAUNCHING;
	return true;
}

void direct_leave_room(struct job *job)
{
	job->direct = false;
	job->room->job = NULL;
	job->room = NULL;
}

void direct_fail(struct job *job, int error, uint32_t op)
{
	struct core *core = job->core;

	launch_no_child(&job->launch, error);
	job->launch.failed_op = op;
	core_lock(core);
	direct_leave_room(job);
	core_unlock(core);
	job_settle(job);
}

/* Lock held. Returns false if no launch thread can go on with it. */
static bool to_pool(struct job *job)
{
	if (!pool_continue(job->core, job))
		return false;
	job->direct = false;
	return true;
}

void direct_hand_over(struct job *job)
{
	if (!job->direct || job->told)
		return;
	if (job->owned)
		own_stop(job);
	if (direct_by_ring(job))
		direct_ring_tell(job);
	else
		to_pool(job);
}

/*
 * Makes the pipe whose end @ends[1] only the child is to have, above all that
 * it gets. Returns 0 or -errno.
 */
static int open_notice(const struct chain *c, int ends[2])
{
	int moved;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	if (ends[1] <= c->max_newfd) {
		moved = fcntl(ends[1], F_DUPFD_CLOEXEC, c->max_newfd + 1);
		close(ends[1]);
		ends[1] = moved;
	}
	if (ends[1] >= 0 && ends[1] < SMALL_TABLE)
		return 0;
	close(ends[0]);
	if (ends[1] >= 0)
		close(ends[1]);
	return -EMFILE;
}

/* A launch thread makes the child instead. */
static void give_up(struct job *job)
{
	struct core *core = job->core;
	struct direct_room *room = job->room;
	int ret;

	job_set_place(job);
	core_lock(core);
	direct_leave_room(job);
	job->state = JOB_QUEUED;
	pool_look(core);
	ret = pool_queue(core, job);
	if (ret) {
		room->job = job;
		job->room = room;
	}
	core_unlock(core);
	if (ret)
		direct_fail(job, ret, 0);
}

static void on_tick(struct watch *watch)
{
	struct direct *d = (struct direct *)watch;
	struct core *core =
		(struct core *)((char *)d - offsetof(struct core, direct));
	struct direct_room *room;
	struct job *job, *next;
	uint64_t count;

	if (read(watch->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		abort();
	core_lock(core);
	d->tick_ms = 0;
	for (room = d->rooms; room; room = room->next) {
		if (!room->job || !room->job->direct)
			continue;
		if (room->ticks && direct_by_ring(room->job))
			inbox_send(room->job, TODO_STARTED);
		else if (room->ticks && room->job->owned)
			own_quit(room->job);
		else if (room->ticks)
			direct_hand_over(room->job);
		room->ticks++;
		if (room->job->direct)
			tick_in(d, room->ticks < MANY_TICKS ? LAUNCH_SLOW_MS
							    : HANGS_MS);
	}
	for (job = d->owned; job; job = next) {
		next = job->own_next;
		if (job->own_ticked)
			own_quit(job);
		job->own_ticked = true;
		if (job->owned)
			tick_in(d, LAUNCH_SLOW_MS);
	}
	core_unlock(core);
	core->poller->ops->arm(core->poller, watch);
}

static int begin(struct job *job, int notice)
{
	struct launch *launch = &job->launch;
	struct direct_room *room = job->room;

	return launcher_get(launch->by)
		->begin(launch, &room->thread, &room->progress, &room->child,
			notice);
}

/* The output or the end tells that it has started. */
static void launch_own(struct job *job)
{
	struct core *core = job->core;
	int ret = begin(job, -1);

	if (ret) {
		direct_fail(job, ret, 0);
		return;
	}
	core_lock(core);
	direct_under_way(job);
	own_add(job);
	core_unlock(core);
	own_begin(job);
}

static void launch_with_notice(struct job *job)
{
	struct core *core = job->core;
	int ends[2];
	int ret;

	if (open_notice(job->launch.chain, ends)) {
		give_up(job);
		return;
	}
	ret = begin(job, ends[1]);
	close(ends[1]);
	if (ret) {
		close(ends[0]);
		direct_fail(job, ret, 0);
		return;
	}
	core_lock(core);
	job->refs++;
	direct_under_way(job);
	core_unlock(core);
	job->notice = ends[0];
	if (!ends_add_notice(&core->ends[ENDS_OWNER], job))
		return;
	job->notice = -1;
	close(ends[0]);
	/* A launch thread notices, or the timer sees to that. */
	core_lock(core);
	direct_hand_over(job);
	job_put(job);
	core_unlock(core);
}

void direct_launch(struct job *job)
{
	uint32_t failed = 0;
	int ret = job_open_fds(job, &failed);

	if (ret)
		direct_fail(job, ret, failed);
	else if (direct_by_ring(job))
		direct_ring_launch(job);
	else if (job->nr_outputs)
		launch_own(job);
	else
		launch_with_notice(job);
}

/*
 * Whether the child, which has left our memory, did so by its exec; without
 * waiting for anything. If it did not, or nobody can tell yet, it is looked at
 * once more.
 */
static bool has_execd(struct launch *launch, const struct direct_room *room)
{
	struct chain *c = launch->chain;
	uint32_t at = room->progress.at;

	if (c->ops[at].op != CHAIN_EXEC || c->res[at] != -ECANCELED ||
	    !execd_in_session(launch->pid))
		return false;
	c->res[at] = 0;
	launch->error = chain_result(c, &launch->failed_op);
	return true;
}

static bool settle_child(struct job *job)
{
	struct core *core = job->core;
	struct direct_room *room = job->room;
	bool started = has_execd(&job->launch, room);
	bool here = started;

	core_lock(core);
	if (started) {
		direct_leave_room(job);
	} else {
		/* A launch thread waits for its end, too. */
		if (job->owned)
			own_stop(job);
		here = !to_pool(job);
	}
	core_unlock(core);
	if (here && !started)
		direct_finish(job, &room->thread);
	if (here)
		job_settle(job);
	return started;
}

bool direct_settle(struct job *job)
{
	return direct_by_ring(job) ? direct_ring_settle(job)
				   : settle_child(job);
}

void direct_left(struct job *job)
{
	struct core *core = job->core;
	bool direct;

	core_lock(core);
	/* Or a launch thread has it. */
	direct = job->direct;
	job->direct = false;
	core_unlock(core);
	close(job->notice);
	job->notice = -1;
	if (direct)
		settle_child(job);
	core_lock(core);
	job_put(job);
	core_unlock(core);
}

void direct_finish(struct job *job, struct launch_thread *thread)
{
	struct core *core = job->core;
	struct launch *launch = &job->launch;
	struct direct_room *room = job->room;

	launch_wait(launch, thread, &room->progress);
	launch_finish(launch, thread, &room->progress);
	core_lock(core);
	direct_leave_room(job);
	core_unlock(core);
}
