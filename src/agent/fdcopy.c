/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdcopy.c - see fdcopy.h.
 *
 * After a fork both sides have the same open files: one position, one queue,
 * one list.  Each copy must have what a fresh run of the program would have
 * had instead.  What that means:
 *
 * shared	Where a fresh run shares it, too, or where there is nothing to
 *		share: terminals, /dev/null and its like, O_PATH, files that are
 *		only appended to, and what was inherited.
 * opened again	Files and directories, through /proc/self/fd (which also opens
 *		what has no name any more), at the position where they were.
 *		What /proc has about the process itself is about the copy then.
 * made again	Pipes with both ends in this process, with what is in them;
 *		pairs of sockets, when there is nothing in them; what is waited
 *		for (fdevent.c); a pidfd of the process itself.
 * refused	What two copies would do to each other through it cannot be what
 *		fresh runs do: sockets that are connected or listen, pipes to
 *		other processes, locks, memory files and files without a name
 *		that can be written to, io_uring, and whatever is not known here.
 *
 * All questions are asked once, when the plan is made; what could fail in a
 * copy is tried then.  A copy takes three or four calls for each open file
 * that is not shared, and none for one that is.  Files are opened by way of
 * the *template's* list in /proc, through a descriptor of that directory: a
 * new process has nothing there yet, and the kernel takes 8 us to make up what
 * a path to its own leads through.  Where the one is not allowed (or the
 * template is gone), the other is taken.
 *
 * Not carried over: dnotify, the parameters of busy polling, the pid in the
 * credentials that the peers of a pair see (it is the copy's).
 */
#include "agent/fdcopy.h"
#include "agent/fdevent.h"
#include "agent/fdpass.h"
#include "agent/sys.h"
#include "proto/serve.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <linux/fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/stat.h>
#include <linux/unix_diag.h>
#include <stddef.h>

#define TEMPORARY 8 /* descriptors that a copy needs while it is made */

enum what {
	FILE_AGAIN,
	EVENT,
	PIPE,
	PAIR,
	PIDFD,
};

/* Who gets SIGIO. */
struct owner {
	int type, pid; /* struct f_owner_ex */
	int signal;
};

struct step {
	enum what what;
	const struct wy_fd_file *file;
	const struct owner *owner; /* NULL: nobody */
	union {
		const char *path; /* FILE_AGAIN */
		union wy_fdevent event;
		struct {
			const struct wy_fd_file **end;
			const struct owner **owner;
			unsigned int nr;
			int source; /* a descriptor that it can be read from */
			int size, len;
		} pipe;
		struct {
			const struct wy_fd_file *peer;
			const struct owner *owner;
			int type;
		} pair;
	};
};

/* Written when the plan is made, only read in a copy. */
static struct {
	struct wy_fdtab tab;
	struct step *step;
	unsigned int nr;
	int pid;
	int dir; /* the template's /proc/self/fd, or less than 0 */
} plan = { .dir = -1 };

static int fd_of(const struct wy_fd_file *f)
{
	return plan.tab.slot[f->first].fd;
}

static bool is_given(const struct wy_fd_file *f)
{
	return f->marks & ~WY_FD_MARK_INHERITED;
}

static bool is_writable(const struct wy_fd_file *f)
{
	return (f->flags & O_ACCMODE) != O_RDONLY;
}

static bool is_readable(const struct wy_fd_file *f)
{
	return (f->flags & O_ACCMODE) != O_WRONLY;
}

/* ---- putting one in place ---- */

/* Flags that fcntl(2) can set, as far as they are kept here. */
#define SETTABLE (O_NONBLOCK | O_APPEND | O_NOATIME | FASYNC)

static int plan_owner(const struct wy_fd_file *f, const struct owner **ret)
{
	struct owner o = { 0 }, *kept;

	*ret = NULL;
	if (sys3(__NR_fcntl, fd_of(f), F_GETOWN_EX, &o) < 0 || !o.pid)
		return 0;
	/* A group, or the first thread, can be named in a copy; another thread cannot. */
	if (o.type == F_OWNER_TID && o.pid != plan.pid)
		return WY_SERVE_KERNEL_OBJECT;
	o.signal = (int)sys2(__NR_fcntl, fd_of(f), F_GETSIG);
	kept = wy_fdtab_room(sizeof(*kept));
	if (!kept)
		return WY_SERVE_TOO_MANY;
	*kept = o;
	*ret = kept;
	return 0;
}

/* had: the settable flags that it was opened with.  fd stays open. */
static long place(int fd, int had, const struct wy_fd_file *f, const struct owner *owner)
{
	int flags = f->flags & SETTABLE;
	long ret = 0;

	if (f->class == WY_FD_PIPE)
		flags |= f->flags & O_DIRECT;
	if (owner) {
		struct owner o = *owner;

		if (o.type != F_OWNER_PGRP && o.pid == plan.pid)
			o.pid = (int)sys0(__NR_getpid);
		ret = sys3(__NR_fcntl, fd, F_SETOWN_EX, &o);
		if (ret >= 0 && o.signal)
			ret = sys3(__NR_fcntl, fd, F_SETSIG, o.signal);
	}
	if (ret >= 0 && flags != had)
		ret = sys3(__NR_fcntl, fd, F_SETFL, flags);
	for (int s = (int)f->first; ret >= 0 && s >= 0; s = plan.tab.slot[s].next) {
		const struct wy_fd_slot *slot = &plan.tab.slot[s];

		ret = sys3(__NR_dup3, fd, slot->fd, slot->close_on_exec ? O_CLOEXEC : 0);
	}
	return ret;
}

static long place_and_close(long fd, int had, const struct wy_fd_file *f, const struct owner *owner)
{
	long ret = fd;

	if (fd >= 0) {
		ret = place((int)fd, had, f, owner);
		sys1(__NR_close, fd);
	}
	return ret;
}

/* ---- files ---- */

#define FD_DIR          "/proc/self/fd"
#define TMPFILE_        020000000 /* __O_TMPFILE */
#define LINK_MAX_       256
#define F_SEAL_WRITE_   8
#define F_GET_SEALS_    1034
#define NOT_FOR_OPENING (O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW | TMPFILE_ | FASYNC)

static long open_again(const struct wy_fd_file *f, const char *path)
{
	int flags = f->flags & ~NOT_FOR_OPENING;

	if (f->class != WY_FD_DIR)
		flags &= ~O_DIRECTORY;
	flags |= O_CLOEXEC | O_NOCTTY;
	if (plan.dir >= 0 && wy_text_after(path, FD_DIR "/")) {
		long fd = sys4(__NR_openat, plan.dir, path + sizeof(FD_DIR), flags, 0);

		if (fd >= 0)
			return fd;
	}
	return sys3(__NR_open, path, flags, 0);
}

/* What to open for this file.  NULL: there is no such path. */
static const char *path_of(const struct wy_fd_file *f)
{
	char path[WY_FD_PATH_SIZE], link[LINK_MAX_];
	const char *rest;
	unsigned long pid, len;
	char *kept;
	long ret;

	wy_fdtab_path(path, "fd", fd_of(f));
	ret = sys3(__NR_readlink, path, link, sizeof(link));
	link[ret < 0 ? 0 : ret == sizeof(link) ? ret - 1 : ret] = 0;
	rest = wy_text_after(link, "/proc/");
	rest = rest ? wy_text_number(rest, 10, &pid) : NULL;
	if (!rest || (int)pid != plan.pid || (*rest && *rest != '/')) {
		len = sizeof(path);
		kept = wy_fdtab_room(len);
		if (kept)
			__builtin_memcpy(kept, path, len);
		return kept;
	}
	/* One of this process: the copy's. */
	if (ret == sizeof(link) || wy_text_after(rest, "/task/"))
		return NULL;
	len = (unsigned long)(link + ret - rest);
	kept = wy_fdtab_room(sizeof("/proc/self") + len);
	if (kept) {
		__builtin_memcpy(kept, "/proc/self", 10);
		__builtin_memcpy(kept + 10, rest, len);
	}
	return kept;
}

/* Could one copy see what another one writes, where fresh runs could not? */
static int check_writing(const struct wy_fd_file *f)
{
	if (f->kind == WY_FD_MEMORY) {
		long seals = sys2(__NR_fcntl, fd_of(f), F_GET_SEALS_);

		return seals < 0 || !(seals & F_SEAL_WRITE_) ? WY_SERVE_KERNEL_OBJECT : 0;
	}
	if (is_writable(f) && S_ISREG(f->mode) && !f->links)
		return WY_SERVE_REOPEN;
	return 0;
}

static int plan_file(struct step *s, bool *ret_share)
{
	const struct wy_fd_file *f = s->file;
	int ret = check_writing(f);
	long fd;

	if (ret)
		return ret;
	*ret_share = f->position < 0 || f->kind == WY_FD_NAMESPACE ||
		     (!is_readable(f) && f->flags & O_APPEND) ||
		     (is_writable(f) && f->marks & WY_FD_MARK_INHERITED);
	if (*ret_share)
		return 0;
	s->what = FILE_AGAIN;
	s->path = path_of(f);
	fd = s->path ? open_again(f, s->path) : -ENOENT;
	if (fd < 0)
		return WY_SERVE_REOPEN;
	sys1(__NR_close, fd);
	return 0;
}

static long make_file(const struct step *s)
{
	long fd = open_again(s->file, s->path);

	if (fd >= 0 && s->file->position &&
	    sys3(__NR_lseek, fd, s->file->position, 0 /* SEEK_SET */) < 0) {
		sys1(__NR_close, fd);
		return -EIO;
	}
	return place_and_close(fd, s->file->flags & SETTABLE & ~FASYNC, s->file, s->owner);
}

/* ---- pipes ---- */

#define PIPE_SIZE        65536 /* of one that nobody has asked about */
#define SPLICE_NONBLOCK_ 2

/* Is this the first of the open files of its pipe? */
static bool is_first_end(const struct wy_fd_file *f)
{
	for (const struct wy_fd_file *o = plan.tab.file; o < f; o++) {
		if (o->class == WY_FD_PIPE && o->ino == f->ino && o->dev == f->dev)
			return false;
	}
	return true;
}

static int plan_pipe(struct step *s, bool *ret_share)
{
	const struct wy_fd_file *f = s->file, *stop = plan.tab.file + plan.tab.nr_files;
	bool reads = false, writes = false;
	unsigned int nr = 0;
	int ret = 0;

	*ret_share = f->marks & WY_FD_MARK_INHERITED || !is_first_end(f);
	if (*ret_share)
		return 0;
	if (f->kind == WY_FD_FIFO)
		return WY_SERVE_PIPE;
	for (const struct wy_fd_file *o = f; o < stop; o++)
		nr += o->class == WY_FD_PIPE && o->ino == f->ino && o->dev == f->dev;
	s->what = PIPE;
	s->pipe.nr = 0;
	s->pipe.end = wy_fdtab_room(nr * sizeof(*s->pipe.end));     /* NOLINT(*sizeof*) */
	s->pipe.owner = wy_fdtab_room(nr * sizeof(*s->pipe.owner)); /* NOLINT(*sizeof*) */
	if (!s->pipe.end || !s->pipe.owner)
		return WY_SERVE_TOO_MANY;
	for (const struct wy_fd_file *o = f; o < stop && !ret; o++) {
		if (o->class != WY_FD_PIPE || o->ino != f->ino || o->dev != f->dev)
			continue;
		ret = plan_owner(o, &s->pipe.owner[s->pipe.nr]);
		s->pipe.end[s->pipe.nr++] = o;
		writes |= is_writable(o);
		if (is_readable(o)) {
			reads = true;
			s->pipe.source = fd_of(o);
		}
	}
	if (ret)
		return ret;
	if (!reads || !writes)
		return WY_SERVE_PIPE;
	s->pipe.size = (int)sys2(__NR_fcntl, fd_of(f), F_GETPIPE_SZ);
	s->pipe.len = 0;
	return sys3(__NR_ioctl, s->pipe.source, FIONREAD, &s->pipe.len) < 0 ? WY_SERVE_PIPE : 0;
}

static long make_ends(const struct step *s, const int fd[2])
{
	char path[WY_FD_PATH_SIZE];
	int used = 0;
	long ret = 0;

	wy_fdtab_path(path, "fd", fd[0]);
	for (unsigned int i = 0; ret >= 0 && i < s->pipe.nr; i++) {
		const struct wy_fd_file *f = s->pipe.end[i];
		int mode = f->flags & O_ACCMODE;

		if (mode != O_RDWR && !(used & 1 << mode)) {
			used |= 1 << mode;
			ret = place(fd[mode], 0, f, s->pipe.owner[i]);
		} else {
			ret = place_and_close(sys3(__NR_open, path, mode | O_CLOEXEC, 0), 0, f,
					      s->pipe.owner[i]);
		}
	}
	return ret;
}

static long make_pipe(const struct step *s)
{
	int fd[2];
	long ret = sys2(__NR_pipe2, fd, O_CLOEXEC);

	if (ret < 0)
		return ret;
	/* Where that is more than is allowed, a fresh run has had less, too. */
	if (s->pipe.len || s->pipe.size != PIPE_SIZE)
		sys3(__NR_fcntl, fd[1], F_SETPIPE_SZ, s->pipe.size);
	if (s->pipe.len) {
		/* All at once or not: it starts from the front each time. */
		ret = sys4(__NR_tee, s->pipe.source, fd[1], s->pipe.len, SPLICE_NONBLOCK_);
		if (ret >= 0 && ret != s->pipe.len)
			ret = -EIO;
	}
	if (ret >= 0)
		ret = make_ends(s, fd);
	sys1(__NR_close, fd[0]);
	sys1(__NR_close, fd[1]);
	return ret;
}

/* ---- pairs of sockets ---- */

#define AF_NETLINK_   16
#define NETLINK_DIAG_ 4 /* NETLINK_SOCK_DIAG */
#define SOCK_RAW_     3
#define SOL_SOCKET_   1
#define SO_TYPE_      3
#define POLLRDHUP_    0x2000

/* The inode of the socket at the other end, 0 if it has none or that is not told. */
static unsigned long peer_of(const struct wy_fd_file *f)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req req;
	} question = {
		.head = { sizeof(question), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0 },
		.req = {
			.sdiag_family = WY_AF_UNIX,
			.udiag_states = ~0u,
			.udiag_ino = (unsigned int)f->ino,
			.udiag_show = UDIAG_SHOW_PEER,
			.udiag_cookie = { ~0u, ~0u },
		},
	};
	struct {
		struct nlmsghdr head;
		struct unix_diag_msg msg;
		struct nlattr attr;
		unsigned int peer;
	} answer = { 0 };
	long fd = sys3(__NR_socket, AF_NETLINK_, SOCK_RAW_ | O_CLOEXEC, NETLINK_DIAG_);
	long len;

	if (fd < 0)
		return 0;
	len = sys6(__NR_sendto, fd, &question, sizeof(question), 0, 0, 0);
	if (len > 0)
		len = sys6(__NR_recvfrom, fd, &answer, sizeof(answer), 0, 0, 0);
	sys1(__NR_close, fd);
	if (len < (long)sizeof(answer) || answer.head.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    answer.msg.udiag_ino != (unsigned int)f->ino || answer.attr.nla_type != UNIX_DIAG_PEER)
		return 0;
	return answer.peer;
}

