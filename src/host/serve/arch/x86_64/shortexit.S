/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shortexit.S - what is written over Py_FinalizeEx() (shortexit.c).  In C it would be
 *
 *	PyObject *modules = PyImport_GetModuleDict();
 *
 *	of_module(modules, "threading", "_shutdown");	waits for threads
 *	of_module(modules, "atexit", "_run_exitfuncs");
 *	return flush("stdout") | flush("stderr");	-1: the exit status is 120
 *
 * as in the function that it replaces: what goes wrong is printed and does not keep the
 * rest from being done.  Some builds of Python have no more than 356 bytes for it.
 *
 * Distances to what is Python's are filled in for each process: wy_python_end_sites has pairs
 * of where one is to be written and to what it leads, a number in python_names (shortexit.c).
 */
	.macro distance to
7:	.long 0
	.pushsection .rodata.shortexit_sites, "a", @progbits
	.long 7b - wy_python_end, \to
	.popsection
	.endm

	.macro python_call to
	.byte 0xe8
	distance \to
	.endm

	.section .rodata.shortexit_sites, "a", @progbits
	.balign 4
	.globl wy_python_end_sites
	.hidden wy_python_end_sites
wy_python_end_sites:

	.section .rodata.shortexit, "a", @progbits
	.globl wy_python_end
	.hidden wy_python_end
	.type wy_python_end, @object
wy_python_end:
	endbr64
	push %rbx
	push %r12
	sub $8, %rsp
	python_call 0 /* PyImport_GetModuleDict */
	mov %rax, %rbx
	lea threading(%rip), %rsi
	lea shutdown(%rip), %rdx
	call of_module
	lea atexit(%rip), %rsi
	lea run_exitfuncs(%rip), %rdx
	call of_module
	lea stdout(%rip), %rdi
	call flush
	mov %eax, %r12d
	lea stderr(%rip), %rdi
	call flush
	or %r12d, %eax
	add $8, %rsp
	pop %r12
	pop %rbx
	ret

/* rsi: a module's name, rdx: its function; nothing if it was never imported. */
of_module:
	push %rdx
	mov %rbx, %rdi
	python_call 1 /* PyDict_GetItemString */
	pop %rsi
	mov %rax, %rdi
	test %rax, %rax
	jnz method
	ret

/* rdi: an object, rsi: its method.  Returns -1 if it went wrong, else 0. */
method:
	push %rdi
	xor %edx, %edx
	xor %eax, %eax /* a function with variable arguments */
	python_call 2 /* PyObject_CallMethod */
	pop %rdi
	test %rax, %rax
	mov $0, %eax
	jnz 1f
	push %rdi
	python_call 3 /* PyErr_WriteUnraisable */
	pop %rdi
	mov $-1, %eax
1:	ret

/* rdi: the name of a stream in sys.  Returns -1 if it went wrong, else 0. */
flush:
	push %rbx
	python_call 4 /* PySys_GetObject */
	mov %rax, %rbx
	test %rax, %rax
	jz 3f
	.byte 0x48, 0x8d, 0x0d /* lea _Py_NoneStruct(%rip), %rcx */
	distance 8
	cmp %rcx, %rax
	je 3f
	mov %rax, %rdi
	lea closed(%rip), %rsi
	python_call 5 /* PyObject_GetAttrString */
	test %rax, %rax
	jz 1f
	mov %rax, %rdi
	python_call 6 /* PyObject_IsTrue */
	test %eax, %eax
	jg 3f /* closed */
	jz 2f
1:	python_call 7 /* PyErr_Clear */
2:	mov %rbx, %rdi
	lea flush_name(%rip), %rsi
	pop %rbx
	jmp method
3:	xor %eax, %eax
	pop %rbx
	ret

threading:	.asciz "threading"
shutdown:	.asciz "_shutdown"
atexit:		.asciz "atexit"
run_exitfuncs:	.asciz "_run_exitfuncs"
stdout:		.asciz "stdout"
stderr:		.asciz "stderr"
closed:		.asciz "closed"
flush_name:	.asciz "flush"

.Lend:
	.size wy_python_end, .Lend - wy_python_end

	.section .rodata.shortexit_sites, "a", @progbits
.Lsites_end:

	.section .rodata.shortexit_sizes, "a", @progbits
	.balign 8
	.globl wy_python_end_size
	.hidden wy_python_end_size
wy_python_end_size:
	.quad .Lend - wy_python_end
	.globl wy_python_end_nr_sites
	.hidden wy_python_end_nr_sites
wy_python_end_nr_sites:
	.quad (.Lsites_end - wy_python_end_sites) / 8

	.section .note.GNU-stack, "", @progbits
