/* SPDX-License-Identifier: Apache-2.0 */
/* decode.h - a call as text. */
#ifndef WY_HOST_TRACE_DECODE_H
#define WY_HOST_TRACE_DECODE_H

#include "host/trace/world.h"

struct wy_decode {
	unsigned int string_max; /* -s */
	int yy;                  /* 1: -y, 2: -yy */
	int hex;                 /* 1: -x, 2: -xx */
};

/* Prints `name(arguments) = result`.  Returns 0 or -EIO. */
int wy_decode_call(FILE *out, const struct wy_decode *how, const struct wy_world *world,
		   const struct wy_event_view *v);

/* Prints what a WY_EVENT_SIGNAL tells: `SIGINT {si_signo=SIGINT, ...}`. */
void wy_decode_signal(FILE *out, const struct wy_event_view *v);

#endif
