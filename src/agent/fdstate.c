/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdstate.c - see fdstate.h.
 *
 * Order.  The kernel gives out the lowest free number at once.  Thread A closes
 * 5, thread B opens and gets 5: if A cleared its slot after its call, it could
 * clear B's.  So A clears before the call and B sets after it, and between the
 * two only B's number can be there.  A thread C that uses 5 meanwhile finds
 * nothing and asks the kernel; what it learns never replaces what somebody else
 * has set, and A takes it away when its close has come back.  dup2(2) replaces
 * after its success: between, the slot tells of the old file.
 *
 * A program may close what another of its threads has just opened.  Both then
 * look again: who sets, whether the descriptor is still there; who closes,
 * whether a slot has come meanwhile.  One of them comes last and sees the truth.
 *
 * Close-on-exec is not kept: who executes asks the kernel about each slot.
 *
 * A table is a sparse mapping with a slot for each number that the process can
 * have.  A fork copies it with the memory.  A child that shares memory but not
 * descriptors (vfork, posix_spawn) gets a copy, from a few that are kept.  The
 * kernel copies descriptors at another moment, and other threads run on between
 * the two; then the copy is compared with what the kernel says (look_again()).
 *
 * What cannot be followed: a table shared with a process of other memory
 * (CLONE_FILES without CLONE_VM), and descriptors that another process puts
 * here.  Unknown slots are asked for when they are used.
 */
#include "agent/fdstate.h"
#include "agent/fdclass.h"
#include "agent/fdtab.h"
#include "agent/lock.h"
#include "agent/own.h"
#include "agent/procfs.h"
#include "agent/refork.h"
#include "agent/ring.h"
#include "agent/sys.h"
#include "agent/tcpinfo.h"
#include "agent/thread.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/stat.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/kcmp.h>
#include <linux/mman.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/stat.h>

#define SLOTS_MAX   (1u << 20)
#define SLOTS_LEAST 4096u
#define TABLES      16
#define ADDRESS_MAX 128u
#define LINK_MAX    1024u
#define FILE_EVENT_MAX \
	(sizeof(struct wy_event) + 3 * sizeof(struct wy_item) + 2 * ADDRESS_MAX + LINK_MAX)

struct wy_files {
	unsigned int users; /* 0: free; under WY_LOCK_FILES */
	unsigned int max;   /* slots */
	unsigned int top;   /* no slot from here on was ever set */
	unsigned int pad[13];
	struct wy_fd_now slot[];
};

/* ---- tables ---- */

static struct wy_files *tables[TABLES];

static unsigned long table_size(unsigned int slots)
{
	return (sizeof(struct wy_files) + slots * sizeof(struct wy_fd_now) + 4095) & ~4095ul;
}

static struct wy_files *map_table(void)
{
	struct {
		unsigned long now, most;
	} limit = { SLOTS_LEAST, SLOTS_LEAST };
	unsigned long slots;

