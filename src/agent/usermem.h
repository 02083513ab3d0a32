/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usermem.h - the only way to touch memory that the program named.
 *
 * A bad address gives -EFAULT, as it would from the kernel, instead of a
 * SIGSEGV: the instructions that touch it stand in one range (arch/gate.S) that
 * the signal handler knows.
 */
#ifndef WY_AGENT_USERMEM_H
#define WY_AGENT_USERMEM_H

#include <stddef.h>

#define WY_USER_TOP 0x7ffffffff000ul /* nothing of a program lies at or above this */

static inline int wy_user_range_ok(unsigned long addr, size_t len)
{
	return addr <= WY_USER_TOP && len <= WY_USER_TOP - addr;
}

/* Use the two below: these do not look at the address, and the first must not fault while the
 * program blocks SIGSEGV or SIGBUS. */
long wy_usermem_copy(void *to, const void *from, size_t len);
long wy_usermem_move(unsigned long to, unsigned long from, size_t len);
extern unsigned char wy_faults_may_be_blocked;

/* Return 0 or -EFAULT; after a failure part of the bytes may have been copied. */
static inline long copy_from_program(void *to, unsigned long from, size_t len)
{
	return wy_user_range_ok(from, len) ? wy_usermem_move((unsigned long)to, from, len) : -14;
}

static inline long copy_to_program(unsigned long to, const void *from, size_t len)
{
	return wy_user_range_ok(to, len) ? wy_usermem_move(to, (unsigned long)from, len) : -14;
}

/*
 * Copies a string with its final 0, at most size bytes.
 * Returns its length, -EFAULT, or -ENAMETOOLONG when no 0 came within size.
 */
long copy_string_from_program(char *to, unsigned long from, size_t size);

#endif
