/* SPDX-License-Identifier: MIT */
#include "chain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "io_uring_spawn.h"

_Static_assert(sizeof(struct chain_header) == 16, "packed by TypeScript");
_Static_assert(sizeof(struct chain_op) == 40, "packed by TypeScript");
_Static_assert(sizeof(struct chain_fd) == sizeof(struct io_uring_clone_fd),
	       "handed to the kernel as it is");
_Static_assert(sizeof(void *) == 8, "offsets become addresses in place");

struct loader {
	char *base;
	uint32_t size;
	uint32_t data; /* where data begins */
	const char *why;
};

/* A descriptor that the child gets: one of ours, or a pipe to be made. */
static bool source_ok(struct chain *c, int32_t fd)
{
	uint32_t pipe;

	if (fd >= 0)
		return true;
	if (fd > CHAIN_FD_PIPE(0) || fd <= CHAIN_FD_PIPE(CHAIN_MAX_PIPES))
		return false;
	pipe = (uint32_t)(CHAIN_FD_PIPE(0) - fd);
	if (pipe >= c->nr_pipes)
		c->nr_pipes = pipe + 1;
	return true;
}

static int bad(struct loader *l, const char *why)
{
	l->why = why;
	return -EINVAL;
}

/* Turns the offset of @len bytes into an address. */
static int to_ptr(struct loader *l, uint64_t *field, uint64_t len,
		  uint64_t align)
{
	uint64_t off = *field;

	if (off < l->data || off % align || len > l->size ||
	    off > l->size - len)
		return bad(l, "an offset points outside the block");
	*field = (uint64_t)(uintptr_t)(l->base + off);
	return 0;
}

/* The block's last byte is NUL, so every string within it ends within it. */
static int to_string(struct loader *l, uint64_t *field)
{
	return to_ptr(l, field, 1, 1);
}

static int to_vector(struct loader *l, uint64_t *field)
{
	uint64_t *v;
	int ret = to_ptr(l, field, 8, 8);

	if (ret)
		return ret;
	for (v = chain_ptr(*field); (char *)(v + 1) <= l->base + l->size; v++) {
		if (!*v)
			return 0;
		ret = to_string(l, v);
		if (ret)
			return ret;
	}
	return bad(l, "argv or envp does not end");
}

static int load_clone(struct loader *l, struct chain *c, struct chain_op *op)
{
	struct chain_fd *fds;
	uint32_t i, j;
	int ret;

	if (op->flags & ~CHAIN_CLONE_FDS)
		return bad(l, "unknown flags of CLONE");
	if (!(op->flags & CHAIN_CLONE_FDS) || !op->len) {
		if (op->addr || op->len)
			return bad(l, "CLONE has fds without the flag");
		return 0;
	}
	if (op->len > CHAIN_MAX_FDS)
		return bad(l, "a chain lists at most 1024 descriptors");
	ret = to_ptr(l, &op->addr, op->len * sizeof(*fds), 8);
	if (ret)
		return ret;
	fds = chain_ptr(op->addr);
	c->fds = fds;
	for (i = 0; i < op->len; i++) {
		if (!source_ok(c, fds[i].fd) || fds[i].newfd < 0 ||
		    fds[i].pad || fds[i].flags & ~IORING_CLONE_FD_CLOEXEC)
			return bad(l, "a bad entry in the fds for the child");
		for (j = 0; j < i; j++)
			if (fds[j].newfd == fds[i].newfd)
				return bad(l, "a descriptor is named twice");
		if (fds[i].newfd > c->max_newfd)
			c->max_newfd = fds[i].newfd;
	}
	return 0;
}

static int load_task_set(struct loader *l, struct chain_op *op)
{
	switch (op->len) {
	case IORING_TASK_SIGMASK:
	case IORING_TASK_SIGDEFAULT:
		if (op->addr2 != 8)
			return bad(l, "a signal set must have 8 bytes");
		return to_ptr(l, &op->addr, 8, 8);
	case IORING_TASK_GROUPS:
		if (op->addr2 > 65536)
			return bad(l, "too many groups");
		if (!op->addr2)
			return 0;
		return to_ptr(l, &op->addr, op->addr2 * 4, 4);
	case IORING_TASK_RLIMIT:
		return to_ptr(l, &op->addr, 16, 8);
	default:
		if (op->len >= IORING_TASK_LAST)
			return bad(l, "unknown attribute of TASK_SET");
		return 0;
	}
}

