/* SPDX-License-Identifier: MIT */
#include "ignored.h"

#include <signal.h>
#include <stdlib.h>

#include "status.h"
#include "sys.h"

static uint64_t ask_for_each(void)
{
	uint64_t set = 0;
	int sig;

	for (sig = 1; sig <= NR_SIGNALS; sig++) {
		struct sys_sigaction sa;

		if (sig != SIGKILL && sig != SIGSTOP &&
		    sys_sigaction(sig, NULL, &sa) >= 0 && sa.handler == SYS_IGN)
			set |= 1ULL << (sig - 1);
	}
	return set;
}

/*
 * One read takes half as long as asking for each of 62 signals. They are asked
 * for where there is nothing to read, or so many groups before the signals that
 * a read does not get there.
 */
uint64_t ignored_signals(int status)
{
	char buf[4096];
	const char *set = status_value(status, "\nSigIgn:\t", buf, sizeof(buf));

	return set ? strtoull(set, NULL, 16) : ask_for_each();
}
