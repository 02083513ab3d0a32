/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stderr.h - what programs write to stderr, line by line into the log.
 *
 * All processes of an instance have one socket as stderr; the kernel tells who
 * wrote a piece.  A line of a process that serves a connection is named after
 * it; what the program says while it loads is passed on as it is.
 */
#ifndef WY_HOST_SERVE_STDERR_H
#define WY_HOST_SERVE_STDERR_H

#include "host/serve/loop.h"

#include <sys/types.h>

struct wy_errors_line;

struct wy_errors {
	struct wy_watch watch;
	/* Names the writer: returns false if it is to be passed on as it is. */
	bool (*name)(struct wy_errors *, pid_t pid, char *name, unsigned long size);
	struct wy_errors_line *lines; /* unfinished ones */
};

/* Takes what comes from this socket.  Returns 0 or -errno. */
int wy_errors_start(struct wy_errors *e, int fd,
		    bool (*name)(struct wy_errors *, pid_t, char *, unsigned long));

/* Takes what is there. */
void wy_errors_look(struct wy_errors *e);

/* The process that serves a connection has ended: so have the lines about it. */
void wy_errors_finish(struct wy_errors *e, pid_t pid);

/* Takes what is there, and no more. */
void wy_errors_stop(struct wy_errors *e);

#endif
