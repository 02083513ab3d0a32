/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front.h - accepts clients and hands them to the template.
 *
 * It runs in a thread of its own, because it waits for sockets, and the
 * supervisor's thread, the only one that may trace and the one that takes the
 * ends of processes, waits at a futex.  They share nothing but this: the
 * supervisor writes events into a pipe, and the front says at its end that it
 * has finished.  The front never traces and never waits for a process.
 */
#ifndef WY_HOST_SERVE_FRONT_H
#define WY_HOST_SERVE_FRONT_H

#include "host/serve/listener.h"

#include <sys/types.h>
#include <time.h>

enum wy_front_kind {
	WY_FRONT_ENDED,    /* a process that is a child of waylay has ended: pid, status */
	WY_FRONT_STOP,     /* somebody wants the server to end; twice: at once */
	WY_FRONT_UNCAUGHT, /* the program runs without the agent */
};

/* Written to the pipe whole, by one write(2). */
struct wy_front_event {
	enum wy_front_kind kind;
	pid_t pid;
	int status;
};

struct wy_front {
	/* from the caller */
	int control;                  /* to the template (proto/serve.h), non-blocking */
	int out;                      /* what the program writes to stdout, non-blocking */
	int events;                   /* the end of the pipe to read from */
	struct wy_listener *listener; /* opened, not started; it is closed at the end */
	pid_t program;
	struct timespec started;
	unsigned int *bell; /* a shared futex: rung at the end */

	unsigned int finished; /* set at the end (release) */
	int result;            /* then: the exit status of waylay */
};

/* Serves until the end of all.  For pthread_create(3); all signals must be blocked. */
void *wy_front_run(void *front);

#endif
