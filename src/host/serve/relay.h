/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.h - carries bytes between a client and a program that cannot have the
 * connection itself: one of several processes, or one whose stdin is a pipe.
 *
 * Each direction has one buffer, and nothing is read while it is full, so a
 * slow reader slows its writer.  The end of the client's input is passed on;
 * there is no time limit.
 */
#ifndef WY_HOST_SERVE_RELAY_H
#define WY_HOST_SERVE_RELAY_H

#include "host/serve/loop.h"

#include <stdbool.h>
#include <sys/types.h>

#define WY_RELAY_BUFFER (64u << 10)

/* One direction. */
struct wy_pump {
	unsigned int start, len;
	bool input_ended, output_ended;
	unsigned long bytes;
	char buf[WY_RELAY_BUFFER];
};

struct wy_relay {
	int client;   /* a socket; the caller's */
	int to, from; /* of the program; closed here; -1: nothing goes this way */
	int banner;   /* a file, the caller's: the client gets it first; -1: none */
	off_t banner_at;
	struct wy_watch client_watch, to_watch, from_watch;
	struct wy_pump up, down;
	bool finishing, told;
	void (*done)(struct wy_relay *);
	void *owner;
};

/*
 * Begins.  `done` is called once, when the program's output has ended and all
 * of it is with the client, or nobody takes it.  Returns NULL when there is no
 * memory; to and from are closed then, too.
 */
struct wy_relay *wy_relay_start(int client, int to, int from, int banner, void *owner,
				void (*done)(struct wy_relay *));

/* The program has ended: what it has written comes to the client, then `done` is called. */
void wy_relay_finish(struct wy_relay *r);

/* Ends it, and frees it. */
void wy_relay_free(struct wy_relay *r);

#endif
