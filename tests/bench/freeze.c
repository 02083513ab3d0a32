/* SPDX-License-Identifier: Apache-2.0 */
/*
 * freeze.c - what a copy of a big process costs before and after its memory is frozen.
 *
 *	freeze MB off|memfd|thp|auto [READS WRITES]
 *
 * Prints one line: what was done; MB frozen; extents; ms that it took, and of processor time;
 * then, before and after, microseconds: fork alone; with the child's end; with READS and WRITES at random places in it;
 * and the KB of page tables of a copy that waits.
 */
#include "../unit/freeze_shim.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

struct cost {
	double fork, whole, touched;
	long tables;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static size_t pick(void)
{
	static uint64_t x = 1;

	x = x * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(x >> 20);
}

static void touch(volatile char *mem, size_t len, long reads, long writes)
{
	char sum = 0;

	while (reads-- > 0)
		sum = (char)(sum + mem[pick() % len]);
	while (writes-- > 0)
		mem[pick() % len] = sum;
}

static double once(char *mem, size_t len, long reads, long writes, double *ret_fork)
{
	double start = now();
	pid_t pid = fork();

	if (pid < 0)
		exit(1);
	if (pid == 0) {
		touch(mem, len, reads, writes);
		_exit(0);
	}
	*ret_fork = now() - start;
	waitpid(pid, NULL, 0);
	return now() - start;
}

static long tables_kb(void)
{
	char line[256];
	long kb = -1;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmPTE: %ld kB", &kb);
	if (f)
		fclose(f);
	return kb;
}

static long idle_tables(void)
{
	long kb = -1;
	int p[2];
	pid_t pid;

	if (pipe(p) < 0)
		exit(1);
	pid = fork();
	if (pid == 0) {
		kb = tables_kb();
		_exit(write(p[1], &kb, sizeof(kb)) != sizeof(kb));
	}
	if (read(p[0], &kb, sizeof(kb)) != sizeof(kb))
		exit(1);
	waitpid(pid, NULL, 0);
	close(p[0]);
	close(p[1]);
	return kb;
}

static struct cost measure(char *mem, size_t len, long reads, long writes)
{
	struct cost best = { 1e12, 1e12, 1e12, 0 };

	for (int i = 0; i < 7; i++) {
		double fork_us, us = once(mem, len, 0, 0, &fork_us);

		if (fork_us < best.fork)
			best.fork = fork_us;
		if (us < best.whole)
			best.whole = us;
		us = once(mem, len, reads, writes, &fork_us);
		if (us < best.touched)
			best.touched = us;
	}
	best.tables = idle_tables();
	return best;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "auto", "off", "memfd", "thp" };
	size_t len = argc > 2 ? (size_t)atol(argv[1]) << 20 : 0;
	long reads = argc > 3 ? atol(argv[3]) : 200, writes = argc > 4 ? atol(argv[4]) : 200;
	struct wy_freeze_result r;
	struct cost before, after;
	unsigned int how = 0;
	double cpu;
	char *mem;

	while (argc > 2 && how < 4 && strcmp(argv[2], names[how]) != 0)
		how++;
	mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!len || how == 4 || mem == MAP_FAILED) {
		fputs("usage: freeze MB off|memfd|thp|auto [READS WRITES]\n", stderr);
		return 2;
	}
	for (size_t i = 0; i + 8 <= len; i += 8)
		*(uint64_t *)(mem + i) = i + 1;
	before = measure(mem, len, reads, writes);
	cpu = cpu_ms();
	wy_freeze((enum wy_serve_freeze)how, &r);
	cpu = cpu_ms() - cpu;
	after = measure(mem, len, reads, writes);
	for (size_t i = 0; i + 8 <= len; i += 4096) {
		if (*(uint64_t *)(mem + i) != i + 1)
			return 1;
	}
	printf("%s %lu %u %.1f %.1f  %.0f %.0f %.0f %ld  %.0f %.0f %.0f %ld\n", names[r.how],
	       r.bytes >> 20, r.extents, r.us / 1e3, cpu, before.fork, before.whole, before.touched,
	       before.tables, after.fork, after.whole, after.touched, after.tables);
	return r.error ? 1 : 0;
}
