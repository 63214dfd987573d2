/* SPDX-License-Identifier: MIT */
/* What the programs that run in the lab have in common. */
#ifndef BENCH_DESIGNS_CLI_H
#define BENCH_DESIGNS_CLI_H

#include <stdio.h>

/* Prints the program's name, @what and errno, and exits. */
void die(const char *what) __attribute__((noreturn));

/* Returns @ret, or dies if it is a negative errno. */
int checked(int ret, const char *what);

/* A whole number of an option, @least or more; exits with 2 if it is none. */
long number(const char *text, long least);

/* Prints "name":[...] with a field of each of @runs @values. */
#define PRINT_EACH(output, name, values, runs, field)                          \
	do {                                                                   \
		fprintf(output, "\"" name "\":[");                             \
		for (long at = 0; at < (runs); at++)                           \
			fprintf(output, "%s%llu", at ? "," : "",               \
				(unsigned long long)(values)[at].field);       \
		fprintf(output, "]");                                          \
	} while (0)

#endif
