/* SPDX-License-Identifier: MIT */
#include "status.h"

#include <fcntl.h>
#include <string.h>

#include "sys.h"

int status_open(void)
{
	return (int)sys_call(SYS_openat, AT_FDCWD, "/proc/self/status",
			     O_RDONLY | O_CLOEXEC);
}

const char *status_value(int status, const char *key, char *buf, size_t size)
{
	const char *at;
	long n = -1;

	if (status >= 0)
		n = sys_call(SYS_pread64, status, buf, size - 1, 0);
	buf[n < 0 ? 0 : n] = '\0';
	at = strstr(buf, key);
	/* The next key follows the whole value. */
	if (!at || !strchr(at + 1, '\n'))
		return NULL;
	return at + strlen(key);
}
