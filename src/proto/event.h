/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.h - one event of a traced thread, as the agent writes it into the
 * thread's ring and as it stands in a run file: the same bytes.
 *
 * An event is a header of 64 bytes and items behind it.  Everything is
 * little-endian, every event and every item starts at a multiple of 8 bytes.
 * A reader skips kinds and items that it does not know.
 *
 *	| struct wy_event | struct wy_item, bytes, filling | struct wy_item ... |
 *	|<------------------------ words * 8 bytes ------------------------->|
 *
 * Times are ticks of the clock that the session chose (struct wy_trace_clock).
 * An event has happened at time + took; events of one ring stand in that order.
 */
#ifndef WY_PROTO_EVENT_H
#define WY_PROTO_EVENT_H

enum wy_event_kind {
	WY_EVENT_NONE,  /* filling: skipped */
	WY_EVENT_CALL,  /* a call that came back, or one that never will (WY_EVENT_NO_RETURN) */
	WY_EVENT_FILE,  /* an open file is new, or more is known of it: see below */
	WY_EVENT_FD,    /* a descriptor begins or ceases to stand for a file */
	WY_EVENT_IMAGE, /* a program starts: the first one, by exec, or the agent was put into it */
	WY_EVENT_START, /* a thread or a process starts, by a call of the clone family */
	WY_EVENT_END,   /* the thread ends, by exit(2) or exit_group(2) */
	WY_EVENT_SIGNAL, /* a handler of the program starts, or a signal to end it */
	WY_EVENT_TCP,    /* struct tcp_info of a connection */
	WY_EVENT_URING,  /* an operation of an io_uring has ended */
	WY_EVENT_LOST,   /* ret events did not fit the ring and are not here */
	WY_EVENT_MAPS,   /* which files are mapped where */
	WY_EVENT_STOP,   /* a process was found stopped by job control, or to go on again */
};

/* Flags of an event. */
enum {
	WY_EVENT_NO_RETURN = 1 << 0, /* CALL: seen on its way in only; ret means nothing */
	WY_EVENT_LONG = 1 << 1,      /* took did not fit: WY_ITEM_TOOK has it */
	WY_EVENT_CUT = 1 << 2,       /* items are missing: they did not fit */
};

struct wy_event {
	unsigned long time;   /* when it began */
	unsigned int took;    /* ticks until it was over */
	unsigned short nr;    /* CALL: its number; FD: enum wy_fd_event; SIGNAL and STOP: the
			       * signal's, STOP 0: not known */
	unsigned char kind;   /* enum wy_event_kind */
	unsigned char flags;  /* WY_EVENT_* */
	unsigned int file;    /* the open file that it is about (of a call that makes a
			       * descriptor: the new one); 0: none, or not known */
	unsigned short words; /* of 8 bytes, this header included */
	unsigned char class;  /* enum wy_fd_class of that file */
	unsigned char sub;    /* enum wy_fd_kind */
	long ret;             /* CALL: what the program saw, -errno as the kernel says it */
	long arg[4];
};
_Static_assert(sizeof(struct wy_event) == 64, "an event's header");
#define WY_EVENT_WORDS     (sizeof(struct wy_event) / 8)
#define WY_EVENT_WORDS_MAX 16384u /* 128 KB: half a ring */

/*
 * What the fields of the other kinds are:
 *
 * FILE	 arg[0] device, arg[1] inode (0 where it is no one's own), arg[2] the
 *	 descriptor (-1: none), arg[3] open(2) flags, upper half: of a socket its
 *	 domain, type (8 bits) and protocol (16 bits), see WY_SOCKET();
 *	 ret the number of the call that made it, -1: it was there before (and if the
 *	 descriptor stands for another file by now, that stays so).
 *	 Items: PATH, LOCAL, PEER.  Comes again when more is known, with arg[2] -1 and
 *	 the number of that call (bind, connect).
 * FD	 arg[0] the descriptor, arg[1] the one it is a copy of or -1.
 * IMAGE All descriptors of the process are told anew behind it.
 *	 arg[0] process, arg[1] its parent, arg[2] thread, arg[3] enum wy_image_how.
 *	 Items: PATH the executed file, STRING its arguments.
 * START arg[0] process, arg[1] its parent (of a thread: its process), arg[2]
 *	 thread, arg[3] clone(2) flags.  Item: FDS, if it has a copy of its parent's.
 * STOP	 arg[0] and arg[2] process; ret 1: stopped, 0: it goes on.  From the host, which looks
 *	 now and then.
 * END	 arg[0] process, arg[2] thread, arg[3] 0: the thread alone, 1: the process (ret is
 *	 what exit_group(2) was given), 2: the process was found ended (ret is its status
 *	 as waitpid(2) has it, -1: nobody knows).
 * SIGNAL nr the signal; arg[0] si_code, arg[1] si_pid or si_addr, arg[2] si_uid,
 *	 arg[3] si_status or si_value.
 * TCP	 arg[0] 0: at its start, 1: now and then, 2: at its end.  Item: OUT, struct tcp_info.
 * MAPS	 arg[0] which piece, from 0: it begins anew. Item: PATH, text as proc_pid_maps(5) has it.
 * URING nr the opcode; arg[0] user_data, arg[1] the descriptor, arg[2] length, arg[3] offset.
 */
