/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - finds room for the agent's region in a program, and maps it.
 *
 * Stubs in the region are reached by jumps of 32 bits, so it must lie near the
 * code that makes system calls: near the interpreter in a dynamic program (the
 * libraries will come to lie there too), near the text in a static one.  The
 * heap of a program grows up from behind its text: it is left a gigabyte
 * where that can be had.
 */
#ifndef WY_LAUNCH_PLACE_H
#define WY_LAUNCH_PLACE_H

#include "launch/auxv.h"

/*
 * Maps len bytes, readable and executable, in the stopped program.  *ret_addr: 0, or the only
 * place that will do.
 * Returns 0, -errno of the program's mmap(2) (-ENOMEM: no room or a limit), -EADDRINUSE when
 * that place is not free, -ESRCH.
 */
int wy_place_map(struct wy_remote *r, const struct wy_regs *regs, const struct wy_auxv *auxv,
		 unsigned long len, unsigned long *ret_addr);

#endif
