/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/arch/x86_64/regs.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#define CS_64BIT              0x33
#define DIRECTION_FLAG        0x400ul

/* What the kernel keeps in the result register of a call that it will restart, unless a signal
 * handler runs first: include/linux/errno.h of Linux, which no program sees. */
#define ERESTARTSYS           512
#define ERESTARTNOINTR        513
#define ERESTARTNOHAND        514
#define ERESTART_RESTARTBLOCK 516

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

static bool is_restarted(const struct wy_regs *regs)
{
	switch (-(long)regs->user.rax) {
	case ERESTARTSYS:
	case ERESTARTNOINTR:
	case ERESTARTNOHAND:
	case ERESTART_RESTARTBLOCK: return (long)regs->user.orig_rax >= 0;
	}
	return false;
}

bool wy_regs_in_call(const struct wy_regs *regs, long *ret_nr, unsigned long ret_arg[6])
{
	if (!is_restarted(regs))
		return false;
	*ret_nr = (long)regs->user.orig_rax;
	ret_arg[0] = regs->user.rdi;
	ret_arg[1] = regs->user.rsi;
	ret_arg[2] = regs->user.rdx;
	ret_arg[3] = regs->user.r10;
	ret_arg[4] = regs->user.r8;
	ret_arg[5] = regs->user.r9;
	return true;
}

/* signal(7): these end with EINTR even where no handler runs. */
static bool is_never_restarted(long nr)
{
	switch (nr) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case 441: /* epoll_pwait2 */
	case SYS_rt_sigtimedwait:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_io_getevents:
	case SYS_io_pgetevents:
	case SYS_io_uring_enter:
	/* with SO_RCVTIMEO or SO_SNDTIMEO */
	case SYS_read:
	case SYS_readv:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_recvmmsg:
	case SYS_write:
	case SYS_writev:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_accept:
	case SYS_accept4:
	case SYS_connect: return true;
	}
	return false;
}

void wy_regs_let_restart(struct wy_regs *regs)
{
	if ((long)regs->user.rax == -EINTR && is_never_restarted((long)regs->user.orig_rax))
		regs->user.rax = -(unsigned long)ERESTARTNOHAND;
}

bool wy_regs_at_restart(const struct wy_regs *regs)
{
	return regs->user.rax == SYS_restart_syscall;
}

void wy_regs_before_restart(struct wy_regs *regs)
{
	regs->user.rip += WY_CALL_INSN_LEN;
	regs->user.rax = -(unsigned long)ERESTART_RESTARTBLOCK;
	regs->user.orig_rax = SYS_restart_syscall;
}

bool wy_regs_use_gs(const struct wy_regs *regs)
{
	return regs->user.gs_base || regs->user.gs;
}

void wy_regs_set_pc(struct wy_regs *regs, unsigned long pc)
{
	regs->user.rip = pc;
}
