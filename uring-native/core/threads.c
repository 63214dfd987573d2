/* SPDX-License-Identifier: MIT */
#include "threads.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

#include "state.h"

#define THREAD_STACK (256UL * 1024)

/*
 * The core's threads block all signals, which belong to the program. libc keeps
 * the two it needs unblocked.
 */
int core_thread(struct core *core, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&thread, &attr, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (!ret)
		core->refs++;
	return -ret;
}

void core_thread_name(const char *name)
{
	prctl(PR_SET_NAME, name);
}
