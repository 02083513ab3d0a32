/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regs.h - the registers of a stopped thread, for those who do not want to
 * know their names.
 */
#ifndef WY_LAUNCH_ARCH_REGS_H
#define WY_LAUNCH_ARCH_REGS_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/user.h>

struct wy_regs {
	struct user_regs_struct user;
};

/* The instruction that makes a system call. */
#define WY_CALL_INSN     "\x0f\x05"
#define WY_CALL_INSN_LEN 2

/* The thread must be in a ptrace stop of ours.  They return 0 or -errno of ptrace(2). */
int wy_regs_get(pid_t tid, struct wy_regs *ret);
int wy_regs_set(pid_t tid, const struct wy_regs *regs);

/* Does the thread run 64-bit code? */
bool wy_regs_are_64bit(const struct wy_regs *regs);

unsigned long wy_regs_pc(const struct wy_regs *regs);
unsigned long wy_regs_sp(const struct wy_regs *regs);

/* The result of the last system call; what code left in the result register. */
unsigned long wy_regs_result(const struct wy_regs *regs);

/* The first (0) and second (1) argument of a function or a system call. */
unsigned long wy_regs_arg(const struct wy_regs *regs, int nr);

/* Has the thread just returned from an execve(2) that succeeded? */
bool wy_regs_have_executed(const struct wy_regs *regs);

/* At insn is a WY_CALL_INSN: to make this call next, and restart no other. */
void wy_regs_prepare_call(struct wy_regs *regs, unsigned long insn, long nr,
			  const unsigned long arg[6]);

/* To enter a function of one argument on a fresh stack. */
void wy_regs_prepare_entry(struct wy_regs *regs, unsigned long pc, unsigned long sp,
			   unsigned long arg);

/*
 * Is the thread, stopped by PTRACE_INTERRUPT, in a call that the kernel restarts when it goes on
 * with these registers?  Which one, with which arguments.
 */
bool wy_regs_in_call(const struct wy_regs *regs, long *ret_nr, unsigned long ret_arg[6]);

/*
 * The stop itself has ended some calls with EINTR.  Such a one shall be restarted, too, unless
 * there is a signal with a handler; a timeout in it begins anew then.
 */
void wy_regs_let_restart(struct wy_regs *regs);

/*
 * Is it (if its next instruction is a system call) about to continue a call with what is left of
 * its time?  Then these are made the registers of a thread that is still in that call.
 */
bool wy_regs_at_restart(const struct wy_regs *regs);
void wy_regs_before_restart(struct wy_regs *regs);

/* Does the program use the gs base or selector? */
bool wy_regs_use_gs(const struct wy_regs *regs);

void wy_regs_set_pc(struct wy_regs *regs, unsigned long pc);

/* Takes over from other what the agent knows its threads by. */
void wy_regs_keep_agent(struct wy_regs *regs, const struct wy_regs *other);

#endif
