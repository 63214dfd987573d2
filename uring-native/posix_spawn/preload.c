/* SPDX-License-Identifier: MIT */
/*
 * LD_PRELOAD=libposix_spawn_fast.so PROGRAM: the program's calls of
 * posix_spawn(3) and its kin start processes by start_process(). What that
 * cannot do, and with URING_SPAWN_DISABLE=1 everything, the C library does.
 *
 * What it starts does not load the library: a dynamically linked program takes
 * as many instructions to load it as it saves at a start, and few of them start
 * others. With URING_SPAWN_INHERIT=1 LD_PRELOAD is passed on as it is.
 *
 * URING_SPAWN_INTERFACE names another interface than clone3(2), for kernels
 * that have it. This code runs in programs of others, where descriptor 2 may be
 * anything: it says nothing about a name that it does not know, and goes on as
 * without.
 */
#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "actions.h"
#include "start.h"

#define EXPORTED __attribute__((visibility("default")))

typedef int spawn_function(int *, const char *,
			   const posix_spawn_file_actions_t *,
			   const posix_spawnattr_t *, char *const[],
			   char *const[]);

enum {
	LOOKED = 1,
	USABLE = 2,
	INHERIT = 4,
	INTERFACE = 8, /* enum start_interface, times this */
};

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && !strcmp(value, "1");
}

static enum start_interface named(const char *name)
{
	int i;

	for (i = 0; name && i < START_INTERFACES; i++)
		if (!strcmp(name, start_names[i]))
			return (enum start_interface)i;
	return START_VFORK;
}

/*
 * At the first start, as most programs make none. Threads that look at the same
 * time see the same.
 */
static int settings(void)
{
	static atomic_int known;
	int found = atomic_load_explicit(&known, memory_order_relaxed);

	if (found)
		return found;
	found = LOOKED;
	if (!is_set("URING_SPAWN_DISABLE") && actions_known())
		found |= USABLE;
	if (is_set("URING_SPAWN_INHERIT"))
		found |= INHERIT;
	found += INTERFACE * (int)named(getenv("URING_SPAWN_INTERFACE"));
	atomic_store_explicit(&known, found, memory_order_relaxed);
	return found;
}

/* --- The environment of what is started. -------------------------------- */

#define PRELOAD "LD_PRELOAD="
#define LIBRARY "libposix_spawn_fast.so"

/* The loader splits the list at any of them. */
#define SEPARATORS " :"

static bool is_ours(const char *name, size_t length)
{
	size_t ours = sizeof(LIBRARY) - 1;

	if (length < ours || memcmp(name + length - ours, LIBRARY, ours))
		return false;
	return length == ours || name[length - ours - 1] == '/';
}

/*
 * Copies a list of libraries without this one, if @to is not NULL. Returns its
 * length; *@removed: whether this one was in it.
 */
static size_t copy_others(char *to, const char *list, bool *removed)
{
	size_t size = 0;

	*removed = false;
	while (*(list += strspn(list, SEPARATORS))) {
		size_t length = strcspn(list, SEPARATORS);

		if (is_ours(list, length)) {
			*removed = true;
		} else {
			if (to) {
				memcpy(to + size, list, length);
				to[size + length] = ':';
			}
			size += length + 1;
		}
		list += length;
	}
	/* Without the last separator. */
	size -= !!size;
	if (to)
		to[size] = '\0';
	return size;
}

/* An environment that names this library, and where in it. */
struct environment {
	char *const *envp;
	size_t length;
	size_t first;  /* LD_PRELOAD, which may be there several times */
	size_t at;     /* the last, which the loader takes */
	size_t others; /* the length of its list without this library */
};

/* Returns whether @envp names this library. */
static bool names_us(struct environment *env, char *const envp[])
{
	bool found = false, again = false;
	size_t i;

	for (i = 0; envp[i]; i++) {
		const char *var = envp[i];

		if (strncmp(var, PRELOAD, sizeof(PRELOAD) - 1))
			continue;
		env->others =
			copy_others(NULL, var + sizeof(PRELOAD) - 1, &found);
		env->at = i;
		if (!again)
			env->first = i;
		again = true;
	}
	env->envp = envp;
	env->length = i;
	return found;
}

