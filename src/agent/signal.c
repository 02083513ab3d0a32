/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signal.c - the program's signals.
 *
 * The agent owns the kernel's table of handlers and its alternate stack; the
 * program has a table, a mask and an alternate stack of its own idea.
 *
 * Delivery.  The kernel builds every frame on the agent's alternate stack and
 * blocks everything.  From there
 *
 *  - a system call that tripped is sent to its stub, nothing more: no layer
 *    runs here and nothing blocks, because the next frame lands at the same
 *    place;
 *  - a signal that came while the program ran, or in a stub or at the edges
 *    of the gate (where arch_recover() knows the program's registers), gets
 *    its frame on the program's stack, as the kernel would have built it, and
 *    its handler is started with rt_sigreturn;
 *  - a signal that came in the agent's C code waits: it is queued again with
 *    everything blocked, and comes when the gate is left, before the kernel
 *    call (after it would be too late: a handler can be what ends the call).
 *    It is queued for this thread, also when it was sent to the process; so a
 *    call that would block it is made again after it (wy_call_again).
 *
 * SIGSYS, SIGSEGV and SIGBUS always are handled by the agent: the first is how
 * calls trip, the other two are how a bad pointer is noticed.  What the program
 * asks for them is kept here; what it blocks of them, and what waits, in
 * sigmask.c.
 *
 * Some signals that end the program have the agent's handler though the program has none (heard).
 * It tells the layers, gives the signal back to its default action, queues it again and
 * returns: so the program dies where it was.  That is for those that end it in a call
 * and dump its core, for which it is in a stub else; and for all when a layer wants to hear of
 * them.  Not for those that stop the program or do nothing: a handler would end calls with EINTR
 * that they leave alone.  Nor in the first process of a namespace, which the default action
 * does not end.
 *
 * What is not done: a signal that is both deferred and real-time queued keeps
 * its place only among signals sent to the process, not to the thread.
 */
#include "agent/signal.h"
#include "agent/arch/x86_64/frame.h"
#include "agent/fault.h"
#include "agent/gate.h"
#include "agent/learn.h"
#include "agent/lock.h"
#include "agent/op.h"
#include "agent/refork.h"
#include "agent/seccomp.h"
#include "agent/sigmask.h"
#include "agent/site.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <linux/audit.h>

#define PASSED_ON          (-0x5759)
#define SYS_USER_DISPATCH_ 2
#define AUTODISARM         (1u << 31)
#define STACK_ONSTACK      1
#define MINIMUM_STACK      2048ul
/* UAPI_SA_FLAGS of include/linux/signal_types.h: others are cleared when they are set */
#define KNOWN_FLAGS                                                                        \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | \
	 SA_RESETHAND | 0x800ul /* EXPOSE_TAGBITS */ | SA_RESTORER)
/* signal(7): all others end the process by default. */
#define HARMLESS                                                                                   \
	(WY_SIGNALS_UNBLOCKABLE | WY_SIG_BIT(SIGCHLD) | WY_SIG_BIT(SIGCONT) | WY_SIG_BIT(SIGURG) | \
	 WY_SIG_BIT(SIGWINCH) | WY_SIG_BIT(SIGTSTP) | WY_SIG_BIT(SIGTTIN) | WY_SIG_BIT(SIGTTOU))
#define DUMP_IN_CALLS \
	(WY_SIG_BIT(SIGABRT) | WY_SIG_BIT(SIGQUIT) | WY_SIG_BIT(SIGXCPU) | WY_SIG_BIT(SIGXFSZ))
#define HANDLER_DEFAULT 0ul
#define HANDLER_IGNORE  1ul

void wy_signal_entry(void);
void wy_signal_restorer(void);
void wy_sigreturn_at(unsigned long sp, unsigned long *held) __attribute__((noreturn));
unsigned long *wy_on_signal(int sig, struct siginfo *info, struct ucontext *uc);
extern const char wy_signal_tail[], wy_signal_tail_end[], wy_sigreturn_made[];

static bool is_owned(int sig)
{
	return WY_SIG_BIT(sig) & WY_SIGNALS_OWNED;
}

