/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.h - the socket on which clients come.
 */
#ifndef WY_HOST_SERVE_LISTENER_H
#define WY_HOST_SERVE_LISTENER_H

#include "base/addr.h"
#include "host/serve/loop.h"

#include <stdbool.h>
#include <sys/types.h>

struct wy_front;

struct wy_listener {
	int fd;    /* non-blocking, close-on-exec */
	bool call; /* proto/call.h is spoken here */
	struct wy_watch watch;
	struct wy_front *front;
	char name[ADDR_TEXT_MAX];
	/* a unix socket that was made here */
	bool has_path;
	char path[128];
	dev_t dev;
	ino_t ino;
};

/*
 * Takes the address, as text was read into it; nobody can connect yet.  A unix
 * socket that a killed server left behind is replaced.  Prints what is wrong.
 * Returns 0 or -errno.
 */
int wy_listener_open(struct wy_listener *ret, const struct addr *addr, const char *text);

/*
 * From now on clients can connect, and name tells where.  Prints what is wrong.
 * Returns 0 or -errno.
 */
int wy_listener_start(struct wy_listener *l);

/* Nobody can connect any more; a unix socket is removed.  May be called twice. */
void wy_listener_close(struct wy_listener *l);

#endif
