/* SPDX-License-Identifier: Apache-2.0 */
/* launch.S - the way into a program that the launcher has mapped. */
	.text
/* void wy_launch_jump(unsigned long pc, unsigned long sp, unsigned long arg) */
	.globl	wy_launch_jump
	.hidden	wy_launch_jump
wy_launch_jump:
	mov	%rdi, %rax
	mov	%rsi, %rsp
	mov	%rdx, %rdi
	xor	%ebp, %ebp
	jmp	*%rax

/* void wy_launch_return(const struct ucontext *uc): rt_sigreturn to what stands there */
	.globl	wy_launch_return
	.hidden	wy_launch_return
wy_launch_return:
	mov	%rdi, %rsp
	mov	$15, %eax
	syscall
	ud2

	.section .note.GNU-stack, "", @progbits
