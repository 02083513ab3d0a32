/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.c - a call on its way down: layers, then the engine, then the kernel.
 *
 * The gate (arch/gate.S) saves the program's registers as a struct wy_call and
 * calls wy_call_enter(), which decides by call->target how the stub goes on:
 *
 *	0			native call, nothing after it
 *	stub's native_leave	native call, then wy_call_leave()
 *	stub's done		no native call: call->ret is the answer
 *
 * No state of a call may stay on the private stack over the native call: a
 * signal handler that runs meanwhile makes calls of its own and starts again
 * at the stack's top, or jumps away for good.  What must live on is copied to
 * a record.
 */
#include "agent/gate.h"
#include "agent/hot.h"
#include "agent/seccomp.h"
#include "agent/site.h"
#include "agent/sys.h"

#define LAYERS_MAX 8
#define MISSES_MAX 100000u

static const struct wy_layer *layers[LAYERS_MAX]; /* from the program down */
static int nr_layers;

/* Kept small: an exec pays for each page of them. */
static struct route {
	/* Set when one layer's enter() is all there is: most of what a layer asks for. */
	enum wy_verdict (*only)(struct wy_call *);
	wy_op op;
	unsigned char layers; /* bits: which of them want the call */
	bool record;          /* one of these has a leave() */
} routes[WY_CALLS_MAX];

WY_LARGE unsigned char wy_unwanted[65536];

void wy_gate_begin(void)
{
	__builtin_memset(wy_unwanted, 1, WY_CALL_OTHER);
}

void wy_gate_want_all(void)
{
	__builtin_memset(wy_unwanted, 0, WY_CALL_OTHER);
}

void wy_gate_op(int nr, wy_op op)
{
	routes[nr].op = op;
	routes[nr].only = NULL;
	wy_unwanted[nr] = 0;
}

void wy_gate_layer(const struct wy_layer *layer)
{
	if (nr_layers == LAYERS_MAX)
		return;
	layers[nr_layers] = layer;
	for (int nr = 0; nr < WY_CALLS_MAX; nr++) {
		struct route *r = &routes[nr];

		if (!wy_callset_has(&layer->calls, nr))
			continue;
		if (layer->leave && !layer->leave_on_demand)
			r->record = true;
		r->only = r->layers || r->record || r->op ? NULL : layer->enter;
		r->layers |= (unsigned char)(1u << nr_layers);
		wy_unwanted[nr] = 0;
	}
	nr_layers++;
}

struct wy_record *wy_record_find(struct wy_thread *t, const struct wy_site *site, unsigned long sp)
{
	struct wy_record *r = t->record_last;

	if (!t->records_used)
		return NULL;
	if (r->state != WY_RECORD_FREE && r->call.site == site && r->call.sp == sp)
		return r;
	for (int i = 0; i < WY_RECORDS; i++) {
		r = &t->record[i];
		if (r->state != WY_RECORD_FREE && r->call.site == site && r->call.sp == sp)
			return r;
	}
	return NULL;
}

void wy_record_free(struct wy_thread *t, struct wy_record *record)
{
	if (record->state != WY_RECORD_FREE)
		t->records_used--;
	record->state = WY_RECORD_FREE;
	if (!(t->gate_flags & WY_GATE_REWOUND))
		return;
	for (int i = 0; i < WY_RECORDS; i++) {
		if (t->record[i].state == WY_RECORD_REWOUND)
			return;
	}
	t->gate_flags &= ~WY_GATE_REWOUND;
}

/* A record for this place: its own old one, a free one, or the oldest. */
static struct wy_record *record_take(struct wy_thread *t, const struct wy_site *site,
				     unsigned long sp)
{
	struct wy_record *best = NULL;

	if (!t->records_used)
		best = &t->record[0];
	for (int i = 0; i < WY_RECORDS && t->records_used; i++) {
		struct wy_record *r = &t->record[i];

		if (r->state == WY_RECORD_FREE) {
			if (!best || best->state != WY_RECORD_FREE)
				best = r;
			continue;
		}
		if (r->call.site == site && r->call.sp == sp) {
			best = r;
			break;
		}
		if (!best || (best->state != WY_RECORD_FREE && r->seq < best->seq))
			best = r;
	}
	t->records_used += best->state == WY_RECORD_FREE;
	t->record_last = best;
	best->seq = ++t->record_seq;
	best->misses = 0;
	best->leave = false;
	best->changed = false;
	best->has_temp_mask = false;
	return best;
}

