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
 * A fork copies the table with the memory, the kernel copies descriptors at
 * another moment, and other threads run on between the two; then the copy is
 * compared with what the kernel says (wy_fdstate_look_again()).
 *
 * What cannot be followed: a table shared with a process of other memory
 * (CLONE_FILES without CLONE_VM), and descriptors that another process puts
 * here.  Unknown slots are asked for when they are used.
 */
#include "agent/fdstate.h"
#include "agent/fdabout.h"
#include "agent/procfs.h"
#include "agent/ring.h"
#include "agent/sys.h"
#include "agent/tcpinfo.h"
#include "agent/thread.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/kcmp.h>

#define ADDRESS_MAX 128u
#define FILE_EVENT_MAX \
	(sizeof(struct wy_event) + 3 * sizeof(struct wy_item) + 2 * ADDRESS_MAX + WY_LINK_MAX)

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

/*
 * Tells what an open file is.  nr: the call that made it, -1: it was there
 * before.
 */
static void tell_file(struct wy_thread *t, struct wy_fd_now now, const struct wy_about *a, long fd,
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

static void count_unclassified(void)
{
	__atomic_add_fetch(&wy_trace->unclassified, 1, __ATOMIC_RELAXED);
}

/* st: what fstat(2) says, NULL: it was not asked. */
static struct wy_fd_now new_file(const struct wy_fd_type *type, const struct stat *st)
{
	return (struct wy_fd_now){ .file = __atomic_add_fetch(&wy_trace->last_file, 1,
							      __ATOMIC_RELAXED),
				   .class = type->class,
				   .sub = type->kind,
				   .mark = st ? wy_fd_mark(st) : 0 };
}

void wy_fdstate_closed(struct wy_thread *t, long fd)
{
	struct wy_fd_now now = wy_slot_take(t->files, fd);

	if (now.file)
		tell_fd(t, WY_FD_CLOSED, now, fd, -1);
}

/* Another thread may have closed it before the slot was set. */
static void check(struct wy_thread *t, long fd)
{
	if (!wy_thread_alone() && !wy_fd_is_open(fd))
		wy_fdstate_closed(t, fd);
}

/*
 * A descriptor that is there now, of a file that nobody else is known to have.
 * nr: the call that made it; -1: it was there before, and somebody may be about
 * to set its slot.
 */
static struct wy_fd_now arrive(struct wy_thread *t, long fd, long nr, bool asked,
			       const struct wy_opened *how)
{
	struct wy_fd_now now = { 0 };
	struct wy_about a;

	if (!wy_fd_ask(fd, &a, telling(), how))
		return now;
	if (a.type.class == WY_FD_ANON && a.type.kind == WY_FD_PLAIN)
		count_unclassified();
	now = new_file(&a.type, &a.st);
	if (a.type.class == WY_FD_DIR)
		wy_fd_keep_dir(&a, now.file);
	tell_file(t, now, &a, fd, false, nr);
	wy_tcp_tell(t, now, fd, WY_TCP_START);
	if (!asked)
		wy_slot_set(t->files, fd, now);
	else if (!wy_slot_set_first(t->files, fd, now))
		return wy_slot_get(t->files, fd);
	check(t, fd);
	return now;
}

/* The same of one whose type is known beforehand. */
void wy_fdstate_arrive_as(struct wy_thread *t, long fd, long nr, struct wy_fd_type type)
{
	struct wy_about a;
	bool known = telling() && sys2(__NR_fstat, fd, &a.st) == 0;
	struct wy_fd_now now = new_file(&type, known ? &a.st : NULL);

	if (known) {
		a.type = type;
		a.flags = (int)sys2(__NR_fcntl, fd, F_GETFL);
		a.len = 0;
		if (type.class != WY_FD_UNIX && type.class != WY_FD_NET)
			wy_fd_read_link(&a, fd);
		tell_file(t, now, &a, fd, false, nr);
	}
	wy_slot_set(t->files, fd, now);
	check(t, fd);
}

void wy_fdstate_copied(struct wy_thread *t, long from, long to)
{
	struct wy_fd_now now = wy_fdstate_look(t, from), was;

	if (from == to || !now.file)
		return;
	was = wy_slot_set(t->files, to, now);
	if (was.file)
		tell_fd(t, WY_FD_CLOSED, was, to, -1);
	tell_fd(t, WY_FD_COPIED, now, to, from);
	check(t, to);
}

void wy_fdstate_told_again(struct wy_thread *t, const struct wy_call *call)
{
	struct wy_fd_now now = wy_fdstate_look(t, (int)call->arg[0]);
	struct wy_about a;

	if (!telling() || !now.file || !wy_fd_ask((int)call->arg[0], &a, true, NULL))
		return;
	tell_file(t, now, &a, (int)call->arg[0], true, call->nr);
	if ((int)call->nr == __NR_connect)
		wy_tcp_tell(t, now, (int)call->arg[0], WY_TCP_START);
}

struct wy_fd_now wy_fdstate_known(const struct wy_thread *t, long fd)
{
	return wy_slot_get(t->files, fd);
}

void wy_fdstate_opened(struct wy_thread *t, long fd, long nr, const struct wy_opened *how)
{
	arrive(t, fd, nr, false, how);
}

void wy_fdstate_arrive(struct wy_thread *t, long fd, long nr)
{
	arrive(t, fd, nr, false, NULL);
}

long wy_fdstate_top(const struct wy_thread *t)
{
	return t->files ? t->files->top : 0;
}

struct wy_fd_now wy_fdstate_look(struct wy_thread *t, long fd)
{
	struct wy_fd_now now = wy_slot_get(t->files, fd);

	if (now.file)
		return now;
	if (!wy_slot_is(t->files, fd)) {
		if (fd >= 0 && wy_fd_is_open(fd)) /* beyond the table, or there is none */
			count_unclassified();
		return now;
	}
	return arrive(t, fd, -1, true, NULL);
}

/* ---- start, and over an exec ---- */

static struct wy_handover_fd *fds_of(const struct wy_handover *h)
{
	return wy_trace->handover_fd[h - wy_trace->handover];
}

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

	return sys2(__NR_fstat, fd, &st) == 0 && (!now.mark || now.mark == wy_fd_mark(&st));
}

