/* SPDX-License-Identifier: Apache-2.0 */
/* attach.h - coming into a program that runs, and leaving it: what the loader asks for. */
#ifndef WY_AGENT_ATTACH_H
#define WY_AGENT_ATTACH_H

#include "proto/boot.h"

/* Does what the loader asks (boot->ask), in a thread that it has stopped.  0 or -errno. */
long wy_attach_answer(struct wy_boot *boot);

#endif
