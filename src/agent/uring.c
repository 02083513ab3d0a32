/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uring.c - see uring.h.
 *
 * Operations of an io_uring are no system calls: they stand in memory that the
 * program and the kernel share.  When the call that submits them is back, the
 * kernel's head has moved past them, and as many as it says still lie there:
 * they are taken down by their user_data.  Their ends lie in the completion
 * ring, which is looked at after each io_uring_enter(2) and on the way of other
 * calls; what is found there is an event that began at its submission.
 *
 * Not seen: rings whose kernel thread polls (IORING_SETUP_SQPOLL), which need no
 * call to submit, and rings in memory of the program's own
 * (IORING_SETUP_NO_MMAP): these are counted, and said once.  Ends that were
 * written over before anybody looked are gone.
 *
 * Operations can make and close descriptors: the table follows when their end
 * is seen.
 */
#include "agent/uring.h"

#include "agent/hot.h"
#include "agent/lock.h"
#include "agent/ring.h"
#include "agent/session.h"
#include "agent/sys.h"
#include "agent/thread.h"
#include "agent/usermem.h"
#include "agent/wanted.h"
#include "proto/uring.h"

#define RINGS      16
#define PENDING    2048u /* operations under way, of all rings; a power of two */
#define PROBES     32u
#define FIXED_MAX  256u
#define OP_SOCKET  45         /* IORING_OP_SOCKET, Linux 5.19 */
#define NO_SQARRAY (1u << 16) /* IORING_SETUP_NO_SQARRAY, Linux 6.6 */
#define NO_MMAP    (1u << 14) /* IORING_SETUP_NO_MMAP, Linux 6.5 */

static struct ring {
	unsigned int file; /* 0: none */
	unsigned int flags;
	struct io_sqring_offsets sq;
	struct io_cqring_offsets cq;
	unsigned int sq_entries, cq_entries;
	unsigned long sq_at, cq_at, sqes_at; /* where the program has mapped them; 0 */
	unsigned int seen;                   /* completions that were looked at */
	int fixed[FIXED_MAX];                /* registered files: descriptors as they were then */
} rings[RINGS] WY_LARGE;
unsigned int wy_urings;

static struct operation {
	unsigned long user_data, since, offset, address;
	unsigned int ring; /* + 1; 0: free */
	unsigned int len;
	int fd;
	unsigned int file;
	unsigned char opcode, class, sub;
	bool direct; /* its result is an index of the ring's, not a descriptor */
} pending[PENDING] WY_LARGE;

static struct ring *find(unsigned int file)
{
	for (int i = 0; file && i < RINGS; i++) {
		if (rings[i].file == file)
			return &rings[i];
	}
	return NULL;
}

static void cannot_follow(const char *why)
{
	__atomic_add_fetch(&wy_trace->rings_untracked, 1, __ATOMIC_RELAXED);
	wy_session_note(WY_NOTE_INFO, 0, 0, why);
}

void wy_uring_made(const struct wy_call *call)
{
	unsigned int file = wy_fdstate_known(call->thread, call->ret).file;
	struct io_uring_params p;
	struct ring *r = NULL;

	if (!file || copy_from_program(&p, (unsigned long)call->arg[1], sizeof(p)) < 0)
		return;
	if (p.flags & IORING_SETUP_SQPOLL) {
		cannot_follow("an io_uring is polled by the kernel: what it does is not seen");
		return;
	}
	if (p.flags & NO_MMAP) {
		cannot_follow(
			"an io_uring lies in the program's own memory: what it does is not seen");
		return;
	}
	wy_lock(WY_LOCK_URING);
	for (int i = 0; i < RINGS && !r; i++) {
		if (!rings[i].file)
			r = &rings[i];
	}
	if (r) {
		__builtin_memset(r, 0, sizeof(*r));
		r->flags = p.flags;
		r->sq = p.sq_off;
		r->cq = p.cq_off;
		r->sq_entries = p.sq_entries;
		r->cq_entries = p.cq_entries;
		r->file = file;
		wy_urings++;
	}
	wy_unlock(WY_LOCK_URING);
	if (!r)
		cannot_follow("a process has many io_urings: what its next one does is not seen");
}

void wy_uring_mapped(const struct wy_call *call, unsigned int file)
{
	struct ring *r = find(file);
	unsigned long at = (unsigned long)call->ret;

	if (!r)
		return;
	switch ((unsigned long)call->arg[5]) {
	case IORING_OFF_SQ_RING:
		r->sq_at = at;
		if (!r->cq_at) /* IORING_FEAT_SINGLE_MMAP: one mapping has both */
			r->cq_at = at;
		break;
	case IORING_OFF_CQ_RING: r->cq_at = at; break;
	case IORING_OFF_SQES: r->sqes_at = at; break;
	}
}

