/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sigmask.c - see sigmask.h.
 *
 * The kernel's mask of a thread is the program's, but for SIGSYS, which is never
 * blocked: with Syscall User Dispatch that is deadly.  And while the agent works
 * it blocks everything (wy_mask_all) but the faults, by which bad pointers are noticed.
 * What the program thinks of the three signals that the agent always handles is kept
 * here (owned_blocked): what comes while it blocks them is held.
 *
 * What came in the middle of the agent's work waits in the kernel, queued again for this
 * thread, with everything blocked (pending); the program's mask is in deferred_mask
 * meanwhile, and set when the gate is left.
 */
#include "agent/sigmask.h"
#include "agent/fault.h"
#include "agent/gate.h"
#include "agent/op.h"
#include "agent/signal.h"
#include "agent/sys.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <linux/io_uring.h>

#ifndef IORING_ENTER_EXT_ARG /* Linux 5.11 */
#define IORING_ENTER_EXT_ARG (1u << 3)
#endif
#define ENTER_EXT_ARG_REG (1u << 6) /* Linux 6.13 */

/* gate.S calls these */
void wy_signal_give_out(unsigned long *held);
void wy_signal_give_out_all(unsigned long *held);
void wy_signal_release(struct wy_call *call);

static const int owned[3] = { SIGSYS, SIGSEGV, SIGBUS };

long wy_signal_requeue(struct wy_thread *t, int sig, const void *info)
{
	long ret = sys4(__NR_rt_tgsigqueueinfo, t->pid, t->tid, sig, info);

	if (ret < 0) {
		/* What kill(2) sends is the only real-time signal that the kernel takes then. */
		struct siginfo bare = { .si_signo = sig, .si_code = SI_USER };

		wy_fault(WY_FAULT_REQUEUE);
		ret = sys4(__NR_rt_tgsigqueueinfo, t->pid, t->tid, sig, &bare);
	}
	if (ret < 0) /* a filter from outside may forbid that call */
		ret = sys3(__NR_tgkill, t->pid, t->tid, sig);
	return ret;
}

void wy_signal_set_blocked(struct wy_thread *t, unsigned long mask)
{
	t->owned_blocked = mask & WY_SIGNALS_OWNED;
	if (t->owned_blocked & ~WY_SIGNALS_STRIPPED)
		wy_faults_may_be_blocked = 1;
}

static int held_index(int sig)
{
	return sig == SIGSYS ? 0 : sig == SIGSEGV ? 1 : 2;
}

void wy_signal_hold(struct wy_thread *t, int sig, const struct siginfo *info)
{
	const unsigned long *from = (const unsigned long *)info;
	unsigned long *to = (unsigned long *)t->held_info[held_index(sig)];

	if (t->held & WY_SIG_BIT(sig))
		return; /* a standard signal is queued once */
	for (unsigned int i = 0; i < sizeof(*info) / 8; i++)
		to[i] = from[i];
	t->held |= WY_SIG_BIT(sig);
}

void wy_signal_release_held(struct wy_thread *t)
{
	unsigned long all = ~0ul;

	if (!(t->held & ~t->owned_blocked))
		return;
	sys_sigprocmask(SIG_BLOCK, &all, NULL);
	for (int i = 0; i < 3; i++) {
		unsigned long bit = WY_SIG_BIT(owned[i]);

		if (!(t->held & ~t->owned_blocked & bit))
			continue;
		t->held &= ~bit;
		wy_signal_requeue(t, owned[i], t->held_info[i]);
	}
}

static struct wy_thread *thread_of_held(unsigned long *held)
{
	return (struct wy_thread *)((unsigned long)held - offsetof(struct wy_thread, held));
}

/* A handler of ours ends with something held (gate.S).  What the program blocks stays. */
void wy_signal_give_out(unsigned long *held)
{
	unsigned long all = ~0ul;

	sys_sigprocmask(SIG_BLOCK, &all, NULL);
	wy_signal_release_held(thread_of_held(held));
}

/* The same where an rt_sigreturn of the program's is made: the mask comes from its frame. */
void wy_signal_give_out_all(unsigned long *held)
{
	wy_signal_give_out(held);
	thread_of_held(held)->pending = 0;
}

/* The gate is about to be left with t->pending set. */
void wy_signal_release(struct wy_call *call)
{
	wy_signal_release_held(call->thread);
}

