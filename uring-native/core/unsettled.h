/* SPDX-License-Identifier: MIT */
/*
 * Counts, over all cores of the process, the launches like uv_spawn(3) that
 * have neither started nor failed. exit(3) waits for them: its end would take
 * the launch threads along. A program that calls spawn() and then exits has
 * its child started by node:child_process, too.
 */
#ifndef UNSETTLED_H
#define UNSETTLED_H

void unsettled_add(void);
void unsettled_sub(void);

#endif
