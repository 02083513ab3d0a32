/* SPDX-License-Identifier: Apache-2.0 */
/* fdcalls.c - what each call does to the table of descriptors (proto/calls.h). */
#include "agent/fdabout.h"
#include "agent/fdstate.h"
#include "agent/sys.h"
#include "agent/tcpinfo.h"
#include "agent/thread.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/sched.h>

static void close_range(struct wy_thread *t, const struct wy_call *call)
{
	unsigned int first = (unsigned int)call->arg[0], last = (unsigned int)call->arg[1];
	unsigned int flags = (unsigned int)call->arg[2];

	if (first > last || flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
		return;
	if (flags & CLOSE_RANGE_UNSHARE)
		wy_files_separate(t);
	for (long fd = first;
	     t->files && !(flags & CLOSE_RANGE_CLOEXEC) && fd <= last && fd < t->files->top; fd++)
		wy_fdstate_closed(t, fd);
}

void wy_fdstate_enter(const struct wy_call *call, const struct wy_call_row *row)
{
	struct wy_thread *t = call->thread;

	switch (row->effect) {
	case WY_FX_CLOSE:
		wy_tcp_tell(t, wy_slot_get(t->files, (int)call->arg[0]), (int)call->arg[0],
			    WY_TCP_END);
		wy_fdstate_closed(t, (int)call->arg[0]);
		break;
	case WY_FX_CLOSE_RANGE: close_range(t, call); break;
	case WY_FX_EXEC: wy_fdstate_hand_over(t); break;
	}
}

/* What F_GETFL would say of a file or directory; 0: the kernel is to be asked. */
static int flags_of(const struct wy_call *call)
{
	const int forgotten = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC;
	const int kept = O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECTORY | O_NOFOLLOW | O_LARGEFILE;
	int flags;

	switch (call->nr) {
	case __NR_open: flags = (int)call->arg[1]; break;
	case __NR_openat: flags = (int)call->arg[2]; break;
	default: return 0;
	}
	return flags & ~(forgotten | kept) ? 0 : (flags & kept) | O_LARGEFILE;
}

static unsigned long hash_of(const char *path, long len)
{
	unsigned long hash = 0xcbf29ce484222325ul; /* FNV-1a */

	for (long i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)path[i]) * 0x100000001b3ul;
	return hash | 2;
}

/* One component, and none that leads out.  `len` of the name, which ends there. */
static bool is_name(const char *name, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++) {
		if (name[i] == '/')
			return false;
	}
	return len && !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

/* how->name, of this length, was opened in dir_fd. */
static void opened_in(struct wy_thread *t, struct wy_opened *how, int dir_fd, long flags,
		      unsigned int len)
{
	struct wy_fd_now dir = { 0 };

	how->followed = !(flags & O_NOFOLLOW);
	for (; len && how->name[len - 1] == '/'; how->followed = true)
		how->name[--len] = 0;
	if (dir_fd != AT_FDCWD)
		dir = wy_slot_get(t->files, dir_fd);
	/* Another thread could have changed what dir_fd or the current directory is. */
	if (!is_name(how->name, len) || !wy_thread_alone() ||
	    (dir_fd != AT_FDCWD && dir.class != WY_FD_DIR))
		return;
	how->dir_fd = dir_fd;
	how->dir = dir.file;
	how->len = len;
}

static void opened(struct wy_thread *t, const struct wy_call *call)
{
	struct wy_opened how; /* its name is long, and set as far as it counts */
	bool at = call->nr == __NR_openat || call->nr == __NR_openat2;
	long len = 0;

	how.flags = flags_of(call);
	how.path = 0;
	how.len = 0;
	if (at || call->nr == __NR_open || call->nr == __NR_creat)
		len = copy_string_from_program(how.name, (unsigned long)call->arg[at],
					       sizeof(how.name));
	if (len > 0 && how.name[0] == '/')
		how.path = hash_of(how.name, len);
	else if (len > 0 && (call->nr == __NR_openat || call->nr == __NR_open))
		opened_in(t, &how, at ? (int)call->arg[0] : AT_FDCWD, call->arg[1 + at],
			  (unsigned int)len);
	wy_fdstate_opened(t, call->ret, call->nr, &how);
}

