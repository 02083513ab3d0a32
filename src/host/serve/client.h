/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - the client's side of proto/call.h: a program that runs elsewhere
 * is run as if it were this process.
 */
#ifndef WY_HOST_SERVE_CLIENT_H
#define WY_HOST_SERVE_CLIENT_H

#include "base/addr.h"

#include <stdbool.h>

/* Connects a stream socket, close-on-exec.  Returns it or -errno; prints nothing. */
int wy_client_connect(const struct addr *addr);

/*
 * Says hello on a connected unix socket, and gives these three descriptors
 * away with it.  Returns 0 or -errno.
 */
int wy_client_hello(int sock, const int fds[3]);

/*
 * Has the program run with stdin, stdout and stderr of this process, which
 * does nothing else meanwhile; signals that are sent to it are sent on, its
 * stops too.  frames: sends data over a unix socket, too, not descriptors.
 * Prints what is wrong, name is the server's.  Returns 0 with the program's
 * end, as waitpid(2) says it, or -errno.
 */
int wy_client_run(int sock, const char *name, bool frames, int *ret_status);

#endif
