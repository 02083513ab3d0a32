/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot.S - the entry of the image, and the beginning of the page that the loader
 * writes (boot.c).
 *
 * The loader enters with struct wy_boot in rdi; the kernel, after an exec, with 0.
 */
#include "agent/arch/x86_64/offsets.h"

	.section .boot, "ax", @progbits
	.balign	4096
	.globl	wy_image_start, wy_agent_start
	.hidden	wy_image_start
wy_image_start:
	test	%rdi, %rdi
	jnz	wy_agent_start
	xor	%ebp, %ebp
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	wy_launch
	ud2

/* On the boot stack, which cannot be written yet, nor can anything else: all is mapped as text. */
wy_agent_start:
	xor	%ebp, %ebp
	cmpq	$0, B_ASK(%rdi)			/* WY_ASK_BOOT */
	jne	1f
	mov	%rdi, %rbx
	mov	B_REGION(%rbx), %rdi
	mov	B_ARENA_OFF(%rbx), %rsi
	add	B_TEXT_LEN(%rbx), %rdi
	sub	B_TEXT_LEN(%rbx), %rsi
	mov	$3, %edx			/* PROT_READ | PROT_WRITE */
	mov	$10, %eax			/* mprotect: data, struct wy_boot and stack */
	syscall
	test	%rax, %rax
	jnz	2f
	mov	B_REGION(%rbx), %rdi
	add	B_ARENA_OFF(%rbx), %rdi
	add	$B_ARENA_CODE, %rdi
	mov	$B_ARENA_DATA, %esi
	mov	$10, %eax			/* mprotect: what the stubs read */
	syscall
	test	%rax, %rax
	jnz	2f
	mov	%rbx, %rdi
	call	wy_boot
	test	%rax, %rax
	jnz	2f
	mov	%rbx, %rdi
1:	call	wy_start
	ud2
2:	mov	%rax, %rdi
	mov	$B_TRAP_READY, %eax
	int3
	jmp	2b

/* long wy_trap(code, value, value2): stops for the loader */
	.globl	wy_trap
	.hidden	wy_trap
wy_trap:
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	int3
	ret

	.section .note.GNU-stack, "", @progbits