/* The table was copied while other threads made and closed descriptors: the kernel knows. */
void wy_fdstate_look_again(struct wy_thread *t)
{
	struct wy_dir dir;
	long fd;

	for (fd = 0; fd < t->files->top; fd++) {
		struct wy_fd_now now = wy_slot_get(t->files, fd);

		if (now.file && !holds(now, fd))
			wy_fdstate_closed(t, fd);
	}
	wy_dir_open(&dir, "/proc/thread-self/fd");
	while (!dir.error && (fd = wy_dir_next_number(&dir)) >= 0) {
		if (fd != dir.fd && !wy_slot_get(t->files, fd).file)
			arrive(t, fd, -1, true, NULL);
	}
	wy_dir_close(&dir);
}

static bool inherit(struct wy_thread *t)
{
	struct wy_handover *h = handed_over(t->pid);

	if (!h)
		return false;
	for (unsigned int i = 0; i < h->nr && i < WY_HANDOVER_FDS; i++) {
		const struct wy_handover_fd *was = &fds_of(h)[i];
		struct wy_fd_now now = {
			.file = was->file, .class = was->class, .sub = was->sub, .mark = was->mark
		};

		wy_slot_set(t->files, was->fd, now);
		tell_fd(t, WY_FD_INHERITED, now, was->fd, -1);
	}
	if (h->several)
		wy_fdstate_look_again(t);
	wy_ring_end_image(h->image);
	__atomic_store_n(&h->state, WY_HANDOVER_FREE, __ATOMIC_RELEASE);
	return true;
}

/* The slot below fd that shares its open file; -1. */
static long shared_with(const struct wy_thread *t, long fd)
{
	for (long other = 0; other < fd && other < t->files->top; other++) {
		if (wy_slot_get(t->files, other).file &&
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
			wy_slot_set(t->files, fd, wy_slot_get(t->files, other));
			tell_fd(t, WY_FD_COPIED, wy_slot_get(t->files, other), fd, other);
		} else {
			arrive(t, fd, -1, false, NULL);
		}
	}
	wy_dir_close(&dir);
}

void wy_fdstate_begin(struct wy_thread *t)
{
	t->files = wy_files_new();
	if (t->files && !inherit(t))
		look_at_all(t);
}

const struct wy_handover *wy_fdstate_handed_over(const struct wy_thread *t)
{
	return handed_over(t->pid);
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
		h->image = t->writer.ring ? t->writer.use->image : 0;
		h->nr = 0;
		h->several = !files || __atomic_load_n(&files->users, __ATOMIC_RELAXED) > 1;
		h->foreign = wy_ring_foreign();
		for (long fd = 0; files && fd < files->top && h->nr < WY_HANDOVER_FDS; fd++) {
			struct wy_fd_now now = wy_slot_get(files, fd);
			long flags = now.file ? sys2(__NR_fcntl, fd, F_GETFD) : -EBADF;

			if (flags < 0 || flags & FD_CLOEXEC)
				continue;
			fds_of(h)[h->nr++] = (struct wy_handover_fd){ .fd = (int)fd,
								      .file = now.file,
								      .class = now.class,
								      .sub = now.sub,
								      .mark = now.mark };
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
		if (wy_slot_get(t->files, fd).file &&
		    ++nr > WY_FDSTATE_COPIES / sizeof(struct wy_item_fd))
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
		unsigned int file = wy_slot_get(t->files, fd).file;

		if (file)
			*at++ = (struct wy_item_fd){ (int)fd, file };
	}
}

void wy_fdstate_tell_rest(struct wy_thread *t)
{
	long fd;

	copies(t, &fd);
	for (; t->files && fd < t->files->top; fd++) {
		struct wy_fd_now now = wy_slot_get(t->files, fd);

		if (now.file)
			tell_fd(t, WY_FD_INHERITED, now, fd, -1);
	}
	if (t->files && t->clone_several)
		wy_fdstate_look_again(t);
}
