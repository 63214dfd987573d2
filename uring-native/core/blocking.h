/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that are passed on to a child, as the child expects them:
 * blocking.
 *
 * O_NONBLOCK belongs to an open file description, which parent and child share.
 * An event loop sets it on what it reads and writes, at its first use, which
 * may be before or after the launch; most programs treat the EAGAIN that
 * follows as an error, and lose data. Clearing the flag, as Node does, would
 * take it from the event loop. So the child gets a description of its own where
 * the kernel can open the file once more:
 *
 * - A pipe or FIFO always, whether the flag is set now or not.
 * - A terminal, if the flag is set. Not the master of a pseudo-terminal, which
 *   makes a new one each time it is opened.
 * - A socket cannot be opened again. The flag is cleared for both sides, as
 *   Node does, and the event loop may be kept waiting by a peer that does not
 *   read; no data is lost. But never on a socket that listens: accept(2) would
 *   stop the event loop.
 * - Anything else keeps the flag, except as the child's descriptors 0, 1 and 2.
 *   Regular files and directories ignore it.
 *
 * If a file cannot be opened (a pipe that another user made, no /proc), the
 * flag is cleared, too. But a lack of descriptors or memory fails the launch:
 * it passes, and must not stop the event loop.
 */
#ifndef BLOCKING_H
#define BLOCKING_H

/*
 * Finds what the child should get as its descriptor @newfd instead of @fd: in
 * *@copy a new descriptor, close-on-exec, that the caller closes; or -1 for @fd
 * itself, with O_NONBLOCK cleared if need be. Never blocks. Returns 0, or
 * -EMFILE, -ENFILE or -ENOMEM.
 */
int blocking_open(int fd, int newfd, int *copy);

#endif