/* Nothing to be read, not shut down, without a name, and with the options of a new one? */
static bool is_as_new(const struct wy_fd_file *f, int fresh)
{
	/* SO_SNDBUF, RCVBUF, KEEPALIVE, LINGER, PASSCRED, RCVLOWAT, RCVTIMEO, SNDTIMEO, PASSSEC,
	 * MARK, PEEK_OFF, PASSPIDFD */
	static const unsigned char options[] = { 7, 8, 9, 13, 16, 18, 20, 21, 34, 36, 42, 76 };
	struct {
		int fd;
		short events, revents;
	} p = { fd_of(f), POLLIN | POLLPRI | POLLRDHUP_, 0 };
	char name[112];
	int len = sizeof(name);

	if (sys3(__NR_poll, &p, 1, 0) != 0 || sys3(__NR_getsockname, fd_of(f), name, &len) < 0 ||
	    len > 2)
		return false;
	for (unsigned int i = 0; i < sizeof(options); i++) {
		unsigned long a[2] = { 0 }, b[2] = { 0 };
		int len_a = sizeof(a), len_b = sizeof(b);

		sys6(__NR_getsockopt, fd_of(f), SOL_SOCKET_, options[i], a, &len_a, 0);
		sys6(__NR_getsockopt, fresh, SOL_SOCKET_, options[i], b, &len_b, 0);
		if (a[0] != b[0] || a[1] != b[1])
			return false;
	}
	return true;
}