void wy_thread_block_signals(struct wy_thread *t)
{
	unsigned long all = wy_mask_all(t), old;

	if (t->pending)
		return;
	t->masked = true;
	sys_sigprocmask(SIG_SETMASK, &all, &old);
	if (!t->pending) { /* a signal may have been deferred just before */
		t->deferred_mask = old;
		t->pending = 1;
	}
	t->masked = false;
}

/* Stays unblocked while the agent works, so that it cannot be queued again until then. */
static bool stays_open(const struct wy_thread *t, int sig)
{
	return !(wy_mask_all(t) & WY_SIG_BIT(sig));
}

void wy_signal_defer(struct wy_thread *t, int sig, const struct siginfo *info, struct ucontext *uc,
		     bool in_gate)
{
	/* Blocked by the agent itself, the mask here is not the program's: hold it, no more. */
	if (in_gate && !(stays_open(t, sig) && t->masked)) {
		if (!t->pending) {
			t->deferred_mask = uc->uc_sigmask;
			t->pending = 1;
		}
		uc->uc_sigmask = wy_mask_all(t);
	}
	if (stays_open(t, sig))
		wy_signal_hold(t, sig, info);
	else
		wy_signal_requeue(t, sig, info);
}

/* ---- calls ---- */

unsigned long wy_signal_mask(struct wy_thread *t)
{
	unsigned long mask = 0;

	if (!t->pending)
		sys_sigprocmask(SIG_BLOCK, NULL, &mask);
	/* One may be deferred at any moment, and says the mask then: it is not read before. */
	__atomic_signal_fence(__ATOMIC_ACQUIRE);
	if (t->pending)
		mask = t->deferred_mask;
	return mask | t->owned_blocked;
}

static enum wy_verdict op_sigprocmask(struct wy_call *call)
{
	struct wy_thread *t = call->thread;
	unsigned long set, old, mask, kernel_mask;

	if (call->arg[3] != 8)
		return wy_answer(call, -EINVAL);
	old = wy_signal_mask(t);
	if (call->arg[1]) {
		if (copy_from_program(&set, (unsigned long)call->arg[1], 8) < 0)
			return wy_answer(call, -EFAULT);
		set &= ~WY_SIGNALS_UNBLOCKABLE;
		switch ((int)call->arg[0]) {
		case SIG_BLOCK: mask = old | set; break;
		case SIG_UNBLOCK: mask = old & ~set; break;
		case SIG_SETMASK: mask = set; break;
		default: return wy_answer(call, -EINVAL);
		}
		if (t->pending && (mask & ~old))
			return wy_call_again(
				call); /* a signal was first: it must not be shut out */
		wy_signal_set_blocked(t, mask);
		kernel_mask = mask & ~WY_SIGNALS_STRIPPED;
		if (t->held & ~t->owned_blocked)
			wy_thread_block_signals(t);
		if (!t->pending)
			sys_sigprocmask(SIG_SETMASK, &kernel_mask, NULL);
		if (t->pending) /* it was, or one was deferred meanwhile */
			t->deferred_mask = kernel_mask;
	}
	if (call->arg[2] && copy_to_program((unsigned long)call->arg[2], &old, 8) < 0)
		return wy_answer(call, -EFAULT);
	return wy_answer(call, 0);
}

static enum wy_verdict op_sigpending(struct wy_call *call)
{
	unsigned long set = 0;
	unsigned long size = (unsigned long)call->arg[1];
	long ret;

	if (size > 8)
		return wy_answer(call, -EINVAL);
	ret = sys2(__NR_rt_sigpending, &set, 8);
	set |= call->thread->held;
	if (!ret && copy_to_program((unsigned long)call->arg[0], &set, size) < 0)
		ret = -EFAULT;
	return wy_answer(call, ret);
}

/* What is held is not pending in the kernel: it is taken here.  (A SIGSYS that comes while the
 * call waits ends it with EINTR.) */
static enum wy_verdict op_sigtimedwait(struct wy_call *call)
{
	struct wy_thread *t = call->thread;
	unsigned long set;

	if (!t->held || call->arg[3] != 8 ||
	    copy_from_program(&set, (unsigned long)call->arg[0], 8) < 0)
		return WY_PASS;
	for (int i = 0; i < 3; i++) {
		if (!(t->held & set & WY_SIG_BIT(owned[i])))
			continue;
		if (call->arg[1] && copy_to_program((unsigned long)call->arg[1], t->held_info[i],
						    sizeof(t->held_info[i])) < 0)
			return wy_answer(call, -EFAULT);
		t->held &= ~WY_SIG_BIT(owned[i]);
		return wy_answer(call, owned[i]);
	}
	return WY_PASS;
}

