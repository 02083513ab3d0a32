/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.h - what the host and a served program tell each other.
 *
 * The program is started with placeholders for its stdin, stdout and stderr,
 * known by their inodes, whatever numbers they get.  The first call that would
 * take input from the first one is not made: the process that is about to make
 * it stops there and waits for orders on its control socket, which is the
 * placeholder of stdin itself, or, where that is no socket, a descriptor that
 * the program has inherited for this.
 *
 *	program -> host	struct wy_serve_report
 *	host -> program	struct wy_serve_order, and descriptors with it (SCM_RIGHTS)
 *
 * A process that has been told to go on has its descriptors in place of the
 * placeholders, and makes the call.  When the host closes its end of the
 * control socket, whoever waits at the other one ends.
 */
#ifndef WY_PROTO_SERVE_H
#define WY_PROTO_SERVE_H

#define WY_SERVE_INHERITED 32

/* Part of the session. */
struct wy_serve_session {
	/* host, before the program runs; inodes as fstat(2) has them */
	unsigned long in_dev, in_ino;
	unsigned long out_dev, out_ino;
	unsigned long err_dev, err_ino; /* 0: stderr is not ours */
	unsigned long control_dev, control_ino;
	int pid;                           /* the program */
	unsigned int flags;                /* WY_SERVE_* */
	unsigned int freeze;               /* enum wy_serve_freeze */
	unsigned int takes;                /* stop at this take of input: 1 the first */
	unsigned long memory_max, cpu_max; /* of a copy: bytes, seconds; 0: as it is */
	/* host, at any time: a futex */
	unsigned int feed;   /* not 0: input is still to come through the placeholder */
	unsigned int nr_fed; /* files of it that are written: the next one is to be asked for */
	/* agent */
	unsigned int nr_inherited; /* the inodes that the program was started with */
	struct {
		unsigned long dev, ino;
	} inherited[WY_SERVE_INHERITED];
	unsigned int frozen; /* enum wy_serve_frozen: a futex */
	/* both: that the program has no io_uring is said once, of all that are started */
	unsigned int told_uring;
};

enum wy_serve_frozen {
	WY_SERVE_LOADING, /* the program's takes of input are looked at */
	WY_SERVE_HELD,    /* one of them is not made: who was about to make it waits for orders */
	WY_SERVE_GONE_ON, /* a process of the program serves a connection itself */
};

#define WY_SERVE_PRESTART 1u /* do not try to copy: this process serves one connection itself */
#define WY_SERVE_FILE     2u /* stdin is a regular file: its size is input, too */

enum wy_serve_freeze { WY_FREEZE_AUTO, WY_FREEZE_OFF, WY_FREEZE_MEMFD, WY_FREEZE_THP };

#define WY_SERVE_MAGIC 0x76726573u

/* ---- orders ---- */

enum wy_serve_order_kind {
	WY_SERVE_ORDER_COPY = 1, /* make a copy, which goes on */
	WY_SERVE_ORDER_AHEAD,    /* make a copy, which waits at the control socket given here */
	WY_SERVE_ORDER_BECOME,   /* go on */
};

/* Which descriptors come with the order, in this sequence. */
#define WY_SERVE_FD_IN      1u
#define WY_SERVE_FD_OUT     2u  /* not given: the one for input */
#define WY_SERVE_FD_ERR     4u  /* not given: as it is */
#define WY_SERVE_FD_BANNER  8u  /* a file: written to the output first, from its start */
#define WY_SERVE_FD_CONTROL 16u /* ORDER_AHEAD */
#define WY_SERVE_FDS        5

struct wy_serve_order {
	unsigned int magic;
	int kind;
	unsigned int fds;    /* none: the placeholders stay */
	unsigned int serial; /* comes back in the report */
	unsigned int flags;  /* WY_SERVE_ORDER_* */
};

/* The descriptors are the client's own, and others may write to the same open files after us. */
#define WY_SERVE_ORDER_LENT   1u
/* The one for errors is the connection, too. */
#define WY_SERVE_ORDER_ERRORS 2u

/* ---- reports ---- */

struct wy_serve_report {
	unsigned int magic;
	int kind; /* enum wy_serve_kind */
	int value;
	unsigned int serial;
	/* READY, STOPPED */
	unsigned int hazards; /* WY_SERVE_HAZARD_* */
	unsigned int threads;
	unsigned int how;     /* enum wy_serve_freeze: what was done */
	unsigned int us;      /* how long that took */
	unsigned int fork_us; /* a copy, made and ended */
	unsigned long bytes;  /* how much was frozen */
	int nr;               /* the call that it was stopped at */
};

/* What is no reason against copies, but should be known. */
#define WY_SERVE_HAZARD_RANDOM 1u /* random numbers were drawn: all copies have the same */
#define WY_SERVE_HAZARD_SHARED 2u /* files are mapped shared and writable: all copies see them */
#define WY_SERVE_HAZARD_TIMER  4u /* timers run: a copy has none, as after fork(2) */

enum wy_serve_kind {
	WY_SERVE_READY = 1,
	WY_SERVE_COPY,    /* value: its pid */
	WY_SERVE_NO_COPY, /* value: -errno */
	WY_SERVE_FEED,    /* waits for the next file that session.feed promises */
	WY_SERVE_STOPPED, /* WY_SERVE_PRESTART: waits for ORDER_BECOME */

	/* The program cannot be served by copies; it waits for ORDER_BECOME. */
	WY_SERVE_THREAD,   /* value: a thread that could not be brought to rest */
	WY_SERVE_CHILDREN, /* it has started other processes */
	WY_SERVE_OTHER,    /* value: the pid of another process, which reads its stdin */
	WY_SERVE_OUTPUT,   /* its stdout is not the one that it was given */
	WY_SERVE_URING,    /* value: a descriptor; an io_uring */
	WY_SERVE_PIPE,     /* value: a descriptor; its other end is with another process */
	WY_SERVE_SOCKET,   /* value: a descriptor; a connection that all copies would share */
	WY_SERVE_LOCK,     /* value: a descriptor; a lock on a file, which no copy would have */
	WY_SERVE_KERNEL_OBJECT, /* value: a descriptor; some other object of the kernel */
	WY_SERVE_REOPEN,        /* value: a descriptor of a file that cannot be opened again */
	WY_SERVE_TOO_MANY,      /* it has too many files open */
	WY_SERVE_NO_LIST,       /* value: -errno; its descriptors cannot be listed */
	WY_SERVE_SHARED_MEMORY, /* it has writable memory that copies would share */
	WY_SERVE_ROBUST_LOCK,   /* value: a thread that holds a robust mutex */
};

#endif
