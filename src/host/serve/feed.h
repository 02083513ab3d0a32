/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed.h - input that the program is given before it is a template: what it is
 * loaded with (--preload), or something to warm up on (--warm).
 *
 * A file is written into the placeholder by a thread of the keeper, for that
 * may take as long as the program takes to read it.  The session's word says
 * whether there is more to come, and is a futex for whoever waits for it.
 */
#ifndef WY_HOST_SERVE_FEED_H
#define WY_HOST_SERVE_FEED_H

#include "host/serve/options.h"
#include "proto/serve.h"

#include <pthread.h>
#include <sys/types.h>

struct wy_feed {
	struct wy_serve_session *session;
	const char *path[2]; /* in their order, up to NULL */
	unsigned int next;   /* the one that is given, or will be */
	unsigned int begun;  /* how many were asked for */
	int *to;
	off_t at; /* where in the placeholder, if that is a file */
	bool file;
	pthread_t thread;
};

/* *to: the front's end of the placeholder, which is closed when there is no use for it any more. */
void wy_feed_init(struct wy_feed *f, struct wy_serve_session *session,
		  const struct wy_serve_options *o, int *to);

/* The program waits for the next file: begins with it. */
void wy_feed_start(struct wy_feed *f);

/* Nothing more is wanted; a thread that waits for the program ends with it. */
void wy_feed_stop(struct wy_feed *f);

#endif
