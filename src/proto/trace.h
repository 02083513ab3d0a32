/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h - the memory that `waylay trace` shares with the programs under it,
 * beside the session.
 *
 * One sparse memfd, mapped whole by the host and by every traced process:
 *
 *	struct wy_trace		settings, and what all share
 *	ring[i]			one for each thread: positions, the call that it is in, totals
 *	data[i]			WY_RING_SIZE bytes each: events (event.h), a ring buffer
 *
 * One thread writes into a ring, the host alone reads it.  `head` and `tail`
 * count bytes, ever growing; what lies between them is valid.  An event lies in
 * one piece: where the rest of the buffer is too small it is filled by an event
 * of WY_EVENT_NONE (and where even a header does not fit, by zero words).
 *
 *	ring:  FREE -> (agent, compare and swap) USED -> (agent) ENDED -> (host, drained) FREE
 *
 * The file outlives the programs: what a killed one had written is still read.
 * Every program can write anything into it, so the host trusts nothing in it.
 */
#ifndef WY_PROTO_TRACE_H
#define WY_PROTO_TRACE_H

#include "proto/event.h"

#define WY_TRACE_MAGIC   0x6563617274796177ul /* "waytrace" */
#define WY_TRACE_VERSION 1u

#define WY_RINGS         4096u
#define WY_RING_SIZE     (256ul << 10)
#define WY_TRACE_CALLS   512 /* call numbers from here on share the last row */
#define WY_HANDOVERS     64u
#define WY_HANDOVER_FDS  1000u

/* What is recorded; written by the host before the first program starts. */
enum {
	WY_TRACE_EVENTS = 1 << 0,   /* events go into the rings */
	WY_TRACE_TOTALS = 1 << 1,   /* calls are counted and timed in struct wy_totals */
	WY_TRACE_ITEMS = 1 << 2,    /* what arguments point to is recorded */
	WY_TRACE_DROP = 1 << 3,     /* a full ring loses events, and the program does not wait */
	WY_TRACE_PAYLOAD = 1 << 4,  /* the bytes that go through sockets, up to snaplen a call */
	WY_TRACE_STACK = 1 << 5,    /* return addresses of each call */
	WY_TRACE_TCP = 1 << 6,      /* struct tcp_info of connections */
	WY_TRACE_NO_URING = 1 << 7, /* io_uring_setup(2) is answered with ENOSYS */
	WY_TRACE_LIVE =
		1 << 8,        /* somebody watches: the host is woken for each event it sleeps on */
	WY_TRACE_FDS = 1 << 9, /* descriptors are followed even if no event needs it */
	WY_TRACE_TSC = 1 << 10,       /* times are the time stamp counter's; else CLOCK_MONOTONIC */
	WY_TRACE_FAILED = 1 << 11,    /* only calls that failed */
	WY_TRACE_SUCCEEDED = 1 << 12, /* only calls that did not fail */
};

struct wy_trace_settings {
	unsigned int flags;
	unsigned int string_max; /* bytes of a buffer that are kept (-s) */
	unsigned int snaplen;    /* bytes of payload a call */
	unsigned int classes;    /* 1 << enum wy_fd_class; 0: calls are not chosen by class */
	unsigned long calls[WY_TRACE_CALLS / 64]; /* the numbers that make events */
	unsigned long took_min;  /* ticks; shorter calls make no events; 0: all do */
	unsigned long size_min;  /* bytes that a call must have moved; 0: all do */
	unsigned long tcp_every; /* ticks between two WY_EVENT_TCP of a connection, 0: none */
	/* Descriptors: bit n of fds is for n, fds_more for all from 64 on.  0, 0: for all. */
	unsigned long fds;
	unsigned int fds_more;
	unsigned int pad;
};

/* What a thread has done, by call number and by class of descriptor.  The thread alone adds. */
struct wy_totals {
	struct wy_total_call {
		unsigned long calls, errors, ticks;
	} call[WY_TRACE_CALLS];
	struct wy_total_class {
		unsigned long calls, errors, ticks, in, out;
	} class[WY_FD_CLASSES];
};

enum wy_ring_state { WY_RING_FREE, WY_RING_USED, WY_RING_ENDED };

struct wy_ring {
	/* agent */
	unsigned int state; /* enum wy_ring_state */
	int pid, tid;       /* as the thread itself sees them */
	unsigned int
		image; /* grows with each exec: rings of the same pid and an older one are over */
	unsigned long head;
	unsigned long lost;     /* events, not yet told of by a WY_EVENT_LOST */
	unsigned int waits;     /* futex word beside tail: the thread waits for room */
	unsigned int now_words; /* of `now`; odd lock counter below */

	/*
	 * The call that the thread is in, for a host that wants to know what it hangs in: its
	 * number, arguments, file and start.  now_seq is odd while it is written, and
	 * now.kind is WY_EVENT_NONE when there is none.
	 */
	unsigned int now_seq, pad;
	struct wy_event now;
	long now_args[2]; /* arguments 5 and 6 */

	_Alignas(64) unsigned long tail; /* host */
	unsigned int room; /* host: futex, adds 1 when tail has moved and waits was set */

	_Alignas(64) struct wy_totals totals; /* agent; the host takes them when the ring is ENDED */
};

/* The descriptors of a process on its way through an exec, but those that it closes. */
enum wy_handover_state { WY_HANDOVER_FREE, WY_HANDOVER_CLAIMED, WY_HANDOVER_READY };
struct wy_handover {
	unsigned int state; /* enum wy_handover_state */
	int pid;
	unsigned int image, nr;
	struct wy_handover_fd {
		int fd;
		unsigned int file;
		unsigned char class, sub, flags, reserved;
	} fd[WY_HANDOVER_FDS];
};

struct wy_trace {
	unsigned long magic; /* host */
	unsigned int version;
	unsigned int nr_rings; /* host */
	struct wy_trace_settings settings;

	_Alignas(64) unsigned int bell; /* futex: agents add 1 */
	unsigned int asleep;           /* host: 1 while it waits for the bell and wants any event */
	unsigned int rings_top;        /* agents (atomic max): rings beyond this were never used */
	unsigned int last_file;        /* agents (atomic add): the number of the newest open file */
	unsigned int last_image;       /* agents (atomic add) */
	unsigned int stop;             /* host: 1: nothing is recorded any more */
	unsigned long lost;            /* agents (atomic add): events of threads without a ring */
	unsigned long unclassified;    /* agents (atomic add): descriptors that could not be told */
	unsigned long rings_untracked; /* agents (atomic add): io_urings that cannot be followed */

	_Alignas(4096) struct wy_handover handover[WY_HANDOVERS];
};

#define WY_TRACE_RINGS_AT ((sizeof(struct wy_trace) + 4095) & ~4095ul)
#define WY_RING_STRIDE    ((sizeof(struct wy_ring) + 4095) & ~4095ul)

/* The size of the file for so many rings, and where things are in it. */
static inline unsigned long wy_trace_data_at(unsigned int nr_rings, unsigned int ring)
{
	return WY_TRACE_RINGS_AT + nr_rings * WY_RING_STRIDE + ring * WY_RING_SIZE;
}

static inline struct wy_ring *wy_trace_ring(struct wy_trace *t, unsigned int ring)
{
	return (struct wy_ring *)((unsigned char *)t + WY_TRACE_RINGS_AT + ring * WY_RING_STRIDE);
}

#endif
