/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.c - every call becomes an event.
 *
 * On its way in a call's event is begun at the head of the thread's ring: time,
 * number, arguments, the open file behind its descriptor, and what the
 * arguments point to.  There a host can see what the thread hangs in.  When the
 * call is back, result, duration and what the kernel wrote are added, and the
 * event is published.  Room is made on the way in, so that hardly anything waits
 * on the way out; where it does, it is for the host alone, which does not need the
 * program.
 *
 * A signal handler that runs while the call is in the kernel makes calls of its
 * own, whose events take that place.  The outer call's event is then built anew
 * on its way out; what its arguments pointed to is what stands there by then.
 *
 * Promises: the call itself is not touched.  A call that the settings exclude by
 * number never comes here, unless it changes what a descriptor is.
 */
#include "agent/capture.h"
#include "agent/fdabout.h"
#include "agent/fdstate.h"
#include "agent/gate.h"
#include "agent/layers/layers.h"
#include "agent/payload.h"
#include "agent/procfs.h"
#include "agent/ring.h"
#include "agent/stack.h"
#include "agent/sys.h"
#include "agent/tcpinfo.h"
#include "agent/thread.h"
#include "agent/uring.h"
#include "agent/usermem.h"
#include "agent/wanted.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/siginfo.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <stddef.h>

#define ITEMS_MAX   (8ul << 10) /* on the way in, and again on the way out */
#define EVENT_MAX   (sizeof(struct wy_event) + 4 * sizeof(long) + 2 * ITEMS_MAX)
#define FILES_ROOM  (4ul << 10) /* for events of new descriptors, before a call's own */
#define KEEP_MAX    1024u       /* a longer event is built anew when its call makes descriptors */
#define PLAN_WANTED 1u          /* it becomes an event, or is counted, or both */
#define PLAN_FD     2u          /* the class of its descriptor matters */
#define PLAN_NAMES  4u          /* directories may be called otherwise after it */

/* By row: what is to be done about a call. */
static unsigned char plan[WY_CALLS_MAX];
static bool totals, events, by_fd, with_items, with_stack;

static const struct wy_trace_settings *settings(void)
{
	return &wy_trace->settings;
}

static bool is_wanted(unsigned int row)
{
	return (events || totals) && wy_wants_call(row);
}

/* Calls that must be seen whether they make events or not. */
static bool is_needed(int nr)
{
	switch (nr) {
	case __NR_prctl:
	case __NR_mmap: /* of io_urings */
	case __NR_io_uring_register:
	case __NR_io_uring_enter:
	case __NR_exit: /* how a thread or a process ends is told in any case */
	case __NR_exit_group: return true;
	}
	return false;
}

static bool moves_names(int nr)
{
	switch (nr) {
	case __NR_rename:
	case __NR_renameat:
	case __NR_renameat2:
	case __NR_chroot:
	case __NR_pivot_root: return true;
	}
	return false;
}

static void signal(struct wy_thread *t, int sig, const struct siginfo *info, bool ends);

static void start(struct wy_layer *layer)
{
	if (!wy_trace)
		return;
	totals = settings()->flags & WY_TRACE_TOTALS;
	events = settings()->flags & WY_TRACE_EVENTS;
	layer->signal = events ? signal : NULL;
	with_stack = settings()->flags & WY_TRACE_STACK;
	with_items = settings()->flags & WY_TRACE_ITEMS;
	by_fd = wy_chooses_fds();
	for (int nr = 0; nr < WY_CALLS_MAX; nr++) {
		const struct wy_call_row *row = wy_call_row_of((unsigned int)nr);

		if (is_wanted((unsigned int)nr))
			plan[nr] = PLAN_WANTED;
		if (row->fd >= 0)
			plan[nr] |= PLAN_FD;
		if (moves_names(nr))
			plan[nr] |= PLAN_NAMES;
		if (plan[nr] & (PLAN_WANTED | PLAN_NAMES) || is_needed(nr) ||
		    (row->effect > WY_FX_USES && row->effect != WY_FX_FANOTIFY))
			wy_callset_add(&layer->calls, nr);
	}
}

/* ---- what is wanted ---- */

static int fd_of(const struct wy_call *call, const struct wy_call_row *row)
{
	return row->fd >= 0 ? (int)call->arg[row->fd] : -1;
}

