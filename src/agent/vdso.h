/* SPDX-License-Identifier: Apache-2.0 */
/* vdso.h - making the calls of the vDSO visible. */
#ifndef WY_AGENT_VDSO_H
#define WY_AGENT_VDSO_H

#include "proto/boot.h"

/*
 * Turns the functions of the vDSO into real system calls, which are then caught
 * like all others.  At the start of an image, before the program runs.  Returns
 * how many it turned; those that it does not know stay as they are.
 */
int wy_vdso_catch(const struct wy_boot *boot);

#endif
