/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem.c - the four functions that compilers call by themselves, and string
 * copies.  Plain loops: no vector registers, no string instructions (so that
 * the program's direction flag never matters).
 */
#include "agent/sys.h"
#include "agent/thread.h"
#include "agent/usermem.h"
#include <asm/errno.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int c, size_t len);
int memcmp(const void *a, const void *b, size_t len);

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	for (; len >= 8; len -= 8, t += 8, f += 8)
		*(unsigned long *)t = *(const unsigned long *)f;
	while (len--)
		*t++ = *f++;
	return to;
}

void *memmove(void *to, const void *from, size_t len)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if (t <= f || t >= f + len)
		return memcpy(to, from, len);
	while (len--)
		t[len] = f[len];
	return to;
}

void *memset(void *to, int c, size_t len)
{
	unsigned char *t = to;

	while (len--)
		*t++ = (unsigned char)c;
	return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const unsigned char *x = a, *y = b;

	for (; len; len--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

/* Some thread has blocked SIGSEGV or SIGBUS at some time; never before the program runs. */
unsigned char wy_faults_may_be_blocked;

struct range {
	unsigned long start, len; /* struct iovec */
};

long wy_usermem_move(unsigned long to, unsigned long from, size_t len)
{
	struct range local = { to, len }, remote = { from, len };
	const struct wy_thread *t;
	long ret;

	if (!wy_faults_may_be_blocked)
		return wy_usermem_copy((void *)to, (const void *)from, len);
	t = wy_self();
	if (!(t->owned_blocked & ~WY_SIGNALS_STRIPPED))
		return wy_usermem_copy((void *)to, (const void *)from, len);
	/* A fault would kill: a blocked signal that is forced does.  The kernel copies without. */
	ret = sys6(__NR_process_vm_readv, t->pid, &local, 1, &remote, 1, 0);
	/* A filter from outside may forbid that call: then without the net. */
	if (ret == -EPERM || ret == -ENOSYS)
		return wy_usermem_copy((void *)to, (const void *)from, len);
	return ret == (long)len ? 0 : -EFAULT;
}

long copy_string_from_program(char *to, unsigned long from, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (copy_from_program(to + i, from + i, 1) < 0)
			return -EFAULT;
		if (!to[i])
			return (long)i;
	}
	return -ENAMETOOLONG;
}
