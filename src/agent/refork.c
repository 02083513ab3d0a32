/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refork.c - see refork.h.
 *
 * Coming to rest.  Each thread gets a SIGSYS of ours, the one signal that no
 * program can block.  Where it finds the program's own code, a stub or the edge
 * of the gate, the thread's state is made the program's (as for any signal) and
 * it stays in the handler.  In the agent's C code there is nothing to rest on:
 * the handler returns, and the thread is asked again a little later.  A call
 * that signals end with EINTR, and which the kernel would not make again, is
 * put back before its instruction; its number, which the kernel overwrites, was
 * noted on its way in.  A timeout in it begins anew.
 *
 * The copy.  The program did not ask for this fork, so its libc does not know of
 * it, and need not: no thread is lost, so no lock is held by nobody.  What libc
 * would do for the ids is done here: glibc keeps the id where it told the kernel
 * to clear it at the end, musl where it told it to write it at the start.  The
 * other word of musl is a lock: nothing may be written there, which is why the
 * old id must stand where the new one is put.
 *
 * The copy's first thread is the one that copies, also when it was not the
 * template's first.
 */
#include "agent/refork.h"
#include "agent/arch/x86_64/frame.h"
#include "agent/fault.h"
#include "agent/gate.h"
#include "agent/hot.h"
#include "agent/lock.h"
#include "agent/procfs.h"
#include "agent/signal.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <asm/prctl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#define REST_ASKED   (-0x5752) /* si_code */
#define ASK_EVERY_NS 1000000l
#define ASKS_MAX     2000
#define ROUNDS_MAX   100 /* in which threads may still make others */
#define COPY_FAILED  125

void wy_sigreturn_at(unsigned long sp, unsigned long *held) __attribute__((noreturn));
void wy_rest_revived(struct wy_thread *t) __attribute__((noreturn));

WY_HOT static unsigned int asking;
WY_HOT static unsigned int revived, may_go; /* futexes of a copy */

static void wait_on(unsigned int *word, unsigned int value, long ns)
{
	struct {
		long sec, ns;
	} timeout = { 0, ns };

	sys4(__NR_futex, word, FUTEX_WAIT, value, ns ? &timeout : NULL);
}

static void wake(unsigned int *word)
{
	sys3(__NR_futex, word, FUTEX_WAKE, 0x7fffffff);
}

/* ---- what is seen before ---- */

#ifndef __NR_futex_waitv
#define __NR_futex_waitv 449
#endif

