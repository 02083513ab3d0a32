/* SPDX-License-Identifier: Apache-2.0 */
/* uexec.h - being followed without being traced. */
#ifndef WY_AGENT_UEXEC_H
#define WY_AGENT_UEXEC_H

#include "agent/thread.h"

/*
 * Executes the program by way of the launcher (launcher.c), if all of it can
 * be seen to come to a good end.  Comes back only if it cannot, with nothing
 * changed: then the kernel shall execute it, or say why not.  All signals are
 * blocked by wy_thread_block_signals().
 *
 * dir, path and flags are execveat(2)'s; argv, envp: as the program has them.
 * *why (enum wy_unfollowed) and *error say why nobody could be asked to trace;
 * they become the reason why the program runs uncaught, 0 if it will not run.
 */
void wy_uexec(struct wy_thread *t, int dir, unsigned long path, unsigned long argv,
	      unsigned long envp, int flags, int *why, int *error);

#endif
