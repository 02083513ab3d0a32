/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.h - signal frames: where the program was when a signal came, and the
 * frame that its handler gets.
 */
#ifndef WY_ARCH_FRAME_H
#define WY_ARCH_FRAME_H

#include "agent/thread.h"
#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>

/* Segment selectors of 64-bit programs. */
#define CS_64BIT 0x33
#define SS_USER  0x2b

enum arch_where {
	ARCH_IN_PROGRAM, /* uc holds the program's state (it may have been put there just now) */
	ARCH_IN_AGENT,   /* the agent's own code: let it run on to the gate's exit */
};

/*
 * Finds out where the signal came.  When it came on the way through a stub or
 * the gate, uc becomes the program's own state: before the call (which is then
 * made again after the handler, without another enter()), or behind it with
 * its result.  *ret_temp_mask is set, and true returned through
 * *ret_has_temp_mask, when the call had installed a signal mask of its own
 * that a handler starts from (sigsuspend and the like).
 */
enum arch_where arch_recover(struct wy_thread *t, struct ucontext *uc, bool *ret_has_temp_mask,
			     unsigned long *ret_temp_mask);

/*
 * Builds the frame on the program's stack and turns uc into the start of the
 * handler.  stack_top: where to build it (0: below the program's stack
 * pointer); stack_low: it must not reach below this (0: no limit).
 * uc->uc_stack and uc->uc_sigmask go into the frame as they are.
 * Returns 0 or -EFAULT; uc is unchanged then.
 */
long arch_build_frame(struct ucontext *uc, const struct siginfo *info, int sig,
		      const struct wy_sigaction *act, unsigned long stack_top,
		      unsigned long stack_low);

/* A system call tripped: its number, and the address of the instruction. */
long arch_trip_nr(const struct ucontext *uc);
unsigned long arch_trip_site(const struct ucontext *uc);
/* Sends the program through the gate, whoever wants the call: it is rewritten there. */
void arch_redirect(struct wy_thread *t, struct ucontext *uc, struct wy_site *site);

unsigned long arch_uc_pc(const struct ucontext *uc);
unsigned long arch_uc_sp(const struct ucontext *uc);
/* What the system call that uc stands behind has returned. */
void arch_uc_set_result(struct ucontext *uc, long ret);
/* Does uc tell of a general protection fault?  A SIGSEGV without an address can be one. */
bool arch_uc_faulted(const struct ucontext *uc);
void arch_uc_clear_fault(struct ucontext *uc);
/* The gate found another gs base than ours (a selector was loaded): puts it right. */
bool arch_gs_fixup(struct wy_thread *t, struct ucontext *uc);
/* A fault inside usermem: end the copy with -EFAULT.  False: it was not there. */
bool arch_usermem_fixup(struct ucontext *uc);

/*
 * A trip by int $0x80.  64-bit code is sent to a stub; 32-bit code (and 64-bit code at too
 * many places) has its call made at once, with signals blocked.
 */
void arch_int80(struct ucontext *uc);

/* Makes the call that tripped here and now; for want of a stub. */
void arch_call_now(struct ucontext *uc);

/* The program's registers, should its rt_sigreturn fail; see arch_recover(). */
void arch_save_regs(struct wy_thread *t, const struct ucontext *uc);

/* The frame that rt_sigreturn(2) with this stack pointer would use. */
unsigned long arch_sigreturn_uc(unsigned long sp);

#endif
