/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - asks programs and servers the same thing many times, and takes
 * what they answer and how long that took: for `serve check` and `serve bench`.
 */
#ifndef WY_HOST_SERVE_REQUEST_H
#define WY_HOST_SERVE_REQUEST_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>

enum wy_request_how {
	WY_REQUEST_EXEC,    /* the program is started; a socket is its stdin and stdout */
	WY_REQUEST_CALL,    /* a call listener gets such a socket, and tells the end */
	WY_REQUEST_CONNECT, /* a connection; nobody tells the end of the program */
};

struct wy_request {
	enum wy_request_how how;
	char **argv;      /* EXEC */
	struct addr addr; /* else */
	const char *input;
	size_t input_len;
	unsigned int count, parallel;
	unsigned long patience_ms; /* gives up when nothing has come so long; 0: never */
	/* Somebody's output is taken meanwhile, too: called when the descriptor has something. */
	int side_fd; /* -1: none */
	void (*side)(void *side_data);
	void *side_data;
};

struct wy_answer {
	int err;    /* 0, or why there is none: -errno; the rest is as far as it came */
	int status; /* as waitpid(2) has it; 0 with CONNECT */
	char *data;
	size_t len;
	/* nanoseconds from the start: the first byte, the last byte, the end of it all */
	unsigned long first, last, total;
};

/*
 * Asks as it was said; answers, an array of r->count, takes what came, in the
 * sequence of the starts.  Returns 0, -EINTR if wy_request_stop() was called, or
 * -errno.  The answers are to be freed in each case.
 */
int wy_request_run(const struct wy_request *r, struct wy_answer *answers);

void wy_request_free(struct wy_answer *answers, unsigned int count);

/* Once, before wy_request_stop() can be called.  Returns 0 or -errno. */
int wy_request_stoppable(void);
/* Ends what runs and will run, as soon as may be.  For signal handlers. */
void wy_request_stop(void);
bool wy_request_is_stopped(void);

/* The median of one of the times: offsetof(struct wy_answer, total). */
unsigned long wy_request_median(const struct wy_answer *answers, unsigned int count, size_t which);
/* So many of a hundred took no longer. */
unsigned long wy_request_percentile(const struct wy_answer *answers, unsigned int count,
				    size_t which, unsigned int percent);

unsigned long wy_request_now(void);

#endif
