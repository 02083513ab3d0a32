/* SPDX-License-Identifier: Apache-2.0 */
/* trap.h - stopping for the loader; see proto/boot.h. */
#ifndef WY_ARCH_TRAP_H
#define WY_ARCH_TRAP_H

/* Stops by a breakpoint with these three in registers; returns what the loader left as result. */
long wy_trap(long code, long value, long value2);

#endif