static int plan_pair(struct step *s, bool *ret_share)
{
	const struct wy_fd_file *f = s->file, *peer = plan.tab.file;
	const struct wy_fd_file *stop = peer + plan.tab.nr_files;
	unsigned long ino;
	int fresh[2], len = sizeof(int);
	bool same;

	*ret_share = f->marks & WY_FD_MARK_INHERITED;
	if (*ret_share)
		return 0;
	ino = peer_of(f);
	while (peer < stop && (peer->class != WY_FD_UNIX || peer->ino != ino))
		peer++;
	if (!ino || peer == stop || peer == f || peer->marks)
		return WY_SERVE_SOCKET;
	*ret_share = peer < f; /* done with that one */
	if (*ret_share)
		return 0;
	s->what = PAIR;
	s->pair.peer = peer;
	if (sys6(__NR_getsockopt, fd_of(f), SOL_SOCKET_, SO_TYPE_, &s->pair.type, &len, 0) < 0 ||
	    sys4(__NR_socketpair, WY_AF_UNIX, s->pair.type | O_CLOEXEC, 0, fresh) < 0)
		return WY_SERVE_SOCKET;
	same = is_as_new(f, fresh[0]) && is_as_new(peer, fresh[1]);
	sys1(__NR_close, fresh[0]);
	sys1(__NR_close, fresh[1]);
	return same ? plan_owner(peer, &s->pair.owner) : WY_SERVE_SOCKET;
}

