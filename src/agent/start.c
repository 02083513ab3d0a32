/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start.c - the agent's first steps in an image, on the boot stack, every
 * signal blocked, no thread of the program running.
 *
 * When a step fails the loader is told and takes the agent out of the way; the
 * program then runs as if waylay were not there.
 *
 * In a program that ran before, this is one of its threads; attach.c has the rest.
 */
#include "agent/arch/x86_64/stop.h"
#include "agent/arch/x86_64/trap.h"
#include "agent/attach.h"
#include "agent/code.h"
#include "agent/fault.h"
#include "agent/launcher.h"
#include "agent/op.h"
#include "agent/own.h"
#include "agent/signal.h"
#include "agent/site.h"
#include "agent/vdso.h"
#include <asm/errno.h>

#define HWCAP2_FSGSBASE 2ul

/* What layers call looks on the stack for the thread. */
static long start_layers(void *t)
{
	wy_layers_thread_start(t);
	return 0;
}

static long start(const struct wy_boot *boot)
{
	struct wy_thread *t = NULL;
	long ret;

	if (boot->magic != WY_BOOT_MAGIC)
		return -EPROTO;
	if (!(boot->hwcap2 & HWCAP2_FSGSBASE))
		return -ENOSYS;
	wy_own_add(boot->region, boot->region_len);
	ret = wy_session_start(boot);
	if (!ret)
		t = wy_thread_start_first(&ret);
	if (!ret)
		ret = wy_sites_start(boot);
	if (ret)
		return ret;
	wy_gate_begin();
	wy_signal_ops();
	wy_thread_ops();
	wy_exec_ops();
	wy_guard_ops();
	wy_seccomp_ops(boot);
	wy_program_ran = !(boot->flags & WY_BOOT_EXEC);
	wy_layers_start(wy_session->flags);
	/* In a program that runs, a thread may be in one of those functions. */
	if ((wy_session->flags & WY_CATCH_VDSO) && (boot->flags & WY_BOOT_EXEC))
		wy_vdso_catch(boot);
	if (!(boot->flags & WY_BOOT_EXEC))
		wy_thread_note_stack(t);
	/* First what the kernel may refuse: then nothing of the program's has been changed. */
	ret = wy_thread_arm(t);
	if (ret)
		return ret;
	ret = wy_signal_start(t, boot);
	if (ret) {
		wy_thread_disarm();
		return ret;
	}
	if (boot->flags & WY_BOOT_EXEC)
		__atomic_add_fetch(&wy_session->execs, 1, __ATOMIC_RELAXED);
	if ((boot->flags & WY_BOOT_FIRST) || !(boot->flags & WY_BOOT_EXEC))
		__atomic_add_fetch(&wy_session->processes, 1, __ATOMIC_RELAXED);
	arch_on_stack(t->stack_top, start_layers, t);
	/* With other threads it takes long: then when code is written first. */
	if (boot->flags & WY_BOOT_EXEC)
		wy_code_sync_register();
	return 0;
}

void wy_start(struct wy_boot *boot);
void wy_start(struct wy_boot *boot)
{
	long ret = boot->ask == WY_ASK_START ? start(boot) : wy_attach_answer(boot);

	if (boot->flags & WY_BOOT_SELF)
		wy_launch_finish(boot, ret);
	for (;;)
		wy_trap(WY_TRAP_READY, ret, (long)&wy_own);
}
