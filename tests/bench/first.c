/* SPDX-License-Identifier: Apache-2.0 */
/*
 * first.c - the first calls of system call sites that were never used.
 *
 *	first THREADS
 *
 * Makes CALLS calls at each site of sites.S before it goes to the next, and prints the
 * time of each in nanoseconds, a line for each site.  THREADS others run meanwhile.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "spin.h"

#define SITE_STEP 32
#define CALLS     8
#define SITES_MAX 1024

extern const char sites[];
extern const int nr_sites;

int main(int argc, char **argv)
{
	int nr_threads = argc > 1 ? atoi(argv[1]) : 0;
	static double taken[SITES_MAX][CALLS];
	pid_t pid = getpid();

	if (nr_sites > SITES_MAX)
		errx(2, "too many sites");
	spin_start(nr_threads);
	now();
	for (int i = 0; i < nr_sites; i++) {
		pid_t (*site)(void) = (pid_t(*)(void))(sites + i * SITE_STEP);

		for (int k = 0; k < CALLS; k++) {
			double begin = now();
			pid_t got = site();

			taken[i][k] = now() - begin;
			if (got != pid)
				errx(1, "site %d, call %d: not my process number", i, k);
		}
	}
	spin_end(nr_threads);
	for (int i = 0; i < nr_sites; i++) {
		for (int k = 0; k < CALLS; k++)
			printf("%.0f%c", taken[i][k], k + 1 < CALLS ? ' ' : '\n');
	}
	return 0;
}
