/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.S - the way from a system call site into the agent and back.
 *
 * A site jumps (or is sent by the SIGSYS handler) to its own stub with all
 * registers as the program left them.  Only rcx and r11 are free, because the
 * syscall instruction destroys them; the arithmetic flags are not.  The stub
 *
 *	looks the call number up in a table of bytes: not wanted -> native call
 *	takes the thread's private stack and calls the gate
 *	makes the native call with the program's whole register state, its own
 *	stack pointer included, so that a signal frame that the kernel builds
 *	then needs nothing but another program counter
 *	jumps back
 *
 * Every instruction here belongs to one of a few ranges (wy_gate_range), and
 * for each the signal handler knows how to find the program's registers:
 *
 *	entry	nothing is changed but rcx, r11 and the stack pointer
 *	agent	C code runs: the signal waits (thread->pending) until the exit
 *	exit	the call record on the private stack holds them
 *
 * The test of thread->pending is the last look before the native call.  From
 * the instruction behind it on the signal handler rebuilds the program's
 * registers and goes back to the site (or behind it when the call is done).
 */
#include "agent/arch/x86_64/offsets.h"

/* A reference from a stub to its struct wy_site.  The distance between them
 * is the same for all stubs; wy_stub_fill() adds it to what stands here. */
#define SITE_REF(field)	.long (field) - (. + 4 - wy_stub_template)

	.text
	.balign	128
	.globl	wy_stub_template
	.hidden	wy_stub_template
wy_stub_template:
	movzwl	%ax, %ecx
	.byte	0x4c, 0x8b, 0x1d		/* mov  site->unwanted(%rip), %r11 */
.Lfix0:	SITE_REF(S_UNWANTED)
	movzbl	(%r11,%rcx), %ecx
	jrcxz	.Lwanted
	jmp	.Lnative
.Lwanted:
	mov	%rsp, %gs:T_USER_SP
	mov	%gs:T_STACK, %rsp
.Lswitched:
	.byte	0x48, 0x8d, 0x0d		/* lea  site(%rip), %rcx */
.Lfix1:	SITE_REF(0)
	.byte	0xff, 0x15			/* call *site->gate(%rip) */
.Lfix2:	SITE_REF(S_GATE)
.Lret:
	mov	%gs:T_USER_SP, %rsp
.Lchoose:
	jrcxz	.Lnative
	jmp	*%rcx
.Lnative:
	syscall
.Lfill:
	/*
	 * The kernel's own returns can leave the processor's stack of predicted returns full of
	 * places that the program's next returns then go to and come back from, slowly
	 * (docs/bench.md).  Calls that never return put harmless places on top.  Where that
	 * is not needed, wy_sites_start() has jumps over it put here and below.
	 */
	mov	%rsp, %gs:T_USER_SP
	mov	%gs:T_STACK, %rsp
.Lfill_switched:
	.rept	8
	call	1f
	int3
1:
	.endr
.Lfill_end:
	mov	%gs:T_USER_SP, %rsp
.Ldone:
	.byte	0x48, 0x8b, 0x0d		/* mov  site->back(%rip), %rcx */
.Lfix3:	SITE_REF(S_BACK)
	jmp	*%rcx
.Lnative_leave:
	syscall
.Lleave:
	mov	%rsp, %gs:T_USER_SP
	mov	%gs:T_STACK, %rsp
.Lleave_switched:
	.byte	0x48, 0x8d, 0x0d		/* lea  site(%rip), %rcx */
.Lfix4:	SITE_REF(0)
	.byte	0xff, 0x15			/* call *site->leave(%rip) */
.Lfix5:	SITE_REF(S_LEAVE)
.Lleft:
	jmp	.Lfill_switched
.Lplain:				/* the native call of a program whose gs is its own */
	syscall
	jmp	.Ldone
.Lstub_end:
	.org	wy_stub_template + WY_STUB_SIZE, 0xcc

	.section .rodata
	.globl	wy_stub_fixups, wy_stub_marks
	.hidden	wy_stub_fixups, wy_stub_marks
