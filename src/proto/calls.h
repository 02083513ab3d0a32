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

#include <stdbool.h>

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
	WY_FX_NONE, /* has nothing to do with descriptors */
	WY_FX_USES, /* works on descriptors, which stay as they are */
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
	WY_FX_FANOTIFY, /* read(2): brings descriptors if the file is a fanotify group */
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
 * What an argument is.  The list is long because each prints in its own way; for
 * the agent they fall into the few kinds of agent/capture.c.  How long a thing is
 * follows from its type and, for some, from the argument behind it or the result.
 */
/* clang-format off */
enum wy_arg {
	WY_ARG_NONE,

	/* The value itself.  POINTER: to memory that is not recorded. */
	WY_ARG_HEX, WY_ARG_INT, WY_ARG_UINT, WY_ARG_LONG, WY_ARG_ULONG, WY_ARG_SIZE, WY_ARG_ADDRESS,
	WY_ARG_POINTER, WY_ARG_FD, WY_ARG_DIRFD, WY_ARG_PID, WY_ARG_UID, WY_ARG_GID, WY_ARG_SIGNAL,
	WY_ARG_MODE, WY_ARG_MKNOD_MODE, WY_ARG_MKNOD_DEV, WY_ARG_DEVICE, WY_ARG_OFFSET_HEX,
	WY_ARG_ACCESS_MODE, WY_ARG_ARCH_PRCTL_OP, WY_ARG_AT_ACCESS, WY_ARG_AT_FLAGS,
	WY_ARG_AT_HANDLE, WY_ARG_AT_REMOVE, WY_ARG_BPF_CMD, WY_ARG_CLOCK, WY_ARG_CLONE_FLAGS,
	WY_ARG_CLOSE_RANGE_FLAGS, WY_ARG_EPOLL_FLAGS, WY_ARG_EPOLL_OP, WY_ARG_EVENTFD_FLAGS,
	WY_ARG_FADVICE, WY_ARG_FALLOC_MODE, WY_ARG_FANOTIFY_EVENT_FLAGS, WY_ARG_FCNTL_CMD,
	WY_ARG_FLOCK, WY_ARG_FSCONFIG_CMD, WY_ARG_FSMOUNT_FLAGS, WY_ARG_FSOPEN_FLAGS,
	WY_ARG_FSPICK_FLAGS, WY_ARG_FUTEX_OP, WY_ARG_FUTEX_VALUE, WY_ARG_FUTEX_VALUE3,
	WY_ARG_IDTYPE, WY_ARG_INOTIFY_FLAGS, WY_ARG_IN_MASK, WY_ARG_IOCTL_CMD, WY_ARG_IO_WHO,
	WY_ARG_IPC_FLAGS, WY_ARG_IPC_KEY, WY_ARG_ITIMER, WY_ARG_KCMP_ARG, WY_ARG_KCMP_TYPE,
	WY_ARG_LANDLOCK_FLAGS, WY_ARG_LANDLOCK_RULE, WY_ARG_MADVICE, WY_ARG_MAP_FLAGS,
	WY_ARG_MCL_FLAGS, WY_ARG_MEMBARRIER_CMD, WY_ARG_MEMBARRIER_FLAGS, WY_ARG_MEMFD_FLAGS,
	WY_ARG_MEMFD_SECRET_FLAGS, WY_ARG_MLOCK_FLAGS, WY_ARG_MODULE_FLAGS, WY_ARG_MOUNT_ATTR,
	WY_ARG_MOUNT_FLAGS, WY_ARG_MOVE_MOUNT_FLAGS, WY_ARG_MPOL, WY_ARG_MPOL_GET,
	WY_ARG_MPOL_MBIND, WY_ARG_MREMAP_FLAGS, WY_ARG_MSGCTL_CMD, WY_ARG_MSGSND_FLAGS,
	WY_ARG_MSG_FLAGS, WY_ARG_MSYNC_FLAGS, WY_ARG_NAMESPACES, WY_ARG_OPEN_FLAGS,
	WY_ARG_OPEN_FLAGS_ONLY, WY_ARG_OPEN_MODE, WY_ARG_OPEN_TREE_FLAGS, WY_ARG_PERF_FLAGS,
	WY_ARG_PERSONALITY, WY_ARG_PIDFD_FLAGS, WY_ARG_PKEY_RIGHTS, WY_ARG_PRCTL_OP,
	WY_ARG_PRIO_WHICH, WY_ARG_PROT, WY_ARG_PTRACE_OP, WY_ARG_RANDOM_FLAGS, WY_ARG_RENAME_FLAGS,
	WY_ARG_RLIMIT, WY_ARG_RUSAGE_WHO, WY_ARG_RWF, WY_ARG_SCHED_POLICY, WY_ARG_SECCOMP_FLAGS,
	WY_ARG_SECCOMP_OP, WY_ARG_SEEK, WY_ARG_SEMCTL_CMD, WY_ARG_SHMAT_FLAGS, WY_ARG_SHMCTL_CMD,
	WY_ARG_SHMGET_FLAGS, WY_ARG_SHUT, WY_ARG_SIGNALFD_FLAGS, WY_ARG_SIG_HOW, WY_ARG_SOCK_DOMAIN,
	WY_ARG_SOCK_FLAGS, WY_ARG_SOCK_PROTO, WY_ARG_SOCK_TYPE, WY_ARG_SOL, WY_ARG_SO_NAME,
	WY_ARG_SPLICE_FLAGS, WY_ARG_STATX_FLAGS, WY_ARG_STATX_MASK, WY_ARG_SYNC_FLAGS,
	WY_ARG_SYSLOG_OP, WY_ARG_TIMERFD_FLAGS, WY_ARG_TIMERFD_SET, WY_ARG_TIMER_FLAGS,
	WY_ARG_UMOUNT_FLAGS, WY_ARG_URING_ENTER_FLAGS, WY_ARG_URING_REGISTER,
	WY_ARG_USERFAULT_FLAGS, WY_ARG_WAIT_OPTIONS, WY_ARG_XATTR_FLAGS,

