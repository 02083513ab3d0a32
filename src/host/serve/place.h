/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - the placeholders that a program is started with (proto/serve.h).
 *
 * [0] is the front's end, [1] the program's.  All are close-on-exec.
 *
 * Everything that the program and its copies write to stderr comes through one
 * socket; each piece tells who wrote it (SCM_CREDENTIALS), so a connection
 * needs none of its own.
 */
#ifndef WY_HOST_SERVE_PLACE_H
#define WY_HOST_SERVE_PLACE_H

#include "host/serve/options.h"

struct wy_place {
	int in[2];      /* a socket, or a pipe, or twice the same empty file */
	int out[2];     /* a socket */
	int err[2];     /* a socket, or -1: stderr is waylay's own */
	int control[2]; /* -1: it is `in` */
};

/* Makes them; the front's ends do not block.  Returns 0 or -errno. */
int wy_place_make(struct wy_place *ret, const struct wy_serve_options *o);

/* Closes the ends of the front (0) or of the program (1) that are still there. */
void wy_place_close(struct wy_place *p, int which);

/* The socket on which the front gives orders. */
static inline int wy_place_control(const struct wy_place *p)
{
	return p->control[0] >= 0 ? p->control[0] : p->in[0];
}

/* Says in the session which they are.  Returns 0 or -errno. */
int wy_place_tell(const struct wy_place *p, struct wy_serve_session *session);

#endif
