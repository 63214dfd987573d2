/* SPDX-License-Identifier: MIT */
#ifndef IGNORED_H
#define IGNORED_H

#include <stdint.h>

/*
 * Opens the status of this process, close-on-exec. Returns a descriptor, or
 * -errno: without /proc, or out of descriptors.
 */
int ignored_open(void);

/*
 * The signals that this process ignores now: bit n - 1 for signal n. Those with
 * handlers do not matter to a child: an exec resets them. @status is from
 * ignored_open(), in this process, or negative.
 */
uint64_t ignored_signals(int status);

#endif
