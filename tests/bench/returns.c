/* SPDX-License-Identifier: Apache-2.0 */
/*
 * returns.c - what a function's return costs, plain and as a kernel with the "Safe RET"
 * mitigation makes it (srso_alias_return_thunk of Linux for AMD Zen 3 and 4): there every
 * `ret` is a jump to a call whose return address is thrown away, so that the processor
 * predicts a place that is never gone to.  Prints nanoseconds of both, a call included.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void plain_function(void);
void safe_function(void);

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
	"	ud2\n");

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double measure(void (*function)(void), unsigned long n)
{
	double begin = now();

	for (unsigned long i = 0; i < n; i++)
		function();
	return (now() - begin) / (double)n;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;

	measure(plain_function, n);
	printf("%.3f ", measure(plain_function, n));
	measure(safe_function, n);
	printf("%.3f\n", measure(safe_function, n));
	return 0;
}