/* Forced by the kernel, not sent by anybody. */
static bool is_sync(const struct siginfo *info)
{
	return info->si_code > 0;
}

/* A fault of the running instruction, which faults again when it runs again. */
static bool is_fault(int sig, const struct siginfo *info, const struct ucontext *uc)
{
	if (sig == SIGSYS || !is_sync(info))
		return false;
	return info->si_code != SI_KERNEL || arch_uc_faulted(uc);
}

static long kernel_action(int sig, const struct wy_sigaction *act, struct wy_sigaction *old)
{
	return sys4(__NR_rt_sigaction, sig, act, old, 8);
}

static long kernel_install(int sig, unsigned long flags)
{
	struct wy_sigaction act = {
		.handler = (unsigned long)wy_signal_entry,
		.flags = SA_SIGINFO | SA_ONSTACK | SA_RESTORER |
			 (flags & (SA_RESTART | SA_NOCLDSTOP | SA_NOCLDWAIT)),
		.restorer = (unsigned long)wy_signal_restorer,
		.mask = ~(WY_SIGNALS_OWNED & ~WY_SIGNALS_STRIPPED),
	};

	return kernel_action(sig, &act, NULL);
}

static void kernel_default(int sig, unsigned long handler)
{
	struct wy_sigaction act = { .handler = handler };

	kernel_action(sig, &act, NULL);
}

/* Is a handler of ours there while the program leaves the signal to its default action? */
static bool is_heard(const struct wy_thread *t, int sig)
{
	unsigned long heard = wy_layers_hear_signals() ? ~HARMLESS : DUMP_IN_CALLS;

	return heard & WY_SIG_BIT(sig) && t->pid != 1;
}

/* Has the kernel a handler of ours for it, while this is the program's? */
static bool is_caught(const struct wy_thread *t, int sig, unsigned long handler)
{
	return handler > HANDLER_IGNORE || is_owned(sig) ||
	       (handler == HANDLER_DEFAULT && is_heard(t, sig));
}

/* ---- delivery ---- */

/* The default action of a deadly signal: let the kernel take it. */
static void die(struct wy_thread *t, int sig, const struct siginfo *info, bool again)
{
	kernel_default(sig, HANDLER_DEFAULT);
	if (!again) {
		unsigned long bit = WY_SIG_BIT(sig);

		wy_signal_requeue(t, sig, info);
		sys_sigprocmask(SIG_UNBLOCK, &bit, NULL);
	}
	/* else: the faulting instruction runs again, now without a handler */
}

static bool on_altstack(const struct wy_thread *t, unsigned long sp)
{
	const struct wy_sigstack *ss = &t->altstack;

	if ((unsigned int)ss->flags & AUTODISARM)
		return false;
	return sp > ss->sp && sp - ss->sp <= ss->size;
}

/* Starts the handler.  Returns 0, or -EFAULT when there is no room for its frame. */
static long start_handler(struct wy_thread *t, int sig, const struct siginfo *info,
			  struct ucontext *uc, const struct wy_sigaction *act, unsigned long base)
{
	struct wy_sigstack agent_stack = *(struct wy_sigstack *)&uc->uc_stack;
	unsigned long kernel_mask = uc->uc_sigmask;
	unsigned long top = 0, low = 0, mask;
	long ret;

	if (on_altstack(t, arch_uc_sp(uc))) {
		low = t->altstack.sp;
	} else if ((act->flags & SA_ONSTACK) && t->altstack.size) {
		top = t->altstack.sp + t->altstack.size;
		low = t->altstack.sp;
	}
	*(struct wy_sigstack *)&uc->uc_stack = t->altstack;
	uc->uc_sigmask |= t->owned_blocked;
	ret = (act->flags & SA_RESTORER) ? arch_build_frame(uc, info, sig, act, top, low) : -EFAULT;
	*(struct wy_sigstack *)&uc->uc_stack = agent_stack;
	uc->uc_sigmask = kernel_mask;
	if (ret < 0)
		return ret;
	if ((unsigned int)t->altstack.flags & AUTODISARM)
		t->altstack = (struct wy_sigstack){ .flags = WY_STACK_DISABLED };
	mask = base | act->mask;
	if (!(act->flags & SA_NODEFER))
		mask |= WY_SIG_BIT(sig);
	wy_signal_set_blocked(t, mask);
	uc->uc_sigmask = mask & ~WY_SIGNALS_STRIPPED;
	return 0;
}

