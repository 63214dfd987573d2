/* SPDX-License-Identifier: MIT */
/* A chain as the actions of spawn_template_spawn(2), as far as they go. */
#ifndef TEMPLATE_PLAN_H
#define TEMPLATE_PLAN_H

#include "launcher.h"
#include "spawn_template.h"

#define PLAN_ACTIONS 256U /* as many as the kernel takes */
#define PLAN_SETS 16U

struct template_plan {
	const struct chain *chain;
	struct spawn_template_action actions[PLAN_ACTIONS];
	uint32_t nr;
	struct spawn_template_sigset sets[PLAN_SETS];
	uint32_t nr_sets;
	int own[PLAN_ACTIONS]; /* descriptors made for it, to be closed */
	uint32_t nr_own;
	uint32_t exec; /* the index of the first EXEC */
	int cwd;       /* our descriptor for relative paths, or AT_FDCWD */
	int last;      /* ours for the last OPENAT, or -1 */
	bool inherit;  /* SPAWN_TEMPLATE_SPAWN_INHERIT_FDS */
};

/*
 * Plans everything of @launch's chain before its first EXEC, and opens its
 * directories. Returns false if actions cannot express it or a directory cannot
 * be opened: another launcher then finds out what fails. Call plan_drop() in
 * either case.
 */
bool plan_make(struct template_plan *plan, const struct launch *launch);

/*
 * Makes a template of the executable of the EXEC @op. Returns a descriptor that
 * the caller closes, the error of template_new(), or -EOPNOTSUPP if the name in
 * @op means something else in the child.
 */
int plan_template(const struct template_plan *plan, const struct chain_op *op);

/* Closes what the plan has opened. */
void plan_drop(struct template_plan *plan);

#endif
