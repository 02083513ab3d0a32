/* SPDX-License-Identifier: Apache-2.0 */
/* refork.h - copies of this process, made by the agent itself. */
#ifndef WY_AGENT_REFORK_H
#define WY_AGENT_REFORK_H

#include "agent/thread.h"

/* What libc told the kernel about the thread; a copy's libc would tell it again. */
struct wy_refork {
	unsigned long tid_address; /* of set_tid_address(2), 0 if unknown */
	unsigned long robust_list, robust_len;
	int tid; /* of the thread that is copied */
};

/* Takes down what the calling thread has; tid_address comes from who saw it. */
void wy_refork_prepare(struct wy_refork *r, unsigned long tid_address);

/*
 * Copies the calling process, which must have no other thread, from inside a
 * layer's enter().  flags: of clone(2), without CLONE_VM.  Returns the copy's
 * pid, in the copy 0, or -errno.  Signals stay blocked on both sides until the
 * gate is left.  The copy is caught, counted and has the state that a fork(2)
 * of the program would have given it.
 */
long wy_refork(struct wy_thread *t, const struct wy_refork *r, unsigned long flags);

#endif