	/* Pointers to what the kernel reads. */
	WY_ARG_PATH, WY_ARG_STRING, WY_ARG_MOUNT_SOURCE, WY_ARG_MOUNT_DATA, WY_ARG_BUF_IN,
	WY_ARG_XATTR_IN, WY_ARG_OPT_IN, WY_ARG_ARGV, WY_ARG_ENVP, WY_ARG_SOCKADDR_IN, WY_ARG_IOV_IN,
	WY_ARG_IOV, WY_ARG_MSGHDR_IN, WY_ARG_EPOLL_EVENT_IN, WY_ARG_TIMESPEC_IN,
	WY_ARG_FUTEX_TIMEOUT, WY_ARG_TIMESPECS_IN, WY_ARG_TIMEVAL_IN, WY_ARG_TIMEVALS_IN,
	WY_ARG_TIMEZONE_IN, WY_ARG_UTIMBUF_IN, WY_ARG_ITIMERSPEC_IN, WY_ARG_ITIMERVAL_IN,
	WY_ARG_SIGSET_IN, WY_ARG_PSELECT_SIGSET, WY_ARG_SIGACTION_IN, WY_ARG_SIGINFO_IN,
	WY_ARG_SIGSTACK_IN, WY_ARG_SIGEVENT_IN, WY_ARG_OPEN_HOW, WY_ARG_FPROG_IN,
	WY_ARG_SCHED_PARAM_IN, WY_ARG_SCHED_ATTR_IN, WY_ARG_CPUSET_IN, WY_ARG_CAP_HEADER,
	WY_ARG_CAP_DATA_IN, WY_ARG_GROUPS_IN, WY_ARG_SEMBUF_IN, WY_ARG_MSGBUF_IN, WY_ARG_RLIMIT_IN,
	WY_ARG_MQ_ATTR_IN, WY_ARG_MQ_ATTR_OPEN,

