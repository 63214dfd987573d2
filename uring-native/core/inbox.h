/* SPDX-License-Identifier: MIT */
/* What the loop is asked to do for a job. Lock held. */
#ifndef INBOX_H
#define INBOX_H

struct job;

#define TODO_SUBMIT 1U	    /* queue its chain on the ring */
#define TODO_WATCH 2U	    /* it has started: wait for its end and output */
#define TODO_STOP_OUTPUT 4U /* keep what has been written so far */
#define TODO_MORE 8U	    /* deliver the chunks that are asked for */
#define TODO_STARTED 16U    /* its owner is busy: see whether it has started */

/* Wakes nobody: core_flush() does, for all that have been added. */
void inbox_add(struct job *job, unsigned todo);
/* Also wakes the loop. */
void inbox_send(struct job *job, unsigned todo);

#endif
