/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stop.c - see stop.h.  The words are those of struct user_regs_struct, which
 * begins with the kernel's struct pt_regs.  How a call that was interrupted is
 * restarted: arch_do_signal_or_restart() in arch/x86/kernel/signal.c.
 */
#include "agent/arch/x86_64/stop.h"
#include "agent/arch/x86_64/frame.h"
#include "agent/gate.h"
#include "agent/site.h"
#include <asm/ptrace.h>

_Static_assert(sizeof(struct pt_regs) <= WY_BOOT_REGS * sizeof(long), "PTRACE_GETREGS");

/* Results that a program never sees: include/linux/errno.h */
#define ERESTARTSYS           512
#define ERESTARTNOINTR        513
#define ERESTARTNOHAND        514
#define ERESTART_RESTARTBLOCK 516

extern const char wy_sigreturn_at[], wy_sigreturn_end[];

static struct pt_regs *of(const unsigned long *regs)
{
	return (struct pt_regs *)regs;
}

unsigned long arch_stop_pc(const unsigned long *regs)
{
	return of(regs)->rip;
}

unsigned long arch_stop_sp(const unsigned long *regs)
{
	return of(regs)->rsp;
}

static bool is_restarted(const struct pt_regs *r)
{
	long ret = (long)r->rax;

	return (long)r->orig_rax >= 0 && (ret == -ERESTARTSYS || ret == -ERESTARTNOINTR ||
					  ret == -ERESTARTNOHAND || ret == -ERESTART_RESTARTBLOCK);
}

bool arch_stop_has_time(const unsigned long *regs)
{
	return is_restarted(of(regs)) && (long)of(regs)->rax == -ERESTART_RESTARTBLOCK;
}

unsigned long arch_stop_call(const unsigned long *regs, struct wy_call *call)
{
	const struct pt_regs *r = of(regs);

	call->nr = (long)r->orig_rax;
	call->arg[0] = (long)r->rdi;
	call->arg[1] = (long)r->rsi;
	call->arg[2] = (long)r->rdx;
	call->arg[3] = (long)r->r10;
	call->arg[4] = (long)r->r8;
	call->arg[5] = (long)r->r9;
	call->flags = r->eflags;
	call->sp = r->rsp;
	return r->rip - 2;
}

void arch_stop_entered(unsigned long *regs, const struct wy_call *call)
{
	struct pt_regs *r = of(regs);

	r->rdi = (unsigned long)call->arg[0];
	r->rsi = (unsigned long)call->arg[1];
	r->rdx = (unsigned long)call->arg[2];
	r->r10 = (unsigned long)call->arg[3];
	r->r8 = (unsigned long)call->arg[4];
	r->r9 = (unsigned long)call->arg[5];
	if (wy_call_is_done(call)) {
		r->rip = call->site->back;
		r->rax = (unsigned long)call->ret;
		return;
	}
	r->rip = (call->target ? call->target : arch_stub_native_gs(call->site)) + 2;
}

bool arch_stop_recover(struct wy_thread *t, unsigned long *regs)
{
	struct pt_regs *r = of(regs);
	struct ucontext uc = { 0 };
	struct sigcontext *s = &uc.uc_mcontext;
	bool restarted = is_restarted(r), ignored;
	unsigned long temp_mask;

	/* arch_recover() takes it that no signal comes there while the call is still to be made. */
	if (r->rip >= (unsigned long)wy_sigreturn_at && r->rip < (unsigned long)wy_sigreturn_end)
		return false;
	s->r8 = r->r8;
	s->r9 = r->r9;
	s->r10 = r->r10;
	s->r11 = r->r11;
	s->rdi = r->rdi;
	s->rsi = r->rsi;
	s->rdx = r->rdx;
	s->rcx = r->rcx;
	s->rsp = r->rsp;
	s->eflags = r->eflags;
	s->rax = restarted ? r->orig_rax : r->rax;
	s->rip = restarted ? r->rip - 2 : r->rip;
	if (arch_recover(t, &uc, &ignored, &temp_mask) == ARCH_IN_AGENT)
		return false;
	r->r8 = s->r8;
	r->r9 = s->r9;
	r->r10 = s->r10;
	r->r11 = s->r11;
	r->rdi = s->rdi;
	r->rsi = s->rsi;
	r->rdx = s->rdx;
	r->rcx = s->rcx;
	r->rsp = s->rsp;
	r->eflags = s->eflags;
	if (restarted) {
		r->rip = s->rip + 2;
	} else {
		r->rip = s->rip;
		r->rax = s->rax;
	}
	return true;
}
