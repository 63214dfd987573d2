/* SPDX-License-Identifier: MIT */
#include "doomed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core.h"
#include "job.h"
#include "launcher.h"
#include "lock.h"
#include "reap.h"
#include "state.h"

/* The file grows, the mapping does not: others write through it. */
#define FIRST_LINES 256U
#define MAX_LINES 65536U

static uint64_t kind_text(char kind)
{
	union {
		char text[8];
		uint64_t word;
	} to = {.text = "        "};

	to.text[0] = kind;
	return to.word;
}

static void clear(struct doomed_line *line)
{
	line->pid = doomed_text(0);
	line->kind = kind_text('+');
}

static void give(struct doomed *d, struct doomed_line *line)
{
	clear(line);
	d->free[d->nr_free++] = (uint32_t)(line - d->lines);
}

/* A file beyond this limit would cost the program a SIGXFSZ. */
static int check_limit(size_t size)
{
	struct rlimit limit;

	return !getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur < size
		       ? -EFBIG
		       : 0;
}

static int grow(struct doomed *d)
{
	uint32_t nr = d->nr_lines ? d->nr_lines * 2 : FIRST_LINES;
	size_t size = nr * sizeof(*d->lines);
	uint32_t *free;
	int ret = check_limit(size);

	if (nr > MAX_LINES)
		return -EAGAIN;
	if (ret)
		return ret;
	free = realloc(d->free, nr * sizeof(*free));
	if (!free)
		return -ENOMEM;
	d->free = free;
	/* After ftruncate(2), a write without memory would be fatal. */
	if (fallocate(d->fd, 0, 0, (off_t)size) < 0)
		return -errno;
	/* The first lines are taken first: the watcher reads them all. */
	while (nr > d->nr_lines)
		give(d, &d->lines[--nr]);
	d->nr_lines = (uint32_t)(size / sizeof(*d->lines));
	return 0;
}

static int make_file(struct doomed *d)
{
	size_t size = MAX_LINES * sizeof(*d->lines);
	int fd = memfd_create("uring-spawn-doomed", MFD_CLOEXEC), ret;
	void *map;

	if (fd < 0)
		return -errno;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		ret = -errno;
		close(fd);
		return ret;
	}
	d->fd = fd;
	d->lines = map;
	return 0;
}

int core_doomed_file(struct core *core)
{
	struct doomed *d = &core->doomed;
	int ret = 0;

	core_lock(core);
	if (d->fd < 0)
		ret = make_file(d);
	if (!ret && !d->nr_lines)
		ret = grow(d);
	core_unlock(core);
	return ret ? ret : d->fd;
}

/* One that is gone has started, and ended. */
static struct job *get_watcher(struct core *core)
{
	struct job *watcher = job_find(core, core->doomed.watcher);

	if (!watcher ||
	    (watcher->state == JOB_SETTLED && !watcher->launch.error))
		return NULL;
	watcher->refs++;
	return watcher;
}

static void put_watcher(struct job *job)
{
	if (job->watcher)
		job_put(job->watcher);
	job->watcher = NULL;
}

int doomed_take(struct core *core, struct job *job)
{
	struct doomed *d = &core->doomed;
	int ret = 0;

	if (d->fd < 0)
		return -EINVAL;
	if (!d->nr_free)
		ret = grow(d);
	if (ret)
		return ret;
	job->launch.line = &d->lines[d->free[--d->nr_free]];
	job->watcher = get_watcher(core);
	return 0;
}

void doomed_put(struct core *core, struct job *job)
{
	put_watcher(job);
	if (job->launch.line)
		give(&core->doomed, job->launch.line);
	job->launch.line = NULL;
}

void doomed_clear(struct launch *launch)
{
	if (launch->line)
		launch->line->pid = doomed_text(0);
}

/*
 * While the leader was there, nothing showed whether it was alone. If there is
 * no memory to remember its group by, its line stays.
 */
void doomed_reaped(struct core *core, struct launch *launch)
{
	struct doomed_line *line = launch->line;
	struct doomed_group *group = NULL;
	bool over;

	if (!line)
		return;
	launch->line = NULL;
	over = reap_signal_group(launch->pidfd, launch->pid, 0) == -ESRCH;
	if (!over) {
		line->kind = kind_text('-');
		group = malloc(sizeof(*group));
	}
	if (group) {
		group->line = line;
		group->pid = launch->pid;
		group->pidfd = fcntl(launch->pidfd, F_DUPFD_CLOEXEC, 3);
	}
	core_lock(core);
	if (over)
		give(&core->doomed, line);
	if (group) {
		group->next = core->doomed.groups;
		core->doomed.groups = group;
	}
	core_unlock(core);
}

static void drop(struct doomed_group *group)
{
	if (group->pidfd >= 0)
		close(group->pidfd);
	free(group);
}

unsigned core_doomed(struct core *core)
{
	struct doomed *d = &core->doomed;
	struct doomed_group **at = &d->groups, *group;
	unsigned nr;

	core_lock(core);
	while ((group = *at)) {
		if (reap_signal_group(group->pidfd, group->pid, 0) != -ESRCH) {
			at = &group->next;
			continue;
		}
		*at = group->next;
		give(d, group->line);
		drop(group);
	}
	nr = d->nr_lines - d->nr_free;
	core_unlock(core);
	return nr;
}

int doomed_wait(struct core *core, struct job *job)
{
	const struct job *watcher = job->watcher;
	int ret;

	if (!watcher)
		return 0;
	while (watcher->state != JOB_SETTLED) {
		core->nr_waiters++;
		pthread_cond_wait(&core->settled, &core->lock);
		core->nr_waiters--;
	}
	ret = watcher->launch.error;
	put_watcher(job);
	return ret;
}

void doomed_init(struct core *core)
{
	core->doomed.fd = -1;
}

void doomed_exit(struct core *core)
{
	struct doomed *d = &core->doomed;
	struct doomed_group *group;

	while ((group = d->groups)) {
		d->groups = group->next;
		drop(group);
	}
	free(d->free);
	if (d->fd < 0)
		return;
	munmap(d->lines, MAX_LINES * sizeof(*d->lines));
	close(d->fd);
}