wy_stub_fixups:			/* ends with 0 */
	.byte	.Lfix0 - wy_stub_template, .Lfix1 - wy_stub_template, .Lfix2 - wy_stub_template
	.byte	.Lfix3 - wy_stub_template, .Lfix4 - wy_stub_template, .Lfix5 - wy_stub_template
	.byte	0
wy_stub_marks:			/* struct stub_marks in frame.c */
	.byte	.Lwanted - wy_stub_template
	.byte	.Lswitched - wy_stub_template
	.byte	.Lret - wy_stub_template
	.byte	.Lchoose - wy_stub_template
	.byte	.Lnative - wy_stub_template
	.byte	.Lfill - wy_stub_template
	.byte	.Lfill_switched - wy_stub_template
	.byte	.Lfill_end - wy_stub_template
	.byte	.Ldone - wy_stub_template
	.byte	.Lnative_leave - wy_stub_template
	.byte	.Lleave - wy_stub_template
	.byte	.Lleave_switched - wy_stub_template
	.byte	.Lleft - wy_stub_template
	.byte	.Lplain - wy_stub_template

	.text
/* Pushes struct wy_call below the return address into the stub.  Nothing but
 * the stack is written, so that any point in it is an "entry" point. */
.macro SAVE_REGS
	pushfq
	push	%rcx				/* site */
	push	%rax				/* ret */
	push	%r9
	push	%r8
	push	%r10
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rax				/* nr */
.endm
.macro SAVE_CALL
	lea	-8(%rsp), %rsp			/* target */
	pushq	%gs:T_SELF
	pushq	%gs:T_USER_SP
	SAVE_REGS
.endm

/* The program's registers but for rcx, r11 and the stack pointer.  lahf's byte is the low byte
 * of rflags; the overflow flag comes by 0x80 + 0x80. */
.macro RESTORE_REGS
	mov	C_FLAGS(%rsp), %r11
	mov	%r11d, %edx
	mov	%r11d, %eax
	shr	$4, %eax
	and	$0x80, %eax
	mov	%dl, %ah
	add	%al, %al
	sahf
	mov	C_ARG0(%rsp), %rdi
	mov	C_ARG1(%rsp), %rsi
	mov	C_ARG2(%rsp), %rdx
	mov	C_ARG3(%rsp), %r10
	mov	C_ARG4(%rsp), %r8
	mov	C_ARG5(%rsp), %r9
	mov	C_RET(%rsp), %rax
.endm

/* A signal waits and every signal is blocked: let it come behind this. */
.macro UNBLOCK
	mov	%rsp, %rdi
	call	wy_signal_release
	mov	C_THREAD(%rsp), %rsi
	movq	$0, T_PENDING(%rsi)
	add	$T_DEFERRED, %rsi
	mov	$14, %eax			/* rt_sigprocmask */
	mov	$2, %edi			/* SIG_SETMASK */
	xor	%edx, %edx
	mov	$8, %r10d
	syscall
.endm

	.balign	64
	.globl	wy_gate_enter
	.hidden	wy_gate_enter
wy_gate_enter:
	SAVE_CALL
.Lenter_saved:
	mov	%rsp, %rdi
	call	wy_call_enter
.Lexit:
	mov	C_TARGET(%rsp), %rcx
	cmpq	$0, %gs:T_PENDING
.Lexit_window:
	jne	.Lexit_pending
.Lexit_regs:
	RESTORE_REGS
	lea	C_STUB_RET(%rsp), %rsp
	ret
.Lexit_end:

.Lexit_pending:
	UNBLOCK
.Lunblocked:
	mov	C_TARGET(%rsp), %rcx
	jmp	.Lexit_regs
.Lunblocked_end:

	.balign	64
	.globl	wy_gate_leave
	.hidden	wy_gate_leave
wy_gate_leave:
	SAVE_CALL
.Lleave_saved:
	mov	%rsp, %rdi
	call	wy_call_leave
	jmp	.Lexit

