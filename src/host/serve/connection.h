/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection.h - the connections that the front keeps an eye on.
 *
 * A connection belongs to its copy; the front holds it too, and touches it
 * only when the copy has ended.  Closing a socket with unread input makes the
 * kernel reset the connection, and the client may lose output that it has not
 * read yet.  So first the end of the output is sent (shutdown), and then what
 * the client still sends is read and dropped until it ends, too.  There is no
 * time limit in this; a client that goes on and on is cut off after
 * WY_LINGER_BYTES, and when there are too many of them the oldest is.
 */
#ifndef WY_HOST_SERVE_CONNECTION_H
#define WY_HOST_SERVE_CONNECTION_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define WY_LINGER_BYTES (16ul << 20)

enum wy_connection_state {
	WY_CONNECTION_HANDING,   /* given to the template, whose answer is awaited */
	WY_CONNECTION_RUNNING,   /* a copy has it */
	WY_CONNECTION_LINGERING, /* the copy has ended */
};

struct wy_connection {
	struct wy_connection *next;
	enum wy_connection_state state;
	unsigned long serial;
	int fd;
	pid_t pid; /* RUNNING: the copy */
	size_t dropped;
	char peer[ADDR_TEXT_MAX];
};

/* Accepts one.  Returns NULL with errno; EAGAIN when there is none. */
struct wy_connection *wy_connection_accept(int listener);

/* Closes and frees it. */
void wy_connection_free(struct wy_connection *c);

/* The copy has ended: sends the end of the output.  The state is LINGERING then. */
void wy_connection_finish(struct wy_connection *c);

/* LINGERING: drops what has come.  Returns true when the connection can be closed. */
bool wy_connection_drain(struct wy_connection *c);

/* LINGERING: has the client's side taken all of the output? */
bool wy_connection_is_sent(const struct wy_connection *c);

#endif
