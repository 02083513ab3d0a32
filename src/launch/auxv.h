/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auxv.h - what the kernel told a program at its start.
 */
#ifndef WY_LAUNCH_AUXV_H
#define WY_LAUNCH_AUXV_H

#include "launch/remote.h"

struct wy_auxv {
	unsigned long phdr, phent, phnum, base, pagesz, vdso, hwcap2;
};

/* Where the program's segments are. */
struct wy_loads {
	unsigned long low, high; /* first byte, and behind the last one */
	int fixed;               /* linked for this address: not position independent */
};

/*
 * Reads the vector from the stack of a program that has run no instruction
 * since its exec; sp is its stack pointer.  (/proc would be another way, but
 * is not always there, and is slower.)
 * Returns 0, -errno, or -ENOEXEC if this is no x86-64 program's vector.
 */
int wy_auxv_read_stack(const struct wy_remote *r, unsigned long sp, struct wy_auxv *ret);

/* The same of a program that has been running, from /proc; we must be allowed to trace it. */
int wy_auxv_read_file(pid_t pid, struct wy_auxv *ret);

/* Reads the program headers that auxv names.  Returns 0, -errno, or -ENOEXEC. */
int wy_loads_read(const struct wy_remote *r, const struct wy_auxv *auxv, struct wy_loads *ret);

#endif
