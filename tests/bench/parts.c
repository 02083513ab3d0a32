/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.c - what the rewriting of a system call site is made of, each part by itself.
 *
 *	parts THREADS
 *
 * Prints medians in nanoseconds, a line each: a call that SIGSYS catches (the handler only
 * returns); opening and closing /proc/self/mem; one write to it; a small mapping of a file
 * made writable and put back; the same for one page of a large one; a membarrier.
 * THREADS others run meanwhile.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "spin.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON           1
#define PR_SYS_DISPATCH_OFF          0
#endif

#define ROUNDS 501
#define PAGE   4096ul
#define SMALL  (4 * PAGE)
#define LARGE  (384 * PAGE)

static volatile char selector;
static char *code;
static int mem;
static const unsigned long word;

static void on_sigsys(int sig)
{
	(void)sig;
	selector = 0; /* calls pass again */
}

static void trip(void)
{
	selector = 1;
	syscall(SYS_getpid);
}

static void open_close(void)
{
	close(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
}

static void write_word(void)
{
	if (pwrite(mem, &word, sizeof(word), (off_t)code) != sizeof(word))
		err(1, "/proc/self/mem");
}

static void protect(unsigned long len)
{
	if (mprotect(code, len, PROT_READ | PROT_WRITE | PROT_EXEC))
		err(1, "mprotect");
	*(volatile unsigned long *)code = word;
	mprotect(code, len, PROT_READ | PROT_EXEC);
}

static void protect_small(void)
{
	protect(SMALL);
}

static void protect_page(void)
{
	protect(PAGE);
}

static void barrier(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0))
		err(1, "membarrier");
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(void (*part)(void))
{
	static double taken[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double begin = now();

		part();
		taken[i] = now() - begin;
	}
	qsort(taken, ROUNDS, sizeof(*taken), compare);
	printf("%.0f\n", taken[ROUNDS / 2]);
}

/* A mapping of a file of our own, r-x, with its pages present and `own` of them written to. */
static void map_code(FILE *file, unsigned long len, unsigned long own)
{
	code = mmap(NULL, len, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fileno(file), 0);
	if (code == MAP_FAILED)
		err(1, "mmap");
	for (unsigned long at = 0; at < len; at += PAGE) {
		char byte = *(volatile char *)(code + at);

		if (at / PAGE < own)
			*(volatile char *)(code + at) = byte;
	}
	mprotect(code, len, PROT_READ | PROT_EXEC);
}

int main(int argc, char **argv)
{
	int nr_threads = argc > 1 ? atoi(argv[1]) : 0;
	FILE *file = tmpfile();

	if (!file || ftruncate(fileno(file), LARGE) < 0)
		err(1, "a file");
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0))
		err(1, "membarrier");
	spin_start(nr_threads);

	signal(SIGSYS, on_sigsys);
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector))
		err(1, "Syscall User Dispatch");
	measure(trip);
	prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0);

	map_code(file, SMALL, 2);
	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	measure(open_close);
	measure(write_word);
	measure(protect_small);
	map_code(file, LARGE, 2);
	measure(protect_page);
	measure(barrier);
	spin_end(nr_threads);
	return 0;
}
