/* SPDX-License-Identifier: MIT */
/*
 * A chain run step by step in a fresh child, by system calls. The child may
 * share the memory of its parent (vfork), so nothing here calls into libc
 * beyond syscall(2), allocates, or writes to anything but the chain's results.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "chain.h"

struct child {
	struct chain *chain;
	bool reset_handlers; /* clone did not clear the signal handlers */
	bool reset_policy;   /* the launch thread's is not for the child */
	uint64_t sigmask;    /* to start with */
	uint64_t ignored;    /* signals that may be, of those it starts with */
	int keep_fd;	     /* survives until the exec, or -1; close-on-exec */
	bool shares_files;   /* it has its parent's descriptor table yet */
};

/*
 * The signals that this process ignores. Handlers are no child's, whoever sets
 * them: exec resets these itself.
 */
uint64_t child_ignored_signals(void);

/*
 * Runs the chain after its head. Returns only if no exec happened; the results
 * say why, and the caller exits.
 */
void child_run(struct child *child);

#endif
