/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.c - see ring.h.
 *
 * The thread writes, the host reads, each has a position of its own; so there
 * is no lock and no atomic addition on the way of an event: a store with
 * release of `head` publishes it.  The positions lie in different cache lines,
 * and the thread looks at the host's only when it has used up what it knows to
 * be free.
 *
 * A full ring.  The thread waits, as long as the host lives and drains; a host
 * that was stopped does not drain, so a wait without progress ends after
 * PATIENCE and the events from then on are lost, and counted, until the host
 * has moved.  With WY_TRACE_DROP nobody waits.
 *
 * The host is woken when a quarter of the ring has been filled since, or at
 * once when somebody watches and it sleeps (WY_TRACE_LIVE).
 */
#include "agent/ring.h"
#include "agent/own.h"
#include "agent/session.h"
#include "agent/sys.h"
#include "agent/thread.h"
#include <asm/errno.h>
#include <asm/stat.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/time.h>
#include <linux/time_types.h>

#define TICK_NS   50000000l
#define PATIENCE  40 /* ticks of 50 ms */

/* Rings to be given back for which the host is woken, before it looks by itself. */
#define ENDED_MAX 8

struct wy_trace *wy_trace;
static unsigned int nr_rings; /* that are mapped here */

static long host_pid; /* of this process as the host sees it; 0: not known */

void wy_trace_map(int fd, long pid)
{
	unsigned int rings = WY_RINGS;

	host_pid = pid;

	/* A program with little address space sees fewer of them. */
	for (; rings; rings /= 8) {
		long at = sys6(__NR_mmap, 0, WY_RINGS_AT + rings * WY_RING_STRIDE,
			       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
			       WY_SESSION_SIZE);

		if (WY_IS_ERROR(at))
			continue;
		sys3(__NR_madvise, at, WY_RINGS_AT + rings * WY_RING_STRIDE, MADV_DONTDUMP);
		wy_own_add((unsigned long)at, WY_RINGS_AT + rings * WY_RING_STRIDE);
		wy_trace = (struct wy_trace *)at;
		nr_rings = rings;
		if (wy_trace->magic != WY_TRACE_MAGIC || wy_trace->version != WY_TRACE_VERSION)
			wy_trace = NULL;
		return;
	}
}

/* ---- time ---- */

static unsigned long stopped_at;

static unsigned long monotonic(void)
{
	struct __kernel_timespec now;

	sys2(__NR_clock_gettime, CLOCK_MONOTONIC, &now);
	return (unsigned long)now.tv_sec * 1000000000ul + (unsigned long)now.tv_nsec;
}

unsigned long wy_ticks(void)
{
	if (__builtin_expect(stopped_at != 0, 0))
		return stopped_at;
	return wy_trace->settings.flags & WY_TRACE_TSC ? arch_ticks() : monotonic();
}

void wy_ticks_stop(void)
{
	int mode = 0;

	if (!wy_trace || stopped_at)
		return;
	sys2(__NR_prctl, PR_GET_TSC, &mode);
	if (mode == PR_TSC_SIGSEGV)
		sys2(__NR_prctl, PR_SET_TSC, PR_TSC_ENABLE);
	stopped_at = wy_ticks();
	if (mode == PR_TSC_SIGSEGV)
		sys2(__NR_prctl, PR_SET_TSC, PR_TSC_SIGSEGV);
}

/* ---- rings ---- */

