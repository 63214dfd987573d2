/* SPDX-License-Identifier: MIT */
/*
 * The descriptors that a launch makes: pipes between us and the child, and
 * blocking replacements for those that are passed on. The launching thread
 * makes them, to keep the environment's thread free.
 */
#ifndef PIPES_H
#define PIPES_H

#include <stdint.h>

struct job;

/*
 * Makes them, unless that has been done. Returns 0, or -errno with *@failed the
 * operation that has the descriptor, or the number of operations plus that of
 * the pipe.
 */
int job_open_fds(struct job *job, uint32_t *failed);
/* Closes what only the child needed. */
void job_close_fds(struct job *job);
/* Closes our ends after a failed launch. Lock held. */
void job_drop_pipes(struct job *job);

#endif
