/* SPDX-License-Identifier: Apache-2.0 */
/* A program that steps through its own code by the trap flag, over a call that has become a jump. */
#include "torture.h"

static volatile int steps;
static void step(int sig, siginfo_t *info, void *context)
{
	steps++;
}

static void walk(void)
{
	steps = 0;
	__asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
			 "mov $110, %%eax\n\tsyscall\n\t"
			 "pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq"
			 : : : "rax", "rcx", "r11", "memory", "cc");
}

int main(void)
{
	on_signal(SIGTRAP, step, 0);
	for (int i = 0; i < 20; i++) {
		walk();
		if (i == 0 || i == 19)
			say("%d steps", steps);
	}
	return 0;
}
