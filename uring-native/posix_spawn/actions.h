/* SPDX-License-Identifier: MIT */
/*
 * What posix_spawn_file_actions_add*(3) of glibc leave behind. The type is
 * public, what it points at is not; it has been the same since 2.29, and
 * actions_known() makes sure.
 */
#ifndef ACTIONS_H
#define ACTIONS_H

#include <spawn.h>
#include <stdbool.h>
#include <sys/types.h>

enum action_kind {
	ACTION_CLOSE,
	ACTION_DUP2,
	ACTION_OPEN,
	ACTION_CHDIR,
	ACTION_FCHDIR,
	ACTION_CLOSEFROM,
	ACTION_TCSETPGRP,
	ACTION_LAST,
};

struct action {
	enum action_kind kind;
	union {
		int fd; /* CLOSE, FCHDIR, CLOSEFROM, TCSETPGRP */
		struct {
			int fd;
			int newfd;
		} dup2;
		struct {
			int fd;
			char *path;
			int oflag;
			mode_t mode;
		} open;
		char *path; /* CHDIR */
	};
};

/*
 * The actions, *@nr of them; *@nr is 0 for NULL. Returns NULL and a negative
 * *@nr if there is one of a kind that is not listed above.
 */
const struct action *actions_of(const posix_spawn_file_actions_t *file_actions,
				int *nr);

/* May one of the first @nr @actions have made @fd another file than before? */
bool actions_change(const struct action *actions, int nr, int fd);

/* Whether one of the first @nr @actions looks at what @fd is. */
bool actions_use(const struct action *actions, int nr, int fd);

/* Whether one of the @nr @actions opens a file. */
bool actions_open(const struct action *actions, int nr);

/* Whether this C library keeps actions as struct action has them. */
bool actions_known(void);

#endif
