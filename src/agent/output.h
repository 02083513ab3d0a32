/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.h - when the output of a process that serves a connection is at its end.
 *
 * When the last descriptor of it is closed the client is told so, which another descriptor of
 * the connection, the front's, would keep from it; but only while it is certain that there are
 * no others, of this process or of one that comes from it.
 */
#ifndef WY_AGENT_OUTPUT_H
#define WY_AGENT_OUTPUT_H

#include "agent/layer.h"
#include <stdbool.h>

/* Adds the calls that wy_output_look() must see. */
void wy_output_watch(struct wy_callset *calls);

/* A connection is served from now on.  certain: nobody but the front has descriptors of it. */
void wy_output_begin(bool certain);

/* It goes there. */
void wy_output_add(int fd);

/* For enter(), behind wy_output_begin(). */
void wy_output_look(const struct wy_call *call);

#endif