static long make_pair(const struct step *s)
{
	int fd[2];
	long ret = sys4(__NR_socketpair, WY_AF_UNIX, s->pair.type | O_CLOEXEC, 0, fd);

	if (ret < 0)
		return ret;
	ret = place(fd[0], 0, s->file, s->owner);
	if (ret >= 0)
		ret = place(fd[1], 0, s->pair.peer, s->pair.owner);
	sys1(__NR_close, fd[0]);
	sys1(__NR_close, fd[1]);
	return ret;
}

/* ---- pidfds ---- */

/* Whose it is: its process, or 0 if that cannot be told. */
static unsigned long pid_of(const struct wy_fd_file *f)
{
	unsigned long pid = 0;
	struct wy_lines l;
	const char *line;

	if (wy_lines_open(&l, fd_of(f)) < 0)
		return 0;
	while ((line = wy_lines_next(&l))) {
		line = wy_text_after(line, "Pid:");
		if (line)
			wy_text_number(line, 10, &pid);
	}
	return pid;
}

static int plan_pidfd(struct step *s, bool *ret_share)
{
	bool of_thread = s->file->flags & O_EXCL; /* PIDFD_THREAD */

	s->what = PIDFD;
	if ((int)pid_of(s->file) == plan.pid)
		return 0;
	*ret_share = !of_thread; /* another process is the same one for everybody */
	return of_thread ? WY_SERVE_KERNEL_OBJECT : 0;
}