static const long *program_args(const struct wy_record *r)
{
	return r->changed ? r->orig : r->call.arg;
}

static struct wy_record *begin_record(struct wy_call *call)
{
	struct wy_record *r = record_take(call->thread, call->site, call->sp);

	r->state = WY_RECORD_LIVE;
	r->leave = true;
	r->op_leave = NULL;
	r->traced.since = 0;
	r->call.site = call->site;
	r->call.sp = call->sp;
	call->target = call->site->native_leave;
	return r;
}

struct wy_record *wy_call_leave_due(struct wy_call *call)
{
	struct wy_record *r = NULL;

	if (call->target == call->site->native_leave)
		r = wy_record_find(call->thread, call->site, call->sp);
	return r ? r : begin_record(call);
}

struct wy_record *wy_call_record(struct wy_call *call)
{
	struct wy_record *r = wy_call_leave_due(call);

	if (!r->changed) {
		for (int i = 0; i < 6; i++)
			r->orig[i] = call->arg[i];
		r->changed = true;
	}
	return r;
}

void wy_call_rewound(struct wy_thread *t, struct wy_site *site, unsigned long sp, long nr,
		     const long arg[6])
{
	struct wy_record *r = wy_record_find(t, site, sp);

	if (!r || r->state == WY_RECORD_FREE || !r->leave) {
		r = record_take(t, site, sp);
		r->call.site = site;
		r->call.sp = sp;
		r->call.nr = nr;
		for (int i = 0; i < 6; i++)
			r->call.arg[i] = arg[i];
	}
	r->state = WY_RECORD_REWOUND;
	r->misses = 0;
	t->gate_flags |= WY_GATE_REWOUND;
}

enum wy_verdict wy_call_again(struct wy_call *call)
{
	struct wy_record *r = wy_record_find(call->thread, call->site, call->sp);

	/* Not as a rewound call: what answers it is the operation, which has not run. */
	if (r)
		wy_record_free(call->thread, r);
	call->target = call->site->addr;
	return WY_PASS;
}

/* The call that a signal sent back to its site comes again: go on where it was. */
static bool resume_rewound(struct wy_call *call)
{
	struct wy_thread *t = call->thread;
	struct wy_record *r = wy_record_find(t, call->site, call->sp);

	if (!r || r->state != WY_RECORD_REWOUND) {
		for (int i = 0; i < WY_RECORDS; i++) {
			r = &t->record[i];
			if (r->state == WY_RECORD_REWOUND && ++r->misses > MISSES_MAX)
				wy_record_free(t, r);
		}
		return false;
	}
	for (int i = 0; i < 6; i++) {
		if (program_args(r)[i] != call->arg[i]) {
			wy_record_free(t, r);
			return false;
		}
	}
	if ((int)r->call.nr != (int)call->nr && call->nr != __NR_restart_syscall) {
		wy_record_free(t, r);
		return false;
	}
	for (int i = 0; i < 6; i++)
		call->arg[i] = r->call.arg[i];
	call->target = 0;
	if (r->leave) {
		r->state = WY_RECORD_LIVE;
		call->target = call->site->native_leave;
	} else {
		wy_record_free(t, r);
	}
	return true;
}

/* From the kernel up: those of the first `from` layers that want the call. */
static void leave_layers(const struct route *route, int from, struct wy_call *call)
{
	while (--from >= 0) {
		if ((route->layers >> from & 1) && layers[from]->leave)
			layers[from]->leave(call);
	}
}

