/* SPDX-License-Identifier: MIT */
#ifndef CHILD_FDS_H
#define CHILD_FDS_H

#include <stdint.h>

#include "chain.h"

/*
 * Gives the calling process, which shares its descriptor table, one of its own
 * that ends with the highest source of @fds: what is above is never copied, and
 * need not be closed. Async-signal-safe. Returns 0 or -errno: ENOMEM, or a
 * filter's EPERM or ENOSYS.
 */
int child_unshare_fds(const struct chain_fd *fds, uint32_t nr);

/*
 * Leaves the calling process with exactly the @nr descriptors of @fds, each at
 * its newfd: nothing above, between or below. Sources may be each other's
 * targets in any order. @keep, above all targets, stays open, too, unless it is
 * -1. Async-signal-safe; sorts @fds by newfd. Returns 0 or -errno: EBADF (a
 * source is not open, or a target is above RLIMIT_NOFILE), EMFILE.
 */
int child_set_fds(struct chain_fd *fds, uint32_t nr, int keep);

/*
 * dup3(2), emulated if a filter forbids it. @fd and @newfd differ. Returns
 * @newfd or -errno.
 */
long child_dup(int fd, int newfd, unsigned flags);

/* close_range(2), emulated where the kernel lacks it or a filter forbids it. */
int child_close_range(unsigned first, unsigned last, unsigned flags);

#endif
