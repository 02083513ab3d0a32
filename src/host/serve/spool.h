/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool.h - reads a whole request into a file before anybody is spent on it.
 */
#ifndef WY_HOST_SERVE_SPOOL_H
#define WY_HOST_SERVE_SPOOL_H

#include "host/serve/connection.h"

/*
 * Reads until the client has ended its sending; then the file is c->in, and
 * the connection is submitted.  One that is too big is closed.
 */
void wy_spool_start(struct wy_connection *c);

#endif
