/* SPDX-License-Identifier: MIT */
#ifndef THREADS_H
#define THREADS_H

struct core;

/*
 * Starts a thread that runs @fn and has a reference to the core, which @fn
 * drops by core_put() at its end. Returns 0 or -errno. Lock held, unless nobody
 * else knows the core.
 */
int core_thread(struct core *core, void *(*fn)(void *), void *arg);
/* Names the calling thread, for ps -L and debuggers: 15 characters at most. */
void core_thread_name(const char *name);

#endif
