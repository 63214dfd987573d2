/* SPDX-License-Identifier: MIT */
/*
 * Direct launches by chains: the owner's thread submits them itself, on a ring
 * of its own, and goes on at once. No other thread takes part.
 *
 * It does not sleep in that ring, and is not woken for each CQE either: those
 * of a chain are there, to be taken, before its program writes something, and
 * before its process has ended. So what is owned (own.h) is looked at when its
 * output or its end is there, and of other launches the ring tells, by the
 * eventfd in the owner's set.
 *
 * Only the owner can take CQEs. While it is busy, the loop finds out in another
 * way that a child runs its program, and goes on with that.
 */
#ifndef DIRECT_RING_H
#define DIRECT_RING_H

#include <stdbool.h>

struct core;
struct job;

/* Whether @job is one for a ring, if it is launched directly. */
bool direct_by_ring(const struct job *job);

/* For the owner, without the lock: */

/* Begins the launch of a job whose descriptors are open. */
void direct_ring_launch(struct job *job);
/* As direct_settle(). */
bool direct_ring_settle(struct job *job);
/* Settles those that the ring has told of. */
void direct_ring_poll(struct core *core);
/* Waits until the ring has something to tell, or @ms have passed. */
void direct_ring_wait(struct core *core, unsigned ms);
/*
 * The owner is about to go: kills children that have not exec'd, and waits for
 * them, but not for long if they cannot be killed.
 */
void direct_ring_detach(struct core *core);

/* For the loop: if @job has started, or has failed, that is settled. */
void direct_ring_take_over(struct job *job);

/* Lock held: */

/* For the owner: whether its ring can take the chain of @job. */
bool direct_ring_can(struct core *core, const struct job *job);
/* The ring will tell of the launch of @job, which is not owned. */
void direct_ring_tell(struct job *job);
/* Whether only the calling thread can find out how the launch of @job ends. */
bool direct_ring_is_mine(const struct job *job);

/* The core's last user. */
void direct_ring_exit(struct core *core);

#endif