/*
 * What kill(2) sent to the process goes to a thread that does not block it, as it would have by
 * the program's idea of masks.  The kernel does not let a thread repeat to another what somebody
 * else sent: it travels under a code of our own (PASSED_ON), and the receiver puts it right.
 */
static bool pass_on(struct wy_thread *t, int sig, const struct siginfo *info)
{
	int tid = info->si_code == SI_USER ? wy_thread_other(t, WY_SIG_BIT(sig)) : 0;
	struct siginfo copy = *info;

	copy.si_code = PASSED_ON;
	return tid && sys4(__NR_rt_tgsigqueueinfo, t->pid, tid, sig, &copy) == 0;
}

/*
 * A table that no other thread uses needs no lock: only this one can give it a second user.  So the
 * child of a vfork, which sets its actions and may be killed in that, holds none that its parent
 * would wait for.
 */
static bool lock_actions(const struct wy_thread *t)
{
	bool shared = __atomic_load_n(&t->sighand->users, __ATOMIC_ACQUIRE) > 1;

	if (shared)
		wy_lock(WY_LOCK_ACTIONS);
	return shared;
}

static void unlock_actions(bool locked)
{
	if (locked)
		wy_unlock(WY_LOCK_ACTIONS);
}

static void deliver(struct wy_thread *t, int sig, const struct siginfo *info, struct ucontext *uc,
		    unsigned long base)
{
	bool locked = lock_actions(t);
	struct wy_sigaction act;

	act = t->sighand->action[sig - 1];
	if (act.handler > HANDLER_IGNORE && (act.flags & SA_RESETHAND) &&
	    !(t->owned_blocked & WY_SIG_BIT(sig))) {
		t->sighand->action[sig - 1].handler = HANDLER_DEFAULT;
		if (!is_caught(t, sig, HANDLER_DEFAULT))
			kernel_default(sig, HANDLER_DEFAULT);
	}
	unlock_actions(locked);

	if (t->owned_blocked & WY_SIG_BIT(sig)) {
		if (is_sync(info))
			die(t, sig, info, is_fault(sig, info, uc));
		else if (!pass_on(t, sig, info))
			wy_signal_hold(t, sig, info);
		return;
	}
	if (act.handler == HANDLER_IGNORE) {
		if (is_owned(sig) && is_sync(info))
			die(t, sig, info, is_fault(sig, info, uc));
		return;
	}
	wy_layers_signal(t, sig, info, act.handler == HANDLER_DEFAULT);
	if (act.handler == HANDLER_DEFAULT) {
		if (is_owned(sig)) {
			die(t, sig, info, is_fault(sig, info, uc));
		} else {
			/* Heard only, or reset meanwhile: the kernel knows what to do. */
			if (is_heard(t, sig))
				kernel_default(sig, HANDLER_DEFAULT);
			wy_signal_requeue(t, sig, info);
		}
		return;
	}
	if (start_handler(t, sig, info, uc, &act, base) < 0) {
		struct siginfo segv = { 0 };

		segv.si_signo = SIGSEGV;
		segv.si_code = SI_KERNEL;
		arch_uc_clear_fault(uc);
		if (sig == SIGSEGV)
			die(t, SIGSEGV, info, false);
		else
			deliver(t, SIGSEGV, &segv, uc, base);
	}
}

/* ---- system calls that tripped ---- */