static long make_pidfd(const struct step *s)
{
	return place_and_close(sys2(__NR_pidfd_open, sys0(__NR_getpid), s->file->flags & O_EXCL), 0,
			       s->file, s->owner);
}

/* ---- the plan ---- */

/* 0 or the kind of a refusal.  *ret_share: there is nothing to be done about this one. */
static int plan_step(struct step *s, bool *ret_share)
{
	const struct wy_fd_file *f = s->file;
	bool inherited = f->marks & WY_FD_MARK_INHERITED;

	if (f->locked)
		return WY_SERVE_LOCK;
	switch (f->class) {
	case WY_FD_DISK:
	case WY_FD_DIR: return plan_file(s, ret_share);
	case WY_FD_PIPE: return plan_pipe(s, ret_share);
	case WY_FD_UNIX: return plan_pair(s, ret_share);
	case WY_FD_NET: *ret_share = true; return inherited ? 0 : WY_SERVE_SOCKET;
	case WY_FD_TTY:
		*ret_share = true;
		return inherited || f->kind != WY_FD_PTY_MASTER ? 0 : WY_SERVE_KERNEL_OBJECT;
	case WY_FD_DEV:
		*ret_share = true;
		return inherited || f->kind == WY_FD_STATELESS ? 0 : WY_SERVE_KERNEL_OBJECT;
	case WY_FD_EVENT: s->what = EVENT; return wy_fdevent_plan(&plan.tab, f, &s->event);
	case WY_FD_ANON:
		if (f->kind == WY_FD_PIDFD)
			return plan_pidfd(s, ret_share);
		return f->kind == WY_FD_URING ? WY_SERVE_URING : WY_SERVE_KERNEL_OBJECT;
	}
	*ret_share = true; /* WY_FD_PATH */
	return 0;
}

