/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refork.h - copies of this process, made by the agent itself, with all of its threads.
 *
 * First every other thread is brought to rest (wy_rest_all): it sits in a
 * signal handler of the agent, and its whole state is the frame that the
 * kernel has made for this handler.  A call that it was blocked in has not been
 * made, as far as the program can tell, and is made again when it goes on.
 *
 * Then the process is copied (wy_refork), any number of times.  In a copy each
 * thread is made anew on the agent's stack of the old one, with the old one's
 * thread pointer, and goes on by rt_sigreturn(2) from the same frame.
 *
 * What a thread cannot keep is its id.  Where the kernel wrote it for libc, the
 * new one is written, and calls that name an old one are given the new one
 * (wy_refork_tid).  Other places that a program has copied it to are not known.
 */
#ifndef WY_AGENT_REFORK_H
#define WY_AGENT_REFORK_H

#include "agent/thread.h"

struct ucontext;

enum wy_rest_state { WY_REST_NOT, WY_REST_RESTING, WY_REST_GOING_ON };

/* ---- for the layer that copies ---- */

/* Adds the calls that wy_refork_look() must see. */
void wy_refork_watch(struct wy_callset *calls);
/* From the layer's enter(), for each of its calls. */
void wy_refork_look(const struct wy_call *call);

/*
 * Brings all other threads of this process to rest, from inside a layer's
 * enter().  Returns 0, or -EBUSY with a thread that will not come to rest, and
 * the others run again.
 */
long wy_rest_all(struct wy_thread *t, int *ret_tid);
/* They go on, in this process. */
void wy_rest_end(const struct wy_thread *t);
/* How many are at rest. */
unsigned int wy_rest_count(const struct wy_thread *t);
/*
 * The thread, of all that are at rest and t, that holds a robust mutex; 0: none does.  The word of
 * such a mutex is its owner's id, by which the kernel and libc know whose it is: no copy's.
 */
int wy_rest_robust_lock(const struct wy_thread *t);

/*
 * Copies the calling process, whose other threads are all at rest, from inside
 * a layer's enter().  flags: of clone(2), without CLONE_VM.  Returns the copy's
 * pid, in the copy 0, or -errno.  Signals stay blocked on both sides until the
 * gate is left.  The copy is caught, counted and has the state that a fork(2)
 * of the program would have given it; its other threads wait for
 * wy_refork_go().  A copy that cannot have its threads ends at once.
 */
long wy_refork(struct wy_thread *t, unsigned long flags);
void wy_refork_go(void);

/* The thread of this copy that had this id in the template; 0 when it was not one of them. */
int wy_refork_tid(int old);

/* ---- for signal.c and thread.c ---- */

/* Is a SIGSYS with this code a request to come to rest? */
bool wy_rest_asked(int si_code);
/* In the signal handler of who is asked. */
void wy_rest_here(struct wy_thread *t, struct ucontext *uc);

static inline bool wy_rest_is(const struct wy_thread *t)
{
	return t->revival.state == WY_REST_RESTING;
}
static inline bool wy_rest_some(const struct wy_thread *t)
{
	return wy_rest_count(t) != 0;
}

#endif
