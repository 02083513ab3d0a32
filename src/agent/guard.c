/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.c - calls that would take the ground from under the agent.
 *
 * Syscall User Dispatch and the gs base are the agent's: a program that asks
 * for them is answered, not passed on.
 */
#include <asm/errno.h>
#include <asm/prctl.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/ptrace.h>
#include "agent/module.h"
#include "agent/op.h"
#include "agent/sys.h"
#include "agent/usermem.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH	59
#endif

static enum wy_verdict op_prctl(struct wy_call *call)
{
	/* As a kernel without it answers. */
	if ((int)call->arg[0] == PR_SET_SYSCALL_USER_DISPATCH)
		return wy_answer(call, -EINVAL);
	return WY_PASS;
}

static enum wy_verdict op_arch_prctl(struct wy_call *call)
{
	unsigned long zero = 0;

	switch ((int)call->arg[0]) {
	case ARCH_GET_GS:
		return wy_answer(call, copy_to_program((unsigned long)call->arg[1], &zero, 8));
	case ARCH_SET_GS:
		return wy_answer(call, call->arg[1] ? -EPERM : 0);
	default:
		return WY_PASS;
	}
}

/*
 * A thread that lets itself be traced would stop for its tracer at every
 * SIGSYS, which the tracer does not expect and may not be able to wait for (it
 * may hang in the vfork that made this thread).  So the net is taken from it:
 * what was rewritten still comes by jump, and its exec is not followed.
 */
static enum wy_verdict op_ptrace(struct wy_call *call)
{
	long ret;

	if (call->arg[0] != PTRACE_TRACEME)
		return WY_PASS;
	ret = sys4(__NR_ptrace, PTRACE_TRACEME, call->arg[1], call->arg[2], call->arg[3]);
	if (ret >= 0)
		wy_thread_disarm();
	return wy_answer(call, ret);
}

/* Mappings change: what was known about code in them is no longer true. */
static enum wy_verdict op_remap(struct wy_call *call)
{
	wy_module_forget((unsigned long)call->arg[0], (unsigned long)call->arg[1]);
	return WY_PASS;
}

static enum wy_verdict op_mmap(struct wy_call *call)
{
	return call->arg[3] & MAP_FIXED ? op_remap(call) : WY_PASS;
}

void wy_guard_ops(void)
{
	wy_gate_op(__NR_mmap, op_mmap);
	wy_gate_op(__NR_munmap, op_remap);
	wy_gate_op(__NR_mprotect, op_remap);
	wy_gate_op(__NR_pkey_mprotect, op_remap);
	wy_gate_op(__NR_mremap, op_remap);
	wy_gate_op(__NR_ptrace, op_ptrace);
	wy_gate_op(__NR_prctl, op_prctl);
	wy_gate_op(__NR_arch_prctl, op_arch_prctl);
}
