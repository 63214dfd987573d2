/* SPDX-License-Identifier: MIT */
/*
 * The loop: one thread for each core, which owns the ring or epoll. It submits
 * chains, waits for exits, and moves output and input.
 */
#ifndef LOOP_H
#define LOOP_H

struct job;

/* For whoever is to collect the output of @job: what is done with it. */
void loop_prepare(struct job *job);

/* The thread's function; @arg is the core. Posts core->ready once it runs. */
void *loop_main(void *arg);

#endif
