/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moved.h - which bytes a call moved, and between which files.
 */
#ifndef WY_HOST_TRACE_MOVED_H
#define WY_HOST_TRACE_MOVED_H

#include "host/trace/event.h"

/* One descriptor's part in a call. */
struct wy_moved_side {
	int fd;            /* -1: none */
	unsigned int file; /* 0: not known */
	unsigned char class, sub;
	uint64_t in, out; /* bytes from the file, into the file */
};

struct wy_moved {
	struct wy_moved_side side[2];
	bool reads, writes; /* it is of a kind that does, also if it failed */
};

/* Does the call look at what is there, and take nothing (MSG_PEEK)? */
bool wy_moved_only_looks(const struct wy_event_view *v);

/*
 * Of a CALL or a URING event.  What is only looked at (MSG_PEEK) or comes from
 * the queue of errors (MSG_ERRQUEUE) is 0 bytes.  What goes from one file to
 * another (sendfile) counts on both sides.
 */
struct wy_moved wy_moved(const struct wy_event_view *v);

/*
 * The name by which a program called: "recv" and "send" are recvfrom(2) and
 * sendto(2) without an address.  "syscall_N" for a number without a name.
 */
const char *wy_moved_name(const struct wy_event_view *v, char buffer[32]);

/* An operation of io_uring: "READ"; NULL: not known. */
const char *wy_uring_op_name(unsigned int op);

#endif