/* Two descriptors that a call has written to memory. */
static bool read_pair(unsigned long at, int fd[2])
{
	return copy_from_program(fd, at, 2 * sizeof(int)) == 0;
}

static void pipe_made(struct wy_thread *t, const struct wy_call *call)
{
	struct wy_fd_type type = { .class = WY_FD_PIPE };
	int fd[2];

	if (!read_pair((unsigned long)call->arg[0], fd))
		return;
	wy_fdstate_arrive_as(t, fd[0], call->nr, type);
	wy_fdstate_arrive_as(t, fd[1], call->nr, type);
}

static void pair_made(struct wy_thread *t, const struct wy_call *call)
{
	struct wy_fd_type type =
		wy_fd_socket_type((int)call->arg[0], (int)call->arg[1], (int)call->arg[2]);
	int fd[2];

	if (!read_pair((unsigned long)call->arg[3], fd))
		return;
	wy_fdstate_arrive_as(t, fd[0], call->nr, type);
	wy_fdstate_arrive_as(t, fd[1], call->nr, type);
}

/* ---- descriptors in messages ---- */

struct header { /* struct cmsghdr */
	unsigned long len;
	int level, type;
};
#define SOL_SOCKET_   1
#define SCM_RIGHTS_   1
#define SCM_PIDFD_    4
#define SO_PEERPIDFD_ 77
#define RIGHTS_MAX    253 /* SCM_MAX_FD in the kernel */

static void take_rights(struct wy_thread *t, unsigned long at, unsigned long len)
{
	for (unsigned long i = 0; i + sizeof(int) <= len && i < RIGHTS_MAX * sizeof(int);
	     i += sizeof(int)) {
		int fd;

		if (copy_from_program(&fd, at + i, sizeof(fd)) < 0)
			return;
		wy_fdstate_arrive(t, fd, __NR_recvmsg);
	}
}

/* struct msghdr: control and its length at 32 and 40 */
static void take_message(struct wy_thread *t, unsigned long message)
{
	unsigned long control[2], at, end;
	struct header h;

	if (copy_from_program(control, message + 32, sizeof(control)) < 0)
		return;
	at = control[0];
	end = control[0] + control[1];
	while (at && at + sizeof(h) <= end && copy_from_program(&h, at, sizeof(h)) == 0 &&
	       h.len >= sizeof(h) && h.len <= end - at) {
		if (h.level == SOL_SOCKET_ && (h.type == SCM_RIGHTS_ || h.type == SCM_PIDFD_))
			take_rights(t, at + sizeof(h), h.len - sizeof(h));
		at += (h.len + 7) & ~7ul;
	}
}

/* struct mmsghdr has 64 bytes. */
static void take_messages(struct wy_thread *t, const struct wy_call *call)
{
	for (long i = 0; i < call->ret; i++)
		take_message(t, (unsigned long)call->arg[1] + (unsigned long)i * 64);
}

/* struct fanotify_event_metadata: length, fd at 16 */
static void take_fanotify(struct wy_thread *t, const struct wy_call *call)
{
	struct {
		unsigned int len;
		unsigned char version, reserved;
		unsigned short metadata_len;
		unsigned long mask;
		int fd, pid;
	} event;

	for (long at = 0; at + (long)sizeof(event) <= call->ret; at += event.len) {
		if (copy_from_program(&event, (unsigned long)(call->arg[1] + at), sizeof(event)) <
			    0 ||
		    event.len < sizeof(event))
			return;
		if (event.fd >= 0)
			wy_fdstate_arrive(t, event.fd, call->nr);
	}
}