void wy_refork_watch(struct wy_callset *calls)
{
	/* clang-format off */
	static const unsigned short wanted[] = {
		__NR_set_tid_address, __NR_rseq,
		/* signal(7): ended by a handler with EINTR, at least when they have a timeout */
		__NR_futex, __NR_futex_waitv, __NR_poll, __NR_ppoll, __NR_select, __NR_pselect6,
		__NR_epoll_wait, __NR_epoll_pwait, __NR_epoll_pwait2, __NR_nanosleep,
		__NR_clock_nanosleep, __NR_pause, __NR_rt_sigsuspend, __NR_rt_sigtimedwait,
		__NR_msgrcv, __NR_msgsnd, __NR_semop, __NR_semtimedop, __NR_io_getevents,
		__NR_io_pgetevents, __NR_read, __NR_readv, __NR_write, __NR_writev,
		__NR_recvfrom, __NR_recvmsg, __NR_recvmmsg, __NR_sendto, __NR_sendmsg,
		__NR_accept, __NR_accept4, __NR_connect, __NR_mq_timedreceive, __NR_mq_timedsend,
	};
	/* clang-format on */

	for (unsigned int i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		wy_callset_add(calls, wanted[i]);
}

void wy_refork_look(const struct wy_call *call)
{
	struct wy_revival *r = &call->thread->revival;

	r->site = call->site;
	r->sp = call->sp;
	r->nr = call->nr;
	switch ((int)call->nr) {
	case __NR_set_tid_address: r->clear_tid = (unsigned long)call->arg[0]; break;
	case __NR_rseq:
		if (call->arg[2] & 1 /* RSEQ_FLAG_UNREGISTER */) {
			r->rseq = 0;
		} else {
			r->rseq = (unsigned long)call->arg[0];
			r->rseq_len = (unsigned long)call->arg[1];
			r->rseq_sig = (unsigned long)call->arg[3];
		}
		break;
	}
}

/* ---- rest ---- */

/* What only the thread itself can say. */
static void take_down(struct wy_thread *t)
{
	struct wy_revival *r = &t->revival;

	r->tid = t->tid;
	r->gs = arch_get_gs();
	if (sys2(__NR_arch_prctl, ARCH_GET_FS, &r->fs) < 0)
		r->fs = 0;
	if (sys3(__NR_get_robust_list, 0, &r->robust_list, &r->robust_len) < 0)
		r->robust_list = 0;
	sys2(__NR_prctl, PR_GET_NAME, r->name);
}

bool wy_rest_asked(int si_code)
{
	return si_code == REST_ASKED && __atomic_load_n(&asking, __ATOMIC_ACQUIRE);
}

void wy_rest_here(struct wy_thread *t, struct ucontext *uc)
{
	struct wy_revival *r = &t->revival;
	unsigned long temp_mask;
	bool has_temp_mask;

	if (r->site)
		arch_call_unmade(t, uc, r->nr, r->site);
	if (arch_recover(t, uc, &has_temp_mask, &temp_mask) == ARCH_IN_AGENT)
		return; /* it will be asked again */
	take_down(t);
	r->frame = arch_uc_frame(uc);
	__atomic_store_n(&r->state, WY_REST_RESTING, __ATOMIC_RELEASE);
	wake(&r->state);
	while (__atomic_load_n(&r->state, __ATOMIC_ACQUIRE) == WY_REST_RESTING)
		wait_on(&r->state, WY_REST_RESTING, 0);
	__atomic_store_n(&r->state, WY_REST_NOT, __ATOMIC_RELEASE);
}

static struct wy_thread *find(int tid)
{
	for (struct wy_thread *t = wy_thread_blocks(); t; t = t->next) {
		if (t->state != WY_THREAD_FREE && t->tid == tid)
			return t;
	}
	return NULL;
}

/* Returns 0, also when the thread has ended meanwhile; or -EBUSY. */
static long bring_to_rest(const struct wy_thread *t, int tid)
{
	for (int i = 0; i < ASKS_MAX; i++) {
		struct siginfo info = { 0 };
		struct wy_thread *other = find(tid);

		info.si_signo = SIGSYS;
		info.si_code = REST_ASKED;
		info.si_pid = t->pid;
		if (sys4(__NR_rt_tgsigqueueinfo, t->pid, tid, SIGSYS, &info) == -ESRCH)
			return 0;
		if (!other) { /* it begins, or ends */
			unsigned int none = 0;

			wait_on(&none, 0, ASK_EVERY_NS);
			continue;
		}
		wait_on(&other->revival.state, WY_REST_NOT, ASK_EVERY_NS);
		if (wy_rest_is(other))
			return 0;
	}
	return -EBUSY;
}

/* One look at the threads that there are.  Returns how many were asked, or -errno. */
static long rest_round(const struct wy_thread *t, int *ret_tid)
{
	struct wy_dir dir;
	long asked = 0, tid, ret;

	ret = wy_dir_open(&dir, "/proc/self/task");
	while (!ret && (tid = wy_dir_next_number(&dir)) >= 0) {
		const struct wy_thread *other = find((int)tid);

		if (tid == t->tid || (other && wy_rest_is(other)))
			continue;
		asked++;
		*ret_tid = (int)tid;
		ret = bring_to_rest(t, (int)tid);
	}
	wy_dir_close(&dir);
	return ret ? ret : asked;
}

long wy_rest_all(struct wy_thread *t, int *ret_tid)
{
	long ret = 1;

	*ret_tid = 0;
	take_down(t);
	__atomic_store_n(&asking, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < ROUNDS_MAX && ret > 0; i++)
		ret = rest_round(t, ret_tid);
	if (ret > 0)
		ret = -EBUSY;
	if (ret < 0)
		wy_rest_end(t);
	return ret;
}

void wy_rest_end(const struct wy_thread *t)
{
	__atomic_store_n(&asking, 0, __ATOMIC_RELEASE);
	for (struct wy_thread *other = wy_thread_blocks(); other; other = other->next) {
		if (other == t || !wy_rest_is(other))
			continue;
		__atomic_store_n(&other->revival.state, WY_REST_GOING_ON, __ATOMIC_RELEASE);
		wake(&other->revival.state);
	}
}

unsigned int wy_rest_count(const struct wy_thread *t)
{
	unsigned int n = 0;

	for (const struct wy_thread *other = wy_thread_blocks(); other; other = other->next)
		n += other != t && wy_rest_is(other);
	return n;
}

static bool holds_robust_lock(const struct wy_thread *t)
{
	unsigned long head = t->revival.robust_list, first;

	return head && copy_from_program(&first, head, sizeof(first)) == 0 &&
	       (first & ~1ul /* bit 0: it is a PI lock */) != head;
}

int wy_rest_robust_lock(const struct wy_thread *t)
{
	if (holds_robust_lock(t))
		return t->tid;
	for (const struct wy_thread *other = wy_thread_blocks(); other; other = other->next) {
		if (other != t && wy_rest_is(other) && holds_robust_lock(other))
			return other->tid;
	}
	return 0;
}

/* ---- the copy ---- */

static void put_id(unsigned long word, int old, int tid)
{
	int stands;

	if (word && copy_from_program(&stands, word, sizeof(stands)) == 0 && stands == old)
		copy_to_program(word, &tid, sizeof(tid));
}

/* The thread is new to the kernel. */
static void restore(const struct wy_thread *t)
{
	const struct wy_revival *r = &t->revival;

	if (r->robust_list)
		sys2(__NR_set_robust_list, r->robust_list, r->robust_len);
	put_id(r->clear_tid, r->tid, t->tid);
	put_id(r->tid_word, r->tid, t->tid);
}

/* The start of a thread that there was, on the stack below t. */
void wy_rest_revived(struct wy_thread *t)
{
	const struct wy_revival *r = &t->revival;

	if (wy_gs_is_theirs)
		arch_set_self((void *)r->gs);
	else
		arch_set_self(t);
	wy_thread_is_back(t);
	restore(t);
	if (r->rseq)
		sys4(__NR_rseq, r->rseq, r->rseq_len, 0, r->rseq_sig);
	sys2(__NR_prctl, PR_SET_NAME, r->name);
	__atomic_store_n(&t->revival.state, WY_REST_NOT, __ATOMIC_RELEASE);
	__atomic_add_fetch(&revived, 1, __ATOMIC_ACQ_REL);
	wake(&revived);
	while (!__atomic_load_n(&may_go, __ATOMIC_ACQUIRE))
		wait_on(&may_go, 0, 0);
	wy_sigreturn_at(r->frame, &t->held);
}

static bool revive_all(const struct wy_thread *t, unsigned int count)
{
	const unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
				    CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS;

	for (struct wy_thread *other = wy_thread_blocks(); other; other = other->next) {
		const struct wy_revival *r = &other->revival;

		if (other == t || !wy_rest_is(other))
			continue;
		if (arch_clone_thread(flags | (r->clear_tid ? CLONE_CHILD_CLEARTID : 0), other,
				      NULL, r->clear_tid, r->fs) < 0)
			return false;
	}
	for (unsigned int n; (n = __atomic_load_n(&revived, __ATOMIC_ACQUIRE)) < count;)
		wait_on(&revived, n, 0);
	return true;
}

long wy_refork(struct wy_thread *t, unsigned long flags)
{
	unsigned int count = wy_rest_count(t);
	long ret;

	wy_thread_block_signals(t);
	wy_lock_all();
	ret = sys6(__NR_clone, flags | 17 /* SIGCHLD */, 0, 0, 0, 0, 0);
	if (ret) {
		wy_unlock_all();
		return ret;
	}
	asking = 0;
	wy_thread_is_process(t);
	if (t->revival.clear_tid)
		sys1(__NR_set_tid_address, t->revival.clear_tid);
	restore(t);
	if (count && !revive_all(t, count)) {
		for (;;)
			sys1(__NR_exit_group, COPY_FAILED);
	}
	return 0;
}

void wy_refork_go(void)
{
	__atomic_store_n(&may_go, 1, __ATOMIC_RELEASE);
	if (revived)
		wake(&may_go);
}

int wy_refork_tid(int old)
{
	for (const struct wy_thread *t = wy_thread_blocks(); t; t = t->next) {
		if (t->state == WY_THREAD_LIVE && t->revival.tid == old)
			return t->tid;
	}
	return 0;
}
