/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain.h - takes what the programs record out of their rings, in a thread of its own.
 *
 * The drain goes over all rings again and again.  Each time it hands what is
 * new in each ring to the sink, and at the end of the round says when the round
 * began (proto/tracefile.h).  Between rounds it sleeps until an agent wakes it,
 * or for a short while when somebody watches.
 */
#ifndef WY_HOST_TRACE_DRAIN_H
#define WY_HOST_TRACE_DRAIN_H

#include "host/session.h"
#include "host/trace/event.h"

/* Where it goes.  All are called from the drain's thread, and what they return is not looked at:
 * who fails says so, and counts. */
struct wy_sink {
	void *arg;
	/* Whole events of one thread, as far as they can be trusted: at most WY_RING_SIZE bytes. */
	void (*events)(void *arg, int pid, int tid, unsigned int image, struct wy_bytes bytes);
	void (*pass)(void *arg, uint64_t ticks);
	/* A call that has not come back for WY_HANG_NS; told once for each call.  May be NULL. */
	void (*hangs)(void *arg, const struct wy_event_view *v);
};
#define WY_HANG_NS 100000000ul

struct wy_drain;

/* Starts it.  NULL: no memory, or no thread. */
struct wy_drain *wy_drain_start(struct wy_host_session *session, const struct wy_sink *sink);

/* Nothing is drained until wy_drain_go(): the session may be looked at, or put elsewhere. */
void wy_drain_pause(struct wy_drain *d);
void wy_drain_go(struct wy_drain *d);

/* Does any process still record?  1, 0, -1: it cannot be told. */
int wy_drain_anybody(struct wy_drain *d);

/* Says that a process has ended, with its status as waitpid(2) has it. */
void wy_drain_ended(struct wy_drain *d, int pid, int status);

/* Says that waylay's own child was stopped by a signal, as waylay will be: tells it, and of all
 * others that were stopped or have ended, before it returns. */
void wy_drain_stopped(struct wy_drain *d, int pid, int signal);

/* Drains what is left, twice, so that every event is given out, and ends the thread. */
void wy_drain_stop(struct wy_drain *d);

/* What all threads have done, those that ended included; after wy_drain_stop(). */
const struct wy_totals *wy_drain_totals(const struct wy_drain *d);

/* Events that were lost, all together. */
uint64_t wy_drain_lost(const struct wy_drain *d);

void wy_drain_free(struct wy_drain *d);

/* The session's clock (WY_TRACE_TSC), now. */
uint64_t wy_trace_ticks(const struct wy_trace *t);

/* Is the time stamp counter a clock here: constant, and the same on all processors? */
bool wy_tsc_is_clock(void);

#endif