/* Gives the kernel back what it must restore, and restores it.  All signals are blocked. */
static void do_sigreturn(struct wy_thread *t, unsigned long sp) __attribute__((noreturn));
static void do_sigreturn(struct wy_thread *t, unsigned long sp)
{
	unsigned long uc = arch_sigreturn_uc(sp);
	unsigned long stack_at = uc + offsetof(struct ucontext, uc_stack);
	unsigned long mask_at = uc + offsetof(struct ucontext, uc_sigmask);
	struct wy_sigstack kernel_stack = { .sp = wy_thread_block(t), .size = WY_ALT_SIZE };
	struct wy_sigstack ss;
	unsigned long mask;

	/* A frame that cannot be read or written is the kernel's to refuse. */
	if (copy_from_program(&ss, stack_at, sizeof(ss)) == 0 &&
	    copy_from_program(&mask, mask_at, 8) == 0 &&
	    copy_to_program(stack_at, &kernel_stack, sizeof(kernel_stack)) == 0) {
		unsigned long kernel_mask = mask & ~WY_SIGNALS_STRIPPED;

		copy_to_program(mask_at, &kernel_mask, 8);
		if (!on_altstack(t, sp))
			t->altstack = ss;
		wy_signal_set_blocked(t, mask);
	}
	t->pending = 0;
	wy_signal_release_held(t);
	wy_sigreturn_at(sp, &t->held);
}

static enum wy_verdict op_sigreturn(struct wy_call *call)
{
	wy_thread_block_signals(call->thread);
	do_sigreturn(call->thread, call->sp);
}

static void on_trip(struct wy_thread *t, const struct siginfo *info, struct ucontext *uc)
{
	unsigned long addr = arch_trip_site(uc);
	struct wy_site *site;

	if (info->si_arch != AUDIT_ARCH_X86_64) {
		wy_seccomp_judge_int80(t, (int)arch_trip_nr(uc));
		arch_int80(uc);
		return;
	}
	if ((int)arch_trip_nr(uc) == __NR_rt_sigreturn) {
		struct wy_call call = { .nr = __NR_rt_sigreturn,
					.sp = arch_uc_sp(uc),
					.thread = t };

		/* Its site is never rewritten: unwinders know a restorer by its bytes. */
		t->slot->by_signal++;
		wy_call_announce(&call);
		arch_save_regs(t, uc);
		do_sigreturn(t, call.sp);
	}
	site = wy_site_get(addr);
	if (!site) {
		arch_call_now(uc);
		return;
	}
	site->trips++;
	wy_learn_tell(addr, arch_trip_nr(uc));
	t->gate_flags |= WY_GATE_BY_SIGNAL;
	/* Through the gate even if no layer wants it: there it is rewritten. */
	arch_redirect(t, uc, site);
}

static bool can_handle(const struct wy_thread *t, int sig)
{
	return t->sighand->action[sig - 1].handler > HANDLER_IGNORE &&
	       !(t->owned_blocked & WY_SIG_BIT(sig));
}

/*
 * The program steps itself through its code with the trap flag: not through ours.  Behind a
 * syscall instruction the processor does not stop, so we must not either.
 */
static bool step_is_ours(unsigned long pc)
{
	const struct wy_site *site;

	if (pc - wy_arena.region < wy_arena.region_len || wy_site_program_pc(pc) != pc)
		return true;
	site = wy_site_find(pc - 2);
	return site && wy_site_stands(site);
}

/* The last instructions of a handler of ours, or of an rt_sigreturn: after the look at held. */
static bool at_the_end(unsigned long pc)
{
	return (pc >= (unsigned long)wy_signal_tail && pc < (unsigned long)wy_signal_tail_end) ||
	       (pc >= (unsigned long)wy_sigreturn_at && pc < (unsigned long)wy_sigreturn_made);
}

