/* SPDX-License-Identifier: MIT */
/*
 * hold PID
 *
 * Is the debugger of a process until its standard input ends: the end of the
 * process stays hidden from its parent meanwhile, and a signal other than
 * SIGKILL stops it. Prints "held" once it is. Exits with 125 if it may not be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char byte;

	if (argc != 2 || ptrace(PTRACE_SEIZE, atoi(argv[1]), 0, 0)) {
		perror("hold");
		return 125;
	}
	puts("held");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	/* The kernel detaches it. */
	return 0;
}
