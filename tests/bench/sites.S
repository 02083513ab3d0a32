/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sites.S - functions with a system call each, as a compiler makes them: padding behind.
 * With LARGE there is much more code in the same mapping, as in a big library.
 */

#define SITES	200

	.text
#ifdef LARGE
	.skip	1536 << 10, 0xcc
#endif
	.balign	4096
	.globl	sites
	.type	sites, @object
sites:
	.rept	SITES
	.balign	32
	.cfi_startproc
	mov	$39, %eax		/* getpid */
	syscall
	ret
	.cfi_endproc
	.endr
	.balign	32

	.section .rodata
	.globl	nr_sites
nr_sites:
	.long	SITES

	.section .note.GNU-stack, "", @progbits
