/* SPDX-License-Identifier: MIT */
#ifndef IGNORED_H
#define IGNORED_H

#include <stdint.h>

/*
 * The signals that this process ignores now: bit n - 1 for signal n. Those with
 * handlers do not matter to a child: an exec resets them. @status is from
 * status_open(), in this process, or negative.
 */
uint64_t ignored_signals(int status);

#endif
