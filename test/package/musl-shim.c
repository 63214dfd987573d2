/* SPDX-License-Identifier: MIT */
/*
 * What Debian's libstdc++ and libgcc need of glibc and musl lacks, as far as
 * Bun calls it: with this, a Bun made for musl runs where there is no libstdc++
 * for that. Compiled without a libc, so that it belongs to none.
 */
extern int pthread_key_create(unsigned *key, void (*destroy)(void *));
extern long getrandom(void *to, unsigned long size, unsigned flags);
extern unsigned long strftime(char *to, unsigned long size, const char *format,
			      const void *time);

char __libc_single_threaded;

struct {
	unsigned vendor, type, subtype, features[1];
} __cpu_model;

int __cpu_indicator_init(void)
{
	return 0;
}

int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *dso)
{
	(void)destroy;
	(void)object;
	(void)dso;
	return 0;
}

unsigned arc4random(void)
{
	unsigned number = 0;

	getrandom(&number, sizeof(number), 0);
	return number;
}

unsigned long __strftime_l(char *to, unsigned long size, const char *format,
			   const void *time, void *locale)
{
	(void)locale;
	return strftime(to, size, format, time);
}

int __pthread_key_create(unsigned *key, void (*destroy)(void *))
{
	return pthread_key_create(key, destroy);
}

int _dl_find_object(void *address, void *result)
{
	(void)address;
	(void)result;
	return -1;
}
