/* SPDX-License-Identifier: MIT */
#include "series.h"

#include <errno.h>
#include <unistd.h>

#include "sys.h"

/*
 * Another kernel may give these system call numbers to other calls, so they are
 * tried only if this file shows that the kernel has the series.
 */
#define SERIES "/proc/sys/kernel/io_uring_spawn"

int series_has(int nr, long arg, int refusal)
{
#if defined(__x86_64__)
	long ret;

	if (access(SERIES, F_OK) < 0)
		return -EOPNOTSUPP;
	ret = sys_call(nr, arg);
	return ret == -refusal ? 0 : (int)ret;
#else
	(void)nr;
	(void)arg;
	(void)refusal;
	return -EOPNOTSUPP;
#endif
}
