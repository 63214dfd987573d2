/* SPDX-License-Identifier: MIT */
/* Executable templates: what the kernel keeps of a program for many starts. */
#ifndef TEMPLATE_H
#define TEMPLATE_H

/*
 * Why there are no templates here, or 0: -EOPNOTSUPP (the kernel has none),
 * -ENOSYS (it was built without, or a filter says so), -EPERM (a filter).
 */
int template_probe(void);

/*
 * A template of the ELF executable at the absolute @path, or with @path NULL of
 * the one that @fd is open on, O_PATH is enough. Returns a descriptor, which is
 * close-on-exec and the caller's, or -errno: what an exec of the file fails
 * with, ENOEXEC for what is no ELF program of this machine, scripts among it,
 * ETXTBSY while it is being written, EMFILE. As long as it is open the file
 * cannot be written, as if it ran, nor after a start its interpreter. Only for
 * threads that have the credentials of this one: for others it is EACCES.
 */
int template_new(const char *path, int fd);

#endif
