/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.h - what the host and the template of `waylay serve` tell each other.
 *
 * The program gets a socket as its stdin, the other end of which is the
 * host's, and another one as its stdout.  Nobody ever sends input through the
 * first: once the program wants to read it, the program is the template, and
 * this socket is the way on which it gets its orders.
 *
 *	template -> host	struct wy_serve_report: WY_SERVE_READY, or why not
 *	host -> template	one byte, with one or two descriptors (SCM_RIGHTS): a
 *				connection, and a file that its copy sends first
 *	template -> host	WY_SERVE_COPY with the copy's pid, or WY_SERVE_NO_COPY
 *
 * A copy has the connection in place of both sockets.  When the host closes
 * its end the template ends.
 */
#ifndef WY_PROTO_SERVE_H
#define WY_PROTO_SERVE_H

/* Part of the session. */
struct wy_serve_session {
	/* host, before the program runs; sockets as fstat(2) has them */
	unsigned long in_dev, in_ino;   /* the program's stdin */
	unsigned long out_dev, out_ino; /* its stdout */
	int pid;                        /* the program */
	/* agent */
	unsigned int frozen; /* the template is made: the program's reads are no longer looked at */
};

#define WY_SERVE_MAGIC 0x76726573u

struct wy_serve_report {
	unsigned int magic;
	int kind; /* enum wy_serve_kind */
	int value;
};

enum wy_serve_kind {
	WY_SERVE_READY = 1,
	WY_SERVE_COPY,    /* value: its pid */
	WY_SERVE_NO_COPY, /* value: -errno */

	/* The program cannot be served by copies. */
	WY_SERVE_THREADS,       /* value: how many it has */
	WY_SERVE_CHILDREN,      /* it has started other processes */
	WY_SERVE_OTHER,         /* value: the pid of another process that reads its stdin */
	WY_SERVE_OUTPUT,        /* its stdout is not the one that it was given */
	WY_SERVE_EPOLL,         /* it waits for its input with epoll */
	WY_SERVE_KERNEL_OBJECT, /* value: a descriptor, of epoll, a timer... */
	WY_SERVE_REOPEN,        /* value: a descriptor of a file that cannot be opened again */
	WY_SERVE_TOO_MANY,      /* it has too many files open */
	WY_SERVE_NO_LIST,       /* value: -errno; its descriptors cannot be listed */
};

#endif