/*
 * Without gs: a program that uses the gs base itself gets it, and every call
 * trips (wy_gs_is_theirs).  The SIGSYS handler enters here with the thread in
 * r11, the site in rcx, on the private stack.  The stub's last part, which
 * needs gs, has its double here: there the call is made on the private stack.
 */
	.section wy_program_calls, "ax"		/* see seccomp.h */
	.balign	64
	.globl	wy_gate_enter_nogs
	.hidden	wy_gate_enter_nogs
wy_gate_enter_nogs:
	lea	-16(%rsp), %rsp			/* stub_ret, target */
	push	%r11
	pushq	T_USER_SP(%r11)
	SAVE_REGS
.Lnogs_saved:
	mov	%rsp, %rdi
	call	wy_call_enter
.Lnogs_exit:
	mov	C_THREAD(%rsp), %rax
	cmpq	$0, T_PENDING(%rax)
.Lnogs_window:
	jne	.Lnogs_pending
.Lnogs_regs:
	mov	C_SITE(%rsp), %rdx
	mov	C_TARGET(%rsp), %rcx
	cmp	%rcx, S_NATIVE_LEAVE(%rdx)
	je	.Lnogs_call
	test	%rcx, %rcx
	cmovz	S_NATIVE(%rdx), %rcx
	RESTORE_REGS
	mov	C_SP(%rsp), %rsp
	jmp	*%rcx
.Lnogs_call:
	RESTORE_REGS
	syscall
.Lnogs_left:
	mov	%rax, C_RET(%rsp)
	mov	%rsp, %rdi
.Lnogs_left_end:
	call	wy_call_leave
	jmp	.Lnogs_exit

	.text
.Lnogs_pending:
	UNBLOCK
.Lnogs_unblocked:
	jmp	.Lnogs_regs
.Lnogs_unblocked_end:

/*
 * The clone family.  The kernel starts the child with the parent's registers
 * and gs base, every signal blocked, without Syscall User Dispatch.  Both must
 * find their block without touching a register that the program may use or
 * memory that the other may change: each of these stubs has words for it.
 *
 * The parent of a vfork comes back when its child is done, which may itself
 * wait in a vfork, and so on without end: it must not hold a stub for so long.
 * Its gs base is still its own, and the last stubs take the block from there.
 */
.macro CLONE_STUB n
	.balign	WY_CLONE_STUB_SIZE
	syscall
	mov	%rax, %rcx
	jrcxz	1f
	.if \n < WY_CLONE_STUBS - WY_VFORK_STUBS
	mov	wy_clone_parent + 8 * \n(%rip), %rcx
	.else
	rdgsbase %rcx
	.endif
	mov	%rsp, T_USER_SP(%rcx)
	mov	T_STACK(%rcx), %rsp
	jmp	.Lclone_parent
1:	mov	wy_clone_child + 8 * \n(%rip), %rcx
	mov	T_GS(%rcx), %r11
	wrgsbase %r11
	mov	%rsp, T_USER_SP(%rcx)
	mov	T_STACK(%rcx), %rsp
	jmp	.Lclone_child
.endm
	.section wy_program_calls, "ax"
	.balign	WY_CLONE_STUB_SIZE
	.globl	wy_clone_stubs
	.hidden	wy_clone_stubs
wy_clone_stubs:
	.set	n, 0
	.rept	WY_CLONE_STUBS
	CLONE_STUB n
	.set	n, n + 1
	.endr
	.org	wy_clone_stubs + WY_CLONE_STUBS * WY_CLONE_STUB_SIZE, 0xcc

.macro SAVE_CLONE
	pushq	T_CLONE_RET(%rcx)
	lea	-8(%rsp), %rsp			/* target */
	push	%rcx
	pushq	T_USER_SP(%rcx)
	mov	T_CLONE_SITE(%rcx), %rcx
	SAVE_REGS
	mov	%rsp, %rdi
.endm
.Lclone_parent:
	SAVE_CLONE
	call	wy_clone_in_parent
	jmp	.Lclone_exit
