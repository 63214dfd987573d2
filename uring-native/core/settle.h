/* SPDX-License-Identifier: MIT */
#ifndef SETTLE_H
#define SETTLE_H

struct job;

/*
 * A launch has succeeded or failed: posts the event, closes what only the child
 * needed, and hands a job with a process to the loop. One that failed may be
 * gone afterwards. Lock not held.
 */
void job_settle(struct job *job);

#endif