void wy_uring_registered(const struct wy_call *call, unsigned int file)
{
	struct io_uring_files_update update;
	struct ring *r = find(file);
	unsigned long from = (unsigned long)call->arg[2], nr = (unsigned long)call->arg[3];
	unsigned int first = 0;

	if (!r)
		return;
	if (call->arg[1] == IORING_REGISTER_FILES_UPDATE) {
		if (copy_from_program(&update, from, sizeof(update)) < 0)
			return;
		first = update.offset;
		from = update.fds;
	} else if (call->arg[1] != IORING_REGISTER_FILES) {
		return;
	}
	for (unsigned long i = 0; i < nr && first + i < FIXED_MAX; i++)
		copy_from_program(&r->fixed[first + i], from + i * sizeof(int), sizeof(int));
}

/* ---- what is submitted ---- */

static struct operation *slot_for(unsigned int ring, unsigned long user_data, bool taken)
{
	unsigned long hash = (user_data ^ user_data >> 17 ^ ring) * 0x9e3779b97f4a7c15ul;

	for (unsigned int i = 0; i < PROBES; i++) {
		struct operation *o = &pending[((hash >> 40) + i) % PENDING];

		if (taken ? o->ring == ring + 1 && o->user_data == user_data : !o->ring)
			return o;
	}
	return NULL;
}

/* There its place holds something else. */
static bool has_fd(unsigned int opcode)
{
	switch (opcode) {
	case IORING_OP_PROVIDE_BUFFERS:
	case IORING_OP_REMOVE_BUFFERS:
	case OP_SOCKET: return false;
	}
	return true;
}

static void take_down(struct wy_thread *t, struct ring *r, const struct io_uring_sqe *sqe,
		      unsigned long since)
{
	unsigned int nr = (unsigned int)(r - rings);
	struct operation *o = slot_for(nr, sqe->user_data, false);
	int fd = sqe->fd;
	struct wy_fd_now now;

	if (!o) {
		__atomic_add_fetch(&wy_trace->lost, 1, __ATOMIC_RELAXED);
		return;
	}
	if (!has_fd(sqe->opcode))
		fd = -1;
	else if (sqe->flags & IOSQE_FIXED_FILE)
		fd = (unsigned int)fd < FIXED_MAX ? r->fixed[fd] : -1;
	now = wy_fdstate_known(t, fd);
	*o = (struct operation){
		.user_data = sqe->user_data,
		.since = since,
		.offset = sqe->off,
		.address = sqe->addr,
		.ring = nr + 1,
		.len = sqe->len,
		.fd = fd,
		.file = now.file,
		.opcode = sqe->opcode,
		.class = now.class,
		.sub = now.sub,
		.direct = sqe->file_index != 0,
	};
}

static bool read_word(unsigned long at, unsigned int *ret)
{
	return copy_from_program(ret, at, sizeof(*ret)) == 0;
}

/* Those that stand before the kernel's head. */
static void take_submitted(struct wy_thread *t, struct ring *r, long nr, unsigned long since)
{
	unsigned long size = sizeof(struct io_uring_sqe)
			     << (r->flags & IORING_SETUP_SQE128 ? 1 : 0);
	unsigned int head, at;
	struct io_uring_sqe sqe;

	if (!r->sq_at || !r->sqes_at || !read_word(r->sq_at + r->sq.head, &head))
		return;
	if (nr > (long)r->sq_entries)
		nr = r->sq_entries;
	for (unsigned int i = head - (unsigned int)nr; i != head; i++) {
		at = i & (r->sq_entries - 1);
		if (!(r->flags & NO_SQARRAY) && !read_word(r->sq_at + r->sq.array + at * 4ul, &at))
			return;
		if (at < r->sq_entries &&
		    copy_from_program(&sqe, r->sqes_at + at * size, sizeof(sqe)) == 0)
			take_down(t, r, &sqe, since);
	}
}

/* ---- what has ended ---- */

/* Descriptors that an operation has made or closed. */
static void follow(struct wy_thread *t, const struct operation *o, int result)
{
	if (result < 0 || o->direct)
		return;
	switch (o->opcode) {
	case IORING_OP_ACCEPT: wy_fdstate_arrive(t, result, __NR_accept4); break;
	case IORING_OP_OPENAT: wy_fdstate_arrive(t, result, __NR_openat); break;
	case IORING_OP_OPENAT2: wy_fdstate_arrive(t, result, __NR_openat2); break;
	case OP_SOCKET: wy_fdstate_arrive(t, result, __NR_socket); break;
	case IORING_OP_RECVMSG: wy_fdstate_received(t, o->address); break;
	case IORING_OP_CLOSE: wy_fdstate_closed(t, o->fd); break;
	}
}

/* The descriptor that it has made; -1. */
static int made_fd(const struct operation *o, int result)
{
	switch (o->opcode) {
	case IORING_OP_ACCEPT:
	case IORING_OP_OPENAT:
	case IORING_OP_OPENAT2:
	case OP_SOCKET: return o->direct ? -1 : result;
	}
	return -1;
}