/*
 * Calls that install a mask while they wait.  The kernel gets it without the
 * owned signals; a handler that ends the wait starts from the program's own.
 */
static enum wy_verdict with_mask(struct wy_call *call, int arg, unsigned long mask)
{
	struct wy_record *r = wy_call_record(call);

	r->has_temp_mask = true;
	r->temp_mask = mask;
	r->kernel_mask[0] = mask & ~WY_SIGNALS_STRIPPED;
	call->arg[arg] = (long)&r->kernel_mask[0];
	return WY_PASS;
}

static enum wy_verdict op_mask_arg(struct wy_call *call, int arg)
{
	unsigned long mask;

	if (!call->arg[arg] || call->arg[arg + 1] != 8 ||
	    copy_from_program(&mask, (unsigned long)call->arg[arg], 8) < 0)
		return WY_PASS;
	return with_mask(call, arg, mask);
}

/* A struct of this many words, the first of which is where the mask lies. */
static enum wy_verdict with_mask_struct(struct wy_call *call, int arg, const unsigned long *user,
					int words)
{
	unsigned long mask;
	struct wy_record *r;

	if (!user[0] || copy_from_program(&mask, user[0], 8) < 0)
		return WY_PASS;
	with_mask(call, arg, mask);
	r = wy_record_find(call->thread, call->site, call->sp);
	r->mask_struct[0] = (unsigned long)&r->kernel_mask[0];
	for (int i = 1; i < words; i++)
		r->mask_struct[i] = user[i];
	call->arg[arg] = (long)&r->mask_struct[0];
	return WY_PASS;
}

/* struct { const sigset_t *set; size_t size; } */
static enum wy_verdict op_mask_struct(struct wy_call *call, int arg)
{
	unsigned long user[2];

	if (!call->arg[arg] ||
	    copy_from_program(user, (unsigned long)call->arg[arg], sizeof(user)) < 0 ||
	    user[1] != 8)
		return WY_PASS;
	return with_mask_struct(call, arg, user, 2);
}

/*
 * struct io_uring_getevents_arg: a mask, its size and how long to wait, a time.  Not where it
 * lies in memory that the ring knows.
 */
static enum wy_verdict op_io_uring_enter(struct wy_call *call)
{
	unsigned long user[3];
	unsigned int flags = (unsigned int)call->arg[3];

	if (!(flags & IORING_ENTER_GETEVENTS) || flags & ENTER_EXT_ARG_REG)
		return WY_PASS;
	if (!(flags & IORING_ENTER_EXT_ARG))
		return op_mask_arg(call, 4);
	if (!call->arg[4] || call->arg[5] != sizeof(user) ||
	    copy_from_program(user, (unsigned long)call->arg[4], sizeof(user)) < 0 ||
	    (unsigned int)user[1] != 8)
		return WY_PASS;
	return with_mask_struct(call, 4, user, 3);
}

static enum wy_verdict op_sigsuspend(struct wy_call *call)
{
	return op_mask_arg(call, 0);
}

static enum wy_verdict op_ppoll(struct wy_call *call)
{
	return op_mask_arg(call, 3);
}

static enum wy_verdict op_epoll_pwait(struct wy_call *call)
{
	return op_mask_arg(call, 4);
}

static enum wy_verdict op_pselect6(struct wy_call *call)
{
	return op_mask_struct(call, 5);
}

void wy_sigmask_ops(void)
{
	wy_gate_op(__NR_rt_sigprocmask, op_sigprocmask);
	wy_gate_op(__NR_rt_sigpending, op_sigpending);
	wy_gate_op(__NR_rt_sigtimedwait, op_sigtimedwait);
	wy_gate_op(__NR_rt_sigsuspend, op_sigsuspend);
	wy_gate_op(__NR_ppoll, op_ppoll);
	wy_gate_op(__NR_epoll_pwait, op_epoll_pwait);
	wy_gate_op(__NR_epoll_pwait2, op_epoll_pwait);
	wy_gate_op(__NR_pselect6, op_pselect6);
	wy_gate_op(__NR_io_pgetevents, op_pselect6);
	wy_gate_op(__NR_io_uring_enter, op_io_uring_enter);
}
