/* SPDX-License-Identifier: MIT */
/*
 * The numbers that JavaScript and C++ exchange. JavaScript has the same ones,
 * in ts/binding/addon.ts and ts/chain/layout.ts: test/core/layout.test.ts
 * compares all of them with what InitLayout() exports. For instance, a field
 * inserted into the middle of struct chain_op fails that test, whatever its
 * size.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <napi.h>

/*
 * An event's numbers, in a slot of the array that open() returns: that costs no
 * call for each, and no garbage.
 */
enum {
	EVENT_TYPE,
	EVENT_TOKEN,
	EVENT_A,
	EVENT_B,
	EVENT_BY,
	EVENT_HAS,
	EVENT_USAGE, /* EVENT_USAGES of them */
	EVENT_STRIDE = 16,
	EVENTS_AT_ONCE = 64,
	EVENT_USAGES = 9,
};

/* EVENT_HAS */
enum {
	EVENT_HAS_VALUE = 1,
	EVENT_HAS_FDS = 2,
	EVENT_TRUNCATED = 4,
};

/* What is not a number goes to an array, two places for each event. */
#define EVENT_VALUES 2u

/* `pipes`: all in launch(), the first and the last in run(). */
enum {
	PIPE_INPUT = 1,
	PIPE_COLLECT = 2,
	PIPE_OUTPUT = 4,
	PIPE_GIVEN = 8,
};

/* The `flags` of launch() */
enum {
	LAUNCH_WANT_RESULTS = 1,
	LAUNCH_LAZY = 2,
	LAUNCH_LIKE_UV_SPAWN = 4,
	LAUNCH_DOOMED = 8,
	LAUNCH_WATCHER = 16,
};

/* What the function that is given to run() answers, besides milliseconds. */
enum {
	RUN_NEVER = -1,
	RUN_STOP = -2,
	RUN_CUT = -3,
};

/* The elements of what run() returns; then an output for each pipe. */
enum : uint32_t {
	RUN_PID,
	RUN_ERROR,
	RUN_CODE,
	RUN_STATUS,
	RUN_FAILED,
	RUN_TEMPLATE,
	RUN_BY,
	RUN_USAGE,
	RUN_ENDS,
	RUN_OUTPUTS,
};

/* A launch's token, and above it the number of its client. */
#define TOKEN_BITS 20

/* `layout`: all of these, and those of the packed chain. */
void InitLayout(Napi::Env env, Napi::Object exports);

#endif
