/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/arch/x86_64/regs.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#define CS_64BIT       0x33
#define DIRECTION_FLAG 0x400ul

int wy_regs_get(pid_t tid, struct wy_regs *ret)
{
	return ptrace(PTRACE_GETREGS, tid, 0, &ret->user) < 0 ? -errno : 0;
}

int wy_regs_set(pid_t tid, const struct wy_regs *regs)
{
	return ptrace(PTRACE_SETREGS, tid, 0, &regs->user) < 0 ? -errno : 0;
}

bool wy_regs_are_64bit(const struct wy_regs *regs)
{
	return regs->user.cs == CS_64BIT;
}

unsigned long wy_regs_pc(const struct wy_regs *regs)
{
	return regs->user.rip;
}

unsigned long wy_regs_sp(const struct wy_regs *regs)
{
	return regs->user.rsp;
}

unsigned long wy_regs_result(const struct wy_regs *regs)
{
	return regs->user.rax;
}

unsigned long wy_regs_arg(const struct wy_regs *regs, int nr)
{
	return nr == 0 ? regs->user.rdi : regs->user.rsi;
}

bool wy_regs_have_executed(const struct wy_regs *regs)
{
	return regs->user.rax == 0 && regs->user.orig_rax == SYS_execve;
}

void wy_regs_prepare_call(struct wy_regs *regs, unsigned long insn, long nr,
			  const unsigned long arg[6])
{
	regs->user.rip = insn;
	regs->user.orig_rax = -1ul;
	regs->user.rax = (unsigned long)nr;
	regs->user.rdi = arg[0];
	regs->user.rsi = arg[1];
	regs->user.rdx = arg[2];
	regs->user.r10 = arg[3];
	regs->user.r8 = arg[4];
	regs->user.r9 = arg[5];
}

void wy_regs_prepare_entry(struct wy_regs *regs, unsigned long pc, unsigned long sp,
			   unsigned long arg)
{
	regs->user.rip = pc;
	regs->user.rsp = sp;
	regs->user.rbp = 0;
	regs->user.rdi = arg;
	regs->user.orig_rax = -1ul;
	regs->user.eflags &= ~DIRECTION_FLAG;
}

void wy_regs_keep_agent(struct wy_regs *regs, const struct wy_regs *other)
{
	regs->user.gs_base = other->user.gs_base;
}
