/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h - the memory that `waylay trace` shares with the programs under it.
 *
 * It lies behind the session in the same sparse memfd, mapped by the host and
 * by every traced process:
 *
 *	struct wy_trace		settings, and what all share
 *				(whose ring is whose among it)
 *	ring 0			one for each thread: struct wy_ring, positions and totals,
 *				and behind it WY_RING_SIZE bytes of events (event.h), a ring buffer
 *	ring 1 ...
 *
 * One thread writes into a ring, the host alone reads it.  `head` and `tail`
 * count bytes, ever growing; what lies between them is valid.  An event lies in
 * one piece: where the rest of the buffer is too small it is filled by an event
 * of WY_EVENT_NONE, and where even a header does not fit, by zero words.
 *
 * The event of the call that a thread is in lies at head, unfinished, so that
 * the host can tell what a thread hangs in: see struct wy_ring.
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
#define WY_TRACE_VERSION 3u

#define WY_RINGS         4096u
#define WY_RING_SIZE     (256ul << 10)
#define WY_TRACE_CALLS   512 /* call numbers from here on share the last row */
#define WY_HANDOVERS     64u
#define WY_HANDOVER_FDS  1000u

/* What is recorded; written by the host before the first program starts. */
enum {
	WY_TRACE_EVENTS = 1 << 0,     /* events go into the rings */
	WY_TRACE_TOTALS = 1 << 1,     /* calls are counted and timed in struct wy_totals */
	WY_TRACE_ITEMS = 1 << 2,      /* what arguments point to is recorded */
	WY_TRACE_DROP = 1 << 3,       /* a full ring loses events, and the program does not wait */
	WY_TRACE_PAYLOAD = 1 << 4,    /* the bytes that go through sockets, up to snaplen a call */
	WY_TRACE_STACK = 1 << 5,      /* return addresses of each call */
	WY_TRACE_TCP = 1 << 6,        /* struct tcp_info of connections */
	WY_TRACE_NO_URING = 1 << 7,   /* io_uring_setup(2) is answered with ENOSYS */
	WY_TRACE_LIVE = 1 << 8,       /* somebody watches: an event wakes the host if it sleeps */
	WY_TRACE_TSC = 1 << 10,       /* times are the time stamp counter's; else CLOCK_MONOTONIC */
	WY_TRACE_FAILED = 1 << 11,    /* only calls that failed */
	WY_TRACE_SUCCEEDED = 1 << 12, /* only calls that did not fail */
};

#define WY_TRACE_FDS 16

struct wy_trace_settings {
	unsigned int flags;
	unsigned int string_max; /* bytes of a buffer that are kept (-s) */
	unsigned int snaplen;    /* bytes of payload a call */
	unsigned int classes;    /* 1 << enum wy_fd_class; 0: calls are not chosen by class */
	unsigned long calls[WY_TRACE_CALLS / 64]; /* the numbers that make events */
	unsigned long took_min;  /* ticks; shorter calls make no events; 0: all do */
	unsigned long size_min;  /* bytes that a call must have moved; 0: all do */
	unsigned long tcp_every; /* ticks between two WY_EVENT_TCP of a connection, 0: none */
	struct {
		int first, last;
	} fds[WY_TRACE_FDS];  /* the descriptors */
	unsigned long nr_fds; /* 0: calls are not chosen by descriptor */
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

/*
 * Whose a ring is.  All of them beside each other: who starts looks through them, and to look into
 * every ring would cost a page fault each.
 */
enum wy_ring_state { WY_RING_FREE, WY_RING_USED, WY_RING_ENDED };
struct wy_ring_use {
	unsigned int state; /* enum wy_ring_state */
	unsigned int image; /* a number for each process and each of its images */
};

/* NOLINTNEXTLINE(*Padding): what others write stands apart */
struct wy_ring {
	/* agent */
	int pid, tid;         /* as the thread itself sees them */
	unsigned int foreign; /* its pid is of another pid namespace than the host's */
	unsigned long head;
	/*
	 * The call that the thread is in.  Odd: its event lies at head, with its time, number,
	 * arguments and items; it is not finished.  Even: none does.  Changes with every call.
	 */
	unsigned long now;
	/*
	 * An event is being written that will say a time not before this one; 0: none is.  So
	 * the host knows that it has not yet seen all that was over before now.
	 */
	unsigned long busy;
	unsigned long lost; /* events, all together */
	unsigned int waits; /* the thread waits for room */

	_Alignas(64) unsigned long tail; /* host */
	unsigned int room; /* host: futex, adds 1 when tail has moved and waits was set */

	_Alignas(64) struct wy_totals totals; /* agent; the host takes them from an ENDED ring */
};

/* The descriptors of a process on its way through an exec, those that it closes left out. */
enum wy_handover_state { WY_HANDOVER_FREE, WY_HANDOVER_CLAIMED, WY_HANDOVER_READY };
struct wy_handover {
	unsigned int state; /* enum wy_handover_state */
	int pid;
	unsigned int image; /* that it leaves: the rings of its threads are over */
	unsigned short nr;
	unsigned short
		several; /* other threads ran on meanwhile, or it is not known: it may be wrong */
	unsigned int foreign; /* as struct wy_ring */
};
struct wy_handover_fd {
	int fd;
	unsigned int file;
	unsigned char class, sub, mark, reserved;
};

/* NOLINTNEXTLINE(*Padding): what others write stands apart */
struct wy_trace {
	unsigned long magic; /* host */
	unsigned int version;
	unsigned int reserved;
	unsigned long pid_namespace; /* host: inode of its own */
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

	_Alignas(64) struct wy_ring_use use[WY_RINGS];

	/* Each start looks through the first: so the descriptors stand apart. */
	struct wy_handover handover[WY_HANDOVERS];
	_Alignas(4096) struct wy_handover_fd handover_fd[WY_HANDOVERS][WY_HANDOVER_FDS];
};

/* Where things are, from struct wy_trace on. */
#define WY_RINGS_AT    ((sizeof(struct wy_trace) + 4095) & ~4095ul)
#define WY_RING_DATA   ((sizeof(struct wy_ring) + 4095) & ~4095ul)
#define WY_RING_STRIDE (WY_RING_DATA + WY_RING_SIZE)
#define WY_TRACE_SIZE  (WY_RINGS_AT + WY_RINGS * WY_RING_STRIDE)

static inline struct wy_ring *wy_trace_ring(struct wy_trace *t, unsigned int ring)
{
	return (struct wy_ring *)((unsigned char *)t + WY_RINGS_AT + ring * WY_RING_STRIDE);
}

static inline unsigned char *wy_ring_data(struct wy_ring *ring)
{
	return (unsigned char *)ring + WY_RING_DATA;
}

#endif
