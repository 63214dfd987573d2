/* SPDX-License-Identifier: MIT */
/*
 * Processes whose output and end the owner's thread collects itself: those of
 * direct launches, in the first moments of their lives. Most programs write
 * little and end soon; then no other thread has to wake up. The set that the
 * owner's event loop watches has their pipes and their pidfds.
 *
 * The loop goes on with what takes longer: after two ticks of the timer of
 * direct.h, so that a busy owner holds up no child; as soon as there is more
 * output than OWN_BYTES; and as soon as somebody wants chunks or no more output
 * at all.
 */
#ifndef OWN_H
#define OWN_H

#include <stdbool.h>

struct core;
struct job;
struct job_output;

/* Bytes of an output. */
#define OWN_BYTES (32UL * 1024)

/* Whether the owner may collect what @job has to be collected. */
bool own_can(const struct job *job);

/* Without the lock, in the owner's thread: */

/* Begins, for a job whose launch is under way; it is owned, and own_busy. */
void own_begin(struct job *job);
/* The set has told that there is something to read, or that it has ended. */
void own_output(struct job_output *output);
void own_end(struct job *job);

/* Lock held: */

/* The owner will, and is about to begin. */
void own_add(struct job *job);
/* The owner no longer collects for @job, which it owns; own_busy is not set. */
void own_stop(struct job *job);
/*
 * If the owner collects for @job, others go on, with its launch as well: at
 * once, or as soon as the owner is no longer busy with it.
 */
void own_quit(struct job *job);

#endif
