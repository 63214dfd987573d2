/* SPDX-License-Identifier: MIT */
/*
 * The part of place.h that runs in a child, in memory that may be its parent's.
 */
#include <fcntl.h>

#include "place.h"
#include "sys.h"

/* The C library's struct may lack stx_mnt_id. */
struct sys_statx {
	uint32_t mask;
	uint32_t other[7];
	uint64_t ino;
	uint64_t numbers[3];
	uint64_t times[8];
	uint32_t rdev[2];
	uint32_t dev[2];
	uint64_t mnt_id;
	uint64_t spare[13];
};
_Static_assert(sizeof(struct sys_statx) == 256, "as the kernel's struct statx");

#define MASK_INO 0x100U	    /* STATX_INO */
#define MASK_MNT_ID 0x1000U /* STATX_MNT_ID */

void place_identify(int dirfd, const char *path, struct place_id *id)
{
	const uint32_t want = MASK_INO | MASK_MNT_ID;
	struct sys_statx buf;

	id->known =
		!sys_call(SYS_statx, dirfd, path, AT_EMPTY_PATH, want, &buf) &&
		(buf.mask & want) == want;
	if (!id->known)
		return;
	id->mount = buf.mnt_id;
	id->inode = buf.ino;
	id->major = buf.dev[0];
	id->minor = buf.dev[1];
}

bool place_same(const struct place_id *a, const struct place_id *b)
{
	return a->known && b->known && a->mount == b->mount &&
	       a->inode == b->inode && a->major == b->major &&
	       a->minor == b->minor;
}

long place_enter(const struct place *place)
{
	struct place_id here;

	if (place->umask >= 0)
		sys_call(SYS_umask, place->umask);
	if (place->fd < 0)
		return 0;
	/*
	 * A process may stay in a directory that it may no longer search, but
	 * may not enter it again.
	 */
	place_identify(AT_FDCWD, "", &here);
	if (place_same(&place->id, &here))
		return 0;
	return sys_call(SYS_fchdir, place->fd);
}
