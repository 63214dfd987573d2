/* SPDX-License-Identifier: MIT */
/* Packs chains for tests, as TypeScript does for real ones. */
#ifndef PACK_H
#define PACK_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"

#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond)) {                                                 \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__,       \
				__LINE__, #cond);                              \
			exit(1);                                               \
		}                                                              \
	} while (0)

/* Open descriptors of this process, and the one that counts them. */
static inline int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	CHECK(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

struct pack {
	union {
		char bytes[65536];
		uint64_t align;
	};
	uint32_t nr_ops;
	uint32_t size;
};

static inline struct chain_op *pack_ops(struct pack *p)
{
	return (struct chain_op *)(p->bytes + sizeof(struct chain_header));
}

/* The number of operations must be known first. */
static inline void pack_init(struct pack *p, uint32_t nr_ops)
{
	memset(p, 0, sizeof(*p));
	p->size = (uint32_t)(sizeof(struct chain_header) +
			     nr_ops * sizeof(struct chain_op));
}

static inline struct chain_op *pack_op(struct pack *p, enum chain_opcode op)
{
	struct chain_op *at = &pack_ops(p)[p->nr_ops++];

	at->op = (uint8_t)op;
	return at;
}

static inline uint64_t pack_data(struct pack *p, const void *data, size_t size)
{
	uint32_t at = (p->size + 7) & ~7U;

	memcpy(p->bytes + at, data, size);
	p->size = at + (uint32_t)size;
	return at;
}

static inline uint64_t pack_str(struct pack *p, const char *s)
{
	return pack_data(p, s, strlen(s) + 1);
}

static inline uint64_t pack_vec(struct pack *p, const char *const *v)
{
	uint64_t offs[64];
	size_t n;

	for (n = 0; v[n]; n++)
		offs[n] = pack_str(p, v[n]);
	offs[n++] = 0;
	return pack_data(p, offs, n * 8);
}

static inline struct chain_op *pack_exec(struct pack *p, const char *path,
					 const char *const *argv)
{
	static const char *const envp[] = {"PATH=/usr/bin:/bin", NULL};
	struct chain_op *op = pack_op(p, CHAIN_EXEC);

	op->fd = -100; /* AT_FDCWD */
	op->addr = pack_str(p, path);
	op->addr2 = pack_vec(p, argv);
	op->addr3 = pack_vec(p, envp);
	return op;
}

static inline const void *pack_end(struct pack *p)
{
	struct chain_header h = {.magic = CHAIN_MAGIC, .nr_ops = p->nr_ops};

	pack_str(p, "");
	h.size = p->size;
	memcpy(p->bytes, &h, sizeof(h));
	return p->bytes;
}

#endif