/*
 * Execs over a search path share their argv and envp: converted once more,
 * their addresses would be taken for offsets.
 */
static int load_exec(struct loader *l, struct chain_op *op,
		     uint64_t (*seen)[2][2])
{
	uint64_t *fields[2] = {&op->addr2, &op->addr3};
	int ret = to_string(l, &op->addr);
	int i;

	for (i = 0; !ret && i < 2; i++) {
		uint64_t off = *fields[i];

		if (off && off == (*seen)[i][0]) {
			*fields[i] = (*seen)[i][1];
			continue;
		}
		ret = to_vector(l, fields[i]);
		(*seen)[i][0] = off;
		(*seen)[i][1] = *fields[i];
	}
	return ret;
}

static int load_ops(struct loader *l, struct chain *c)
{
	uint64_t seen[2][2] = {{0}};
	bool opened = false;
	uint32_t i;
	int ret = 0;

	for (i = 0; !ret && i < c->nr_ops; i++) {
		struct chain_op *op = &c->ops[i];

		if ((op->op == CHAIN_CLONE) != (i == 0))
			return bad(l, "CLONE must be the head, and only that");
		if (op->link & ~(CHAIN_HARDLINK | CHAIN_SEARCH | CHAIN_SHELL))
			return bad(l, "unknown link flags");
		if (op->link & CHAIN_SEARCH &&
		    (!(op->link & CHAIN_HARDLINK) || op->op != CHAIN_EXEC))
			return bad(l, "only a hard-linked EXEC can search");
		if (op->link & CHAIN_SHELL &&
		    (op->op != CHAIN_EXEC || op->fd != AT_FDCWD || op->flags))
			return bad(l, "only an EXEC of a path can use a shell");
		if (op->fd == CHAIN_FD_LAST && !opened &&
		    (op->op == CHAIN_DUP || op->op == CHAIN_FCHDIR))
			return bad(l, "FD_LAST without an OPENAT before it");

		switch (op->op) {
		case CHAIN_CLONE:
			ret = load_clone(l, c, op);
			break;
		case CHAIN_OPENAT:
			opened = true;
			/* O_PATH never blocks. */
			if (!(op->flags & O_PATH))
				c->may_block = true;
			ret = to_string(l, &op->addr);
			break;
		case CHAIN_DUP:
			if (op->len > INT32_MAX)
				return bad(l, "DUP to a negative descriptor");
			if (op->fd != CHAIN_FD_LAST && !source_ok(c, op->fd))
				return bad(l, "DUP of a negative descriptor");
			if ((int32_t)op->len > c->max_newfd)
				c->max_newfd = (int32_t)op->len;
			break;
		case CHAIN_FCHDIR:
		case CHAIN_CLOSE_RANGE:
			break;
		case CHAIN_TASK_SET:
			if (op->len == IORING_TASK_SIGMASK)
				c->sets_sigmask = true;
			if (op->len == IORING_TASK_PDEATHSIG) {
				c->sets_pdeathsig = true;
				c->pdeathsig = (int)op->addr;
			}
			if (op->len == IORING_TASK_UID ||
			    op->len == IORING_TASK_GID)
				c->sets_ids = true;
			ret = load_task_set(l, op);
			break;
		case CHAIN_EXEC:
			if (op->len > INT32_MAX)
				return bad(l, "a negative template");
			if (op->len)
				c->has_template = true;
			ret = load_exec(l, op, &seen);
			break;
		default:
			return bad(l, "unknown operation");
		}
	}
	if (!ret && c->ops[c->nr_ops - 1].op != CHAIN_EXEC)
		return bad(l, "the last operation must be EXEC");
	return ret;
}

