/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.h - a program that reads stdin and writes stdout as a network server.
 */
#ifndef WY_HOST_SERVE_SERVE_H
#define WY_HOST_SERVE_SERVE_H

#include "host/serve/listener.h"

/*
 * Starts the program, waits until it reads its stdin, and serves a copy of it
 * to each client until a signal ends that.  The listener is opened by the
 * caller, and closed here.  Prints what is wrong.  Returns the exit status of
 * waylay, or -errno when the program was not started: -ENOENT when it was not
 * found.
 */
int wy_serve(struct wy_listener *listener, char **argv);

#endif