/* ---- calls whose result is a descriptor in some cases ---- */

static bool ioctl_makes_one(unsigned int request)
{
	/* <asm/ioctls.h>, <linux/nsfs.h>, <linux/pidfd.h>, <linux/kvm.h>, <linux/userfaultfd.h> */
	static const unsigned int requests[] = {
		0x5441,         /* TIOCGPTPEER */
		0xb701, 0xb702, /* NS_GET_USERNS, NS_GET_PARENT */
		0xae01, 0xae41, /* KVM_CREATE_VM, KVM_CREATE_VCPU */
		0xaa00,         /* USERFAULTFD_IOC_NEW */
	};

	for (unsigned int i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (requests[i] == request)
			return true;
	}
	return (request & ~0xfu) == 0xff00 && (request & 0xf); /* PIDFD_GET_*_NAMESPACE */
}

static bool bpf_makes_one(unsigned long command)
{
	/* enum bpf_cmd in <linux/bpf.h>: MAP_CREATE, PROG_LOAD, OBJ_GET, PROG_GET_FD_BY_ID,
	 * MAP_GET_FD_BY_ID, RAW_TRACEPOINT_OPEN, BTF_LOAD, BTF_GET_FD_BY_ID, LINK_CREATE,
	 * LINK_GET_FD_BY_ID, ENABLE_STATS, ITER_CREATE, TOKEN_CREATE */
	const unsigned long makes = 1ul << 0 | 1ul << 5 | 1ul << 7 | 1ul << 13 | 1ul << 14 |
				    1ul << 17 | 1ul << 18 | 1ul << 19 | 1ul << 28 | 1ul << 30 |
				    1ul << 32 | 1ul << 33 | 1ul << 36;

	return command < 64 && makes >> command & 1;
}

/* CLONE_PIDFD: where the parent finds it. */
static void pidfd_made(struct wy_thread *t, const struct wy_call *call)
{
	unsigned long flags = (unsigned long)call->arg[0], at = (unsigned long)call->arg[2];
	unsigned long args[2]; /* struct clone_args: flags, pidfd */
	int fd;

	if ((int)call->nr == __NR_clone3) {
		if (copy_from_program(args, (unsigned long)call->arg[0], sizeof(args)) < 0)
			return;
		flags = args[0];
		at = args[1];
	} else if ((int)call->nr != __NR_clone) {
		return;
	}
	if (flags & CLONE_PIDFD && copy_from_program(&fd, at, sizeof(fd)) == 0)
		wy_fdstate_arrive_as(t, fd, call->nr,
				     (struct wy_fd_type){ .class = WY_FD_ANON,
							  .kind = WY_FD_PIDFD });
}

/* SO_PEERPIDFD makes one. */
static void peer_asked(struct wy_thread *t, const struct wy_call *call)
{
	int fd;

	if ((int)call->arg[1] == SOL_SOCKET_ && (int)call->arg[2] == SO_PEERPIDFD_ &&
	    copy_from_program(&fd, (unsigned long)call->arg[3], sizeof(fd)) == 0)
		wy_fdstate_arrive(t, fd, call->nr);
}

static void fcntl_done(struct wy_thread *t, const struct wy_call *call)
{
	if (call->arg[1] == F_DUPFD || call->arg[1] == F_DUPFD_CLOEXEC)
		wy_fdstate_copied(t, (int)call->arg[0], call->ret);
}