/* Rare things that a call may need before it goes down.  True: the call is already on its way. */
static bool enter_special(struct wy_call *call)
{
	struct wy_thread *t = call->thread;

	if (t->gate_flags & WY_GATE_BY_SIGNAL) {
		t->gate_flags &= ~WY_GATE_BY_SIGNAL;
		t->slot->by_signal++;
		if (call->site->trips >= call->site->next_try)
			wy_site_rewrite(call->site, call->nr);
	}
	return (t->gate_flags & WY_GATE_REWOUND) && resume_rewound(call);
}

/* The call goes to the kernel.  What a record holds of it is what the layers made of it. */
static void settle_pass(struct wy_call *call)
{
	struct wy_record *record;

	call->ret = call->nr; /* what the kernel is asked for */
	if (!call->target)
		return;
	record = wy_record_find(call->thread, call->site, call->sp);
	if (!record)
		return;
	for (int i = 0; i < 6; i++)
		record->call.arg[i] = call->arg[i];
	record->call.nr = call->nr;
}

/* The call is answered.  A record was made for it if and only if the target says so. */
static void settle_done(struct wy_call *call)
{
	struct wy_record *record = NULL;

	if (call->target)
		record = wy_record_find(call->thread, call->site, call->sp);
	if (record) {
		for (int i = 0; record->changed && i < 6; i++)
			call->arg[i] = record->orig[i];
		wy_record_free(call->thread, record);
	}
	call->target = call->site->done;
}

static __attribute__((noinline)) void enter_slow(struct wy_call *call)
{
	const struct route *route = &routes[wy_call_row(call->nr)];
	int n = 0;

	if (__builtin_expect(call->thread->gate_flags != 0, 0) && enter_special(call))
		return;
	if (route->op && call->thread->pending) {
		wy_call_again(call); /* a signal was first: it may not come after this call */
		settle_pass(call);
		return;
	}
	call->target = 0;
	if (route->record)
		begin_record(call);
	for (n = 0; route->layers >> n; n++) {
		if ((route->layers >> n & 1) && layers[n]->enter &&
		    layers[n]->enter(call) == WY_DONE)
			goto done;
	}
	if (__builtin_expect(wy_seccomp_judges, 0)) {
		if (wy_seccomp_judge(call) == WY_DONE)
			goto done;
		route = &routes[wy_call_row(call->nr)];
	}
	if (route->op && route->op(call) == WY_DONE)
		goto done;
	settle_pass(call);
	return;
done:
	leave_layers(route, n, call);
	settle_done(call);
}

void wy_call_enter(struct wy_call *call)
{
	const struct route *route = &routes[wy_call_row(call->nr)];

	if (__builtin_expect(!route->only || call->thread->gate_flags || wy_seccomp_judges, 0)) {
		enter_slow(call);
		return;
	}
	call->target = 0;
	if (route->only(call) == WY_DONE) {
		if (call->target)
			settle_done(call);
		else
			call->target = call->site->done;
	} else if (call->target) {
		settle_pass(call);
	} else {
		call->ret = call->nr;
	}
}

void wy_call_announce(struct wy_call *call)
{
	const struct route *route = &routes[wy_call_row(call->nr)];

	for (int n = 0; route->layers >> n; n++) {
		if ((route->layers >> n & 1) && layers[n]->enter)
			layers[n]->enter(call);
	}
}

void wy_call_leave(struct wy_call *call)
{
	struct wy_thread *t = call->thread;
	struct wy_record *r = wy_record_find(t, call->site, call->sp);

	if (r && r->leave) {
		const struct route *route = &routes[wy_call_row(r->call.nr)];

		r->call.ret = call->ret;
		r->call.thread = t;
		if (r->op_leave)
			r->op_leave(&r->call);
		leave_layers(route, nr_layers, &r->call);
		call->ret = r->call.ret;
		for (int i = 0; r->changed && i < 6; i++)
			call->arg[i] = r->orig[i];
		wy_record_free(t, r);
	}
	call->target = call->site->done;
}
