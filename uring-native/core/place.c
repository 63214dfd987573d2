/* SPDX-License-Identifier: MIT */
#include "place.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys.h"

/* Guards @last, the references of every place, and the umask's last value. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/*
 * The newest one in use. It holds no reference itself: a descriptor that
 * nothing needs would keep a file system from being unmounted after the process
 * has left it.
 */
static struct place *last;

/* From /proc; or -1. */
static int read_umask(void)
{
	FILE *f = fopen("/proc/thread-self/status", "re");
	char line[256];
	unsigned mask;
	int found = -1;

	while (f && found < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "Umask: %o", &mask) == 1)
			found = (int)mask;
	if (f)
		fclose(f);
	return found;
}

/*
 * umask(2) can only read the mask by setting it. So set the last known value:
 * if it is unchanged, files that other threads create meanwhile are not
 * affected. Otherwise put it back at once. The first value comes from /proc;
 * without /proc a strict mask stands in for a moment. Lock held. Returns -1 if
 * a filter forbids it.
 */
static int current_umask(void)
{
	static int known = -1;
	long now;

	if (known < 0)
		known = read_umask();
	if (known < 0)
		known = 077;
	now = sys_call(SYS_umask, known);
	if (now < 0)
		return -1;
	if (now != known)
		sys_call(SYS_umask, now);
	known = (int)now;
	return known;
}

/*
 * Without search permission, a working directory can be opened only by /proc.
 */
static int open_here(void)
{
	int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	int fd = open(".", flags);

	return fd >= 0 || errno != EACCES
		       ? fd
		       : open("/proc/thread-self/cwd", flags);
}

static struct place *make(int mask)
{
	struct place *place = malloc(sizeof(*place));

	if (!place)
		return NULL;
	place->refs = 1;
	place->fd = open_here();
	place->umask = mask;
	place->id.known = false;
	if (place->fd >= 0)
		place_identify(place->fd, "", &place->id);
	return place;
}

struct place *place_now(void)
{
	struct place *place;
	struct place_id id;
	int mask;

	place_identify(AT_FDCWD, "", &id);
	pthread_mutex_lock(&lock);
	mask = current_umask();
	place = last;
	if (place && place_same(&place->id, &id) && place->umask == mask)
		place->refs++;
	else
		place = last = make(mask);
	pthread_mutex_unlock(&lock);
	return place;
}

struct place *place_get(struct place *place)
{
	if (!place)
		return NULL;
	pthread_mutex_lock(&lock);
	place->refs++;
	pthread_mutex_unlock(&lock);
	return place;
}

void place_put(struct place *place)
{
	bool over;

	if (!place)
		return;
	pthread_mutex_lock(&lock);
	over = --place->refs == 0;
	if (over && last == place)
		last = NULL;
	pthread_mutex_unlock(&lock);
	if (!over)
		return;
	if (place->fd >= 0)
		close(place->fd);
	free(place);
}

int place_own(void)
{
	return (int)sys_call(SYS_unshare, CLONE_FS);
}

void place_leave(void)
{
	sys_call(SYS_chdir, "/");
}

void place_root(struct place_id *root)
{
	place_identify(AT_FDCWD, "/", root);
}
