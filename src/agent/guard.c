/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.c - calls that would take the ground from under the agent.
 *
 * Syscall User Dispatch and the gs base are the agent's: a program that asks
 * for them is answered, not passed on.
 */
#include "agent/module.h"
#include "agent/op.h"
#include "agent/own.h"
#include "agent/seccomp.h"
#include "agent/session.h"
#include "agent/site.h"
#include "agent/sys.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <asm/prctl.h>
#include <linux/mman.h>
#include <linux/ptrace.h>

#define MADV_DONTNEED_LOCKED_ 24     /* Linux 5.18 */
#define ARCH_SHSTK_ENABLE_    0x5001 /* Linux 6.6 */

static enum wy_verdict op_prctl(struct wy_call *call)
{
	/* As a kernel without it answers. */
	if ((int)call->arg[0] == PR_SET_SYSCALL_USER_DISPATCH)
		return wy_answer(call, -EINVAL);
	if ((int)call->arg[0] == PR_SET_SECCOMP)
		return wy_seccomp_prctl(call);
	return WY_PASS;
}

/*
 * The gs base.  As long as the program has none it is the agent's.  With the first that the
 * program sets, every site gets its own bytes back, the calls of all threads trip from then on,
 * and the gate does without gs.  (What wrgsbase sets is not seen.)
 *
 * Shadow stacks do not bear calls that never return, as stubs make them where return predictions
 * must be filled: there the answer is that of a processor without shadow stacks.
 */
static enum wy_verdict op_arch_prctl(struct wy_call *call)
{
	unsigned long zero = 0;
	int code = (int)call->arg[0];

	if (code == ARCH_SHSTK_ENABLE_ && (wy_session->flags & WY_FILL_RETURNS))
		return wy_answer(call, -EOPNOTSUPP);
	if (wy_gs_is_theirs || (code != ARCH_GET_GS && code != ARCH_SET_GS))
		return WY_PASS;
	if (code == ARCH_GET_GS)
		return wy_answer(call, copy_to_program((unsigned long)call->arg[1], &zero, 8));
	if (!call->arg[1])
		return wy_answer(call, 0);
	if ((unsigned long)call->arg[1] >= WY_USER_TOP)
		return wy_answer(call, -EPERM);
	wy_gs_is_theirs = 1;
	wy_rewrite_undo(0, -1ul);
	/* Back to the site: there the call trips, and comes again on the new way. */
	call->target = call->site->addr;
	return WY_PASS;
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
	ret = wy_call_as_program(__NR_ptrace, PTRACE_TRACEME, call->arg[1], call->arg[2],
				 call->arg[3], 0, 0);
	if (ret == 0)
		wy_thread_disarm();
	return wy_answer(call, ret);
}

/*
 * Memory.  The agent's own is not the program's to unmap or change; without us
 * there would be nothing: munmap finds nothing to do there, the others are told
 * that there is no memory.
 */
static enum wy_verdict op_munmap(struct wy_call *call)
{
	unsigned long start = (unsigned long)call->arg[0], len = (unsigned long)call->arg[1];
	unsigned long own_start, own_end;
	long ret = 0;

	wy_module_forget(start, len);
	/* What the kernel refuses as a whole must not be done in parts. */
	if (start & 4095 || start > WY_USER_TOP || len > WY_USER_TOP - start)
		return WY_PASS;
	if (!len || !wy_own_touches(start, len, &own_start, &own_end))
		return WY_PASS;
	for (unsigned long end = start + len; !ret && start < end; start = own_end) {
		if (!wy_own_touches(start, end - start, &own_start, &own_end))
			own_start = own_end = end;
		if (start < own_start)
			ret = wy_call_as_program(__NR_munmap, (long)start,
						 (long)(own_start - start), 0, 0, 0, 0);
	}
	return wy_answer(call, ret);
}

static enum wy_verdict op_remap(struct wy_call *call)
{
	unsigned long start = (unsigned long)call->arg[0], len = (unsigned long)call->arg[1];
	unsigned long own_start, own_end;

	if (wy_own_touches(start, len, &own_start, &own_end))
		return wy_answer(call, -ENOMEM);
	wy_module_forget(start, len);
	return WY_PASS;
}

static enum wy_verdict op_mremap(struct wy_call *call)
{
	unsigned long own_start, own_end;

	if ((call->arg[3] & MREMAP_FIXED) &&
	    wy_own_touches((unsigned long)call->arg[4], (unsigned long)call->arg[2], &own_start,
			   &own_end))
		return wy_answer(call, -ENOMEM);
	if (call->arg[3] & MREMAP_FIXED)
		wy_module_forget((unsigned long)call->arg[4], (unsigned long)call->arg[2]);
	return op_remap(call);
}

static enum wy_verdict op_mmap(struct wy_call *call)
{
	return call->arg[3] & MAP_FIXED ? op_remap(call) : WY_PASS;
}

/* Giving pages of code back brings the file's bytes back: sites and landings must not part. */
static enum wy_verdict op_madvise(struct wy_call *call)
{
	unsigned long start = (unsigned long)call->arg[0], len = (unsigned long)call->arg[1];
	unsigned long own_start, own_end;

	switch ((int)call->arg[2]) {
	case MADV_DONTNEED:
	case MADV_FREE:
	case MADV_REMOVE:
	case MADV_DONTNEED_LOCKED_:
		if (wy_own_touches(start, len, &own_start, &own_end))
			return wy_answer(call, -ENOMEM);
		wy_rewrite_undo(start, len);
	}
	return WY_PASS;
}

void wy_guard_ops(void)
{
	wy_gate_op(__NR_mmap, op_mmap);
	wy_gate_op(__NR_munmap, op_munmap);
	wy_gate_op(__NR_madvise, op_madvise);
	wy_gate_op(__NR_mprotect, op_remap);
	wy_gate_op(__NR_pkey_mprotect, op_remap);
	wy_gate_op(__NR_mremap, op_mremap);
	wy_gate_op(__NR_ptrace, op_ptrace);
	wy_gate_op(__NR_prctl, op_prctl);
	wy_gate_op(__NR_arch_prctl, op_arch_prctl);
}
