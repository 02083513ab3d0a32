/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.h - the access log: a line for each connection, when it has ended.
 *
 *	2026-01-31T12:00:00.123Z 7 127.0.0.1:4711 pid=814 exit=0 in=44 out=1210 ms=3
 *
 * `signal=9` stands in place of `exit=` when one ended it; in= and out= are
 * left out when they are not known.
 */
#ifndef WY_HOST_SERVE_ACCESS_H
#define WY_HOST_SERVE_ACCESS_H

#include "host/serve/connection.h"

struct wy_access {
	const char *path; /* NULL: there is none */
	int fd;
};

/* Opens it (again).  Prints what is wrong.  Returns 0, or -errno: the old one stays. */
int wy_access_open(struct wy_access *a);

/* Writes the line of this connection. */
void wy_access_write(const struct wy_access *a, const struct wy_connection *c, int status);

#endif