int chain_load(const void *packed, size_t size, struct chain **out,
	       const char **why)
{
	struct loader l = {.size = (uint32_t)size};
	struct chain_header h;
	struct chain *c;
	int ret = -EINVAL;

	*why = "not a chain";
	if (size < sizeof(h) + 2 * sizeof(struct chain_op) || size > INT32_MAX)
		return -EINVAL;
	memcpy(&h, packed, sizeof(h));
	if (h.magic != CHAIN_MAGIC || h.size != size || h.reserved ||
	    h.nr_ops < 2 ||
	    size < sizeof(h) + h.nr_ops * sizeof(struct chain_op) ||
	    ((const char *)packed)[size - 1])
		return -EINVAL;

	*why = "a chain has at most 1000 operations";
	if (h.nr_ops > CHAIN_MAX_OPS)
		return -EINVAL;

	*why = "out of memory";
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->res = calloc(h.nr_ops, sizeof(*c->res));
	c->block = malloc(size);
	if (!c->res || !c->block) {
		chain_free(c);
		return -ENOMEM;
	}
	memcpy(c->block, packed, size);
	c->nr_ops = h.nr_ops;
	c->ops = (struct chain_op *)((char *)c->block + sizeof(h));
	c->max_newfd = 2;
	l.base = c->block;
	l.data = (uint32_t)(sizeof(h) + h.nr_ops * sizeof(struct chain_op));
	ret = load_ops(&l, c);
	if (ret) {
		*why = l.why;
		chain_free(c);
		return ret;
	}
	chain_reset(c);
	*out = c;
	return 0;
}

void chain_free(struct chain *chain)
{
	if (!chain)
		return;
	free((void *)chain->res);
	free(chain->shell_argv);
	free(chain->block);
	free(chain);
}

void chain_reset(struct chain *chain)
{
	uint32_t i;

	for (i = 0; i < chain->nr_ops; i++)
		chain->res[i] = -ECANCELED;
}

void chain_set_pipes(struct chain *chain, const int *fds)
{
	uint32_t i;

	for (i = 0; chain->fds && i < chain->ops[0].len; i++) {
		int32_t *fd = &chain->fds[i].fd;

		if (*fd <= CHAIN_FD_PIPE(0))
			*fd = fds[CHAIN_FD_PIPE(0) - *fd];
	}
	for (i = 1; i < chain->nr_ops; i++) {
		struct chain_op *op = &chain->ops[i];

		if (op->op == CHAIN_DUP && op->fd <= CHAIN_FD_PIPE(0))
			op->fd = fds[CHAIN_FD_PIPE(0) - op->fd];
	}
}

bool chain_overwrites(const struct chain *chain, uint32_t nr, int fd)
{
	uint32_t i;

	for (i = 1; i < nr; i++) {
		const struct chain_op *op = &chain->ops[i];

		if (op->op == CHAIN_DUP && (int)op->len == fd)
			return true;
	}
	return false;
}

const struct chain_fd *chain_listed(const struct chain *chain, int newfd)
{
	uint32_t i;

	for (i = 0; chain->fds && i < chain->ops[0].len; i++)
		if (chain->fds[i].newfd == newfd)
			return &chain->fds[i];
	return NULL;
}

int chain_source(const struct chain *chain, uint32_t at, int fd)
{
	const struct chain_fd *entry;
	uint32_t i;

	if (chain_overwrites(chain, at, fd))
		return -1;
	for (i = 1; i < at; i++)
		if (chain->ops[i].op == CHAIN_CLOSE_RANGE)
			return -1;
	if (!(chain->ops[0].flags & CHAIN_CLONE_FDS))
		return fd;
	entry = chain_listed(chain, fd);
	return entry ? entry->fd : -1;
}

/* How much an error explains, among several along a search path. */
enum weight {
	NOTHING,
	ABSENT,
	FORBIDDEN,
	CONCLUSIVE,
};

static enum weight weight(int32_t res)
{
	switch (res) {
	case 0:
		return NOTHING;
	case -ENOENT:
	case -ENOTDIR:
	case -ESTALE:
	case -ENODEV:
	case -ETIMEDOUT:
		return ABSENT;
	case -EACCES:
		return FORBIDDEN;
	default:
		return CONCLUSIVE;
	}
}