	sys4(__NR_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
	slots = limit.most < SLOTS_MAX ? limit.most : SLOTS_MAX;
	for (; slots; slots = slots > SLOTS_LEAST ? SLOTS_LEAST : 0) {
		long at = sys_mmap(0, table_size((unsigned int)slots), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
		struct wy_files *files = (struct wy_files *)at;

		if (WY_IS_ERROR(at))
			continue;
		wy_own_add((unsigned long)at, table_size((unsigned int)slots));
		files->max = (unsigned int)slots;
		return files;
	}
	return NULL;
}

/* One that nobody uses, empty; NULL. */
static struct wy_files *take_table(void)
{
	struct wy_files *files = NULL;

	wy_lock(WY_LOCK_FILES);
	for (int i = 0; i < TABLES && !files; i++) {
		if (!tables[i])
			tables[i] = map_table();
		if (!tables[i])
			break;
		if (!tables[i]->users)
			files = tables[i];
	}
	if (files) {
		__builtin_memset(files->slot, 0, files->top * sizeof(files->slot[0]));
		files->top = 0;
		files->users = 1;
	}
	wy_unlock(WY_LOCK_FILES);
	return files;
}

struct wy_files *wy_fdstate_for_child(struct wy_files *files, unsigned long clone_flags)
{
	struct wy_files *copy;

	if (!files || !(clone_flags & CLONE_VM))
		return files; /* the child's memory is a copy, or there is nothing */
	if (clone_flags & CLONE_FILES) {
		__atomic_add_fetch(&files->users, 1, __ATOMIC_RELAXED);
		return files;
	}
	copy = take_table();
	if (!copy)
		return NULL;
	copy->top = files->top < copy->max ? files->top : copy->max;
	__builtin_memcpy(copy->slot, files->slot, copy->top * sizeof(copy->slot[0]));
	return copy;
}

void wy_fdstate_fork_child(struct wy_thread *t)
{
	/* A copy with threads (refork.h) has all of them in this one. */
	for (int i = 0; i < TABLES; i++) {
		if (tables[i])
			tables[i]->users = tables[i] == t->files ? 1 + wy_rest_count(t) : 0;
	}
}

void wy_fdstate_put(struct wy_thread *t)
{
	struct wy_files *files = t->files;

	t->files = NULL;
	if (files)
		__atomic_sub_fetch(&files->users, 1, __ATOMIC_ACQ_REL);
}

/* ---- slots ---- */

static bool has_slot(const struct wy_files *files, long fd)
{
	return files && fd >= 0 && fd < files->max;
}

static struct wy_fd_now get(const struct wy_files *files, long fd)
{
	struct wy_fd_now now = { 0 };

	if (has_slot(files, fd))
		__atomic_load(&files->slot[fd], &now, __ATOMIC_ACQUIRE);
	return now;
}

static void raise_top(struct wy_files *files, long fd)
{
	unsigned int top = __atomic_load_n(&files->top, __ATOMIC_RELAXED);

	while (fd >= top && !__atomic_compare_exchange_n(&files->top, &top, (unsigned int)fd + 1,
							 false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* Returns what was there. */
static struct wy_fd_now set(struct wy_files *files, long fd, struct wy_fd_now now)
{
	struct wy_fd_now was = { 0 };

	if (!has_slot(files, fd))
		return was;
	raise_top(files, fd);
	__atomic_exchange(&files->slot[fd], &now, &was, __ATOMIC_ACQ_REL);
	return was;
}

/* Sets it if nobody else has. */
static bool set_first(struct wy_files *files, long fd, struct wy_fd_now now)
{
	struct wy_fd_now none = { 0 };

	if (!has_slot(files, fd))
		return false;
	raise_top(files, fd);
	return __atomic_compare_exchange(&files->slot[fd], &none, &now, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE);
}

/* Makes it empty; returns what was there, to one of those who do so at once. */
static struct wy_fd_now take(struct wy_files *files, long fd)
{
	struct wy_fd_now none = { 0 }, was = { 0 };

	if (has_slot(files, fd) && get(files, fd).file)
		__atomic_exchange(&files->slot[fd], &none, &was, __ATOMIC_ACQ_REL);
	return was;
}

static bool is_open(long fd)
{
	return sys2(__NR_fcntl, fd, F_GETFD) != -EBADF;
}

/* Something of its inode, to tell another one by.  Never 0. */
static unsigned char mark_of(const struct stat *st)
{
	return (unsigned char)(1 + ((st->st_dev ^ st->st_ino) * 0x9e3779b97f4a7c15ul >> 57));
}

/* ---- events ---- */

static bool telling(void)
{
	return wy_trace->settings.flags & WY_TRACE_EVENTS;
}

static void tell_fd(struct wy_thread *t, enum wy_fd_event what, struct wy_fd_now now, long fd,
		    long from)
{
	unsigned char *room = telling() ? wy_ring_room(t, sizeof(struct wy_event), false) : NULL;
	struct wy_event *e;

	if (!room)
		return;
	e = wy_event_begin(room, WY_EVENT_FD);
	e->nr = (unsigned short)what;
	e->file = now.file;
	e->class = now.class;
	e->sub = now.sub;
	e->arg[0] = fd;
	e->arg[1] = from;
	wy_event_end(t, e);
}

/* The end of a socket, as getsockname(2) or getpeername(2) tells it. */
static void add_address(struct wy_event *e, enum wy_item_what what, int nr, long fd)
{
	unsigned char address[ADDRESS_MAX];
	unsigned int len = sizeof(address);

	if (sys3(nr, fd, address, &len) == 0 && len >= 2 && len <= sizeof(address))
		__builtin_memcpy(wy_event_item(e, what, 0, len), address, len);
}

/* What the kernel says of a descriptor. */
struct about {
	struct wy_fd_type type;
	struct stat st;
	int flags;
	long len; /* of link; 0: it was not asked for */
	char link[LINK_MAX];
};

static void read_link(struct about *a, long fd)
{
	char path[WY_FD_PATH_SIZE];

	wy_fdtab_path(path, "fd", (int)fd);
	a->len = sys3(__NR_readlink, path, a->link, sizeof(a->link) - 1);
	if (a->len < 0)
		a->len = 0;
	a->link[a->len] = 0;
}

/*
 * Tells what an open file is.  nr: the call that made it, -1: it was there
 * before.
 */
static void tell_file(struct wy_thread *t, struct wy_fd_now now, const struct about *a, long fd,
		      bool again, long nr)
{
	unsigned char *room = telling() ? wy_ring_room(t, FILE_EVENT_MAX, false) : NULL;
	bool socket = now.class == WY_FD_UNIX || now.class == WY_FD_NET;
	struct wy_event *e;

	if (!room)
		return;
	e = wy_event_begin(room, WY_EVENT_FILE);
	e->file = now.file;
	e->class = now.class;
	e->sub = now.sub;
	e->ret = nr;
	e->arg[0] = (long)a->st.st_dev;
	e->arg[1] = now.class == WY_FD_EVENT || now.class == WY_FD_ANON ? 0 : (long)a->st.st_ino;
	e->arg[2] = again ? -1 : fd; /* what it stands for has been told, and may have changed */
	e->arg[3] = (long)((unsigned int)a->flags |
			   WY_SOCKET(a->type.domain, a->type.type, a->type.protocol));
	if (socket) {
		add_address(e, WY_ITEM_LOCAL, __NR_getsockname, fd);
		add_address(e, WY_ITEM_PEER, __NR_getpeername, fd);
	} else if (a->len) {
		__builtin_memcpy(wy_event_item(e, WY_ITEM_PATH, 0, (unsigned int)a->len), a->link,
				 (unsigned long)a->len);
	}
	wy_event_end(t, e);
}

/* st: what fstat(2) says, NULL: it was not asked. */
static struct wy_fd_now new_file(const struct wy_fd_type *type, const struct stat *st)
{
	return (struct wy_fd_now){ .file = __atomic_add_fetch(&wy_trace->last_file, 1,
							      __ATOMIC_RELAXED),
				   .class = type->class,
				   .sub = type->kind,
				   .mark = st ? mark_of(st) : 0 };
}

/* False: it is not open. */
static bool ask(long fd, struct about *a)
{
	if (sys2(__NR_fstat, fd, &a->st) < 0)
		return false;
	a->flags = (int)sys2(__NR_fcntl, fd, F_GETFL);
	a->len = 0;
	a->link[0] = 0;
	if (!(a->flags & O_PATH) && wy_fd_told_by_mode(&a->st, &a->type) && !telling())
		return true;
	/* A socket's link says its inode only. */
	if (a->flags & O_PATH || (a->st.st_mode & S_IFMT) != S_IFSOCK)
		read_link(a, fd);
	a->type = wy_fd_classify((int)fd, a->flags, &a->st, a->link);
	return true;
}

static void close_slot(struct wy_thread *t, long fd)
{
	struct wy_fd_now now = take(t->files, fd);

	if (now.file)
		tell_fd(t, WY_FD_CLOSED, now, fd, -1);
}

/* Another thread may have closed it before the slot was set. */
static void check(struct wy_thread *t, long fd)
{
	if (!wy_thread_alone() && !is_open(fd))
		close_slot(t, fd);
}

/*
 * A descriptor that is there now, of a file that nobody else is known to have.
 * nr: the call that made it; -1: it was there before, and somebody may be about
 * to set its slot.
 */
static struct wy_fd_now arrive(struct wy_thread *t, long fd, long nr, bool asked)
{
	struct wy_fd_now now = { 0 };
	struct about a;

	if (!ask(fd, &a))
		return now;
	now = new_file(&a.type, &a.st);
	tell_file(t, now, &a, fd, false, nr);
	wy_tcp_tell(t, now, fd, WY_TCP_START);
	if (!asked)
		set(t->files, fd, now);
	else if (!set_first(t->files, fd, now))
		return get(t->files, fd);
	check(t, fd);
	return now;
}

/* The same of one whose type is known beforehand. */
static void arrive_as(struct wy_thread *t, long fd, long nr, struct wy_fd_type type)
{
	struct about a;
	bool known = telling() && sys2(__NR_fstat, fd, &a.st) == 0;
	struct wy_fd_now now = new_file(&type, known ? &a.st : NULL);

	if (known) {
		a.type = type;
		a.flags = (int)sys2(__NR_fcntl, fd, F_GETFL);
		a.len = 0;
		if (type.class != WY_FD_UNIX && type.class != WY_FD_NET)
			read_link(&a, fd);
		tell_file(t, now, &a, fd, false, nr);
	}
	set(t->files, fd, now);
	check(t, fd);
}

struct wy_fd_now wy_fdstate_known(const struct wy_thread *t, long fd)
{
	return get(t->files, fd);
}

long wy_fdstate_top(const struct wy_thread *t)
{
	return t->files ? t->files->top : 0;
}

struct wy_fd_now wy_fdstate_look(struct wy_thread *t, long fd)
{
	struct wy_fd_now now = get(t->files, fd);

	if (now.file || !has_slot(t->files, fd))
		return now;
	return arrive(t, fd, -1, true);
}

/* ---- start, and over an exec ---- */

static struct wy_handover *handed_over(int pid)
{
	for (unsigned int i = 0; i < WY_HANDOVERS; i++) {
		struct wy_handover *h = &wy_trace->handover[i];

		if (__atomic_load_n(&h->state, __ATOMIC_ACQUIRE) == WY_HANDOVER_READY &&
		    h->pid == pid)
			return h;
	}
	return NULL;
}

/* Is what the slot says still so? */
static bool holds(struct wy_fd_now now, long fd)
{
	struct stat st;

	return sys2(__NR_fstat, fd, &st) == 0 && (!now.mark || now.mark == mark_of(&st));
}

/* The table was copied while other threads made and closed descriptors: the kernel knows. */
static void look_again(struct wy_thread *t)
{
	struct wy_dir dir;
	long fd;

	for (fd = 0; fd < t->files->top; fd++) {
		struct wy_fd_now now = get(t->files, fd);

		if (now.file && !holds(now, fd))
			close_slot(t, fd);
	}
	wy_dir_open(&dir, "/proc/thread-self/fd");
	while (!dir.error && (fd = wy_dir_next_number(&dir)) >= 0) {
		if (fd != dir.fd && !get(t->files, fd).file)
			arrive(t, fd, -1, true);
	}
	wy_dir_close(&dir);
}

static bool inherit(struct wy_thread *t)
{
	struct wy_handover *h = handed_over(t->pid);

	if (!h)
		return false;
	for (unsigned int i = 0; i < h->nr && i < WY_HANDOVER_FDS; i++) {
		struct wy_fd_now now = { .file = h->fd[i].file,
					 .class = h->fd[i].class,
					 .sub = h->fd[i].sub,
					 .mark = h->fd[i].mark };

		set(t->files, h->fd[i].fd, now);
		tell_fd(t, WY_FD_INHERITED, now, h->fd[i].fd, -1);
	}
	if (h->several)
		look_again(t);
	wy_ring_end_image(h->image);
	__atomic_store_n(&h->state, WY_HANDOVER_FREE, __ATOMIC_RELEASE);
	return true;
}

/* The slot below fd that shares its open file; -1. */
static long shared_with(const struct wy_thread *t, long fd)
{
	for (long other = 0; other < fd && other < t->files->top; other++) {
		if (get(t->files, other).file &&
		    sys6(__NR_kcmp, t->pid, t->pid, KCMP_FILE, other, fd, 0) == 0)
			return other;
	}
	return -1;
}

static void look_at_all(struct wy_thread *t)
{
	struct wy_dir dir;
	long fd;

	wy_dir_open(&dir, "/proc/self/fd");
	while (!dir.error && (fd = wy_dir_next_number(&dir)) >= 0) {
		long other = fd < 64 ? shared_with(t, fd) : -1;

		if (fd == dir.fd)
			continue;
		if (other >= 0) {
			set(t->files, fd, get(t->files, other));
			tell_fd(t, WY_FD_COPIED, get(t->files, other), fd, other);
		} else {
			arrive(t, fd, -1, false);
		}
	}
	wy_dir_close(&dir);
}

void wy_fdstate_begin(struct wy_thread *t)
{
	t->files = take_table();
	if (t->files && !inherit(t))
		look_at_all(t);
}

bool wy_fdstate_was_handed_over(const struct wy_thread *t)
{
	return handed_over(t->pid) != NULL;
}

void wy_fdstate_hand_over(struct wy_thread *t)
{
	struct wy_files *files = t->files;

	for (unsigned int i = 0; i < WY_HANDOVERS; i++) {
		struct wy_handover *h = &wy_trace->handover[i];
		unsigned int free = WY_HANDOVER_FREE;

		if (!__atomic_compare_exchange_n(&h->state, &free, WY_HANDOVER_CLAIMED, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		h->pid = t->pid;
		h->image = t->writer.ring ? t->writer.ring->image : 0;
		h->nr = 0;
		h->several = !wy_thread_alone();
		for (long fd = 0; files && fd < files->top && h->nr < WY_HANDOVER_FDS; fd++) {
			struct wy_fd_now now = get(files, fd);
			long flags = now.file ? sys2(__NR_fcntl, fd, F_GETFD) : -EBADF;

			if (flags < 0 || flags & FD_CLOEXEC)
				continue;
			h->fd[h->nr].fd = (int)fd;
			h->fd[h->nr].file = now.file;
			h->fd[h->nr].class = now.class;
			h->fd[h->nr].mark = now.mark;
			h->fd[h->nr++].sub = now.sub;
		}
		__atomic_store_n(&h->state, WY_HANDOVER_READY, __ATOMIC_RELEASE);
		return;
	}
}

void wy_fdstate_take_back(struct wy_thread *t)
{
	struct wy_handover *h = handed_over(t->pid);

	if (h)
		__atomic_store_n(&h->state, WY_HANDOVER_FREE, __ATOMIC_RELEASE);
}

/* ---- a child ---- */

/* How many of the slots an event has room for; *ret_top: where they end. */
static unsigned int copies(const struct wy_thread *t, long *ret_top)
{
	unsigned int nr = 0;
	long fd = 0;

	for (; t->files && fd < t->files->top; fd++) {
		if (get(t->files, fd).file && ++nr > WY_FDSTATE_COPIES / sizeof(struct wy_item_fd))
			return *ret_top = fd, nr - 1;
	}
	return *ret_top = fd, nr;
}

void wy_fdstate_add_copies(const struct wy_thread *t, struct wy_event *e)
{
	long top;
	unsigned int nr = copies(t, &top);
	struct wy_item_fd *at = wy_event_item(e, WY_ITEM_FDS, 0, nr * sizeof(*at));

	for (long fd = 0; fd < top; fd++) {
		unsigned int file = get(t->files, fd).file;

		if (file)
			*at++ = (struct wy_item_fd){ (int)fd, file };
	}
}

void wy_fdstate_tell_rest(struct wy_thread *t)
{
	long fd;

	copies(t, &fd);
	for (; t->files && fd < t->files->top; fd++) {
		struct wy_fd_now now = get(t->files, fd);

		if (now.file)
			tell_fd(t, WY_FD_INHERITED, now, fd, -1);
	}
	if (t->files && t->clone_several)
		look_again(t);
}

/* unshare(2): this thread goes on with a table of its own.  False: it had one already. */
static bool separate(struct wy_thread *t)
{
	struct wy_files *files = t->files;

	if (!files || __atomic_load_n(&files->users, __ATOMIC_RELAXED) == 1)
		return false;
	t->files = wy_fdstate_for_child(files, CLONE_VM);
	__atomic_sub_fetch(&files->users, 1, __ATOMIC_ACQ_REL);
	return true;
}

/* ---- calls ---- */

static void close_range(struct wy_thread *t, const struct wy_call *call)
{
	unsigned int first = (unsigned int)call->arg[0], last = (unsigned int)call->arg[1];
	unsigned int flags = (unsigned int)call->arg[2];

	if (first > last || flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
		return;
	if (flags & CLOSE_RANGE_UNSHARE)
		separate(t);
	for (long fd = first;
	     t->files && !(flags & CLOSE_RANGE_CLOEXEC) && fd <= last && fd < t->files->top; fd++)
		close_slot(t, fd);
}

void wy_fdstate_enter(const struct wy_call *call, const struct wy_call_row *row)
{
	struct wy_thread *t = call->thread;

	switch (row->effect) {
	case WY_FX_CLOSE:
		wy_tcp_tell(t, get(t->files, (int)call->arg[0]), (int)call->arg[0], WY_TCP_END);
		close_slot(t, (int)call->arg[0]);
		break;
	case WY_FX_CLOSE_RANGE: close_range(t, call); break;
	case WY_FX_EXEC: wy_fdstate_hand_over(t); break;
	}
}

static void copy_slot(struct wy_thread *t, long from, long to)
{
	struct wy_fd_now now = wy_fdstate_look(t, from), was;

	if (from == to || !now.file)
		return;
	was = set(t->files, to, now);
	if (was.file)
		tell_fd(t, WY_FD_CLOSED, was, to, -1);
	tell_fd(t, WY_FD_COPIED, now, to, from);
	check(t, to);
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
	arrive_as(t, fd[0], call->nr, type);
	arrive_as(t, fd[1], call->nr, type);
}

static void pair_made(struct wy_thread *t, const struct wy_call *call)
{
	struct wy_fd_type type =
		wy_fd_socket_type((int)call->arg[0], (int)call->arg[1], (int)call->arg[2]);
	int fd[2];

	if (!read_pair((unsigned long)call->arg[3], fd))
		return;
	arrive_as(t, fd[0], call->nr, type);
	arrive_as(t, fd[1], call->nr, type);
}

/* More is known of a socket: it is told again, under its number. */
static void tell_again(struct wy_thread *t, const struct wy_call *call)
{
	struct wy_fd_now now = wy_fdstate_look(t, (int)call->arg[0]);
	struct about a;

	if (!telling() || !now.file || !ask((int)call->arg[0], &a))
		return;
	tell_file(t, now, &a, (int)call->arg[0], true, call->nr);
	if ((int)call->nr == __NR_connect)
		wy_tcp_tell(t, now, (int)call->arg[0], WY_TCP_START);
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
		arrive(t, fd, __NR_recvmsg, false);
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
			arrive(t, event.fd, call->nr, false);
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
		arrive_as(t, fd, call->nr,
			  (struct wy_fd_type){ .class = WY_FD_ANON, .kind = WY_FD_PIDFD });
}

/* SO_PEERPIDFD makes one. */
static void peer_asked(struct wy_thread *t, const struct wy_call *call)
{
	int fd;

	if ((int)call->arg[1] == SOL_SOCKET_ && (int)call->arg[2] == SO_PEERPIDFD_ &&
	    copy_from_program(&fd, (unsigned long)call->arg[3], sizeof(fd)) == 0)
		arrive(t, fd, call->nr, false);
}

static void fcntl_done(struct wy_thread *t, const struct wy_call *call)
{
	if (call->arg[1] == F_DUPFD || call->arg[1] == F_DUPFD_CLOEXEC)
		copy_slot(t, (int)call->arg[0], call->ret);
}

static void succeeded(struct wy_thread *t, const struct wy_call *call,
		      const struct wy_call_row *row)
{
	switch (row->effect) {
	case WY_FX_OPEN:
	case WY_FX_ACCEPT:
	case WY_FX_PIDFD_GETFD: arrive(t, call->ret, call->nr, false); break;
	case WY_FX_URING:
		arrive_as(t, call->ret, call->nr,
			  (struct wy_fd_type){ .class = WY_FD_ANON, .kind = WY_FD_URING });
		break;
	case WY_FX_NEW:
		arrive_as(t, call->ret, call->nr,
			  (struct wy_fd_type){ .class = row->class, .kind = row->sub });
		break;
	case WY_FX_SIGNALFD:
		if ((int)call->arg[0] == -1)
			arrive_as(t, call->ret, call->nr,
				  (struct wy_fd_type){ .class = WY_FD_EVENT,
						       .kind = WY_FD_SIGNALFD });
		break;
	case WY_FX_SOCKET:
		arrive_as(t, call->ret, call->nr,
			  wy_fd_socket_type((int)call->arg[0], (int)call->arg[1],
					    (int)call->arg[2]));
		break;
	case WY_FX_SOCKETPAIR: pair_made(t, call); break;
	case WY_FX_PIPE: pipe_made(t, call); break;
	case WY_FX_ADDRESS: tell_again(t, call); break;
	case WY_FX_DUP: copy_slot(t, (int)call->arg[0], call->ret); break;
	case WY_FX_DUP2: copy_slot(t, (int)call->arg[0], (int)call->arg[1]); break;
	case WY_FX_FCNTL: fcntl_done(t, call); break;
	case WY_FX_IOCTL:
		if (ioctl_makes_one((unsigned int)call->arg[1]))
			arrive(t, call->ret, call->nr, false);
		break;
	case WY_FX_RECVMSG: take_message(t, (unsigned long)call->arg[1]); break;
	case WY_FX_RECVMMSG: take_messages(t, call); break;
	case WY_FX_FANOTIFY: take_fanotify(t, call); break;
	case WY_FX_CLONE: pidfd_made(t, call); break;
	case WY_FX_UNSHARE:
		if (call->arg[0] & CLONE_FILES && separate(t) && t->files)
			look_again(t);
		break;
	case WY_FX_BPF:
		if (bpf_makes_one((unsigned long)call->arg[0]))
			arrive(t, call->ret, call->nr, false);
		break;
	case WY_FX_SECCOMP:
		if (call->arg[0] == 1 && call->arg[1] & 8) /* FILTER, FLAG_NEW_LISTENER */
			arrive(t, call->ret, call->nr, false);
		break;
	case WY_FX_SOCKOPT: peer_asked(t, call); break;
	}
}

/* What has come into slots that were emptied before the call, by who asked or by who opened. */
static void closed(struct wy_thread *t, unsigned long first, unsigned long last)
{
	for (unsigned long fd = first; t->files && fd <= last && fd < t->files->top; fd++) {
		if (get(t->files, (long)fd).file && !is_open((long)fd))
			close_slot(t, (long)fd);
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
		tell_again(t, call);
}

/* ---- io_uring ---- */

void wy_fdstate_arrive(struct wy_thread *t, long fd, long nr)
{
	arrive(t, fd, nr, false);
}

void wy_fdstate_received(struct wy_thread *t, unsigned long message)
{
	take_message(t, message);
}

void wy_fdstate_closed(struct wy_thread *t, long fd)
{
	close_slot(t, fd);
}
