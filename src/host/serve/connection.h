/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection.h - one client, from its coming to its end.
 *
 *	HELLO      of a call listener: it has not said yet what it wants
 *	SPOOLING   its request is being read into a file
 *	QUEUED     it can be served as soon as there is room for it
 *	OFFERED    it is being handed over just now, in which much may happen
 *	HANDING    given to the template, whose answer is awaited
 *	RUNNING    a process has it
 *	CLOSING    that process has ended, and a last word is on its way
 *	LINGERING  all has been sent
 *
 * A connection belongs to its process; the front holds it too, and touches it
 * only when the process has ended.  Closing a socket with unread input makes
 * the kernel reset the connection, and the client may lose output that it has
 * not read yet.  So first the end of the output is sent (shutdown), and then
 * what the client still sends is read and dropped until it ends, too.  There is
 * no time limit in this; a client that goes on and on is cut off after
 * WY_LINGER_BYTES, and when there are too many of them the oldest is.
 */
#ifndef WY_HOST_SERVE_CONNECTION_H
#define WY_HOST_SERVE_CONNECTION_H

#include "base/addr.h"
#include "host/serve/loop.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define WY_LINGER_BYTES (16ul << 20)

struct wy_listener;
struct wy_instance;
struct wy_relay;
struct wy_call_client;
struct wy_front;

enum wy_connection_state {
	WY_CONNECTION_HELLO,
	WY_CONNECTION_SPOOLING,
	WY_CONNECTION_QUEUED,
	WY_CONNECTION_OFFERED,
	WY_CONNECTION_HANDING,
	WY_CONNECTION_RUNNING,
	WY_CONNECTION_CLOSING,
	WY_CONNECTION_LINGERING,
};

struct wy_connection {
	struct wy_connection *next, *prev; /* all of them, the newest first */
	struct wy_connection *next_queued; /* QUEUED, HANDING: in order */
	struct wy_connection *next_of_pid;
	struct wy_front *front;
	struct wy_listener *listener;
	enum wy_connection_state state;
	unsigned int serial;
	int fd;
	pid_t pid;                    /* RUNNING: who serves it */
	struct wy_instance *instance; /* HANDING, RUNNING: where; NULL: fresh */
	struct wy_watch watch;
	/* What its process is to have: the connection where there is none (-1). */
	int in, out, err;
	struct wy_relay *relay;
	struct wy_call_client *call;
	bool ended; /* its process has, and a relay has still to bring the rest */
	int status;
	size_t dropped;
	unsigned long started, bytes_in, bytes_out;
	bool counted; /* bytes_in and bytes_out are known */
	/* for --timeout */
	unsigned long activity, active_at;
	unsigned char killed; /* how often it was told to end */
	socklen_t peer_len;
	struct sockaddr_in6 peer; /* of any kind, cut */
};

/* Accepts one.  Returns NULL with errno; EAGAIN when there is none. */
struct wy_connection *wy_connection_accept(int listener);

/* Closes and frees it. */
void wy_connection_free(struct wy_connection *c);

/* Writes "connection 7 from 127.0.0.1:4711". */
void wy_connection_name(const struct wy_connection *c, char *name, size_t size);

/* Are these two from one host?  Clients of unix sockets are. */
bool wy_connection_same_host(const struct wy_connection *a, const struct wy_connection *b);

/*
 * Its process has ended: sends the end of the output, and drops what has come.
 * Returns true when the connection can be closed; else it is LINGERING.
 */
bool wy_connection_finish(struct wy_connection *c);

/* LINGERING: drops what has come.  Returns true when the connection can be closed. */
bool wy_connection_drain(struct wy_connection *c);

/* LINGERING: has the client's side taken all of the output? */
bool wy_connection_is_sent(const struct wy_connection *c);

#endif
