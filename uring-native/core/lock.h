/* SPDX-License-Identifier: MIT */
/* The core's lock, and the wake-ups that are sent when it is given back. */
#ifndef LOCK_H
#define LOCK_H

struct core;

void core_lock(struct core *core);
/* Unlocks, and then sends the wake-ups that are owed. */
void core_unlock(struct core *core);
/* Lock held: core_unlock() is to wake the loop. */
void core_owe_loop(struct core *core);
/*
 * Drops a reference, unlocks and sends wake-ups; the last reference frees the
 * core. Lock held.
 */
void core_put(struct core *core);

#endif
