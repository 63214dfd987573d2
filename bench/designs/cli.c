/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
		strerror(errno));
	exit(1);
}

int checked(int ret, const char *what)
{
	errno = -ret;
	if (ret < 0)
		die(what);
	return ret;
}

long number(const char *text, long least)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end || value < least) {
		fprintf(stderr, "%s: %s is not a number\n",
			program_invocation_short_name, text);
		exit(2);
	}
	return value;
}
