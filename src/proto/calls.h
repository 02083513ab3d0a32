/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls.h - what every system call of x86-64 is: its name, its arguments, what
 * it does to descriptors, which way its bytes go.
 *
 * One table for both sides.  The agent takes from it which memory to record
 * (the type of each argument says it, see agent/capture.c) and how descriptors
 * change (agent/fdstate.c); the host takes from it how to print a call
 * (host/trace/decode.c) and how to filter (%net, %file).
 */
#ifndef WY_PROTO_CALLS_H
#define WY_PROTO_CALLS_H

#define WY_CALL_ROWS 512

/* The groups of strace's -e trace=%GROUP. */
enum {
	WY_GROUP_FILE = 1 << 0, /* has a path */
	WY_GROUP_DESC = 1 << 1, /* has or makes a descriptor */
	WY_GROUP_NET = 1 << 2,
	WY_GROUP_PROCESS = 1 << 3,
	WY_GROUP_SIGNAL = 1 << 4,
	WY_GROUP_IPC = 1 << 5,
	WY_GROUP_MEMORY = 1 << 6,
	WY_GROUP_CREDS = 1 << 7,
	WY_GROUP_STAT = 1 << 8,
	WY_GROUP_CLOCK = 1 << 9,
	WY_GROUP_PURE = 1 << 10, /* always succeeds and has no arguments */
};

/* What a call does to the table of descriptors. */
enum wy_fd_effect {
	WY_FX_NONE,
	WY_FX_OPEN, /* the result is a descriptor of something that fstat(2) tells */
	WY_FX_NEW,  /* the result is one of class and sub of this row */
	WY_FX_SOCKET,
	WY_FX_SOCKETPAIR, /* two in the array of argument 4 */
	WY_FX_PIPE,       /* two in the array of argument 1 */
	WY_FX_ACCEPT,
	WY_FX_ADDRESS,  /* bind, connect, listen, setsockopt: more is known of the socket now */
	WY_FX_SIGNALFD, /* a new one, or the same changed */
	WY_FX_DUP,      /* the result is a copy of argument 1 */
	WY_FX_DUP2,     /* dup2, dup3 */
	WY_FX_FCNTL,
	WY_FX_IOCTL,
	WY_FX_CLOSE,
	WY_FX_CLOSE_RANGE,
	WY_FX_RECVMSG, /* may bring descriptors */
	WY_FX_RECVMMSG,
	WY_FX_CLONE, /* clone, clone3, fork, vfork: CLONE_PIDFD, CLONE_FILES */
	WY_FX_EXEC,
	WY_FX_UNSHARE,
	WY_FX_BPF,
	WY_FX_SECCOMP,
	WY_FX_FANOTIFY, /* read: brings descriptors if the file is a fanotify group */
	WY_FX_URING,    /* io_uring_setup */
	WY_FX_URING_ENTER,
	WY_FX_PIDFD_GETFD,
	WY_FX_SOCKOPT, /* getsockopt: SO_PEERPIDFD makes one */
};

/* Which way the bytes of a result go. */
enum wy_flow {
	WY_FLOW_NONE,
	WY_FLOW_IN, /* from the file of argument fd into the program */
	WY_FLOW_OUT,
	WY_FLOW_MOVE,     /* from the file of fd to that of fd2 */
	WY_FLOW_IN_MANY,  /* recvmmsg: the sum of msg_len */
	WY_FLOW_OUT_MANY, /* sendmmsg */
};

/*
 * What an argument is.  IN: pointed to memory is read by the kernel, OUT: is
 * written by it.  (The list is long because each prints in its own way; for
 * the agent they fall into the few kinds of agent/capture.c.)
 */
enum wy_arg {
	WY_ARG_NONE,
	WY_ARG_HEX, /* unsigned long, hexadecimal */
	WY_ARG_INT, /* signed, 32 bits */
	WY_ARG_UINT,
	WY_ARG_LONG,
	WY_ARG_ULONG,
	WY_ARG_POINTER, /* memory that is not recorded */
	WY_ARG_FD,
	WY_ARG_DIRFD, /* a descriptor or AT_FDCWD */
	WY_ARG_PATH,  /* IN: a string, whole */
		      /* decode.c's helper fills in the rest: see calls.c */
};

struct wy_call_row {
	char name[26]; /* "" where there is no such call */
	unsigned char nr_args;
	unsigned char effect;     /* enum wy_fd_effect */
	unsigned char class, sub; /* WY_FX_NEW: enum wy_fd_class, enum wy_fd_kind */
	unsigned char flow;       /* enum wy_flow */
	signed char fd, fd2;      /* which arguments are descriptors, from 0; -1: none */
	unsigned short groups;    /* WY_GROUP_* */
	unsigned char arg[6];     /* enum wy_arg */
};

extern const struct wy_call_row wy_call_rows[WY_CALL_ROWS];

/* The row of a number; one with an empty name for those that do not exist. */
const struct wy_call_row *wy_call_row_of(unsigned int nr);

#endif
