/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - tries how a program is served: correctly, and how much faster.
 */
#ifndef WY_HOST_SERVE_CHECK_H
#define WY_HOST_SERVE_CHECK_H

#include <stddef.h>

struct wy_check {
	char *const *options; /* of `waylay serve`, ends with NULL */
	char **argv;          /* the program */
	const char *input;    /* what each client sends */
	size_t input_len;
	unsigned int count, parallel;
};

/*
 * Both print a report to stdout, and to stderr why there is none.  They return
 * the exit status: 0 all answers are those of a fresh run, 1 they are not, 2
 * that could not be found out.
 */
int wy_serve_check(const struct wy_check *c);
int wy_serve_bench(const struct wy_check *c);

/* ---- shared by the two ---- */

struct wy_answer;

/*
 * Runs the program fresh, up to count times and some seconds; *ret_done says
 * how often.  Prints what is wrong, also when it does not answer the same each
 * time.  Returns 0 or -errno.
 */
int wy_check_fresh(const struct wy_check *c, struct wy_answer *answers, unsigned int count,
		   unsigned int *ret_done);

/* Room for "1.23 ms". */
#define WY_CHECK_TIME_MAX 32
void wy_check_print_time(char text[WY_CHECK_TIME_MAX], unsigned long ns);

/* Says in a few words how got differs from want.  Returns NULL if it does not. */
const char *wy_check_difference(const struct wy_answer *got, const struct wy_answer *want,
				char *text, size_t size);

/* Reads all of stdin.  Prints what is wrong.  Returns 0 or -errno. */
int wy_check_read_input(struct wy_check *c);

/* Ctrl-C and the like end the requests, and then us, and leave nothing behind. */
int wy_check_take_signals(void);

#endif