/* False if the agent itself was interrupted, and the signal waits until it is through. */
static bool take_signal(struct wy_thread *t, int sig, struct siginfo *info, struct ucontext *uc)
{
	unsigned long temp_mask, pc;
	bool has_temp_mask;

	if (sig == SIGSYS && info->si_code == PASSED_ON)
		info->si_code = SI_USER;
	if (sig == SIGSYS && info->si_code == SYS_USER_DISPATCH_) {
		on_trip(t, info, uc);
		return true;
	}
	if (sig == SIGSYS && wy_rest_asked(info->si_code)) {
		wy_rest_here(t, uc);
		return true;
	}
	if ((sig == SIGSEGV || sig == SIGBUS) && is_sync(info) &&
	    (arch_usermem_fixup(uc) || arch_gs_fixup(t, uc)))
		return true;
	pc = arch_uc_pc(uc);
	if (sig == SIGTRAP && info->si_code == TRAP_TRACE && step_is_ours(pc))
		return true;
	if (!is_sync(info) && at_the_end(pc)) {
		uc->uc_sigmask = ~0ul;
		wy_signal_requeue(t, sig, info);
		return true;
	}
	if (arch_recover(t, uc, &has_temp_mask, &temp_mask) == ARCH_IN_AGENT) {
		unsigned long block = wy_thread_block(t);
		bool in_handler = arch_uc_sp(uc) - block < WY_ALT_SIZE;

		if (is_owned(sig) && is_sync(info) && sig != SIGSYS) {
			wy_fault(WY_FAULT_AGENT);
			die(t, sig, info, false);
			return true;
		}
		if (wy_seccomp_is_trap(sig, info)) {
			if (!wy_seccomp_trapped(t, info, uc))
				return true;
			if (!can_handle(t, SIGSYS)) {
				die(t, sig, info, false);
				return true;
			}
		}
		wy_signal_defer(t, sig, info, uc, !in_handler);
		return false;
	}
	if (wy_seccomp_is_trap(sig, info) && (unsigned long)info->si_call_addr == pc)
		info->si_call_addr = (void *)arch_uc_pc(uc);
	deliver(t, sig, info, uc,
		(has_temp_mask ? temp_mask : uc->uc_sigmask | t->owned_blocked) &
			~WY_SIGNALS_UNBLOCKABLE);
	return true;
}

/* Returns where it is seen whether the handler must give out what is held before it ends. */
unsigned long *wy_on_signal(int sig, struct siginfo *info, struct ucontext *uc)
{
	static unsigned long nothing;
	struct wy_thread *t = wy_thread_of_stack((unsigned long)uc);

	return take_signal(t, sig, info, uc) ? &t->held : &nothing;
}

/* ---- calls ---- */

static enum wy_verdict op_sigaction(struct wy_call *call)
{
	struct wy_thread *t = call->thread;
	int sig = (int)call->arg[0];
	struct wy_sigaction act, old;
	bool set = call->arg[1] != 0, locked;
	long ret = 0;

	if (call->arg[3] != 8)
		return wy_answer(call, -EINVAL);
	if (set && copy_from_program(&act, (unsigned long)call->arg[1], sizeof(act)) < 0)
		return wy_answer(call, -EFAULT);
	if (sig < 1 || sig > 64 || (set && (sig == SIGKILL || sig == SIGSTOP)))
		return wy_answer(call, -EINVAL);
	if (!set && (sig == SIGKILL || sig == SIGSTOP))
		return WY_PASS;

	locked = lock_actions(t);
	old = t->sighand->action[sig - 1];
	if (set) {
		act.flags &= KNOWN_FLAGS;
		act.mask &= ~WY_SIGNALS_UNBLOCKABLE;
		if (is_caught(t, sig, act.handler))
			ret = kernel_install(sig, act.flags);
		else
			ret = kernel_action(sig, &act, NULL);
		if (!ret)
			t->sighand->action[sig - 1] = act;
	}
	unlock_actions(locked);
	if (!ret && call->arg[2] &&
	    copy_to_program((unsigned long)call->arg[2], &old, sizeof(old)) < 0)
		ret = -EFAULT;
	return wy_answer(call, ret);
}

/* do_sigaltstack() of kernel/signal.c */
static enum wy_verdict op_sigaltstack(struct wy_call *call)
{
	struct wy_thread *t = call->thread;
	struct wy_sigstack old = t->altstack, new;
	bool on = on_altstack(t, call->sp);
	long ret = 0;

	if (call->arg[0]) {
		unsigned int mode;

		if (copy_from_program(&new, (unsigned long)call->arg[0], sizeof(new)) < 0)
			return wy_answer(call, -EFAULT);
		mode = (unsigned int)new.flags & ~AUTODISARM;
		if (on)
			ret = -EPERM;
		else if (mode != WY_STACK_DISABLED && mode != STACK_ONSTACK && mode != 0)
			ret = -EINVAL;
		else if (mode == WY_STACK_DISABLED)
			t->altstack = (struct wy_sigstack){ .flags = new.flags };
		else if (new.size < MINIMUM_STACK)
			ret = -ENOMEM;
		else
			t->altstack = (struct wy_sigstack){ .sp = new.sp,
							    .flags = new.flags,
							    .size = new.size };
	}
	if (!ret && call->arg[1]) {
		unsigned int flags = (unsigned int)old.flags & AUTODISARM;

		flags |= !old.size ? WY_STACK_DISABLED : on ? STACK_ONSTACK : 0;
		old.flags = (int)flags;
		old.pad = 0;
		if (copy_to_program((unsigned long)call->arg[1], &old, sizeof(old)) < 0)
			ret = -EFAULT;
	}
	return wy_answer(call, ret);
}

