/* SPDX-License-Identifier: MIT */
/*
 * The process groups that are not to outlive this process, even if SIGKILL ends
 * it. A watcher, a process of its own, kills them then; it reads their numbers
 * from a file in memory, which this core has mapped. So a start costs no system
 * call of the parent's, and the watcher sleeps until it is needed.
 *
 * The file has a line for each child, of two words that are written at once
 * each:
 *
 *   "+       1234\n\n\n\n"   a child that has not been reaped
 *   "-       1234\n\n\n\n"   it has been reaped, but its group lives on
 *   "+       \n\n\n\n\n\n\n\n"   free
 *
 * A child writes its number itself, before its exec: nothing that it starts is
 * in a group that the file does not name. Until it is reaped its number is its
 * own, and after that as long as its group has members. The number of a group
 * that has no more is removed by the next core_doomed().
 */
#ifndef DOOMED_H
#define DOOMED_H

#include <stdint.h>
#include <sys/types.h>

struct core;
struct job;
struct launch;

struct doomed_line {
	volatile uint64_t kind;
	volatile uint64_t pid;
};

/* A group whose leader has been reaped. */
struct doomed_group {
	struct doomed_group *next;
	struct doomed_line *line;
	pid_t pid;
	int pidfd; /* of its leader; -1: there was no descriptor for it */
};

struct doomed {
	int fd; /* of the file; -1 as long as there is none */
	struct doomed_line *lines;
	uint32_t nr_lines;
	uint32_t *free; /* indices */
	uint32_t nr_free;
	struct doomed_group *groups;
	uint32_t watcher; /* the id of the last one's launch */
};

/* A line's second word; for child.c, which may not call into libc. */
static inline uint64_t doomed_text(long pid)
{
	union {
		char text[8];
		uint64_t word;
	} to = {.text = "\n\n\n\n\n\n\n\n"};
	char digits[8];
	int i, n = 0;

	/* The largest pid that there can be is 4194304. */
	for (; pid > 0 && n < 7; pid /= 10)
		digits[n++] = (char)('0' + pid % 10);
	for (i = 0; n; i++)
		to.text[i] = digits[--n];
	return to.word;
}

/* Before the child that wrote its number is reaped: its launch has failed. */
void doomed_clear(struct launch *launch);

/* Without the lock: the launch's child has been reaped. */
void doomed_reaped(struct core *core, struct launch *launch);

void doomed_init(struct core *core);
void doomed_exit(struct core *core);

/* Lock held: */

/*
 * Gives @job, which is new, a line, and the watcher to wait for. Returns 0 or
 * -errno.
 */
int doomed_take(struct core *core, struct job *job);
/* The launch has failed; it may have neither. */
void doomed_put(struct core *core, struct job *job);
/*
 * Waits until the watcher of @job has started, without the lock meanwhile.
 * Returns 0, or the -errno of its launch. It was queued before @job, so a
 * launch thread has it already, or the loop: to wait for a later one could take
 * for ever.
 */
int doomed_wait(struct core *core, struct job *job);

#endif