/* A call that makes a descriptor is judged by what it made. */
static bool makes_fd(const struct wy_call_row *row)
{
	switch (row->effect) {
	case WY_FX_OPEN:
	case WY_FX_NEW:
	case WY_FX_SOCKET:
	case WY_FX_SOCKETPAIR:
	case WY_FX_PIPE:
	case WY_FX_ACCEPT:
	case WY_FX_SIGNALFD:
	case WY_FX_URING:
	case WY_FX_PIDFD_GETFD: return true;
	}
	return false;
}

/* The descriptor that it made. */
static int made_fd(const struct wy_call *call, const struct wy_call_row *row)
{
	int fd = -1;

	if (WY_IS_ERROR(call->ret))
		return -1;
	if (row->effect != WY_FX_PIPE && row->effect != WY_FX_SOCKETPAIR)
		return (int)call->ret;
	copy_from_program(&fd, (unsigned long)call->arg[row->effect == WY_FX_PIPE ? 0 : 3],
			  sizeof(fd));
	return fd;
}

/* Bytes beside the items that this call's event may need: one item of snaplen bytes. */
static unsigned long payload_max(const struct wy_call_row *row, unsigned int class)
{
	if (!(settings()->flags & WY_TRACE_PAYLOAD) || row->flow == WY_FLOW_NONE)
		return 0;
	if (class != WY_FD_NET && class != WY_FD_UNIX)
		return 0;
	return sizeof(struct wy_item) + settings()->snaplen;
}

/* ---- the event of a call ---- */

static unsigned char *end_of(struct wy_event *e)
{
	return (unsigned char *)e + e->words * 8ul;
}

static void grew(struct wy_event *e, unsigned long bytes, bool cut)
{
	e->words += (unsigned short)(bytes / 8);
	if (cut)
		e->flags |= WY_EVENT_CUT;
}

static struct wy_fd_now second_file(const struct wy_call *call, const struct wy_call_row *row)
{
	return wy_fdstate_known(call->thread, (int)call->arg[row->fd2]);
}

static struct wy_event *build(const struct wy_call *call, const struct wy_call_row *row,
			      const struct wy_traced *traced, bool wait)
{
	struct wy_thread *t = call->thread;
	unsigned long most = EVENT_MAX + FILES_ROOM + payload_max(row, traced->class) +
			     (with_stack ? WY_STACK_ROOM : 0);
	struct wy_event *e = (struct wy_event *)wy_ring_room(t, most, wait);

	if (!e)
		return NULL;
	e->time = traced->since;
	e->took = 0;
	e->nr = (unsigned short)call->nr;
	e->kind = WY_EVENT_CALL;
	e->flags = 0;
	e->file = traced->file;
	e->words = WY_EVENT_WORDS;
	e->class = traced->class;
	e->sub = traced->sub;
	e->ret = 0; /* as long as it is not finished */
	for (int i = 0; i < 4; i++)
		e->arg[i] = call->arg[i];
	if (row->nr_args > 4)
		__builtin_memcpy(wy_event_item(e, WY_ITEM_ARGS, 0, 2 * sizeof(long)), &call->arg[4],
				 2 * sizeof(long));
	if (row->fd2 >= 0) {
		struct wy_fd_now other = second_file(call, row);

		if (other.file)
			*(struct wy_item_file *)wy_event_item(e, WY_ITEM_FILE2, 0,
							      sizeof(struct wy_item_file)) =
				(struct wy_item_file){ other.file, other.class, other.sub, 0 };
	}
	if (with_items && wy_captures_enter(call->nr)) {
		bool cut = false;

		grew(e, wy_capture_enter(end_of(e), ITEMS_MAX, call, settings(), &cut), cut);
	}
	return e;
}

/* The host may look at it. */
static void show(struct wy_thread *t, unsigned long since)
{
	struct wy_ring *ring = t->writer.ring;

	t->writer.built = since;
	wy_ring_rest(t, since);
	__atomic_store_n(&ring->now, (ring->now | 1) + 2, __ATOMIC_RELEASE);
}

static void unshow(struct wy_thread *t)
{
	struct wy_ring *ring = t->writer.ring;

	if (ring)
		__atomic_store_n(&ring->now, ring->now & ~1ul, __ATOMIC_RELEASE);
}