.Lclone_child:
	SAVE_CLONE
	call	wy_clone_in_child
.Lclone_exit:
	cmpb	$0, wy_gs_is_theirs(%rip)
	jne	.Lnogs_exit
	jmp	.Lexit

/*
 * int $0x80 from 64-bit code: no register is free, so each place that does it
 * has a stub with a word for the way back.  Layers do not see these calls.
 */
	.balign	16
	.globl	wy_int80_stubs
	.hidden	wy_int80_stubs
wy_int80_stubs:
	.set	n, 0
	.rept	WY_INT80_STUBS
	.balign	WY_INT80_STUB_SIZE
	int	$0x80
	jmp	*wy_int80_back + 8 * n(%rip)
	.set	n, n + 1
	.endr
	.org	wy_int80_stubs + WY_INT80_STUBS * WY_INT80_STUB_SIZE, 0xcc

	.bss
	.balign	8
	.globl	wy_int80_back
	.hidden	wy_int80_back
wy_int80_back:
	.skip	8 * WY_INT80_STUBS
	.globl	wy_clone_parent
	.hidden	wy_clone_parent
wy_clone_parent:
	.skip	8 * WY_CLONE_STUBS
	.globl	wy_clone_child
	.hidden	wy_clone_child
wy_clone_child:
	.skip	8 * WY_CLONE_STUBS

	.section .data.rel.ro.local, "aw"
	.balign	8
	.globl	wy_gate_ranges
	.hidden	wy_gate_ranges
wy_gate_ranges:			/* struct gate_ranges in frame.c */
	.quad	wy_gate_enter, .Lenter_saved
	.quad	wy_gate_leave, .Lleave_saved
	.quad	.Lexit_window, .Lexit_end
	.quad	.Lunblocked, .Lunblocked_end
	.quad	wy_gate_enter_nogs, .Lnogs_saved
	.quad	.Lnogs_window, .Lnogs_left
	.quad	.Lnogs_unblocked, .Lnogs_unblocked_end
	.quad	.Lnogs_left, .Lnogs_left_end

	.text
/*
 * The kernel calls this for every signal, always on the agent's alternate stack.
 *
 * SIGSEGV and SIGBUS are open meanwhile, and one that somebody sends is held (signal.c).  Who
 * holds one must give it out again before its own end, and another may come at every instruction:
 * so the last look at what is held is here, and one that comes behind it, where nothing of ours
 * is left to do, is not held: at_the_end() in signal.c.
 */
	.balign	64
	.globl	wy_signal_entry
	.hidden	wy_signal_entry
wy_signal_entry:
	mov	%rsp, %rbp
	and	$-16, %rsp
	call	wy_on_signal			/* where the word of what is held is */
	.globl	wy_signal_tail
	.hidden	wy_signal_tail
wy_signal_tail:
	cmpq	$0, (%rax)
	jne	.Lsome_held
.Lnone_held:
	lea	8(%rbp), %rsp
	.globl	wy_signal_restorer
	.hidden	wy_signal_restorer
wy_signal_restorer:
	mov	$15, %eax			/* rt_sigreturn */
	syscall
	.globl	wy_signal_tail_end
	.hidden	wy_signal_tail_end
wy_signal_tail_end:
	ud2
.Lsome_held:
	mov	%rax, %rdi
	call	wy_signal_give_out
	jmp	.Lnone_held

/*
 * void wy_sigreturn_at(unsigned long sp, unsigned long *held): rt_sigreturn with this stack
 * pointer, after the same last look.
 */
	.section wy_program_calls, "ax"
	.globl	wy_sigreturn_at
	.hidden	wy_sigreturn_at
wy_sigreturn_at:
	cmpq	$0, (%rsi)
	jne	2f
1:	mov	%rdi, %rsp
	mov	$15, %eax
	syscall
	.globl	wy_sigreturn_made
	.hidden	wy_sigreturn_made
wy_sigreturn_made:
	ud2