static void succeeded(struct wy_thread *t, const struct wy_call *call,
		      const struct wy_call_row *row)
{
	switch (row->effect) {
	case WY_FX_OPEN: opened(t, call); break;
	case WY_FX_ACCEPT:
	case WY_FX_PIDFD_GETFD: wy_fdstate_arrive(t, call->ret, call->nr); break;
	case WY_FX_URING:
		wy_fdstate_arrive_as(t, call->ret, call->nr,
				     (struct wy_fd_type){ .class = WY_FD_ANON,
							  .kind = WY_FD_URING });
		break;
	case WY_FX_NEW:
		wy_fdstate_arrive_as(t, call->ret, call->nr,
				     (struct wy_fd_type){ .class = row->class, .kind = row->sub });
		break;
	case WY_FX_SIGNALFD:
		if ((int)call->arg[0] == -1)
			wy_fdstate_arrive_as(t, call->ret, call->nr,
					     (struct wy_fd_type){ .class = WY_FD_EVENT,
								  .kind = WY_FD_SIGNALFD });
		break;
	case WY_FX_SOCKET:
		wy_fdstate_arrive_as(t, call->ret, call->nr,
				     wy_fd_socket_type((int)call->arg[0], (int)call->arg[1],
						       (int)call->arg[2]));
		break;
	case WY_FX_SOCKETPAIR: pair_made(t, call); break;
	case WY_FX_PIPE: pipe_made(t, call); break;
	case WY_FX_ADDRESS: wy_fdstate_told_again(t, call); break;
	case WY_FX_DUP: wy_fdstate_copied(t, (int)call->arg[0], call->ret); break;
	case WY_FX_DUP2: wy_fdstate_copied(t, (int)call->arg[0], (int)call->arg[1]); break;
	case WY_FX_FCNTL: fcntl_done(t, call); break;
	case WY_FX_IOCTL:
		if (ioctl_makes_one((unsigned int)call->arg[1]))
			wy_fdstate_arrive(t, call->ret, call->nr);
		break;
	case WY_FX_RECVMSG: take_message(t, (unsigned long)call->arg[1]); break;
	case WY_FX_RECVMMSG: take_messages(t, call); break;
	case WY_FX_FANOTIFY: take_fanotify(t, call); break;
	case WY_FX_CLONE: pidfd_made(t, call); break;
	case WY_FX_UNSHARE:
		if (call->arg[0] & CLONE_FILES && wy_files_separate(t) && t->files)
			wy_fdstate_look_again(t);
		break;
	case WY_FX_BPF:
		if (bpf_makes_one((unsigned long)call->arg[0]))
			wy_fdstate_arrive(t, call->ret, call->nr);
		break;
	case WY_FX_SECCOMP:
		if (call->arg[0] == 1 && call->arg[1] & 8) /* FILTER, FLAG_NEW_LISTENER */
			wy_fdstate_arrive(t, call->ret, call->nr);
		break;
	case WY_FX_SOCKOPT: peer_asked(t, call); break;
	}
}

/* What has come into slots that were emptied before the call, by who asked or by who opened. */
static void closed(struct wy_thread *t, unsigned long first, unsigned long last)
{
	for (unsigned long fd = first; t->files && fd <= last && fd < t->files->top; fd++) {
		if (wy_slot_get(t->files, (long)fd).file && !wy_fd_is_open((long)fd))
			wy_fdstate_closed(t, (long)fd);
	}
}

void wy_fdstate_leave(const struct wy_call *call, const struct wy_call_row *row)
{
	struct wy_thread *t = call->thread;

	if (!t->files)
		return;
	if (row->effect == WY_FX_CLOSE)
		closed(t, (unsigned int)call->arg[0], (unsigned int)call->arg[0]);
	else if (row->effect == WY_FX_CLOSE_RANGE && !(call->arg[2] & CLOSE_RANGE_CLOEXEC))
		closed(t, (unsigned int)call->arg[0], (unsigned int)call->arg[1]);
	else if (row->effect == WY_FX_EXEC)
		wy_fdstate_take_back(t);
	else if (!WY_IS_ERROR(call->ret))
		succeeded(t, call, row);
	else if (row->effect == WY_FX_ADDRESS && call->ret == -EINPROGRESS)
		wy_fdstate_told_again(t, call);
}

void wy_fdstate_received(struct wy_thread *t, unsigned long message)
{
	take_message(t, message);
}