static void end_event(const struct wy_call *call, const struct wy_call_row *row,
		      const struct wy_traced *traced, unsigned long took)
{
	struct wy_thread *t = call->thread;
	struct wy_event *e = NULL;
	unsigned long payload;

	if (t->writer.ring && t->writer.built == traced->since)
		e = (struct wy_event *)(t->writer.data + t->writer.head % WY_RING_SIZE);
	else
		e = build(call, row, traced, true);
	if (!e)
		return;
	e->file = traced->file;
	e->class = traced->class;
	e->sub = traced->sub;
	e->ret = call->ret;
	e->took = (unsigned int)took;
	if (__builtin_expect(took >> 32, 0)) {
		e->flags |= WY_EVENT_LONG;
		*(unsigned long *)wy_event_item(e, WY_ITEM_TOOK, 0, sizeof(long)) = took;
	}
	if ((row->flow == WY_FLOW_IN_MANY || row->flow == WY_FLOW_OUT_MANY) && call->ret > 0)
		*(unsigned long *)wy_event_item(e, WY_ITEM_MOVED, 0, sizeof(long)) =
			wy_payload_bytes(call, row);
	if (with_items && wy_captures_leave(call->nr)) {
		bool cut = false;

		grew(e, wy_capture_leave(end_of(e), ITEMS_MAX, call, settings(), &cut), cut);
	}
	if (with_stack)
		wy_stack_add(e, call);
	payload = call->ret > 0 ? payload_max(row, traced->class) : 0;
	if (payload) {
		bool cut = false;

		grew(e, wy_payload(end_of(e), payload, call, row, &cut), cut);
	}
	t->writer.built = 0;
	unshow(t);
	wy_event_end(t, e);
}

/* An event that makes descriptors: what they are is told before it, and it is moved behind that. */
static void leave_effect(const struct wy_call *call, const struct wy_call_row *row,
			 const struct wy_traced *traced)
{
	struct wy_thread *t = call->thread;
	unsigned long kept[KEEP_MAX / 8];
	struct wy_event *e;
	unsigned int words = 0;

	if (traced->event && t->writer.ring && t->writer.built == traced->since) {
		e = (struct wy_event *)(t->writer.data + t->writer.head % WY_RING_SIZE);
		if (e->words <= KEEP_MAX / 8) {
			words = e->words;
			__builtin_memcpy(kept, e, words * 8ul);
		}
	}
	wy_fdstate_leave(call, row);
	if (!words)
		return;
	e = (struct wy_event *)wy_ring_room(t, EVENT_MAX, true);
	if (!e)
		return;
	__builtin_memcpy(e, kept, words * 8ul);
	t->writer.built = traced->since;
}

/* ---- totals ---- */

static void add_totals(const struct wy_call *call, const struct wy_call_row *row,
		       const struct wy_traced *traced, unsigned long bytes, unsigned long took)
{
	struct wy_ring *ring = call->thread->writer.ring;
	bool moves = row->flow == WY_FLOW_MOVE, failed = WY_IS_ERROR(call->ret);
	struct wy_total_call *c;

	if (!ring)
		return;
	c = &ring->totals.call[wy_call_row(call->nr)];
	c->errors += failed;
	c->ticks += took;
	if (traced->file)
		wy_total_add(ring, traced->class, failed, took,
			     call->nr == __NR_tee ? WY_FLOW_NONE : /* it takes nothing */
				     moves ? WY_FLOW_IN :
					     row->flow,
			     bytes);
	if (traced->class2)
		wy_total_add(ring, traced->class2 - 1u, failed, took,
			     moves ? WY_FLOW_OUT : WY_FLOW_NONE, bytes);
}

/* Before the call, as not every one comes back; discount() takes it off if it does not fit. */
static void count(struct wy_thread *t, long nr)
{
	if (t->writer.ring)
		t->writer.ring->totals.call[wy_call_row(nr)].calls++;
	else if (!events) /* else its event is counted as lost */
		__atomic_add_fetch(&wy_trace->lost, 1, __ATOMIC_RELAXED);
}

static void discount(struct wy_thread *t, long nr)
{
	if (t->writer.ring)
		t->writer.ring->totals.call[wy_call_row(nr)].calls--;
}

/* ---- a call ---- */

/* Calls that read are many, and bring descriptors from fanotify groups only. */
static bool has_effect(const struct wy_call_row *row, unsigned int sub)
{
	return row->effect > WY_FX_USES && (row->effect != WY_FX_FANOTIFY || sub == WY_FD_FANOTIFY);
}

static bool never_returns(const struct wy_call *call)
{
	return call->nr == __NR_exit || call->nr == __NR_exit_group || !call->site;
}

