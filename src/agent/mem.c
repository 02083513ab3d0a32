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
	unsigned long word = (unsigned char)c * 0x0101010101010101ul;

	for (; len >= 8; len -= 8, t += 8)
		*(unsigned long *)t = word;
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

/* How many of the n bytes stand before the first 0. */
static size_t before_zero(const char *s, size_t n)
{
	size_t i = 0;

	for (; n - i >= sizeof(long); i += sizeof(long)) {
		unsigned long word;

		__builtin_memcpy(&word, s + i, sizeof(word));
		/* The lowest of these bits is right, those above it need not be. */
		word = (word - 0x0101010101010101ul) & ~word & 0x8080808080808080ul;
		if (word)
			return i + (size_t)__builtin_ctzl(word) / 8;
	}
	while (i < n && s[i])
		i++;
	return i;
}

/* In steps that end at multiples of STEP: none reaches into a page that the string does not. */
#define STEP 32ul

long copy_string_from_program(char *to, unsigned long from, size_t size)
{
	for (size_t i = 0, step; i < size; i += step) {
		size_t len;

		step = STEP - (from + i) % STEP;
		if (step > size - i)
			step = size - i;
		if (copy_from_program(to + i, from + i, step) < 0)
			return -EFAULT;
		len = before_zero(to + i, step);
		if (len < step)
			return (long)(i + len);
	}
	return -ENAMETOOLONG;
}
