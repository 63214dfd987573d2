/* SPDX-License-Identifier: MIT */
#include "reap.h"

#include <stddef.h>
#include <string.h>

#include "sys.h"

int reap(int pidfd, struct exit_status *status)
{
	siginfo_t info;
	long ret;

	memset(status, 0, sizeof(*status));
	memset(&info, 0, sizeof(info));
	do {
		ret = sys_waitid_pidfd(pidfd, &info, WEXITED | WNOHANG | __WALL,
				       &status->rusage);
	} while (ret == -EINTR);
	if (ret < 0)
		return 0;
	if (!info.si_pid)
		return -EAGAIN;
	status->code = info.si_code;
	status->status = info.si_status;
	return 0;
}
