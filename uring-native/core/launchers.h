/* SPDX-License-Identifier: MIT */
/*
 * The table of launchers; C++ reads this too. A line gives one's constant and
 * its name: launcher_NAME.c defines launcher_NAME, and JavaScript knows it by
 * that name and by its number, which is its place here. New ones go to the end:
 * in between, one would shift the numbers of those after it.
 */
#ifndef LAUNCHERS_H
#define LAUNCHERS_H

#define LAUNCHERS(X)                                                           \
	X(URING, uring)                                                        \
	X(VFORK, vfork)                                                        \
	X(FORK, fork)                                                          \
	X(SPAWN_TEMPLATE, spawn_template)                                      \
	X(BUILDER, builder)

enum launcher_kind {
#define LAUNCHER_KIND(CONSTANT, name) LAUNCHER_##CONSTANT,
	LAUNCHERS(LAUNCHER_KIND) NR_LAUNCHERS
};
#undef LAUNCHER_KIND

#endif
