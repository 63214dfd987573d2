/* SPDX-License-Identifier: MIT */
#include "launchers.h"

#include <stddef.h>

#include "launcher.h"

static const struct launcher *const launchers[NR_LAUNCHERS] = {
#define LAUNCHER(CONSTANT, name) [LAUNCHER_##CONSTANT] = &launcher_##name,
	LAUNCHERS(LAUNCHER)
#undef LAUNCHER
};

const struct launcher *launcher_get(enum launcher_kind kind)
{
	return (unsigned)kind < NR_LAUNCHERS ? launchers[kind] : NULL;
}