	/* To what it reads and then writes. */
	WY_ARG_CLONE_ARGS, WY_ARG_POLLFDS, WY_ARG_FDSET, WY_ARG_OFFSET, WY_ARG_SOCKLEN,
	WY_ARG_MSGHDR, WY_ARG_TIMESPEC_INOUT, WY_ARG_TIMEVAL_INOUT, WY_ARG_FCNTL_ARG,
	WY_ARG_IOCTL_ARG, WY_ARG_PRCTL_ARG, WY_ARG_URING_PARAMS,

	/* To what it writes. */
	WY_ARG_MMSG, WY_ARG_MMSG_SENT, WY_ARG_BUF_OUT, WY_ARG_XATTR_OUT, WY_ARG_OPT_OUT,
	WY_ARG_CWD_OUT, WY_ARG_DENTS, WY_ARG_DENTS64, WY_ARG_MINCORE_OUT, WY_ARG_SOCKADDR_OUT,
	WY_ARG_IOV_OUT, WY_ARG_EPOLL_EVENTS_OUT, WY_ARG_STAT_OUT, WY_ARG_STATX_OUT,
	WY_ARG_STATFS_OUT, WY_ARG_FDS2_OUT, WY_ARG_INT_OUT, WY_ARG_UINT_OUT, WY_ARG_LONG_OUT,
	WY_ARG_LONG_OUT_HEX, WY_ARG_TID_OUT, WY_ARG_TIME_OUT, WY_ARG_TIMESPEC_OUT,
	WY_ARG_TIMESPEC_LEFT, WY_ARG_TIMEVAL_OUT, WY_ARG_TIMEZONE_OUT, WY_ARG_ITIMERSPEC_OUT,
	WY_ARG_ITIMERVAL_OUT, WY_ARG_TMS_OUT, WY_ARG_SIGSET_OUT, WY_ARG_SIGACTION_OUT,
	WY_ARG_SIGINFO_OUT, WY_ARG_SIGINFO_WAIT, WY_ARG_SIGSTACK_OUT, WY_ARG_STATUS_OUT,
	WY_ARG_RUSAGE_OUT, WY_ARG_RUSAGE_WAIT, WY_ARG_UTSNAME_OUT, WY_ARG_SYSINFO_OUT,
	WY_ARG_RLIMIT_OUT, WY_ARG_SCHED_PARAM_OUT, WY_ARG_SCHED_ATTR_OUT, WY_ARG_CPUSET_OUT,
	WY_ARG_CAP_DATA_OUT, WY_ARG_GROUPS_OUT, WY_ARG_MSGBUF_OUT, WY_ARG_IO_EVENTS_OUT,
	WY_ARG_MQ_ATTR_OUT, WY_ARG_ARCH_PRCTL_ARG,

	WY_ARGS,
	WY_ARG_FIRST_IN = WY_ARG_PATH, WY_ARG_LAST_IN = WY_ARG_URING_PARAMS,
	WY_ARG_FIRST_OUT = WY_ARG_CLONE_ARGS, WY_ARG_LAST_OUT = WY_ARG_ARCH_PRCTL_ARG,
};
/* clang-format on */
struct wy_call_row {
	char name[26]; /* "" where there is no such call */
	unsigned char nr_args;
	unsigned char effect;     /* enum wy_fd_effect */
	unsigned char class, sub; /* WY_FX_NEW: enum wy_fd_class, enum wy_fd_kind */
	unsigned char flow;       /* enum wy_flow */
	signed char fd, fd2;      /* which arguments are descriptors, from 0; -1: none */
	unsigned short groups;    /* WY_GROUP_* */
	unsigned char in, out;    /* bit n: argument n points to what is recorded before, after */
	unsigned char arg[6];     /* enum wy_arg */
};

extern const struct wy_call_row wy_call_rows[WY_CALL_ROWS];

/* Does it only look at what may be received, or at errors (MSG_PEEK, MSG_ERRQUEUE)? */
bool wy_call_only_looks(unsigned int nr, const long arg[4]);

/* The row of a number; one with an empty name for those that do not exist. */
const struct wy_call_row *wy_call_row_of(unsigned int nr);

#endif
