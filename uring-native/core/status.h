/* SPDX-License-Identifier: MIT */
#ifndef STATUS_H
#define STATUS_H

#include <stddef.h>

/*
 * Opens the status of this process, close-on-exec. Returns a descriptor, or
 * -errno: without /proc, or out of descriptors.
 */
int status_open(void);

/*
 * Reads from @status, of status_open() in this process or negative, into @buf,
 * and returns what follows @key ("\nFDSize:\t") there; NULL if there is nothing
 * to read, or the line is not whole in @size bytes.
 */
const char *status_value(int status, const char *key, char *buf, size_t size);

#endif
