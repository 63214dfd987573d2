/* SPDX-License-Identifier: MIT */
/* What chain_load() accepts, and that it accepts nothing else. */
#include <errno.h>

#include "pack.h"

static const char *const argv[] = {"true", NULL};

static int load(struct pack *p, uint32_t size)
{
	struct chain *c = NULL;
	const char *why = NULL;
	int ret = chain_load(p->bytes, size, &c, &why);

	if (!ret)
		chain_free(c);
	return ret;
}

static void good_chain(struct pack *p)
{
	pack_init(p, 2);
	pack_op(p, CHAIN_CLONE)->fd = -1;
	pack_exec(p, "/bin/true", argv);
	pack_end(p);
}

static void test_good(void)
{
	struct pack p;

	good_chain(&p);
	CHECK(load(&p, p.size) == 0);
}

/* No flipped byte makes it read outside the block: run under a sanitizer. */
static void test_damaged(void)
{
	struct pack p, q;
	uint32_t i;
	int bit;

	good_chain(&p);
	for (i = 0; i < p.size; i++) {
		for (bit = 0; bit < 8; bit++) {
			q = p;
			q.bytes[i] ^= (char)(1 << bit);
			load(&q, q.size);
		}
		CHECK(load(&p, i) == -EINVAL);
	}
}

static void test_shape(void)
{
	struct pack p;

	pack_init(&p, 2);
	pack_exec(&p, "/bin/true", argv);
	pack_op(&p, CHAIN_CLONE)->fd = -1;
	pack_end(&p);
	CHECK(load(&p, p.size) == -EINVAL);

	pack_init(&p, 3);
	pack_op(&p, CHAIN_CLONE)->fd = -1;
	pack_op(&p, CHAIN_FCHDIR)->fd = CHAIN_FD_LAST;
	pack_exec(&p, "/bin/true", argv);
	pack_end(&p);
	CHECK(load(&p, p.size) == -EINVAL);

	pack_init(&p, 2);
	pack_op(&p, CHAIN_CLONE)->fd = -1;
	pack_exec(&p, "/bin/true", argv)->len = UINT32_MAX;
	pack_end(&p);
	CHECK(load(&p, p.size) == -EINVAL);
}

static void test_result(void)
{
	struct chain_op ops[4] = {{.op = CHAIN_CLONE},
				  {.op = CHAIN_EXEC, .link = CHAIN_HARDLINK},
				  {.op = CHAIN_EXEC, .link = CHAIN_HARDLINK},
				  {.op = CHAIN_EXEC}};
	int32_t res[4] = {0, -ENOENT, -EACCES, -ENOENT};
	struct chain c = {.ops = ops, .nr_ops = 4, .res = res};
	uint32_t at;

	CHECK(chain_result(&c, &at) == -EACCES && at == 2);
	res[2] = -ENOENT;
	CHECK(chain_result(&c, &at) == -ENOENT && at == 1);
	res[3] = -ECANCELED;
	CHECK(chain_result(&c, &at) == -ECANCELED && at == 3);
	res[1] = -ENOMEM;
	CHECK(chain_result(&c, &at) == -ENOMEM && at == 1);
	res[1] = -ENOENT;
	ops[1].link = 0;
	res[2] = -ECANCELED;
	CHECK(chain_result(&c, &at) == -ENOENT && at == 1);
	res[3] = 0;
	CHECK(chain_result(&c, &at) == 0);
}