static bool claim(unsigned int i)
{
	unsigned int free = WY_RING_FREE;

	return __atomic_compare_exchange_n(&wy_trace->use[i].state, &free, WY_RING_USED, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void wake_host(void)
{
	__atomic_add_fetch(&wy_trace->bell, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&wy_trace->asleep, 0, __ATOMIC_RELAXED);
	sys3(__NR_futex, &wy_trace->bell, FUTEX_WAKE, 1);
}

/* Its number; nr_rings: there is none. */
static unsigned int find_ring(void)
{
	unsigned int top = __atomic_load_n(&wy_trace->rings_top, __ATOMIC_ACQUIRE);
	unsigned int ended = 0, i;

	for (i = 0; i < top && i < nr_rings; i++) {
		unsigned int state = __atomic_load_n(&wy_trace->use[i].state, __ATOMIC_RELAXED);

		if (state == WY_RING_FREE && claim(i))
			return i;
		ended += state == WY_RING_ENDED;
	}
	/* The pages of a ring that was never used are dear. */
	if (ended >= ENDED_MAX)
		wake_host();
	for (; i < nr_rings; i++) {
		/* The host looks at rings below the top only. */
		while (top <= i &&
		       !__atomic_compare_exchange_n(&wy_trace->rings_top, &top, i + 1, false,
						    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			;
		if (claim(i))
			break;
	}
	return i;
}

/* Numbers of this process; a fork's child begins anew. */
static unsigned int process_image;
static bool foreign;

static unsigned int new_image(void)
{
	return __atomic_add_fetch(&wy_trace->last_image, 1, __ATOMIC_RELAXED);
}

void wy_ring_new_process(void)
{
	process_image = new_image();
	/* Its parent is not of its namespace; or is gone, and it is the first one there. */
	foreign |= sys0(__NR_getppid) == 0 || sys0(__NR_getpid) == 1;
}

/* Different numbers tell; equal ones prove nothing: so what the image before knew comes along. */
void wy_ring_new_image(bool was_foreign)
{
	long pid = sys0(__NR_getpid);
	struct stat ns;

	process_image = new_image();
	foreign = was_foreign || pid == 1;
	if (host_pid)
		foreign |= pid != host_pid;
	else if (sys2(__NR_stat, "/proc/self/ns/pid", &ns) == 0)
		foreign |= ns.st_ino != wy_trace->pid_namespace;
}

bool wy_ring_foreign(void)
{
	return foreign;
}

void wy_ring_end_image(unsigned int image)
{
	unsigned int top = __atomic_load_n(&wy_trace->rings_top, __ATOMIC_ACQUIRE);

	if (!image) /* it had no ring; and those that somebody is about to take have none */
		return;
	for (unsigned int i = 0; i < top && i < nr_rings; i++) {
		struct wy_ring_use *use = &wy_trace->use[i];
		unsigned int used = WY_RING_USED;

		if (use->image == image)
			__atomic_compare_exchange_n(&use->state, &used, WY_RING_ENDED, false,
						    __ATOMIC_RELEASE, __ATOMIC_RELAXED);
	}
}

/* Threads that come and go faster than the host drains wait for the rings of those that went. */
static bool some_ended(void)
{
	for (unsigned int i = 0; i < nr_rings; i++) {
		if (wy_trace->use[i].state == WY_RING_ENDED)
			return true;
	}
	return false;
}

static unsigned int wait_for_ring(void)
{
	struct __kernel_timespec tick = { .tv_nsec = TICK_NS / 10 };
	unsigned int found = find_ring();

	if (wy_trace->settings.flags & WY_TRACE_DROP)
		return found;
	for (int i = 0;
	     found == nr_rings && i < 10 * PATIENCE && some_ended() && wy_session_host_alive();
	     i++) {
		wake_host();
		sys4(__NR_clock_nanosleep, CLOCK_MONOTONIC, 0, &tick, NULL);
		found = find_ring();
	}
	return found;
}

void wy_ring_take(struct wy_thread *t, bool own_process)
{
	unsigned int found = wait_for_ring();
	struct wy_ring *ring;

	t->writer = (struct wy_writer){ 0 };
	if (found == nr_rings)
		return;
	ring = wy_trace_ring(wy_trace, found);
	t->writer.ring = ring;
	t->writer.use = &wy_trace->use[found];
	t->writer.use->image = own_process ? new_image() : process_image;
	ring->pid = t->pid;
	ring->tid = t->tid;
	ring->foreign = foreign;
	ring->now = 0;
	ring->busy = 0;
	t->writer.last = wy_ticks();
	/* The host gave it away empty. */
	t->writer.head = ring->head;
	t->writer.limit = ring->head + WY_RING_SIZE;
	t->writer.wake_at = ring->head + WY_RING_SIZE / 4;
	t->writer.told = ring->lost;
	t->writer.data = wy_ring_data(ring);
}

void wy_ring_put(struct wy_thread *t)
{
	struct wy_ring *ring = t->writer.ring;

	t->writer.ring = NULL;
	if (!ring)
		return;
	__atomic_store_n(&ring->busy, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&t->writer.use->state, WY_RING_ENDED, __ATOMIC_RELEASE);
}

/* ---- room ---- */

static void look_at_tail(struct wy_writer *w)
{
	unsigned long tail = __atomic_load_n(&w->ring->tail, __ATOMIC_ACQUIRE);

	/* The host's word, but in memory that the program can write to. */
	if (w->head - tail <= WY_RING_SIZE)
		w->limit = tail + WY_RING_SIZE;
}

/* Waits until tail has moved.  False: it will not. */
static bool wait_for_host(struct wy_writer *w)
{
	struct wy_ring *ring = w->ring;
	struct __kernel_timespec tick = { .tv_nsec = TICK_NS };
	unsigned long before = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);

	if (wy_trace->settings.flags & WY_TRACE_DROP || w->stalled == before + 1)
		return false;
	for (int ticks = 0; ticks < PATIENCE && wy_session_host_alive(); ticks++) {
		unsigned int room = __atomic_load_n(&ring->room, __ATOMIC_ACQUIRE);

		__atomic_store_n(&ring->waits, 1, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) != before)
			return true;
		wake_host();
		sys4(__NR_futex, &ring->room, FUTEX_WAIT, room, &tick);
		if (__atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) != before)
			return true;
	}
	w->stalled = before + 1;
	return false;
}

/* So many bytes without events. */
static void fill(struct wy_writer *w, unsigned long bytes)
{
	unsigned char *at = w->data + w->head % WY_RING_SIZE;

	if (bytes < sizeof(struct wy_event)) {
		__builtin_memset(at, 0, bytes);
		return;
	}
	*(struct wy_event *)at = (struct wy_event){ .words = (unsigned short)(bytes / 8) };
}

static unsigned char *room(struct wy_writer *w, unsigned long bytes, bool wait)
{
	for (;;) {
		unsigned long at = w->head % WY_RING_SIZE;
		unsigned long rest = WY_RING_SIZE - at;
		unsigned long filling = bytes > rest ? rest : 0;

		if (w->head + filling + bytes <= w->limit) {
			if (filling) {
				fill(w, filling);
				w->head += filling;
				__atomic_store_n(&w->ring->head, w->head, __ATOMIC_RELEASE);
			}
			return w->data + w->head % WY_RING_SIZE;
		}
		look_at_tail(w);
		if (w->head + filling + bytes <= w->limit)
			continue;
		if (!wait || !wait_for_host(w))
			return NULL;
		look_at_tail(w);
	}
}

/* Says how many were lost, now that there is room again. */
static void tell_lost(struct wy_thread *t, unsigned long bytes)
{
	struct wy_writer *w = &t->writer;
	unsigned char *at = room(w, bytes + sizeof(struct wy_event), false);
	struct wy_event *e;

	if (!at)
		return;
	e = wy_event_begin(at, WY_EVENT_LOST);
	e->ret = (long)(w->ring->lost - w->told);
	w->told = w->ring->lost;
	wy_event_end(t, e);
}

static void begin_busy(struct wy_writer *w)
{
	if (!w->ring->busy)
		__atomic_store_n(&w->ring->busy, w->last, __ATOMIC_RELEASE);
}

void wy_ring_hold(struct wy_thread *t)
{
	if (!t->writer.ring)
		return;
	t->writer.holding = true;
	begin_busy(&t->writer);
}

void wy_ring_at(struct wy_thread *t, unsigned long time)
{
	t->writer.at = time;
}

void wy_ring_rest(struct wy_thread *t, unsigned long now)
{
	struct wy_writer *w = &t->writer;

	w->holding = false;
	w->at = 0;
	w->last = now;
	if (w->ring)
		__atomic_store_n(&w->ring->busy, 0, __ATOMIC_RELEASE);
}

unsigned char *wy_ring_room(struct wy_thread *t, unsigned long bytes, bool wait)
{
	struct wy_writer *w = &t->writer;
	unsigned char *at;

	if (__builtin_expect(!w->ring || wy_trace->stop, 0)) {
		if (!wy_trace->stop)
			__atomic_add_fetch(&wy_trace->lost, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	begin_busy(w);
	w->built = 0; /* what lay there is written over */
	if (__builtin_expect(w->told != w->ring->lost, 0))
		tell_lost(t, bytes);
	at = room(w, bytes, wait);
	if (!at) {
		w->ring->lost++;
		if (!w->holding)
			wy_ring_rest(t, w->last);
	}
	return at;
}

void wy_ring_publish(struct wy_thread *t, unsigned long bytes)
{
	struct wy_writer *w = &t->writer;

	w->head += bytes;
	__atomic_store_n(&w->ring->head, w->head, __ATOMIC_RELEASE);
	if (!w->holding)
		__atomic_store_n(&w->ring->busy, 0, __ATOMIC_RELEASE);
	if (__builtin_expect(w->head >= w->wake_at, 0)) {
		w->wake_at = w->head + WY_RING_SIZE / 4;
		wake_host();
	} else if (__builtin_expect(__atomic_load_n(&wy_trace->asleep, __ATOMIC_RELAXED), 0)) {
		wake_host();
	}
}

/* ---- events ---- */

unsigned long wy_event_time(void)
{
	unsigned long at = wy_self()->writer.at;

	return at ? at : wy_ticks();
}

struct wy_event *wy_event_begin(unsigned char *room, enum wy_event_kind kind)
{
	struct wy_event *e = (struct wy_event *)room;

	*e = (struct wy_event){ .time = wy_event_time(), .words = WY_EVENT_WORDS, .kind = kind };
	return e;
}

void *wy_event_item(struct wy_event *e, enum wy_item_what what, unsigned int index,
		    unsigned int len)
{
	struct wy_item *item = (struct wy_item *)((unsigned long *)e + e->words);

	*item = (struct wy_item){ .what = (unsigned char)what,
				  .index = (unsigned char)index,
				  .len = len };
	e->words += (unsigned short)((sizeof(*item) + len + 7) / 8);
	return item + 1;
}

void wy_event_end(struct wy_thread *t, struct wy_event *e)
{
	wy_ring_publish(t, e->words * 8ul);
}