/* By its own descriptor, or by the one that it has made. */
static bool wants_fd(const struct wy_thread *t, const struct operation *o, int result)
{
	struct wy_fd_now now = { .file = o->file, .class = o->class, .sub = o->sub };
	int made = made_fd(o, result);

	return wy_wants_fd(o->fd, now) ||
	       (made >= 0 && wy_wants_fd(made, wy_fdstate_known(t, made)));
}

static void add_totals(struct wy_thread *t, const struct operation *o, int result,
		       unsigned long took, unsigned long bytes)
{
	if (t->writer.ring && o->file)
		wy_total_add(t->writer.ring, o->class, result < 0, took, wy_uring_flow(o->opcode),
			     bytes);
	else if (!t->writer.ring && !(wy_trace->settings.flags & WY_TRACE_EVENTS))
		__atomic_add_fetch(&wy_trace->lost, 1, __ATOMIC_RELAXED);
}

static void tell(struct wy_thread *t, const struct operation *o, int result)
{
	unsigned long took = wy_event_time() - o->since, bytes = 0;
	unsigned char *room = NULL;
	struct wy_event *e;

	if (wy_uring_flow(o->opcode) != WY_FLOW_NONE && result > 0)
		bytes = (unsigned long)result;
	if (!wy_wants_call(__NR_io_uring_enter) || !wants_fd(t, o, result) ||
	    !wy_wants_end(result, bytes, took))
		return;
	if (wy_trace->settings.flags & WY_TRACE_TOTALS)
		add_totals(t, o, result, took, bytes);
	if (wy_trace->settings.flags & WY_TRACE_EVENTS)
		room = wy_ring_room(t, sizeof(*e) + 2 * sizeof(struct wy_item), false);
	if (!room)
		return;
	e = wy_event_begin(room, WY_EVENT_URING);
	e->time = o->since;
	e->took = (unsigned int)took;
	if (took >> 32) {
		e->flags |= WY_EVENT_LONG;
		*(unsigned long *)wy_event_item(e, WY_ITEM_TOOK, 0, sizeof(long)) = took;
	}
	e->nr = o->opcode;
	e->file = o->file;
	e->class = o->class;
	e->sub = o->sub;
	e->ret = result;
	e->arg[0] = (long)o->user_data;
	e->arg[1] = o->fd;
	e->arg[2] = o->len;
	e->arg[3] = (long)o->offset;
	wy_event_end(t, e);
}

static void take_ended(struct wy_thread *t, struct ring *r)
{
	unsigned long size = sizeof(struct io_uring_cqe) << (r->flags & IORING_SETUP_CQE32 ? 1 : 0);
	unsigned int tail;

	if (!r->cq_at || !read_word(r->cq_at + r->cq.tail, &tail) || tail == r->seen)
		return;
	if (tail - r->seen > r->cq_entries) {
		__atomic_add_fetch(&wy_trace->lost, tail - r->seen - r->cq_entries,
				   __ATOMIC_RELAXED);
		r->seen = tail - r->cq_entries;
	}
	for (; r->seen != tail; r->seen++) {
		unsigned int at = r->seen & (r->cq_entries - 1);
		struct io_uring_cqe cqe;
		struct operation *o;

		if (copy_from_program(&cqe, r->cq_at + r->cq.cqes + at * size, 16) < 0)
			return;
		o = slot_for((unsigned int)(r - rings), cqe.user_data, true);
		if (!o)
			continue;
		/* What it has made is told before it, as with calls. */
		if (made_fd(o, cqe.res) >= 0)
			follow(t, o, cqe.res);
		/* Else: an operation that has ended before no longer uses its buffer. */
		if (!(cqe.flags & IORING_CQE_F_NOTIF))
			tell(t, o, cqe.res);
		if (made_fd(o, cqe.res) < 0)
			follow(t, o, cqe.res);
		if (cqe.flags & IORING_CQE_F_MORE)
			o->since = wy_event_time();
		else
			o->ring = 0;
	}
}

void wy_uring_entered(const struct wy_call *call, unsigned int file, unsigned long since)
{
	struct ring *r = find(file);

	if (!r)
		return;
	wy_lock(WY_LOCK_URING);
	if (call->ret > 0)
		take_submitted(call->thread, r, call->ret, since);
	take_ended(call->thread, r);
	wy_unlock(WY_LOCK_URING);
}

void wy_uring_look(struct wy_thread *t)
{
	for (int i = 0; i < RINGS; i++) {
		unsigned int tail;

		if (!rings[i].file || !rings[i].cq_at ||
		    !read_word(rings[i].cq_at + rings[i].cq.tail, &tail) || tail == rings[i].seen)
			continue;
		wy_lock(WY_LOCK_URING);
		take_ended(t, &rings[i]);
		wy_unlock(WY_LOCK_URING);
	}
}
