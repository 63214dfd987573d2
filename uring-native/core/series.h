/* SPDX-License-Identifier: MIT */
/* System calls that only a kernel with the series has. */
#ifndef SERIES_H
#define SERIES_H

#include <stdbool.h>

/* Whether this kernel has the series. */
bool series_is_here(void);

/*
 * Whether the system call @nr can be made: 0, -EOPNOTSUPP (not this kernel),
 * -ENOSYS (the kernel was built without, or a filter), -EPERM (a filter). With
 * the arguments @arg and then zeros the call does nothing but fail with
 * @refusal.
 */
int series_has(int nr, long arg, int refusal);

#endif
