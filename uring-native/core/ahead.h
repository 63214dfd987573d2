/* SPDX-License-Identifier: MIT */
/*
 * What a launch thread looks up in its child's place, before the child could:
 * for launchers whose children run no code of ours. A path means the same to
 * both unless it leads through /proc to what belongs to the process itself.
 */
#ifndef AHEAD_H
#define AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "chain.h"

/* Whether the OPENAT @op opens a directory only to enter it. */
bool ahead_is_directory(const struct chain_op *op);

/*
 * Looks up @path, relative to @cwd, with @flags of openat(2): O_NOFOLLOW and
 * O_DIRECTORY tell. Returns a close-on-exec O_PATH descriptor that the caller
 * closes; -EOPNOTSUPP if the child may find something else; or the -errno that
 * the child would have.
 */
int ahead_look_up(int cwd, const char *path, uint32_t flags);

/*
 * Opens the directory of @op, whose relative path starts at @cwd. Returns a
 * close-on-exec descriptor that the caller closes; -EOPNOTSUPP if the child may
 * find another directory; or the -errno that the child would have.
 */
int ahead_open_directory(int cwd, const struct chain_op *op);

/*
 * Whether the OPENAT @op, whose relative path starts at @cwd, opens the same
 * file here as in the child, and waits for nobody. A file system that does not
 * answer, and a lease, have to be waited for all the same.
 */
bool ahead_opens_at_once(int cwd, const struct chain_op *op);

/* The same of @path and the @flags of openat(2). */
bool ahead_path_opens_at_once(int cwd, const char *path, uint32_t flags);

/* An OPENAT's flags without those that openat(2) ignores, and openat2(2) not.
 */
uint32_t ahead_open_flags(uint32_t flags);

/* Whether the name of an executable means something else in the child. */
bool ahead_differs(const char *path);

#endif
