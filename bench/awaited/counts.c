/* SPDX-License-Identifier: MIT */
/*
 * An addon: a function that fills its first argument, an ArrayBuffer, with
 * numbers which JavaScript cannot read, or not exactly: the clock, the
 * processor time of the calling thread, of the threads whose ids, of 32 bits,
 * are in the second one, and of the whole process, in nanoseconds, and how
 * often all threads of the process have left a processor. Where the clock
 * counts instructions, so do all of the times.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

enum { WALL, THREAD, OTHERS, PROCESS, SWITCHES, NR_COUNTS };

/* Of Node-API, which does not change; 0 is success. */
typedef struct napi_value_s *value;
typedef struct napi_env_s *env;
typedef struct napi_info_s *info;
int napi_get_cb_info(env, info, size_t *argc, value *argv, value *self,
		     void **data);
int napi_get_arraybuffer_info(env, value, void **data, size_t *size);
int napi_create_function(env, const char *name, size_t length,
			 value (*function)(env, info), void *data, value *to);

static double clock_ns(clockid_t clock)
{
	struct timespec t = {0};

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The processor time of a thread, as the kernel numbers such clocks. */
static clockid_t clock_of(int32_t tid)
{
	return (clockid_t)(~(uint32_t)tid << 3 | 6);
}

static value counts(env env, info info)
{
	struct rusage usage = {0};
	size_t argc = 2, size = 0, tids_size = 0, i;
	value argv[2] = {NULL, NULL};
	void *data = NULL, *tids = NULL;
	double *to;

	if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) ||
	    napi_get_arraybuffer_info(env, argv[0], &data, &size) ||
	    napi_get_arraybuffer_info(env, argv[1], &tids, &tids_size) ||
	    size < NR_COUNTS * sizeof(*to))
		return NULL;
	to = data;
	getrusage(RUSAGE_SELF, &usage);
	to[SWITCHES] = (double)(usage.ru_nvcsw + usage.ru_nivcsw);
	to[OTHERS] = 0;
	for (i = 0; i < tids_size / sizeof(int32_t); i++)
		to[OTHERS] += clock_ns(clock_of(((int32_t *)tids)[i]));
	to[PROCESS] = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	to[THREAD] = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	to[WALL] = clock_ns(CLOCK_MONOTONIC);
	return NULL;
}

value napi_register_module_v1(env env, value exports)
{
	value function;

	return napi_create_function(env, "counts", 6, counts, NULL, &function)
		       ? exports
		       : function;
}
