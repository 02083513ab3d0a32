/* SPDX-License-Identifier: Apache-2.0 */
/* vdso.h - making the calls of the vDSO visible. */
#ifndef WY_AGENT_VDSO_H
#define WY_AGENT_VDSO_H

#include "proto/boot.h"
#include <stdbool.h>

/*
 * Turns the functions of the vDSO into real system calls, which are then caught
 * like all others.  At the start of an image, before the program runs.  Those
 * that it does not know stay as they are.
 */
void wy_vdso_catch(const struct wy_boot *boot);

/* Is this in what was written over them?  Where no thread is, they can be as they were. */
bool wy_vdso_turned(unsigned long pc);
void wy_vdso_undo(void);

#endif
