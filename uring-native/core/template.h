/* SPDX-License-Identifier: MIT */
/* Executable templates: what the kernel keeps of a program for many starts. */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <stdbool.h>

/*
 * Why there are no templates here, or 0: -EOPNOTSUPP (the kernel has none),
 * -ENOSYS (it was built without, or a filter), -EPERM (a filter).
 */
int template_probe(void);

/*
 * A template of the ELF executable at the absolute @path; if @path is NULL, of
 * the file that @fd is open on (O_PATH is enough). Returns a close-on-exec
 * descriptor that the caller closes, or -errno: the errors of an exec of the
 * file, ENOEXEC for anything but an ELF program of this machine (also for
 * scripts), ETXTBSY while the file is being written, EMFILE. While the template
 * is open the file cannot be written, as if it ran; after a start nor can its
 * interpreter. Only threads with the same credentials can start from it; others
 * fail with EACCES. If it @learns, the kernel notes which pages its starts
 * touch, and maps them at once in later ones.
 */
int template_new(const char *path, int fd, bool learns);

#endif
