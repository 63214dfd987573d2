/* SPDX-License-Identifier: MIT */
#include "actions.h"

#include <fcntl.h>
#include <string.h>

/* Newer than the oldest glibc that the others are in. */
#pragma weak posix_spawn_file_actions_addclosefrom_np
#pragma weak posix_spawn_file_actions_addtcsetpgrp_np

const struct action *actions_of(const posix_spawn_file_actions_t *file_actions,
				int *nr)
{
	const struct action *actions;
	int i;

	*nr = 0;
	if (!file_actions)
		return NULL;
	actions = (const struct action *)file_actions->__actions;
	for (i = 0; i < file_actions->__used; i++) {
		if (actions[i].kind >= ACTION_LAST) {
			*nr = -1;
			return NULL;
		}
	}
	*nr = file_actions->__used;
	return actions;
}

bool actions_change(const struct action *actions, int nr, int fd)
{
	int i;

	for (i = 0; i < nr; i++) {
		const struct action *a = &actions[i];

		if ((a->kind == ACTION_CLOSE && a->fd == fd) ||
		    (a->kind == ACTION_DUP2 && a->dup2.newfd == fd) ||
		    (a->kind == ACTION_OPEN && a->open.fd == fd) ||
		    (a->kind == ACTION_CLOSEFROM && a->fd <= fd))
			return true;
	}
	return false;
}

bool actions_use(const struct action *actions, int nr, int fd)
{
	int i;

	for (i = 0; i < nr; i++) {
		const struct action *a = &actions[i];

		if ((a->kind == ACTION_DUP2 && a->dup2.fd == fd) ||
		    ((a->kind == ACTION_FCHDIR ||
		      a->kind == ACTION_TCSETPGRP) &&
		     a->fd == fd))
			return true;
	}
	return false;
}

bool actions_open(const struct action *actions, int nr)
{
	while (nr--)
		if (actions[nr].kind == ACTION_OPEN)
			return true;
	return false;
}

/* Adds one of each kind; returns how many there are, or -1. */
static int add_each(posix_spawn_file_actions_t *fa, char *path)
{
	int nr = 5;

	if (posix_spawn_file_actions_addclose(fa, 17) ||
	    posix_spawn_file_actions_adddup2(fa, 18, 19) ||
	    posix_spawn_file_actions_addopen(fa, 20, path, O_WRONLY | O_CREAT,
					     0640) ||
	    posix_spawn_file_actions_addchdir_np(fa, path) ||
	    posix_spawn_file_actions_addfchdir_np(fa, 21))
		return -1;
	if (posix_spawn_file_actions_addclosefrom_np) {
		if (posix_spawn_file_actions_addclosefrom_np(fa, 22))
			return -1;
		nr++;
	}
	if (posix_spawn_file_actions_addtcsetpgrp_np) {
		if (posix_spawn_file_actions_addtcsetpgrp_np(fa, 23))
			return -1;
		nr++;
	}
	return nr;
}

static bool has_path(const char *path)
{
	return path && !strcmp(path, "/a/path");
}

static bool as_added(const struct action *at, int nr)
{
	return at[0].kind == ACTION_CLOSE && at[0].fd == 17 &&
	       at[1].kind == ACTION_DUP2 && at[1].dup2.fd == 18 &&
	       at[1].dup2.newfd == 19 && at[2].kind == ACTION_OPEN &&
	       at[2].open.fd == 20 && has_path(at[2].open.path) &&
	       at[2].open.oflag == (O_WRONLY | O_CREAT) &&
	       at[2].open.mode == 0640 && at[3].kind == ACTION_CHDIR &&
	       has_path(at[3].path) && at[4].kind == ACTION_FCHDIR &&
	       at[4].fd == 21 &&
	       (nr < 6 || (at[5].kind == ACTION_CLOSEFROM && at[5].fd == 22)) &&
	       (nr < 7 || (at[6].kind == ACTION_TCSETPGRP && at[6].fd == 23));
}

bool actions_known(void)
{
	posix_spawn_file_actions_t fa;
	char path[] = "/a/path";
	bool known;
	int nr;

	if (posix_spawn_file_actions_init(&fa))
		return false;
	nr = add_each(&fa, path);
	known = nr > 0 && fa.__used == nr && fa.__actions &&
		as_added((const struct action *)fa.__actions, nr);
	posix_spawn_file_actions_destroy(&fa);
	return known;
}
