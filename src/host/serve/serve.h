/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.h - a program that reads stdin and writes stdout as a network server.
 */
#ifndef WY_HOST_SERVE_SERVE_H
#define WY_HOST_SERVE_SERVE_H

#include "host/serve/options.h"

/*
 * Opens the listeners, starts the program, waits until it reads its stdin, and
 * serves a copy of it, or another one like it, to each client until a signal
 * ends that.  Prints what is wrong.  Returns the exit status of waylay, or
 * -errno when the program could not be started: -ENOENT when it was not found.
 */
int wy_serve(const struct wy_serve_options *o);

#endif
