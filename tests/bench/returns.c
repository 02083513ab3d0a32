/* SPDX-License-Identifier: Apache-2.0 */
/*
 * returns.c - what function returns cost around a system call.
 *
 * A kernel with the "Safe RET" mitigation (AMD Zen 1 to 4) makes each of its returns so that
 * the processor predicts a place that is never gone to (srso_alias_return_thunk). That costs
 * time in the kernel, for each function that the call goes through, and it leaves addresses
 * behind on the processor's stack of predicted returns: the first return of the program that
 * uses one of those is very slow.
 *
 * Prints a line of nanoseconds:
 *	a call and a plain return; a call and such a return, both in user space;
 *	then without and with Syscall User Dispatch armed (everything allowed): a call of
 *	getppid from a loop; from a function that returns right after it; from a function
 *	that makes eight calls that never return first, so that the stack of predictions
 *	holds harmless addresses.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH	59
#define PR_SYS_DISPATCH_ON		1
#endif

#define ROUNDS	15

void plain_function(void);
void safe_function(void);
void call_and_return(void);
void call_fill_return(void);

__asm__(".text\n"
	".balign 64\n"
	"plain_function:\n"
	"	ret\n"
	".balign 64\n"
	"safe_function:\n"
	"	jmp 2f\n"
	".balign 64\n"
	"1:	lea 8(%rsp), %rsp\n"
	"	ret\n"
	"	int3\n"
	".balign 64\n"
	"2:	call 1b\n"
	"	ud2\n"
	".balign 64\n"
	"call_and_return:\n"
	"	mov $110, %eax\n"	/* getppid */
	"	syscall\n"
	"	ret\n"
	".balign 64\n"
	"call_fill_return:\n"
	"	mov $110, %eax\n"
	"	syscall\n"
	"	.rept 8\n"
	"	call 1f\n"
	"	int3\n"
	"1:\n"
	"	.endr\n"
	"	add $64, %rsp\n"
	"	ret\n");

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double least(double best, double begin, unsigned long n)
{
	double taken = (now() - begin) / (double)n;

	return best == 0 || taken < best ? taken : best;
}

static void measure(void (*function)(void), unsigned long n)
{
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		double begin = now();

		for (unsigned long i = 0; i < n; i++)
			function();
		best = least(best, begin, n);
	}
	printf("%.2f ", best);
}

static void measure_loop(unsigned long n)
{
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		double begin = now();

		for (unsigned long i = 0; i < n; i++) {
			long ret = 110;

			__asm__ volatile("syscall" : "+a"(ret) : : "rcx", "r11", "memory");
		}
		best = least(best, begin, n);
	}
	printf("%.2f ", best);
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 50000;

	measure(plain_function, n);
	measure(safe_function, n);
	for (int armed = 0; armed < 2; armed++) {
		if (armed && prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 4096,
				   (1ul << 47) - 8192, 0) < 0)
			err(1, "Syscall User Dispatch");
		measure_loop(n);
		measure(call_and_return, n);
		measure(call_fill_return, n);
	}
	printf("\n");
	return 0;
}
