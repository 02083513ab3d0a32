/* SPDX-License-Identifier: Apache-2.0 */
/* stop.h - the registers of a thread that the loader has stopped (struct wy_boot). */
#ifndef WY_ARCH_STOP_H
#define WY_ARCH_STOP_H

#include "agent/thread.h"

unsigned long arch_stop_pc(const unsigned long *regs);
unsigned long arch_stop_sp(const unsigned long *regs);

/* Is it in a call of which the kernel knows how much of its time is left? */
bool arch_stop_has_time(const unsigned long *regs);

/* That call, but for its site; returns the address of that. */
unsigned long arch_stop_call(const unsigned long *regs, struct wy_call *call);

/* The call has been through the gate: the thread goes on in its stub, as the gate has decided. */
void arch_stop_entered(unsigned long *regs, const struct wy_call *call);

/*
 * Makes regs those of the program, wherever in the agent the thread stands; a
 * call that it is in is restarted from the program's own place.  False: it is in
 * code from where this cannot be.
 */
bool arch_stop_recover(struct wy_thread *t, unsigned long *regs);

/* Calls fn(arg) on another stack. */
long arch_on_stack(unsigned long top, long (*fn)(void *arg), void *arg);

#endif
