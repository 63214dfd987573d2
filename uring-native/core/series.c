/* SPDX-License-Identifier: MIT */
#include "series.h"

#include <errno.h>
#include <unistd.h>

#include "sys.h"

/* Other kernels may give the numbers of its system calls to other calls. */
#define SERIES "/proc/sys/kernel/io_uring_spawn"

bool series_is_here(void)
{
#if defined(__x86_64__)
	return access(SERIES, F_OK) == 0;
#else
	return false;
#endif
}

int series_has(int nr, long arg, int refusal)
{
	long ret;

	if (!series_is_here())
		return -EOPNOTSUPP;
	ret = sys_call(nr, arg);
	return ret == -refusal ? 0 : (int)ret;
}
