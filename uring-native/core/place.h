/* SPDX-License-Identifier: MIT */
/*
 * The place a child starts in: the working directory and the umask that the
 * process had when the launch was requested. Both belong to the whole process,
 * which may have changed them by the time another thread makes the child.
 */
#ifndef PLACE_H
#define PLACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A directory. The mount counts as well: two mounts may show the same
 * directory, and ".." then leads to different places.
 */
struct place_id {
	bool known;
	uint64_t mount;
	uint64_t inode;
	uint32_t major;
	uint32_t minor;
};

struct place {
	unsigned refs;
	int fd;	   /* the working directory, O_PATH; -1: unknown */
	int umask; /* -1: unknown */
	struct place_id id;
};

/*
 * The calling thread's place now. Launches from the same place share one struct
 * and descriptor; the check takes two system calls. Returns a reference, or
 * NULL when out of memory: a child then starts where the process is.
 */
struct place *place_now(void);
struct place *place_get(struct place *place);
void place_put(struct place *place);

/*
 * Moves the calling process or thread there; it must not share its working
 * directory with another. Async-signal-safe, and safe in memory shared with a
 * parent. Returns 0 or -errno: EACCES if it would have to return to a directory
 * that it may no longer search.
 */
long place_enter(const struct place *place);

/*
 * Gives the calling thread a working directory and a umask of its own. Returns
 * 0 or -errno: EPERM if a seccomp filter forbids unshare(2).
 */
int place_own(void);

/*
 * Moves a thread with a place of its own to the root: a thread in a directory
 * keeps its file system from being unmounted.
 */
void place_leave(void);

/*
 * The calling thread's root directory. A thread that has a working directory of
 * its own has a root of its own, too, which another thread's chroot(2) does not
 * change.
 */
void place_root(struct place_id *root);

/* Identifies the directory @path, as statx(2) with AT_EMPTY_PATH reads it. */
void place_identify(int dirfd, const char *path, struct place_id *id);
bool place_same(const struct place_id *a, const struct place_id *b);

#endif
