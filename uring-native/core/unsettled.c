/* SPDX-License-Identifier: MIT */
#include "unsettled.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t none = PTHREAD_COND_INITIALIZER;
static unsigned nr;

static void wait_for_none(void)
{
	pthread_mutex_lock(&lock);
	while (nr)
		pthread_cond_wait(&none, &lock);
	pthread_mutex_unlock(&lock);
}

/* A process that cannot register this exits without waiting. */
static void wait_at_exit(void)
{
	atexit(wait_for_none);
}

void unsettled_add(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, wait_at_exit);
	pthread_mutex_lock(&lock);
	nr++;
	pthread_mutex_unlock(&lock);
}

void unsettled_sub(void)
{
	pthread_mutex_lock(&lock);
	if (!--nr)
		pthread_cond_broadcast(&none);
	pthread_mutex_unlock(&lock);
}