/* The errors after which a search of PATH goes on to the next directory. */
static void test_search(void)
{
	static const int go_on[] = {ENOENT, ENOTDIR, ESTALE,
				    ENODEV, EACCES,  ETIMEDOUT};
	static const int stop[] = {ENOEXEC, EPERM,	 E2BIG, ENOMEM,
				   ELOOP,   EIO,	 EBUSY, EINVAL,
				   ETXTBSY, ENAMETOOLONG};
	const struct chain_op search = {.op = CHAIN_EXEC,
					.link = CHAIN_HARDLINK | CHAIN_SEARCH};
	const struct chain_op row = {.op = CHAIN_EXEC, .link = CHAIN_HARDLINK};
	const struct chain_op last = {.op = CHAIN_EXEC};
	struct chain_op ops[4] = {{.op = CHAIN_CLONE}, search, search, last};
	int32_t res[4] = {0, -ENOENT, -ENOTDIR, -ENOENT};
	struct chain c = {.ops = ops, .nr_ops = 4, .res = res};
	uint32_t at;
	size_t i;

	for (i = 0; i < sizeof(go_on) / sizeof(*go_on); i++) {
		CHECK(chain_goes_on(&search, -go_on[i]));
		CHECK(chain_goes_on(&row, -go_on[i]));
		CHECK(!chain_goes_on(&last, -go_on[i]));
	}
	for (i = 0; i < sizeof(stop) / sizeof(*stop); i++) {
		CHECK(!chain_goes_on(&search, -stop[i]));
		CHECK(chain_goes_on(&row, -stop[i]));
	}
	/* The last error, but EACCES is remembered. */
	CHECK(chain_result(&c, &at) == -ENOENT && at == 3);
	res[3] = -ENOTDIR;
	CHECK(chain_result(&c, &at) == -ENOTDIR && at == 3);
	res[1] = -EACCES;
	CHECK(chain_result(&c, &at) == -EACCES && at == 1);
	res[1] = -ENOENT;
	res[2] = -ENOEXEC;
	res[3] = -ECANCELED;
	CHECK(chain_result(&c, &at) == -ENOEXEC && at == 2);
	/* Killed between two directories. */
	res[2] = -ENOENT;
	CHECK(chain_result(&c, &at) == -ECANCELED && at == 3);
}

/* CHAIN_SEARCH is for hard-linked EXECs, CHAIN_SHELL for those of a path. */
static void test_link(void)
{
	static const struct {
		uint8_t exec, setsid;
		int ret;
	} cases[] = {
		{CHAIN_HARDLINK | CHAIN_SEARCH, 0, 0},
		{CHAIN_HARDLINK, CHAIN_HARDLINK, 0},
		{CHAIN_SEARCH, 0, -EINVAL},
		{0, CHAIN_HARDLINK | CHAIN_SEARCH, -EINVAL},
		{CHAIN_SHELL, 0, 0},
		{CHAIN_HARDLINK | CHAIN_SEARCH | CHAIN_SHELL, 0, 0},
		{0, CHAIN_SHELL, -EINVAL},
		{8, 0, -EINVAL},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct chain_op *op;
		struct pack p;

		pack_init(&p, 4);
		pack_op(&p, CHAIN_CLONE)->fd = -1;
		op = pack_op(&p, CHAIN_TASK_SET);
		op->len = 2; /* setsid */
		op->link = cases[i].setsid;
		pack_exec(&p, "/bin/false", argv)->link = cases[i].exec;
		pack_exec(&p, "/bin/true", argv);
		pack_end(&p);
		CHECK(load(&p, p.size) == cases[i].ret);
	}
}

/* A stale template's error counts only if no exec follows as a fallback. */
static void test_template_result(void)
{
	struct chain_op ops[3] = {
		{.op = CHAIN_CLONE},
		{.op = CHAIN_EXEC, .len = 4, .link = CHAIN_HARDLINK},
		{.op = CHAIN_EXEC}};
	int32_t res[3] = {0, -EACCES, -ENOENT};
	struct chain c = {
		.ops = ops, .nr_ops = 3, .res = res, .has_template = true};
	uint32_t at;

	CHECK(chain_result(&c, &at) == -ENOENT && at == 2);
	CHECK(chain_template_error(&c) == -EACCES);
	res[2] = 0;
	CHECK(chain_result(&c, &at) == 0);
	CHECK(chain_template_error(&c));
	res[1] = 0;
	res[2] = -ECANCELED;
	CHECK(chain_result(&c, &at) == 0);
	CHECK(!chain_template_error(&c));
	ops[1].link = 0;
	res[1] = -ESTALE;
	CHECK(chain_result(&c, &at) == -ESTALE && at == 1);
}

int main(void)
{
	test_good();
	test_damaged();
	test_shape();
	test_result();
	test_search();
	test_link();
	test_template_result();
	return 0;
}
