/* SPDX-License-Identifier: Apache-2.0 */
/*
 * first.c - the first calls of system call sites that were never used.
 *
 *	first THREADS
 *
 * Makes CALLS calls at each site of sites.S before it goes to the next, and prints the
 * time of each in nanoseconds, a line for each site.  THREADS others run meanwhile, on
 * other processors when there are, and make no calls: that they are there is what costs.
 */
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SITE_STEP	32
#define CALLS		8
#define SITES_MAX	1024
#define THREADS_MAX	64

extern const char sites[];
extern const int nr_sites;

static bool stop;
static unsigned int running;

static void *spin(void *unused)
{
	__atomic_add_fetch(&running, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		__builtin_ia32_pause();
	return NULL;
}

static void run_on(pthread_attr_t *attr, int cpu, bool that)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE && i < sysconf(_SC_NPROCESSORS_ONLN); i++) {
		if ((i == cpu) == that)
			CPU_SET(i, &set);
	}
	if (!CPU_COUNT(&set))
		CPU_SET(cpu, &set);
	if (attr ? pthread_attr_setaffinity_np(attr, sizeof(set), &set) :
		   sched_setaffinity(0, sizeof(set), &set))
		errx(1, "cannot choose a processor");
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	int nr_threads = argc > 1 ? atoi(argv[1]) : 0;
	static double taken[SITES_MAX][CALLS];
	pthread_t threads[THREADS_MAX];
	pid_t pid = getpid();
	pthread_attr_t attr;
	int cpu = sched_getcpu();

	if (nr_threads > THREADS_MAX || nr_sites > SITES_MAX || cpu < 0)
		errx(2, "usage: first THREADS");
	pthread_attr_init(&attr);
	run_on(NULL, cpu, true);
	run_on(&attr, cpu, false);
	for (int i = 0; i < nr_threads; i++) {
		if (pthread_create(&threads[i], &attr, spin, NULL))
			errx(1, "cannot start a thread");
	}
	while (__atomic_load_n(&running, __ATOMIC_ACQUIRE) < (unsigned int)nr_threads)
		sched_yield();
	now();

	for (int i = 0; i < nr_sites; i++) {
		pid_t (*site)(void) = (pid_t (*)(void))(sites + i * SITE_STEP);

		for (int k = 0; k < CALLS; k++) {
			double begin = now();
			pid_t got = site();

			taken[i][k] = now() - begin;
			if (got != pid)
				errx(1, "site %d, call %d: not my process number", i, k);
		}
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < nr_sites; i++) {
		for (int k = 0; k < CALLS; k++)
			printf("%.0f%c", taken[i][k], k + 1 < CALLS ? ' ' : '\n');
	}
	return 0;
}
