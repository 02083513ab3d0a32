/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - the shared memory, from the side of a program.
 *
 * It is mapped at the start of an image and inherited over fork; no descriptor
 * of it is kept.  Without a host (or without memory for all of it) a small
 * private one stands in, so that nobody else needs to ask.
 */
#include "agent/session.h"
#include "agent/fault.h"
#include "agent/hot.h"
#include "agent/lock.h"
#include "agent/own.h"
#include "agent/ring.h"
#include "agent/sys.h"
#include "agent/thread.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/time_types.h>

struct wy_session *wy_session;
static unsigned int slots_max;
WY_LARGE static struct wy_thread_slot nobody; /* counters that nobody reads */
static unsigned long boot_at;

#define SESSION_LEAST (256ul << 10)
#define FUTEX_DIED    0x40000000u

static long private_session(void)
{
	unsigned long size = __builtin_offsetof(struct wy_session, thread[1]);
	long ret = sys_mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (WY_IS_ERROR(ret))
		return ret;
	wy_session = (struct wy_session *)ret;
	wy_session->host_life = FUTEX_DIED;
	slots_max = 1;
	return 0;
}

long wy_session_start(const struct wy_boot *boot)
{
	unsigned long size = WY_SESSION_SIZE;
	int fd = boot->session_fd;
	long at;

	boot_at = boot->flags & WY_BOOT_SELF ? 0 : (unsigned long)boot;
	if (boot->flags & WY_BOOT_NO_SESSION)
		return private_session();
	do { /* a program with little address space gets fewer thread slots */
		at = sys_mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
		if (!WY_IS_ERROR(at))
			break;
		size /= 4;
	} while (size >= SESSION_LEAST);
	if (!WY_IS_ERROR(at) && ((struct wy_session *)at)->flags & WY_LAYER_TRACE)
		wy_trace_map(fd, boot->pid);
	sys1(__NR_close, fd);
	if (WY_IS_ERROR(at))
		return at;
	/* 64 MB that would be in the program's core, and in memory before that. */
	sys3(__NR_madvise, at, size, MADV_DONTDUMP);
	wy_own_add((unsigned long)at, size);
	wy_session = (struct wy_session *)at;
	slots_max = (unsigned int)((size - __builtin_offsetof(struct wy_session, thread)) /
				   sizeof(struct wy_thread_slot));
	if (slots_max > WY_THREAD_SLOTS)
		slots_max = WY_THREAD_SLOTS;
	if (wy_session->magic != WY_SESSION_MAGIC || wy_session->version != WY_SESSION_VERSION)
		return -EPROTO;
	return 0;
}

/* ---- counters ---- */

static void add(unsigned long *to, unsigned long what)
{
	if (what)
		__atomic_add_fetch(to, what, __ATOMIC_RELAXED);
}

/* Moves what a slot counted to the totals.  Only its owner, or who took it from a dead one. */
static void merge(struct wy_thread_slot *slot)
{
	for (int i = 0; i < WY_CALLS_MAX; i++) {
		add(&wy_session->total.calls[i], slot->counts.calls[i]);
		add(&wy_session->total.errors[i], slot->counts.errors[i]);
		slot->counts.calls[i] = slot->counts.errors[i] = 0;
	}
	add(&wy_session->by_signal, slot->by_signal);
	slot->by_signal = 0;
}

