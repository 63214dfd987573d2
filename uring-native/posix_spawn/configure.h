/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn(3) in terms of pidfd_config(2): what is the same for a process
 * that is configured and for a record of one. @fd is the descriptor of either.
 * What can fail returns -errno.
 */
#ifndef CONFIGURE_H
#define CONFIGURE_H

#include <stddef.h>

#include "interfaces.h"

/*
 * Whether there are keys for what @child is to do: none for RESETIDS that
 * changes anything, and for tcsetpgrp(3). Nor is there one for what depends on
 * which numbers the child has free, or on what it has at one of them. A process
 * without memory has no /proc/self/exe.
 */
bool configure_expresses(const struct child *child);

/* Whether there is a pidfd_spawn_run(2), which a filter may forbid. */
bool configure_can_run(void);

/* Whether a filter may have forbidden the call that returned @ret. */
bool configure_is_forbidden(long ret);

long configure(int fd, unsigned command, const char *key, const void *value,
	       int aux);
long configure_int(int fd, const char *key, int number);
long configure_binary(int fd, const char *key, const void *value, size_t size);

long configure_strings(int fd, const struct start *start);

/* All but the signal mask. May return START_LEFT. */
long configure_attributes(int fd, const struct child *child);

/* @flags: PIDFD_CONFIG_DUP2_OWN. */
long configure_dup2(int fd, int from, int to, unsigned flags);

/* The ACTION_OPEN @a, without closing what is there. */
long configure_open(int fd, const struct action *a);

long configure_close_range(int fd, unsigned first, unsigned last);

#endif