void wy_signal_ops(void)
{
	wy_gate_op(__NR_rt_sigaction, op_sigaction);
	wy_gate_op(__NR_rt_sigreturn, op_sigreturn);
	wy_gate_op(__NR_sigaltstack, op_sigaltstack);
	wy_sigmask_ops();
}

/* ---- start and exec ---- */

long wy_signal_own(const struct wy_thread *t)
{
	long ret = 0;

	for (int sig = 1; sig <= 64 && !ret; sig++) {
		bool none = t->sighand->action[sig - 1].handler == HANDLER_DEFAULT;

		if (is_owned(sig) || (none && is_heard(t, sig)))
			ret = kernel_install(sig, SA_RESTART);
	}
	return ret;
}

long wy_signal_start(struct wy_thread *t, const struct wy_boot *boot)
{
	/* After an exec only "ignore" can be left of the earlier image's actions. */
	for (int sig = 1; sig <= 64; sig++)
		kernel_action(sig, NULL, &t->sighand->action[sig - 1]);
	for (int sig = 1; sig <= 64; sig++) {
		if (boot->ignored & WY_SIG_BIT(sig))
			t->sighand->action[sig - 1].handler = HANDLER_IGNORE;
	}
	wy_signal_join(t, boot->mask);
	if (!(boot->flags & WY_BOOT_EXEC)) {
		for (int sig = 1; sig <= 64; sig++) {
			const struct wy_sigaction *act = &t->sighand->action[sig - 1];

			if (act->handler > HANDLER_IGNORE)
				kernel_install(sig, act->flags);
		}
	}
	return wy_signal_own(t);
}

void wy_signal_join(struct wy_thread *t, unsigned long mask)
{
	wy_signal_set_blocked(t, mask);
}

void wy_signal_put_back(const struct wy_thread *t)
{
	/*
	 * Only where the kernel has another: to set one by which the signal is ignored, also
	 * the default of SIGCHLD and its like, throws away what is pending.
	 */
	for (int sig = 1; sig <= 64; sig++) {
		const struct wy_sigaction *act = &t->sighand->action[sig - 1];
		struct wy_sigaction now;

		if (kernel_action(sig, NULL, &now) < 0 || now.handler != act->handler)
			kernel_action(sig, act, NULL);
	}
}

void wy_signal_unhold(struct wy_thread *t)
{
	t->owned_blocked = 0;
	wy_signal_release_held(t);
}

unsigned long wy_signal_ignored(struct wy_thread *t)
{
	unsigned long set = 0;

	for (int sig = 1; sig <= 64; sig++) {
		if ((WY_SIGNALS_RESET & WY_SIG_BIT(sig)) &&
		    t->sighand->action[sig - 1].handler == HANDLER_IGNORE)
			set |= WY_SIG_BIT(sig);
	}
	return set;
}

bool wy_signal_hand_over(struct wy_thread *t)
{
	bool needed = t->owned_blocked != 0;

	for (int sig = 1; sig <= 64; sig++) {
		if (!is_owned(sig) || t->sighand->action[sig - 1].handler != HANDLER_IGNORE)
			continue;
		kernel_default(sig, HANDLER_IGNORE);
		needed = true;
	}
	if (t->owned_blocked)
		sys_sigprocmask(SIG_BLOCK, &t->owned_blocked, NULL);
	return needed;
}

void wy_signal_take_back(struct wy_thread *t)
{
	unsigned long mask = WY_SIGNALS_STRIPPED;

	wy_signal_own(t);
	if (t->owned_blocked)
		sys_sigprocmask(SIG_UNBLOCK, &mask, NULL);
}
