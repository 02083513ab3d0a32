/* SPDX-License-Identifier: Apache-2.0 */
/* A far jump to 32-bit code, a call by int 0x80 there, and back. */
#include "torture.h"

int main(void)
{
	unsigned char *code = mmap((void *)0x30000000, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	/* mov $20,%eax; int $0x80; lret */
	static const unsigned char text[] = { 0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xcb };
	long pid = 0;

	must(code == (void *)0x30000000);
	memcpy(code, text, sizeof(text));
	memcpy(code + 0x100, "\xff\xe3", 2);		/* 64-bit again: jmp *%rbx */
	for (int i = 0; i < 100; i++) {
		__asm__ volatile("mov %%rsp, %%r12\n\t"
				 "mov $0x30001ff0, %%esp\n\t"
				 "lea 1f(%%rip), %%rax\n\t"
				 /* a 32-bit far return goes to a 32-bit offset: a stub below 4 GB jumps back */
				 "movl $0x33, 4(%%rsp)\n\t"
				 "movl $0x30000100, (%%rsp)\n\t"
				 "movl $0x30000000, -8(%%rsp)\n\tmovl $0x23, -4(%%rsp)\n\t"
				 "mov %%rax, %%rbx\n\t"
				 "ljmp *-8(%%rsp)\n"
				 "1:	mov %%r12, %%rsp\n\t"
				 : "=a"(pid) : "c"(code)
				 : "rbx", "r12", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
		if (pid != getpid())
			die("getpid in 32-bit code: %ld", pid);
	}
	say("getpid in 32-bit code is right");
	return 0;
}
