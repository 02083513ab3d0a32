/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads whose whole stack is one page with a guard page below, and some
 * with no stack to speak of: the calls they make need none of it.
 */
#include "torture.h"
#include <linux/futex.h>

static unsigned word, made;

/*
 * The child makes calls with rsp at the very bottom of its page, then with
 * rsp = 0: a system call needs no stack.  r12 is where it counts.
 */
long tiny_clone(unsigned long flags, void *stack, unsigned *ctid, unsigned *count);
__asm__(".text\n.globl tiny_clone\n.type tiny_clone, @function\ntiny_clone:\n"
	"	push %r12\n"
	"	mov %rcx, %r12\n"
	"	mov %rdx, %r10\n"		/* ctid */
	"	xor %edx, %edx\n"
	"	xor %r8d, %r8d\n"
	"	mov $56, %eax\n"
	"	syscall\n"
	"	test %rax, %rax\n"
	"	jz 1f\n"
	"	pop %r12\n"
	"	ret\n"
	"1:	mov $200, %ebx\n"
	"	movq $0x5a5a, (%rsp)\n"
	"2:	mov $39, %eax\n syscall\n"
	"	mov %rax, %r13\n"
	"	mov $186, %eax\n syscall\n"
	"	cmp %r13, %rax\n je 9f\n"
	"	dec %ebx\n jnz 2b\n"
	"	cmpq $0x5a5a, (%rsp)\n jne 9f\n"
	"	mov %rsp, %r14\n"
	"	xor %esp, %esp\n"
	"	mov $200, %ebx\n"
	"3:	mov $39, %eax\n syscall\n cmp %r13, %rax\n jne 9f\n"
	"	test %rsp, %rsp\n jnz 9f\n"
	"	dec %ebx\n jnz 3b\n"
	"	lock incl (%r12)\n"
	"	xor %edi, %edi\n mov $60, %eax\n syscall\n"
	"9:	mov $96, %edi\n mov $231, %eax\n syscall\n hlt\n"
	".size tiny_clone, . - tiny_clone\n");

int main(void)
{
	unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			      CLONE_SYSVSEM | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID;
	long count = rounds(500, 20000);
	char *map = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(map != MAP_FAILED && mprotect(map + 4096, 4096, PROT_READ | PROT_WRITE) == 0);
	for (long i = 0; i < count; i++) {
		long tid;

		word = ~0u;
		/* every second one starts with rsp at the lowest byte of the page */
		tid = tiny_clone(flags, i & 1 ? map + 4096 : map + 8192 - 16, &word, &made);
		if (tid <= 0)
			die("clone: %s", err_name(tid));
		for (;;) {
			unsigned now = __atomic_load_n(&word, __ATOMIC_SEQ_CST);

			if (now == 0)
				break;
			sc(SYS_futex, &word, FUTEX_WAIT, now, 0);
		}
	}
	say("%u threads on one page", made);
	return 0;
}