/* What put_without_us() writes. */
static size_t size_of(const struct environment *env)
{
	return (env->length + 1) * sizeof(char *) + sizeof(PRELOAD) +
	       env->others;
}

static char **put_without_us(const struct environment *env, void *room)
{
	char **envp = room, *list = (char *)(envp + env->length + 1);
	bool gone = !env->others && env->at == env->first, removed;
	size_t next = env->at + 1;

	memcpy(envp, env->envp, env->at * sizeof(char *));
	memcpy(envp + next - gone, env->envp + next,
	       (env->length + 1 - next) * sizeof(char *));
	if (gone)
		return envp;
	memcpy(list, PRELOAD, sizeof(PRELOAD) - 1);
	copy_others(list + sizeof(PRELOAD) - 1,
		    env->envp[env->at] + sizeof(PRELOAD) - 1, &removed);
	envp[env->at] = list;
	return envp;
}

/* --- The functions. ------------------------------------------------------ */

/* One of the functions that are replaced. */
struct replaced {
	const char *name;
	bool search;
	bool pidfd; /* it stores a pidfd, not a pid */
};

static int run(const struct replaced *f, int *into, const char *file,
	       const posix_spawn_file_actions_t *actions,
	       const posix_spawnattr_t *attr, char *const argv[],
	       char *const envp[])
{
	const struct start start = {
		.file = file,
		.search = f->search,
		.file_actions = actions,
		.attr = attr,
		.argv = argv,
		.envp = envp,
		.pidfd = f->pidfd ? into : NULL,
		.by = (enum start_interface)(settings() / INTERFACE)};
	spawn_function *theirs;
	int ret = START_NOT_HERE;

	if (settings() & USABLE)
		ret = start_process(f->pidfd ? NULL : into, &start);
	if (ret != START_NOT_HERE)
		return ret;
	theirs = (spawn_function *)dlsym(RTLD_NEXT, f->name);
	if (!theirs)
		return ENOSYS;
	return theirs(into, file, actions, attr, argv, envp);
}

/* Threads with small stacks start processes, too. */
#define ON_STACK 4096

/* The same, by a program that does not load this library. */
static int run_without_us(const struct replaced *f, int *into, const char *file,
			  const posix_spawn_file_actions_t *actions,
			  const posix_spawnattr_t *attr, char *const argv[],
			  char *const envp[])
{
	struct environment env;
	size_t size;
	void *room;
	int ret;

	if (!envp || (settings() & (USABLE | INHERIT)) != USABLE ||
	    !names_us(&env, envp))
		return run(f, into, file, actions, attr, argv, envp);
	size = size_of(&env);
	if (size <= ON_STACK)
		return run(f, into, file, actions, attr, argv,
			   put_without_us(&env, alloca(size)));
	/* malloc() may not be called in a signal handler, posix_spawn() may. */
	room = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED)
		return ENOMEM;
	ret = run(f, into, file, actions, attr, argv,
		  put_without_us(&env, room));
	munmap(room, size);
	return ret;
}

#define REPLACE(function, does_search, gives_pidfd)                            \
	EXPORTED int function(                                                 \
		int *restrict into, const char *restrict file,                 \
		const posix_spawn_file_actions_t *restrict actions,            \
		const posix_spawnattr_t *restrict attr,                        \
		char *const argv[restrict], char *const envp[restrict])        \
	{                                                                      \
		static const struct replaced f = {                             \
			.name = #function,                                     \
			.search = does_search,                                 \
			.pidfd = gives_pidfd,                                  \
		};                                                             \
                                                                               \
		return run_without_us(&f, into, file, actions, attr, argv,     \
				      envp);                                   \
	}

REPLACE(posix_spawn, false, false)
REPLACE(posix_spawnp, true, false)
/* In glibc since 2.39, with the same types. */
REPLACE(pidfd_spawn, false, true)
REPLACE(pidfd_spawnp, true, true)
