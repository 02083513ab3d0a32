/* SPDX-License-Identifier: Apache-2.0 */
/* gate.h - the C side of the gate: routing a call through the layers. */
#ifndef WY_AGENT_GATE_H
#define WY_AGENT_GATE_H

#include "agent/thread.h"

/* An engine operation: a call that the engine itself must see.  Like a layer's enter(). */
typedef enum wy_verdict (*wy_op)(struct wy_call *call);

/*
 * By the low 16 bits of a number: 1: nobody wants it, and it goes to the kernel at once.  0, with
 * which it costs no memory, for all numbers that no call has.
 */
extern unsigned char wy_unwanted[65536];

/* Before all others here: nothing is wanted. */
void wy_gate_begin(void);

/* Registers the engine's own operations; called once, before the layers. */
void wy_gate_op(int nr, wy_op op);

/* Adds a layer below those that are there. */
void wy_gate_layer(const struct wy_layer *layer);

/* From now on every call comes through the gate. */
void wy_gate_want_all(void);

/*
 * Keeps the call beyond the native call: its arguments as they are now are the
 * program's own and will be put back; leave() comes.  Needed before an
 * argument is changed.
 */
struct wy_record *wy_call_record(struct wy_call *call);
struct wy_record *wy_record_find(struct wy_thread *t, const struct wy_site *site, unsigned long sp);
void wy_record_free(struct wy_thread *t, struct wy_record *record);

/*
 * From enter() of a layer whose leave() is on demand: this call's leave() is
 * due.  Returns its record, which wy_record_find() finds again in leave().
 */
struct wy_record *wy_call_leave_due(struct wy_call *call);

/* The call is made again from its site after a signal handler: remember that it was entered. */
void wy_call_rewound(struct wy_thread *t, struct wy_site *site, unsigned long sp, long nr,
		     const long arg[6]);

/* For an operation that cannot go on because a signal waits: the signal comes first, then the call
 * is made again from its site.  Returns the verdict to give. */
enum wy_verdict wy_call_again(struct wy_call *call);

/* Runs the leave() of a call that came back from the kernel; call->ret and call->arg become
 * what the program sees. */
void wy_call_leave(struct wy_call *call);

/* Shows the layers a call that the engine makes itself: enter() is called, its answer ignored. */
void wy_call_announce(struct wy_call *call);

/* The way down: decides by call->target how the gate is left (gate.c). */
void wy_call_enter(struct wy_call *call);

/* How a call leaves the gate. */
static inline bool wy_call_is_done(const struct wy_call *call);

/* arch/x86_64/frame.c: where in the call's stub the gate goes on */
unsigned long arch_stub_native(const struct wy_site *site); /* without gs */
unsigned long arch_stub_native_gs(const struct wy_site *site);
/* Takes the filling of the return predictor out of a copy of the template. */
void arch_stub_without_fill(unsigned char *stub);
unsigned long arch_stub_done(const struct wy_site *site);
unsigned long arch_stub_native_leave(const struct wy_site *site);
unsigned long arch_stub_ret(const struct wy_site *site);

static inline bool wy_call_is_done(const struct wy_call *call)
{
	return call->target == arch_stub_done(call->site);
}

#endif