/* One that may never come back is told of at once; its end, if it comes, is told of again. */
static void announce(const struct wy_call *call, const struct wy_call_row *row)
{
	struct wy_traced traced = { .since = wy_ticks() };
	struct wy_event *e = build(call, row, &traced, true);

	if (!e)
		return;
	e->flags |= WY_EVENT_NO_RETURN;
	wy_event_end(call->thread, e);
}

static void tell_end(const struct wy_call *call)
{
	unsigned char *room = NULL;
	struct wy_event *e;

	if (call->nr == __NR_exit_group)
		wy_tcp_end_all(call->thread);
	if (call->site && settings()->flags & WY_TRACE_EVENTS)
		room = wy_ring_room(call->thread, sizeof(*e), true);
	if (!room)
		return;
	e = wy_event_begin(room, WY_EVENT_END);
	e->ret = call->arg[0];
	e->arg[0] = call->thread->pid;
	e->arg[2] = call->thread->tid;
	e->arg[3] = call->nr == __NR_exit_group;
	wy_event_end(call->thread, e);
}

/* As a kernel without io_uring does. */
static enum wy_verdict refuse(struct wy_call *call, const struct wy_call_row *row, bool event)
{
	struct wy_traced traced = { .since = wy_ticks(), .event = event };

	call->ret = -ENOSYS;
	if (event)
		end_event(call, row, &traced, 0);
	return WY_DONE;
}

static enum wy_verdict enter(struct wy_call *call)
{
	struct wy_thread *t = call->thread;
	unsigned int nr = wy_call_row(call->nr);
	const struct wy_call_row *row = &wy_call_rows[nr];
	bool wanted = plan[nr] & PLAN_WANTED, event, effect;
	struct wy_fd_now now = { 0 };
	struct wy_record *record;

	if (__builtin_expect(wy_trace->stop, 0))
		return WY_PASS;
	if (plan[nr] & PLAN_FD) {
		long fd = (int)call->arg[row->fd];

		now = row->effect == WY_FX_CLOSE ? wy_fdstate_known(t, fd) : wy_fdstate_look(t, fd);
	}
	if (by_fd && wanted && !makes_fd(row))
		wanted = wy_wants_fd(fd_of(call, row), now) ||
			 (row->fd2 >= 0 &&
			  wy_wants_fd((int)call->arg[row->fd2], second_file(call, row)));
	if (__builtin_expect(plan[nr] & PLAN_NAMES, 0))
		wy_fd_forget_names();
	event = wanted && events;
	if (wanted && totals)
		count(t, call->nr);
	if (never_returns(call) || row->effect == WY_FX_EXEC) {
		if (event)
			announce(call, row);
		if (never_returns(call)) {
			tell_end(call);
			return WY_PASS;
		}
	}
	if (nr == __NR_prctl && call->arg[0] == PR_SET_TSC && call->arg[1] == PR_TSC_SIGSEGV)
		wy_ticks_stop();
	if (__builtin_expect(wy_urings != 0, 0))
		wy_uring_look(t);
	if (nr == __NR_io_uring_setup && settings()->flags & WY_TRACE_NO_URING)
		return refuse(call, row, event);
	effect = has_effect(row, now.sub);
	if (effect)
		wy_fdstate_enter(call, row);
	if (!wanted && !effect && now.sub != WY_FD_URING && !(with_stack && nr == __NR_mmap))
		return WY_PASS;
	record = wy_call_leave_due(call);
	record->traced = (struct wy_traced){ .since = wy_ticks(),
					     .file = now.file,
					     .class = now.class,
					     .sub = now.sub,
					     .wanted = wanted,
					     .event = event };
	if (totals && row->fd2 >= 0) {
		struct wy_fd_now other = second_file(call, row);

		record->traced.class2 = other.file ? (unsigned char)(other.class + 1) : 0;
	}
	if (event && build(call, row, &record->traced, true))
		show(t, record->traced.since);
	else
		record->traced.event = false; /* lost, and counted so */
	return WY_PASS;
}

/* The event of a call that has made a descriptor is about that one. */
static void judge_made(const struct wy_call *call, const struct wy_call_row *row,
		       struct wy_traced *traced)
{
	struct wy_fd_now now = { traced->file, traced->class, traced->sub, 0, 0 };
	int fd = made_fd(call, row);

	if (fd >= 0)
		now = wy_fdstate_known(call->thread, fd);
	if (by_fd && traced->wanted)
		traced->wanted = wy_wants_fd(fd, now) || wy_wants_fd(fd_of(call, row), now);
	traced->file = now.file;
	traced->class = now.class;
	traced->sub = now.sub;
}