static bool take(struct wy_thread_slot *slot, unsigned int state)
{
	return __atomic_compare_exchange_n(&slot->state, &state, 1, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/* A slot whose process is gone, killed or by exec with more than one thread. */
static struct wy_thread_slot *find_orphan(void)
{
	for (unsigned int n = 0; n < slots_max; n++) {
		struct wy_thread_slot *slot = &wy_session->thread[n];
		int pid = __atomic_load_n(&slot->pid, __ATOMIC_ACQUIRE);

		if (take(slot, 0))
			return slot;
		/* Whoever changes the pid first has it. */
		if (pid && sys2(__NR_kill, pid, 0) == -ESRCH &&
		    __atomic_compare_exchange_n(&slot->pid, &pid, 0, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED)) {
			merge(slot);
			return slot;
		}
	}
	return NULL;
}

static struct wy_thread_slot *find_slot(void)
{
	unsigned int from = __atomic_fetch_add(&wy_session->slots_hint, 1, __ATOMIC_RELAXED);

	/* Slots below slots_top that were given back are tried first, to touch few pages. */
	for (unsigned int turn = 0; turn < 2; turn++) {
		unsigned int top = __atomic_load_n(&wy_session->slots_top, __ATOMIC_ACQUIRE);
		unsigned int reach = top < slots_max ? top : slots_max;

		for (unsigned int n = 0; n < (reach < 64 ? reach : 64); n++) {
			struct wy_thread_slot *slot = &wy_session->thread[(from + n) % reach];

			if (take(slot, 0))
				return slot;
		}
		if (top < slots_max &&
		    __atomic_compare_exchange_n(&wy_session->slots_top, &top, top + 1, false,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED) &&
		    take(&wy_session->thread[top], 0))
			return &wy_session->thread[top];
	}
	return find_orphan();
}

void wy_session_take_slot(struct wy_thread *t)
{
	struct wy_thread_slot *slot = find_slot();

	if (!slot) {
		t->slot = &nobody;
		wy_fault(WY_FAULT_NO_SLOT);
		return;
	}
	slot->tid = t->tid;
	slot->boot = boot_at;
	__atomic_store_n(&slot->pid, t->pid, __ATOMIC_RELEASE);
	t->slot = slot;
}

void wy_session_put_slot(struct wy_thread *t)
{
	struct wy_thread_slot *slot = t->slot;

	t->slot = &nobody;
	if (slot == &nobody)
		return;
	merge(slot);
	slot->pid = 0;
	__atomic_store_n(&slot->state, 0, __ATOMIC_RELEASE);
}

/* ---- the host ---- */

int wy_session_host_alive(void)
{
	unsigned int life = __atomic_load_n(&wy_session->host_life, __ATOMIC_ACQUIRE);
	unsigned int away = life;

	for (int ticks = 0; (life & WY_LIFE_AWAY) && !(life & FUTEX_DIED); ticks++) {
		struct __kernel_timespec tick = { .tv_nsec = WY_LIFE_TICK_NS };

		if (life != away) {
			away = life;
			ticks = 0;
		}
		/* Should it be there after all, it will say so again. */
		if (ticks == WY_LIFE_PATIENCE)
			__atomic_compare_exchange_n(&wy_session->host_life, &away,
						    away | FUTEX_DIED, false, __ATOMIC_ACQ_REL,
						    __ATOMIC_RELAXED);
		else
			sys4(__NR_futex, &wy_session->host_life, FUTEX_WAIT, life, &tick);
		life = __atomic_load_n(&wy_session->host_life, __ATOMIC_ACQUIRE);
	}
	return life && !(life & FUTEX_DIED);
}

void wy_session_ring(void)
{
	__atomic_add_fetch(&wy_session->doorbell, 1, __ATOMIC_RELEASE);
	sys3(__NR_futex, &wy_session->doorbell, FUTEX_WAKE, 1);
}

void wy_session_note(int kind, int arg, int arg2, const char *text)
{
	for (unsigned int i = 0; i < WY_NOTE_SLOTS; i++) {
		struct wy_note *note = &wy_session->note[i];
		unsigned int free = 0;
		unsigned int n = 0;

		if (!__atomic_compare_exchange_n(&note->state, &free, 1, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_RELAXED))
			continue;
		note->kind = kind;
		note->arg = arg;
		note->arg2 = arg2;
		note->pid = (int)sys0(__NR_getpid);
		while (n < WY_NOTE_TEXT - 1 && text[n]) {
			note->text[n] = text[n];
			n++;
		}
		note->text[n] = 0;
		__atomic_store_n(&note->state, 2, __ATOMIC_RELEASE);
		wy_session_ring();
		return;
	}
	__atomic_add_fetch(&wy_session->notes_lost, 1, __ATOMIC_RELAXED);
}