bool chain_goes_on(const struct chain_op *op, long res)
{
	if (res >= 0)
		return true;
	if (op->link & CHAIN_SEARCH)
		return weight((int32_t)res) < CONCLUSIVE;
	return op->link & CHAIN_HARDLINK;
}

/*
 * Whether a search stopped between two directories because the child was killed
 * there. An ENOENT from the first ones is then not why it did not start; an
 * ENOMEM may well be why it was killed.
 */
static bool search_ended(const struct chain *chain, uint32_t failed,
			 uint32_t unrun)
{
	const struct chain_op *op = &chain->ops[failed];

	return op->op == CHAIN_EXEC && op->link & CHAIN_HARDLINK &&
	       weight(chain->res[failed]) < CONCLUSIVE && unrun > failed &&
	       unrun < chain->nr_ops;
}

static bool may_be_stale(const struct chain_op *op)
{
	return op->op == CHAIN_EXEC && op->len && op->link & CHAIN_HARDLINK;
}

/* Whether operations @a and @b are tries of one search. */
static bool same_search(const struct chain *chain, uint32_t a, uint32_t b)
{
	const struct chain_op *op = &chain->ops[a];

	return op->op == CHAIN_EXEC && op->link & CHAIN_SEARCH &&
	       chain->ops[b].op == CHAIN_EXEC;
}

/* Whether the error @res of operation @i explains more than @best of @at. */
static bool says_more(const struct chain *chain, uint32_t i, int32_t res,
		      uint32_t at, int best)
{
	if (weight(res) != weight(best))
		return weight(res) > weight(best);
	return weight(res) == ABSENT && same_search(chain, at, i);
}

int chain_result(const struct chain *chain, uint32_t *index)
{
	uint32_t i, unrun = chain->nr_ops;
	int best = 0;

	*index = 0;
	for (i = 0; i < chain->nr_ops; i++) {
		int32_t res = chain->res[i];

		if (chain->ops[i].op == CHAIN_EXEC && res == 0)
			return 0;
		if (res == -ECANCELED && unrun == chain->nr_ops)
			unrun = i;
		if (res >= 0 || res == -ECANCELED ||
		    may_be_stale(&chain->ops[i]))
			continue;
		if (says_more(chain, i, res, *index, best)) {
			best = res;
			*index = i;
		}
	}
	if (best && !search_ended(chain, *index, unrun))
		return best;
	*index = unrun < chain->nr_ops ? unrun : 0;
	return -ECANCELED;
}

bool chain_use_shell(struct chain *c, uint32_t failed)
{
	static const char shell[] = "/bin/sh";
	struct chain_op *op = &c->ops[failed];
	const uint64_t *argv;
	size_t n = 0;

	if (!(op->link & CHAIN_SHELL) || c->may_block || c->shell_argv)
		return false;
	argv = chain_ptr(op->addr2);
	while (argv[n])
		n++;
	/* sh, the file, the arguments after argv[0], NULL. */
	c->shell_argv = calloc(n + 3, sizeof(*c->shell_argv));
	if (!c->shell_argv)
		return false;
	c->shell_argv[0] = (uint64_t)(uintptr_t)shell;
	c->shell_argv[1] = op->addr;
	if (n > 1)
		memcpy(&c->shell_argv[2], &argv[1], (n - 1) * sizeof(*argv));
	op->addr = (uint64_t)(uintptr_t)shell;
	op->addr2 = (uint64_t)(uintptr_t)c->shell_argv;
	/* The search has found what it looked for. */
	op->link = 0;
	op->len = 0;
	return true;
}

int chain_template_error(const struct chain *chain)
{
	uint32_t i;

	for (i = 0; chain->has_template && i < chain->nr_ops; i++)
		if (chain->ops[i].op == CHAIN_EXEC && chain->ops[i].len &&
		    chain->res[i])
			return chain->res[i];
	return 0;
}
