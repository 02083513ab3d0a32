/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.h - events to the host, through this thread's ring (proto/trace.h).
 *
 * A writer first has room made, where it may wait for the host to drain; then
 * it writes at the room's start; then it publishes what it wrote, which never
 * waits.  Whoever had room made and published nothing has written nothing.
 */
#ifndef WY_AGENT_RING_H
#define WY_AGENT_RING_H

#include "proto/calls.h"
#include "proto/trace.h"
#include <stdbool.h>

struct wy_thread;

/* A thread's end of its ring. */
struct wy_writer {
	struct wy_ring *ring; /* NULL: it has none, and its events are lost */
	struct wy_ring_use *use;
	unsigned char *data;
	unsigned long head;    /* bytes written, as in the ring */
	unsigned long limit;   /* head may grow up to here without a look at the ring's tail */
	unsigned long wake_at; /* the host is woken when head comes here */
	unsigned long told;    /* of ring->lost, what a WY_EVENT_LOST has said */
	unsigned long stalled; /* tail + 1 at which the host was found not to drain; 0 */
	unsigned long last;    /* a time before which no later event will be */
	unsigned long at;      /* while it holds: the time of what it writes; 0: the true one */
	bool holding;          /* between wy_ring_hold() and wy_ring_rest() */
	unsigned long built;   /* the moment of the call whose event lies at head; 0: none */
};

/* The shared memory; NULL: nothing is traced. */
extern struct wy_trace *wy_trace;

/*
 * Maps it from the session's memfd.  Without it nothing is traced, and that is counted.  pid: by
 * which the host knows this process; 0.
 */
void wy_trace_map(int fd, long pid);

/* This process is new, a fork's child; or its image is.  foreign: the image before was. */
void wy_ring_new_process(void);
void wy_ring_new_image(bool foreign);

/* Is it of another pid namespace than the host, which then cannot tell whether it lives? */
bool wy_ring_foreign(void);

/*
 * A ring for this thread, which has none or (after a fork) its parent's; and its end.
 * own_process: it shares memory with this process, but is another one (vfork).
 */
void wy_ring_take(struct wy_thread *t, bool own_process);
void wy_ring_put(struct wy_thread *t);

/* All threads of this image are known to be gone. */
void wy_ring_end_image(unsigned int image);

/*
 * Makes room for so many bytes, at most WY_EVENT_WORDS_MAX * 8, in one piece.
 * wait: if need be, until the host has drained some.  NULL: there is none, an
 * event is counted as lost.
 */
unsigned char *wy_ring_room(struct wy_thread *t, unsigned long bytes, bool wait);

/*
 * Around the writing of several events, or of one whose time is taken long
 * before it is published: the host is told to wait for them.  What is written
 * says the time that wy_ring_at() sets.  now: a time before which no later event
 * will be.
 */
void wy_ring_hold(struct wy_thread *t);
void wy_ring_at(struct wy_thread *t, unsigned long time);
void wy_ring_rest(struct wy_thread *t, unsigned long now);

/* One more call for a file of this class; flow: which way its bytes went (not WY_FLOW_MOVE). */
static inline void wy_total_add(struct wy_ring *ring, unsigned int class, bool failed,
				unsigned long ticks, enum wy_flow flow, unsigned long bytes)
{
	struct wy_total_class *to = &ring->totals.class[class % WY_FD_CLASSES];

	to->calls++;
	to->errors += failed;
	to->ticks += ticks;
	if (flow == WY_FLOW_IN || flow == WY_FLOW_IN_MANY)
		to->in += bytes;
	else if (flow == WY_FLOW_OUT || flow == WY_FLOW_OUT_MANY)
		to->out += bytes;
}

/* So many bytes at the start of the room are events now. */
void wy_ring_publish(struct wy_thread *t, unsigned long bytes);

/*
 * Writes the header of an event that begins now; returns it.  The room has been
 * made.  Items follow by wy_event_item(), which return the room for the bytes.
 */
struct wy_event *wy_event_begin(unsigned char *room, enum wy_event_kind kind);
void *wy_event_item(struct wy_event *e, enum wy_item_what what, unsigned int index,
		    unsigned int len);

/* Where the bytes of the next item go. */
static inline unsigned char *wy_event_bytes(struct wy_event *e)
{
	return (unsigned char *)((unsigned long *)e + e->words) + sizeof(struct wy_item);
}

/* Publishes one event that stands alone. */
void wy_event_end(struct wy_thread *t, struct wy_event *e);

/* The clock of events; and what an event of this thread says that is written now. */
unsigned long wy_ticks(void);
unsigned long wy_event_time(void);

/* The program has forbidden itself the time stamp counter: from now on time stands still. */
void wy_ticks_stop(void);

#endif
