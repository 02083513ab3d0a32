/* SPDX-License-Identifier: Apache-2.0 */
/* Calls with rsp odd, in memory that is no stack, at the edge of a page, at 0 and at -1. */
#include "torture.h"

/* Makes `count` calls with rsp = sp: getpid each time.  The result is how many were right. */
long calls_on(unsigned long sp, long count, long pid);
__asm__(".text\n.globl calls_on\n.type calls_on, @function\ncalls_on:\n"
	"	push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n"
	"	mov %rsp, %rbp\n"
	"	mov %rdi, %r14\n mov %rsi, %rbx\n mov %rdx, %r12\n xor %r13d, %r13d\n"
	"	mov %r14, %rsp\n"
	"1:	mov $39, %eax\n"
	"	syscall\n"
	"	cmp %r14, %rsp\n jne 2f\n"
	"	cmp %r12, %rax\n jne 2f\n"
	"	inc %r13\n"
	"2:	mov $-1, %rdi\n"
	"	mov $3, %eax\n"			/* close(-1) */
	"	syscall\n"
	"	cmp $-9, %rax\n jne 3f\n"
	"	cmp %r14, %rsp\n jne 3f\n"
	"	inc %r13\n"
	"3:	dec %rbx\n jnz 1b\n"
	"	mov %rbp, %rsp\n"
	"	mov %r13, %rax\n"
	"	pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n"
	".size calls_on, . - calls_on\n");

static char data[256];
static volatile int hits;
static void handler(int sig, siginfo_t *info, void *context)
{
	hits++;
	sc(SYS_getppid);
}

int main(void)
{
	char *map = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static char alt[65536];
	stack_t s = { .ss_sp = alt, .ss_size = sizeof(alt) };
	struct itimerval timer = { { 0, 200 }, { 0, 200 } };
	struct { const char *name; unsigned long sp; } places[] = {
		{ "0", 0 }, { "1", 1 }, { "8", 8 }, { "-1", -1ul }, { "the kernel", 0xffffffff81000000 },
		{ "a hole", 0x800000000000 }, { "the middle of a hole", 0x0123456789abcdef },
		{ "data", (unsigned long)data + 128 }, { "odd data", (unsigned long)data + 127 },
		{ "the start of a page with a guard below", 0 }, { "a guard page", 0 },
		{ "text", (unsigned long)calls_on + 64 },
	};

	must(map != MAP_FAILED && mprotect(map + 4096, 4096, PROT_READ | PROT_WRITE) == 0);
	places[9].sp = (unsigned long)map + 4096;
	places[10].sp = (unsigned long)map + 100;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT_OF(places); i++)
			say("rsp at %s%s: %ld", places[i].name, round ? " with signals" : "",
			    calls_on(places[i].sp, 1000, getpid()));
		/* the second time with signals on the alternate stack, from anywhere */
		must(sigaltstack(&s, NULL) == 0);
		on_signal(SIGALRM, handler, SA_ONSTACK);
		if (!round)
			setitimer(ITIMER_REAL, &timer, NULL);
	}
	memset(&timer, 0, sizeof(timer));
	setitimer(ITIMER_REAL, &timer, NULL);
	for (size_t i = 0; i < sizeof(data); i++)
		if (data[i])
			die("byte %zu near rsp was written", i);
	for (int i = 0; i < 4096; i++)
		if (map[4096 + i])
			die("byte %d of the page was written", i);
	return 0;
}
