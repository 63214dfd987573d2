/* SPDX-License-Identifier: MIT */
/* The launchers by name; C++ reads this too. */
#ifndef LAUNCHER_KIND_H
#define LAUNCHER_KIND_H

enum launcher_kind {
	LAUNCHER_URING,
	LAUNCHER_VFORK,
	LAUNCHER_FORK,
	LAUNCHER_SPAWN_TEMPLATE,
	LAUNCHER_LAST,
};

#endif
