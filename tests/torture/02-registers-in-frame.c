/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every register of every frame that a timer finds in a loop of two calls is
 * what it must be at that instruction: the program's own address, the
 * program's own stack, the arguments as the program set them.
 */
#include "torture.h"
#include <ucontext.h>

extern const char loop_start[], loop_first[], loop_second[], loop_end[];
long loop_run(volatile long *stop, long parent);
static volatile long stop_now, signals, at_call, behind_call;
static long wanted, loop_sp, parent_pid;

/* rdi..r9 hold fixed values all the time; rbx counts the rounds, r12..r15 are fixed as well. */
__asm__(".text\n"
	".globl loop_run, loop_start, loop_first, loop_second, loop_end\n"
	".type loop_run, @function\n"
	"loop_run:\n"
	"	.cfi_startproc\n"
	"	push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
	"	mov %rdi, %r12\n"
	"	mov %rsi, %r13\n"
	"	mov $0x1414141414141414, %r14\n"
	"	mov $0x1515151515151515, %r15\n"
	"	mov $0x0b0b0b0b0b0b0b0b, %rbp\n"
	"	mov $0, %ebx\n"
	"	mov $0x1111111111111111, %rdi\n"
	"	mov $0x2222222222222222, %rsi\n"
	"	mov $0x3333333333333333, %rdx\n"
	"	mov $0x4444444444444444, %r10\n"
	"	mov $0x5555555555555555, %r8\n"
	"	mov $0x6666666666666666, %r9\n"
	"loop_start:\n"
	"	movq $0x7777, -8(%rsp)\n"
	"	mov $110, %eax\n"			/* getppid */
	"loop_first:\n"
	"	syscall\n"
	"	cmp %r13, %rax\n"
	"	jne loop_bad\n"
	"	mov $110, %eax\n"
	"	nop\n"
	"	xchg %ax, %ax\n"
	"loop_second:\n"
	"	syscall\n"
	"	cmpq $0x7777, -8(%rsp)\n"
	"	jne loop_bad\n"
	"	inc %rbx\n"
	"	cmpq $0, (%r12)\n"
	"	je loop_start\n"
	"loop_end:\n"
	"	mov $0, %eax\n"
	"loop_out:\n"
	"	pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
	"	ret\n"
	"loop_bad:\n"
	"	mov $-1, %rax\n"
	"	jmp loop_out\n"
	"	.cfi_endproc\n"
	".size loop_run, . - loop_run\n");

static void wrong(const char *what, greg_t *r)
{
	die("%s: rip loop+%#llx rax %#llx rcx %#llx rsp %#llx r11 %#llx", what,
	    (long long)r[REG_RIP] - (long long)loop_start, (long long)r[REG_RAX],
	    (long long)r[REG_RCX], (long long)r[REG_RSP], (long long)r[REG_R11]);
}

static void handler(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	const char *pc = (const char *)r[REG_RIP];

	if (++signals >= wanted)
		stop_now = 1;
	if (pc < loop_start || pc >= loop_end) {
		/* before and after the loop, which ends soon when it was told to; anywhere else in the
		 * loop's time is a lie */
		if (loop_sp && !stop_now)
			wrong("outside the loop", r);
		return;
	}
	if (!loop_sp)
		loop_sp = r[REG_RSP];
	if (r[REG_RSP] != loop_sp)
		wrong("rsp", r);
	if (r[REG_RDI] != 0x1111111111111111 || r[REG_RSI] != 0x2222222222222222 ||
	    r[REG_RDX] != 0x3333333333333333 || r[REG_R10] != 0x4444444444444444 ||
	    r[REG_R8] != 0x5555555555555555 || r[REG_R9] != 0x6666666666666666)
		wrong("an argument", r);
	if (r[REG_R12] != (long)&stop_now || r[REG_R13] != parent_pid ||
	    r[REG_R14] != 0x1414141414141414 || r[REG_R15] != 0x1515151515151515 ||
	    r[REG_RBP] != 0x0b0b0b0b0b0b0b0b)
		wrong("a kept register", r);
	if (r[REG_EFL] & 0x400)
		wrong("the direction flag", r);
	if (pc == loop_first || pc == loop_second) {
		at_call++;
		if (r[REG_RAX] != 110)
			wrong("rax before the call", r);
	}
	if (pc == loop_first + 2 || pc == loop_second + 2) {
		behind_call++;
		if (r[REG_RAX] != parent_pid)
			wrong("rax after the call", r);
		if (r[REG_RCX] != (long)pc)
			wrong("rcx after the call", r);
		if ((r[REG_R11] & 0xcd5) != (r[REG_EFL] & 0xcd5))
			wrong("r11 after the call", r);
	}
}

int main(void)
{
	struct itimerval timer = { { 0, 40 }, { 0, 40 } };

	wanted = rounds(3000, 200000);
	parent_pid = getppid();
	on_signal(SIGALRM, handler, 0);
	must(setitimer(ITIMER_REAL, &timer, NULL) == 0);
	if (loop_run(&stop_now, parent_pid) != 0)
		die("the loop saw a wrong result or a broken red zone");
	loop_sp = 0;
	memset(&timer, 0, sizeof(timer));
	must(setitimer(ITIMER_REAL, &timer, NULL) == 0);
	say("every frame is the program's own");
	return 0;
}
