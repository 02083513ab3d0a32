/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/arch/x86_64/launch.h"
#include "agent/arch/x86_64/frame.h"
#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>

#define FLAGS 0x202 /* interrupts on, and a bit that is always set */

void wy_launch_return(const struct ucontext *uc) __attribute__((noreturn));

void arch_launch_program(unsigned long pc, unsigned long sp, unsigned long mask,
			 const struct wy_sigstack *stack)
{
	struct {
		struct ucontext uc;
		struct siginfo info;
	} frame = { 0 };

	frame.uc.uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	*(struct wy_sigstack *)&frame.uc.uc_stack = *stack;
	frame.uc.uc_mcontext.rip = pc;
	frame.uc.uc_mcontext.rsp = sp;
	frame.uc.uc_mcontext.cs = CS_64BIT;
	frame.uc.uc_mcontext.ss = SS_USER;
	frame.uc.uc_mcontext.eflags = FLAGS;
	frame.uc.uc_sigmask = mask;
	wy_launch_return(&frame.uc);
}
