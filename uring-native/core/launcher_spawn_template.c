/* SPDX-License-Identifier: MIT */
/*
 * spawn_template_spawn(2): the kernel makes the process from an executable
 * template and carries out a list of actions before its exec, while the launch
 * thread sleeps.
 *
 * Actions cannot express every operation of a chain, and an action that fails
 * in the child leaves only an exit status, which a program could have returned
 * as well. So the vfork launcher takes over whatever actions cannot express,
 * and whatever fails: it can do everything and reports exactly what fails. The
 * launch records which launcher did it in the end. Nothing is done twice by
 * that, as chains that open files do not begin here.
 */
#include <errno.h>

#include "core.h"
#include "execd.h"
#include "sys.h"
#include "template_plan.h"

/* The outcome of a start. */
enum start {
	STARTED,
	NO_CHILD, /* for the reason *@err */
	NO_EXEC	  /* there was a child, which failed before its exec */
};

/*
 * The launch gets the pidfd only once the child has exec'd. Otherwise it is
 * closed here, when no other thread may be about to signal through it.
 */
static enum start start(struct launch *launch, struct launch_thread *thread,
			const struct template_plan *plan, int template_fd,
			const struct chain_op *op, int *err)
{
	int pidfd = -1, pid;
	siginfo_t info;

	launch_set_batch(thread, false);
	pid = spawn_template_spawn(
		template_fd, &pidfd, chain_ptr(op->addr2), chain_ptr(op->addr3),
		plan->actions, plan->nr,
		plan->inherit ? SPAWN_TEMPLATE_SPAWN_INHERIT_FDS : 0);
	launch_set_batch(thread, true);
	*err = pid;
	if (pid < 0)
		return NO_CHILD;
	if (execd(pid, pidfd)) {
		launch->pidfd = pidfd;
		launch->pid = pid;
		return STARTED;
	}
	/* It is about to exit. */
	while (sys_waitid_pidfd(pidfd, &info, WEXITED | __WALL, NULL) == -EINTR)
		;
	close(pidfd);
	return NO_EXEC;
}

static void set_done(struct launch *launch, uint32_t at, int error)
{
	struct chain *c = launch->chain;
	uint32_t i;

	for (i = 0; i < at; i++)
		if (c->ops[i].op != CHAIN_EXEC)
			c->res[i] = 0;
	c->res[at] = error;
	launch->error = error;
	launch->failed_op = at;
}

/* How a launch goes on. */
enum next {
	DONE, /* it has started, or is known to have failed */
	NEXT_EXEC,
	TO_VFORK
};

/* The EXEC at @at, from the template @template_fd; @named: by the chain. */
static enum next run_exec(struct launch *launch, struct launch_thread *thread,
			  const struct template_plan *plan, uint32_t at,
			  int template_fd, bool named)
{
	const struct chain_op *op = &launch->chain->ops[at];
	int err = 0;

	switch (start(launch, thread, plan, template_fd, op, &err)) {
	case STARTED:
		set_done(launch, at, 0);
		return DONE;
	case NO_CHILD:
		/* The template is stale, or made with other credentials. */
		if (!named || (err != -ESTALE && err != -EACCES))
			return TO_VFORK;
		if (!chain_goes_on(op, err)) {
			set_done(launch, at, err);
			return DONE;
		}
		launch->chain->res[at] = err;
		return NEXT_EXEC;
	default:
		return TO_VFORK;
	}
}

static enum next run_template(struct launch *launch,
			      struct launch_thread *thread,
			      const struct template_plan *plan, uint32_t at)
{
	const struct chain_op *op = &launch->chain->ops[at];
	enum next next;
	int fd;

	if (op->len)
		return run_exec(launch, thread, plan, at, (int)op->len - 1,
				true);
	fd = plan_template(plan, op);
	if (fd < 0) {
		/* It found what it looked for, but a script, for example. */
		if (fd == -ENOEXEC || fd == -EOPNOTSUPP ||
		    !chain_goes_on(op, fd))
			return TO_VFORK;
		launch->chain->res[at] = fd;
		return NEXT_EXEC;
	}
	next = run_exec(launch, thread, plan, at, fd, false);
	close(fd);
	return next;
}

static enum next run_plan(struct launch *launch, struct launch_thread *thread,
			  const struct template_plan *plan)
{
	const struct chain *c = launch->chain;
	enum next next = NEXT_EXEC;
	uint32_t at;

	for (at = plan->exec; next == NEXT_EXEC; at++) {
		if (at == c->nr_ops || c->ops[at].op != CHAIN_EXEC)
			return TO_VFORK;
		next = run_template(launch, thread, plan, at);
	}
	return next;
}

/* Launches by vfork, and keeps the template's error: vfork ignores it. */
static void by_vfork(struct launch *launch, struct launch_thread *thread)
{
	struct chain *c = launch->chain;
	int32_t stale = 0;
	uint32_t at = 0, i;

	for (i = 0; i < c->nr_ops; i++) {
		if (c->ops[i].op == CHAIN_EXEC && c->ops[i].len &&
		    c->res[i] != -ECANCELED) {
			at = i;
			stale = c->res[i];
		}
	}
	launch_by(LAUNCHER_VFORK, launch, thread);
	if (stale)
		c->res[at] = stale;
}

static void template_launch(struct launch *launch, struct launch_thread *thread)
{
	struct template_plan plan;
	enum next next = TO_VFORK;
	int there = launch_enter(launch, thread);

	chain_reset(launch->chain);
	if (there < 0) {
		launch_no_child(launch, there);
		return;
	}
	if (there && execd_can_tell()) {
		if (plan_make(&plan, launch))
			next = run_plan(launch, thread, &plan);
		plan_drop(&plan);
	}
	launch_leave(thread);
	if (next == TO_VFORK)
		by_vfork(launch, thread);
}

static int template_error(const struct core_info *info)
{
	return info->template_error;
}

const struct launcher launcher_spawn_template = {
	.error = template_error,
	.own_place = true,
	.launch = template_launch,
};
