/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach.c - coming into a program that runs, and leaving it.
 *
 * All threads are stopped by the loader, each at a place of its own.  It enters
 * one after the other here, on the boot stack, with every signal blocked; the
 * thread's registers and mask are in struct wy_boot, and come from there again
 * when all is done.
 *
 * Coming in, a thread gets its block, its alternate stack and Syscall User
 * Dispatch.  A call that it is blocked in is restarted by the kernel when the
 * thread goes on, and is caught then.  But not the one kind that knows how much
 * of its time is left (nanosleep, poll and futex with a timeout): the way into
 * the agent leads through a signal frame, and returning from one makes the
 * kernel forget that.  Such a call is entered here, and the thread goes on in
 * the stub, behind the instruction that makes it.
 *
 * Leaving, a thread must first be out: not in C code of the agent, nor in a stub
 * on the way there.  Where a signal could be delivered the program's registers
 * are known (arch_recover), so a thread that stands there is out, and a call
 * that it is blocked in becomes the program's own, restarted from its place.
 * One that is not out goes on and is asked again.  When all are, the program's
 * code and signal actions are put back, then each thread's own; and the loader
 * unmaps what is in wy_own.
 */
#include "agent/attach.h"
#include "agent/arch/x86_64/stop.h"
#include "agent/gate.h"
#include "agent/own.h"
#include "agent/seccomp.h"
#include "agent/session.h"
#include "agent/signal.h"
#include "agent/site.h"
#include "agent/sys.h"
#include "agent/vdso.h"
#include <asm/errno.h>

/* Of those with arg on the thread's private stack: what they call looks there for the thread. */
static long arm(void *arg)
{
	const struct wy_boot *boot = arg;
	struct wy_thread *t = wy_self();
	long ret;

	wy_signal_join(t, boot->mask);
	wy_thread_note_stack(t);
	ret = wy_thread_arm(t);
	wy_layers_thread_start(t);
	return ret;
}

static long take_up_call(void *arg)
{
	struct wy_boot *boot = arg;
	struct wy_call call = { .thread = wy_self() };
	struct wy_site *site = wy_site_get(arch_stop_call(boot->regs, &call));

	if (!site)
		return 0;
	call.site = site;
	wy_call_enter(&call);
	arch_stop_entered(boot->regs, &call);
	return 0;
}

static long join(struct wy_boot *boot)
{
	struct wy_thread *t = wy_thread_here();
	long ret = 0;

	if (!t) {
		t = wy_thread_join(wy_thread_blocks()->sighand);
		if (!t)
			return -ENOMEM;
		ret = arch_on_stack(t->stack_top, arm, boot);
	}
	if (ret < 0)
		return ret;
	if (!wy_gs_is_theirs)
		arch_set_self(t);
	boot->mask &= ~WY_SIGNALS_STRIPPED;
	if (!wy_gs_is_theirs && arch_stop_has_time(boot->regs))
		return arch_on_stack(t->stack_top, take_up_call, boot);
	return 0;
}

static long recover_here(void *arg)
{
	struct wy_boot *boot = arg;

	return arch_stop_recover(wy_self(), boot->regs) ? 0 : -EAGAIN;
}

static long recover(struct wy_boot *boot)
{
	struct wy_thread *t = wy_thread_here();
	unsigned long alternate;

	/* Not yet, or not any more, one of ours; or with signals that wait for the gate's exit. */
	if (!t || t->pending || t->masked || wy_vdso_turned(arch_stop_pc(boot->regs)))
		return -EAGAIN;
	/* The private stack may hold a call; the other one is free if no handler of ours runs. */
	alternate = wy_thread_block(t);
	if (arch_stop_sp(boot->regs) - alternate <= WY_ALT_SIZE)
		return -EAGAIN;
	return arch_on_stack(alternate + WY_ALT_SIZE, recover_here, boot);
}

/* A process that shares this memory, and runs on the agent: the child of a vfork, mostly. */
static bool memory_is_shared(const struct wy_thread *t)
{
	for (const struct wy_thread *o = wy_thread_blocks(); o; o = o->next) {
		if (wy_thread_is_foreign(t, o))
			return true;
	}
	return false;
}

static long undo(void *arg)
{
	const struct wy_thread *t = wy_self();

	(void)arg;
	if (memory_is_shared(t))
		return -EBUSY;
	/* Its filters know the agent by its place; strict mode the kernel does not even know of. */
	if (wy_seccomp_judges || wy_seccomp_region())
		return -EPERM;
	if (wy_own.lost)
		return -ENOSPC;
	if (!wy_rewrite_undo_all())
		return -EIO;
	wy_vdso_undo();
	wy_signal_put_back(t);
	return 0;
}

static long release(void *arg)
{
	struct wy_boot *boot = arg;
	struct wy_thread *t = wy_self();

	wy_layers_thread_exit(t);
	wy_session_put_slot(t);
	boot->mask |= t->owned_blocked;
	wy_signal_unhold(t);
	if (!wy_gs_is_theirs)
		arch_set_self(NULL);
	return wy_thread_release(t);
}

long wy_attach_answer(struct wy_boot *boot)
{
	const struct wy_thread *t = wy_thread_here();

	switch (boot->ask) {
	case WY_ASK_JOIN: return join(boot);
	case WY_ASK_RECOVER: return recover(boot);
	case WY_ASK_UNDO: return t ? arch_on_stack(t->stack_top, undo, boot) : -EBUSY;
	case WY_ASK_RELEASE: return t ? arch_on_stack(t->stack_top, release, boot) : 0;
	}
	return -EINVAL;
}
