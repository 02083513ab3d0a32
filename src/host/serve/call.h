/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.h - the clients of a call listener (proto/call.h).
 *
 * A client on a unix socket gives its own three descriptors, and the process
 * that serves it has them: nothing is carried but signals and the end.  For
 * one that speaks in frames three sockets are made, and carried from and to.
 *
 * A client that goes away takes its process with it (SIGTERM): there is nobody
 * any more for whom it could work.
 */
#ifndef WY_HOST_SERVE_CALL_H
#define WY_HOST_SERVE_CALL_H

#include "host/serve/connection.h"

struct wy_call_client;

/* Waits for the client's hello, then submits the connection. */
void wy_call_start(struct wy_connection *c);

/* A process has it. */
void wy_call_running(struct wy_call_client *call);

/* Says why it is not served; the caller drops the connection then. */
void wy_call_refuse(struct wy_call_client *call, const char *why);

/* Has the client given its own descriptors? */
bool wy_call_is_direct(const struct wy_call_client *call);

/* Is all of the program's output with the client? */
bool wy_call_is_done(const struct wy_call_client *call);

/* The process has ended: brings what there is of its output, then calls done. */
void wy_call_finish(struct wy_call_client *call, void (*done)(struct wy_connection *));

/*
 * Tells the client how it ended.  Returns true when the connection can be
 * closed; else wy_service_close() is called later.
 */
bool wy_call_ended(struct wy_call_client *call, int status);

void wy_call_free(struct wy_call_client *call);

#endif