enum wy_fd_event {
	WY_FD_CLOSED,      /* close(2), close_range(2), replaced by dup2(2) */
	WY_FD_COPIED,      /* dup(2) and its like */
	WY_FD_RECEIVED,    /* by SCM_RIGHTS, pidfd_getfd(2) */
	WY_FD_INHERITED,   /* over an exec, or a fork */
	WY_FD_EXEC_CLOSED, /* by an exec */
};

enum wy_image_how { WY_IMAGE_FIRST, WY_IMAGE_EXEC, WY_IMAGE_ATTACHED };

#define WY_SOCKET(domain, type, protocol)               \
	((unsigned long)(unsigned char)(domain) << 56 | \
	 (unsigned long)(unsigned char)(type) << 48 |   \
	 (unsigned long)(unsigned short)(protocol) << 32)

enum wy_item_what {
	WY_ITEM_NONE,
	WY_ITEM_ARGS,    /* arguments 5 and 6: two longs */
	WY_ITEM_TOOK,    /* unsigned long */
	WY_ITEM_IN,      /* what argument `index` pointed to before the call */
	WY_ITEM_OUT,     /* what it pointed to after the call */
	WY_ITEM_STRING,  /* string `index` of an array of strings (argv) */
	WY_ITEM_COUNT,   /* argument `index` is an array of this many strings: unsigned long */
	WY_ITEM_IOV,     /* struct iovec[] of a message; of a call it is IN of its argument */
	WY_ITEM_DATA,    /* the bytes of buffer `index` of an iovec */
	WY_ITEM_NAME,    /* msg_name */
	WY_ITEM_CONTROL, /* msg_control */
	WY_ITEM_MESSAGE, /* struct mmsghdr `index`; its IOV, NAME, CONTROL and DATA follow it */
	WY_ITEM_FILE2,   /* of a call with two descriptors, the second one's: struct wy_item_file */
	WY_ITEM_PATH,
	WY_ITEM_LOCAL, /* a socket's own address: struct sockaddr */
	WY_ITEM_PEER,
	WY_ITEM_PAYLOAD, /* bytes that went through a socket; index 0: in, 1: out */
	WY_ITEM_STACK,   /* struct wy_item_stack, and the innermost bytes of the stack */
	WY_ITEM_FDS,     /* all descriptors that a process starts with: struct wy_item_fd[] */
	WY_ITEM_MOVED,   /* bytes that a call has moved in many messages: unsigned long */
};

/* Flags of an item. */
enum {
	WY_ITEM_CUT = 1, /* there was more of it */
};

struct wy_item {
	unsigned char what;  /* enum wy_item_what */
	unsigned char index; /* of an argument, from 0; of an array's element */
	unsigned short flags;
	unsigned int len; /* of the bytes behind it, without the filling */
};
_Static_assert(sizeof(struct wy_item) == 8, "an item's header");

struct wy_item_file {
	unsigned int file;
	unsigned char class, sub;
	unsigned short reserved; /* 0 */
};

struct wy_item_fd {
	int fd;
	unsigned int file;
};

/* Where a call was made: what is needed to find its callers. */
#define WY_STACK_BYTES 8192u
struct wy_item_stack {
	unsigned long pc;        /* behind the system call instruction */
	unsigned long sp, frame; /* stack pointer, frame pointer */
};

/* What a descriptor is. */
enum wy_fd_class {
	WY_FD_DISK, /* regular files, block devices */
	WY_FD_DIR,
	WY_FD_PIPE,
	WY_FD_UNIX, /* sockets of the machine */
	WY_FD_NET,  /* all other sockets */
	WY_FD_TTY,
	WY_FD_DEV,   /* other character devices */
	WY_FD_EVENT, /* something to wait for */
	WY_FD_ANON,  /* other objects of the kernel */
	WY_FD_PATH,  /* O_PATH: a place, not an open file */
	WY_FD_CLASSES,
};

/* More closely.  Numbers stand in run files: new ones are added at the end. */
enum wy_fd_kind {
	WY_FD_PLAIN, /* no more to be said than the class does */
	/* DISK */
	WY_FD_MEMORY,    /* memfd_create(2), memfd_secret(2) */
	WY_FD_NAMESPACE, /* has a name that is no path */
	/* PIPE */
	WY_FD_FIFO, /* has a path */
	/* TTY */
	WY_FD_PTY_MASTER,
	/* DEV */
	WY_FD_STATELESS, /* null, zero, random...: one opened twice is as one shared */
	/* EVENT */
	WY_FD_EPOLL,
	WY_FD_EVENTFD,
	WY_FD_TIMERFD,
	WY_FD_SIGNALFD,
	WY_FD_INOTIFY,
	/* ANON */
	WY_FD_PIDFD,
	WY_FD_URING,
	/* more of DISK */
	WY_FD_PROCFS, /* of /proc or /sys */
	WY_FD_MQUEUE,
	/* more of EVENT */
	WY_FD_FANOTIFY,
	WY_FD_USERFAULT,
	WY_FD_PERF,
	/* more of ANON */
	WY_FD_BPF,
	WY_FD_FSCONTEXT,
	WY_FD_LANDLOCK,
	/* NET */
	WY_FD_TCP,
	WY_FD_UDP,
	WY_FD_RAW,
	WY_FD_NETLINK,
	WY_FD_PACKET,
	/* UNIX */
	WY_FD_STREAM,
	WY_FD_DATAGRAM,
	WY_FD_SEQPACKET,
	/* DEV */
	WY_FD_TUN,
	WY_FD_KINDS,
};

#endif