/* Data has gone through a TCP connection.  The call's own event comes behind what is told here. */
static void look_at_connection(const struct wy_call *call, const struct wy_call_row *row,
			       const struct wy_traced *traced)
{
	struct wy_fd_now now = { traced->file, traced->class, traced->sub, 0, 0 };

	if (settings()->tcp_every)
		wy_tcp_look(call->thread, now, (int)call->arg[row->fd]);
}

static void look_at_uring(const struct wy_call *call, const struct wy_traced *traced)
{
	switch (call->nr) {
	case __NR_io_uring_setup: wy_uring_made(call); break;
	case __NR_mmap: wy_uring_mapped(call, traced->file); break;
	case __NR_io_uring_register: wy_uring_registered(call, traced->file); break;
	case __NR_io_uring_enter: wy_uring_entered(call, traced->file, traced->since); break;
	}
}

static void leave(struct wy_call *call)
{
	struct wy_record *r = wy_record_find(call->thread, call->site, call->sp);
	const struct wy_call_row *row;
	struct wy_traced traced;
	struct wy_call as_program;
	unsigned long bytes, took;
	bool counted, wanted;

	if (!r || !r->traced.since)
		return;
	traced = r->traced;
	r->traced.since = 0;
	wy_ring_hold(call->thread);
	took = wy_ticks() - traced.since;
	/* What is told of its descriptors stands before the call, and must not be later. */
	wy_ring_at(call->thread, traced.since + took);
	if (__builtin_expect(r->changed, 0)) {
		as_program = *call;
		for (int i = 0; i < 6; i++)
			as_program.arg[i] = r->orig[i];
		call = &as_program;
	}
	row = &wy_call_rows[wy_call_row(call->nr)];
	if (has_effect(row, traced.sub))
		leave_effect(call, row, &traced);
	counted = totals && traced.wanted;
	if (makes_fd(row))
		judge_made(call, row, &traced);
	bytes = counted || settings()->size_min ? wy_payload_bytes(call, row) : 0;
	wanted = traced.wanted && wy_wants_end(call->ret, bytes, took);
	if (counted && wanted)
		add_totals(call, row, &traced, bytes, took);
	else if (counted)
		discount(call->thread, call->nr);
	if (traced.sub == WY_FD_URING && !WY_IS_ERROR(call->ret))
		look_at_uring(call, &traced);
	if (row->flow != WY_FLOW_NONE && traced.sub == WY_FD_TCP)
		look_at_connection(call, row, &traced);
	if (with_stack && call->nr == __NR_mmap && call->arg[2] & PROT_EXEC &&
	    !WY_IS_ERROR(call->ret))
		wy_stack_tell_maps(call->thread);
	if (traced.event && wanted)
		end_event(call, row, &traced, took);
	else if (traced.event)
		unshow(call->thread);
	wy_ring_rest(call->thread, traced.since + took);
}

/* ---- life ---- */

/* The strings of argv, as /proc has them, each an item.  text: room for all of them, further on. */
static void add_arguments(struct wy_event *e, char *text)
{
	long fd = sys3(__NR_open, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC, 0);
	unsigned long place = 0;
	long len = fd < 0 ? 0 : wy_proc_read(fd, text, ITEMS_MAX, &place);
	unsigned int n = 0;

	if (fd >= 0)
		sys1(__NR_close, fd);
	for (long at = 0, end; at < len && n < 255; at = end + 1, n++) {
		for (end = at; end < len && text[end]; end++)
			;
		if (wy_event_bytes(e) + (end - at) + sizeof(struct wy_item) > (unsigned char *)text)
			break;
		__builtin_memmove(wy_event_bytes(e), text + at, (unsigned long)(end - at));
		wy_event_item(e, WY_ITEM_STRING, n, (unsigned int)(end - at));
	}
}

/* Is it the first thread of a process that has a copy of its parent's descriptors? */
static bool has_copy(const struct wy_thread *t)
{
	return t->pid == t->tid && !(t->clone_flags & CLONE_FILES);
}