/* Are there numbers left to work with? */
static bool has_room(const struct wy_fdtab *tab)
{
	struct {
		unsigned long soft, hard;
	} limit;

	if (sys4(__NR_prlimit64, 0, 7 /* RLIMIT_NOFILE */, 0, &limit) < 0)
		return true;
	if (tab->nr_slots + TEMPORARY > limit.soft)
		return false;
	/* It may have been set lower since: then dup3(2) does not reach all of them. */
	return !tab->nr_slots || (unsigned long)tab->slot[tab->nr_slots - 1].fd < limit.soft;
}

void wy_fdtab_drop(void)
{
	if (plan.dir >= 0)
		sys1(__NR_close, plan.dir);
	plan.dir = -1;
	plan.nr = 0;
}

/* Plans all that are inotify, or all others. */
static int plan_all(bool inotify, int *ret_fd)
{
	for (unsigned int i = 0; i < plan.tab.nr_files; i++) {
		struct step *s = &plan.step[plan.nr];
		bool share = false;
		int kind;

		s->file = &plan.tab.file[i];
		if (is_given(s->file) || (s->file->kind == WY_FD_INOTIFY) != inotify)
			continue;
		*ret_fd = fd_of(s->file);
		kind = plan_step(s, &share);
		if (!kind && !share && s->what != PIPE)
			kind = plan_owner(s->file, &s->owner);
		if (kind)
			return kind;
		if (!share)
			plan.nr++;
	}
	return 0;
}

int wy_fdtab_can_copy(const struct wy_fdtab *tab, int *ret_fd)
{
	int kind;

	plan.tab = *tab;
	plan.nr = 0;
	plan.dir = -1;
	plan.pid = (int)sys0(__NR_getpid);
	plan.step = wy_fdtab_room((tab->nr_files + 1) * sizeof(*plan.step));
	*ret_fd = tab->nr_slots ? tab->slot[tab->nr_slots - 1].fd : -1;
	if (!plan.step || !has_room(tab))
		return WY_SERVE_TOO_MANY;
	plan.dir = (int)sys3(__NR_open, FD_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	/* It could see how others are opened: so it is the first here, the last in a copy. */
	kind = plan_all(true, ret_fd);
	if (!kind)
		kind = plan_all(false, ret_fd);
	if (kind)
		wy_fdtab_drop();
	return kind;
}

/* ---- the copy ---- */

static long make(const struct step *s)
{
	switch (s->what) {
	case FILE_AGAIN: return make_file(s);
	case PIPE: return make_pipe(s);
	case PAIR: return make_pair(s);
	case PIDFD: return make_pidfd(s);
	case EVENT: break;
	}
	return place_and_close(wy_fdevent_make(s->file, &s->event), 0, s->file, s->owner);
}

long wy_fdtab_copy(int *ret_fd)
{
	long ret = 0;

	for (unsigned int i = plan.nr; i-- > 0;) {
		*ret_fd = fd_of(plan.step[i].file);
		ret = make(&plan.step[i]);
		if (ret < 0)
			return ret;
	}
	if (plan.dir >= 0)
		sys1(__NR_close, plan.dir);
	/* Every number stands for what it should: now they can be waited for. */
	for (unsigned int i = 0; i < plan.nr; i++) {
		const struct step *s = &plan.step[i];

		if (s->what != EVENT || s->file->kind != WY_FD_EPOLL)
			continue;
		*ret_fd = fd_of(s->file);
		ret = wy_fdevent_fill(*ret_fd, &s->event);
		if (ret < 0)
			return ret;
	}
	return 0;
}
