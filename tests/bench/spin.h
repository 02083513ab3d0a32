/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spin.h - threads that run and make no calls, on other processors when there are: that they
 * are there is what costs.
 */
#ifndef SPIN_H
#define SPIN_H

#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#define SPIN_MAX 64

static pthread_t spin_threads[SPIN_MAX];
static unsigned int spin_running;
static bool spin_stop;

static void *spin(void *unused)
{
	__atomic_add_fetch(&spin_running, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&spin_stop, __ATOMIC_RELAXED))
		__builtin_ia32_pause();
	return unused;
}

static void spin_choose(pthread_attr_t *attr, int cpu, bool that)
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

/* The caller stays on its processor; returns when all of them run. */
static void spin_start(int nr)
{
	int cpu = sched_getcpu();
	pthread_attr_t attr;

	if (nr < 0 || nr > SPIN_MAX || cpu < 0)
		errx(2, "how many threads?");
	pthread_attr_init(&attr);
	spin_choose(NULL, cpu, true);
	spin_choose(&attr, cpu, false);
	for (int i = 0; i < nr; i++) {
		if (pthread_create(&spin_threads[i], &attr, spin, NULL))
			errx(1, "cannot start a thread");
	}
	while (__atomic_load_n(&spin_running, __ATOMIC_ACQUIRE) < (unsigned int)nr)
		sched_yield();
}

static void spin_end(int nr)
{
	__atomic_store_n(&spin_stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < nr; i++)
		pthread_join(spin_threads[i], NULL);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

#endif