static void tell_start(struct wy_thread *t, enum wy_event_kind kind, long parent, long what)
{
	bool copy = kind == WY_EVENT_START && has_copy(t);
	unsigned char *room = NULL;
	struct wy_event *e;

	if (settings()->flags & WY_TRACE_EVENTS)
		room = wy_ring_room(t, EVENT_MAX + WY_FDSTATE_COPIES, true);
	if (!room)
		return;
	e = wy_event_begin(room, kind);
	e->arg[0] = t->pid;
	e->arg[1] = parent;
	e->arg[2] = t->tid;
	e->arg[3] = what;
	if (kind == WY_EVENT_IMAGE) {
		long len = sys3(__NR_readlink, "/proc/self/exe", wy_event_bytes(e), ITEMS_MAX / 2);

		if (len > 0)
			wy_event_item(e, WY_ITEM_PATH, 0, (unsigned int)len);
		add_arguments(e, (char *)e + EVENT_MAX - ITEMS_MAX);
	}
	if (copy)
		wy_fdstate_add_copies(t, e);
	wy_event_end(t, e);
}

/* A thread or a process that a call of the clone family has made. */
static void started(struct wy_thread *t, long parent)
{
	tell_start(t, WY_EVENT_START, parent, (long)t->clone_flags);
	if (has_copy(t))
		wy_fdstate_tell_rest(t);
}

/* Whose memory this is: a fork's child finds its parent's number here.  0: not begun. */
static int process;
static struct wy_files *files; /* of its first thread */

/* The first thread of an image, or of a process into which the agent was put. */
static void image_start(struct wy_thread *t)
{
	const struct wy_handover *before = wy_fdstate_handed_over(t);
	bool exec = before != NULL;
	int mode = 0;

	process = t->pid;
	wy_ring_new_image(exec && before->foreign);
	wy_ring_take(t, false);
	sys2(__NR_prctl, PR_GET_TSC, &mode);
	if (mode == PR_TSC_SIGSEGV)
		wy_ticks_stop();
	tell_start(t, WY_EVENT_IMAGE, sys0(__NR_getppid),
		   exec           ? WY_IMAGE_EXEC :
		   wy_program_ran ? WY_IMAGE_ATTACHED :
				    WY_IMAGE_FIRST);
	wy_fdstate_begin(t);
	files = t->files;
	if (with_stack)
		wy_stack_tell_maps(t);
}

static void thread_start(struct wy_thread *t)
{
	bool ours = t->pid == process; /* else it shares memory with this process: vfork */

	if (!wy_trace)
		return;
	if (!process) {
		image_start(t);
		return;
	}
	wy_ring_take(t, !ours);
	if (ours && !t->files) /* it was there before the agent */
		t->files = wy_files_for_child(files, CLONE_VM | CLONE_FILES);
	started(t, ours ? t->pid : sys0(__NR_getppid));
}

static void fork_child(struct wy_thread *t)
{
	int parent = process;

	if (!wy_trace)
		return;
	process = t->pid;
	wy_ring_new_process();
	wy_ring_take(t, false);
	wy_files_fork_child(t);
	started(t, parent);
}

static void thread_exit(struct wy_thread *t)
{
	if (wy_trace)
		wy_ring_put(t);
}

/* The call that this thread is in will not return. */
static void tell_pending(struct wy_thread *t)
{
	struct wy_event *e;

	if (!t->writer.ring || !(t->writer.ring->now & 1) || !t->writer.built)
		return;
	e = (struct wy_event *)(t->writer.data + t->writer.head % WY_RING_SIZE);
	if (wy_call_row_of(e->nr)->effect == WY_FX_EXEC)
		return; /* it has told so before */
	e->flags |= WY_EVENT_NO_RETURN;
	t->writer.built = 0;
	unshow(t);
	wy_event_end(t, e);
}

static void signal(struct wy_thread *t, int sig, const struct siginfo *info, bool ends)
{
	unsigned char *room;
	struct wy_event *e;

	if (ends)
		tell_pending(t);
	room = wy_ring_room(t, sizeof(struct wy_event), true);
	if (!room)
		return;
	e = wy_event_begin(room, WY_EVENT_SIGNAL);
	e->nr = (unsigned short)sig;
	e->arg[0] = info->si_code;
	e->arg[1] = *(const long *)&info->_sifields; /* si_pid and si_uid, or si_addr */
	e->arg[2] = info->si_uid;
	e->arg[3] = info->si_code == SI_QUEUE ? (long)info->_sifields._rt._sigval.sival_ptr :
						info->_sifields._sigchld._status;
	wy_event_end(t, e);
}

struct wy_layer wy_layer_trace = {
	.name = "trace",
	.start = start,
	.enter = enter,
	.leave = leave,
	.leave_on_demand = true,
	.thread_start = thread_start,
	.thread_exit = thread_exit,
	.fork_child = fork_child,
};
