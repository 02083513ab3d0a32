/* SPDX-License-Identifier: Apache-2.0 */
/* launch.h - ways out of the launcher. */
#ifndef WY_ARCH_LAUNCH_H
#define WY_ARCH_LAUNCH_H

#include "agent/thread.h"

/* Goes on at pc, on another stack, with one argument. */
void wy_launch_jump(unsigned long pc, unsigned long sp, unsigned long arg)
	__attribute__((noreturn));

/*
 * Starts the program as execve(2) does: registers empty, the processor's initial state, and this
 * signal mask, all at once: a signal that waits comes when the program has made no step.
 * stack: the kernel's alternate stack from then on.
 */
void arch_launch_program(unsigned long pc, unsigned long sp, unsigned long mask,
			 const struct wy_sigstack *stack) __attribute__((noreturn));

#endif