2:	push	%rdi
	mov	%rsi, %rdi
	call	wy_signal_give_out_all
	pop	%rdi
	jmp	1b
	.globl	wy_sigreturn_end
	.hidden	wy_sigreturn_end
wy_sigreturn_end:

/* long wy_call_as_program(long nr, long a, long b, long c, long d, long e, long f) */
	.globl	wy_call_as_program
	.hidden	wy_call_as_program
wy_call_as_program:
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	mov	8(%rsp), %r9
	syscall
	ret

/* long wy_call_for_verdict(const struct wy_call *call, const char *slot) */
	.globl	wy_call_for_verdict, wy_verdict_slots
	.hidden	wy_call_for_verdict, wy_verdict_slots
wy_call_for_verdict:
	mov	%rsi, %r11
	mov	C_NR(%rdi), %rax
	mov	C_ARG1(%rdi), %rsi
	mov	C_ARG2(%rdi), %rdx
	mov	C_ARG3(%rdi), %r10
	mov	C_ARG4(%rdi), %r8
	mov	C_ARG5(%rdi), %r9
	mov	C_ARG0(%rdi), %rdi
	jmp	*%r11
	.balign	WY_VERDICT_SLOT_SIZE
wy_verdict_slots:
	.rept	WY_VERDICT_SLOTS
	syscall
	ret
	.balign	WY_VERDICT_SLOT_SIZE
	.endr

	.text
/* long arch_clone_thread(flags, stack, parent_tid, child_tid, tls): see frame.h */
	.globl	arch_clone_thread
	.hidden	arch_clone_thread
arch_clone_thread:
	mov	%rcx, %r10
	mov	$56, %eax			/* clone */
	syscall
	test	%eax, %eax
	jz	1f
	cltq
	ret
1:	xor	%ebp, %ebp
	mov	%rsp, %rdi
	call	wy_rest_revived
	ud2

/* long arch_on_stack(unsigned long top, long (*fn)(void *), void *arg) */
	.globl	arch_on_stack
	.hidden	arch_on_stack
arch_on_stack:
	push	%rbp
	mov	%rsp, %rbp
	mov	%rdi, %rsp
	mov	%rdx, %rdi
	call	*%rsi
	mov	%rbp, %rsp
	pop	%rbp
	ret

/*
 * The only instructions that touch memory which the program named.  A fault
 * between wy_usermem_begin and wy_usermem_end ends in wy_usermem_fault.
 *
 * long wy_usermem_copy(void *to, const void *from, size_t len): 0 or -EFAULT
 */
	.balign	16
	.globl	wy_usermem_copy, wy_usermem_begin, wy_usermem_end, wy_usermem_fault
	.hidden	wy_usermem_copy, wy_usermem_begin, wy_usermem_end, wy_usermem_fault
wy_usermem_copy:
wy_usermem_begin:
	cmp	$32, %rdx
	jb	5f
0:	mov	(%rsi), %rax
	mov	8(%rsi), %rcx
	mov	16(%rsi), %r8
	mov	24(%rsi), %r9
	mov	%rax, (%rdi)
	mov	%rcx, 8(%rdi)
	mov	%r8, 16(%rdi)
	mov	%r9, 24(%rdi)
	add	$32, %rsi
	add	$32, %rdi
	sub	$32, %rdx
	cmp	$32, %rdx
	jae	0b
5:	cmp	$8, %rdx
	jb	2f
1:	mov	(%rsi), %rax
	mov	%rax, (%rdi)
	add	$8, %rsi
	add	$8, %rdi
	sub	$8, %rdx
	cmp	$8, %rdx
	jae	1b
2:	test	%rdx, %rdx
	jz	4f
3:	mov	(%rsi), %al
	mov	%al, (%rdi)
	inc	%rsi
	inc	%rdi
	dec	%rdx
	jnz	3b
4:	xor	%eax, %eax
	ret
wy_usermem_end:
wy_usermem_fault:
	mov	$-14, %rax			/* -EFAULT */
	ret

	.section .note.GNU-stack, "", @progbits
