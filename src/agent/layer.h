/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer.h - the one interface between the engine and the jobs.
 *
 * A caught call goes down a short stack of layers.  Each that asked for its
 * number may look, change the arguments, answer it or pass it on; below the
 * last layer stands the engine itself (calls that it must see, such as
 * rt_sigaction) and below that the kernel.
 *
 * Rules for a layer:
 *  - enter() is called once for each call, also when the kernel restarts it
 *    after a signal handler; the records that see to that are bounded, so a
 *    call abandoned by a jump out of a handler may in rare cases be entered
 *    again.
 *  - leave() is called in reverse order with call->ret as the program will see
 *    it.  It may never come: a signal handler can jump away, a thread can be
 *    killed.  It can run while the program is about to be given a signal; it
 *    must not block then (call->flags tells nothing about this: never block).
 *  - Only numbers below WY_CALLS_MAX can be asked for one by one; all others
 *    count as one (wy_callset_add(set, WY_CALL_OTHER)).
 *  - No locks that the program could hold, no program memory but through
 *    usermem.h.
 */
#ifndef WY_AGENT_LAYER_H
#define WY_AGENT_LAYER_H

#include "agent/arch/x86_64/offsets.h"
#include "proto/session.h"
#include <stdbool.h>
#include <stddef.h>

struct wy_thread;
struct wy_site;
struct siginfo;

/* One caught call.  The gate builds it on the thread's private stack; a call
 * that is left through leave() lives on in a record of the thread's pool. */
struct wy_call {
	long nr; /* as the program gave it; the kernel looks at 32 bits */
	long arg[6];
	long ret; /* what the program will see: a result or -errno */
	struct wy_site *site;
	unsigned long flags; /* the program's processor flags */
	unsigned long sp;    /* the program's stack pointer */
	struct wy_thread *thread;
	unsigned long target; /* how the gate is left: see gate.c */
	unsigned long stub_ret;
};
_Static_assert(offsetof(struct wy_call, arg) == C_ARG0, "offsets.h");
_Static_assert(offsetof(struct wy_call, ret) == C_RET, "offsets.h");
_Static_assert(offsetof(struct wy_call, site) == C_SITE, "offsets.h");
_Static_assert(offsetof(struct wy_call, flags) == C_FLAGS, "offsets.h");
_Static_assert(offsetof(struct wy_call, sp) == C_SP, "offsets.h");
_Static_assert(offsetof(struct wy_call, thread) == C_THREAD, "offsets.h");
_Static_assert(offsetof(struct wy_call, target) == C_TARGET, "offsets.h");
_Static_assert(offsetof(struct wy_call, stub_ret) == C_STUB_RET, "offsets.h");
_Static_assert(sizeof(struct wy_call) == C_SIZE, "offsets.h");

enum wy_verdict {
	WY_PASS, /* go on down; the arguments may have been changed */
	WY_DONE, /* call->ret is the answer, nothing further down sees the call */
};

/* A set of call numbers. */
struct wy_callset {
	unsigned long word[WY_CALLS_MAX / 64];
};
#define WY_CALL_OTHER (WY_CALLS_MAX - 1)

static inline void wy_callset_add(struct wy_callset *set, int nr)
{
	set->word[nr / 64] |= 1ul << (nr % 64);
}

static inline bool wy_callset_has(const struct wy_callset *set, int nr)
{
	return set->word[nr / 64] >> (nr % 64) & 1;
}

/* The row of a call number in tables of WY_CALLS_MAX rows.  The kernel takes the low 32 bits. */
static inline unsigned int wy_call_row(long nr)
{
	unsigned int n = (unsigned int)nr;

	return n < WY_CALL_OTHER ? n : WY_CALL_OTHER;
}

struct wy_layer {
	const char *name;
	struct wy_callset calls; /* filled in by start(), fixed from then on */

	/* leave() comes only for calls that enter() asked it for: wy_call_leave_due(). */
	bool leave_on_demand;

	/* Any of these may be NULL. */
	void (*start)(struct wy_layer *); /* once for each image, before the program runs */
	enum wy_verdict (*enter)(struct wy_call *);
	void (*leave)(struct wy_call *);
	void (*thread_start)(struct wy_thread *); /* in the new thread */
	void (*thread_exit)(struct wy_thread *);  /* in the ending thread */
	void (*fork_child)(struct wy_thread *);   /* in the child's only thread */
	/* A handler of the program is about to start in this thread, or (ends) a signal ends it. */
	void (*signal)(struct wy_thread *, int sig, const struct siginfo *, bool ends);
};

/* The program ran before the agent came into it. */
extern bool wy_program_ran;

/* The layers that this process runs, from the program down; see layers.c. */
void wy_layers_start(unsigned int session_flags);
void wy_layers_thread_start(struct wy_thread *t);
void wy_layers_thread_exit(struct wy_thread *t);
void wy_layers_fork_child(struct wy_thread *t);
/* Does one of them want that? */
bool wy_layers_hear_signals(void);
void wy_layers_signal(struct wy_thread *t, int sig, const struct siginfo *info, bool ends);

#endif
