/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode.h - a call as strace prints it.
 *
 * Arguments print by their types (proto/calls.h); what they pointed to comes from
 * the items of the event.  Where the agent recorded nothing, the address stands.
 * Events and items are anybody's: every structure is taken from its bytes only if
 * they are all there, and a line never grows beyond a bound.
 */
#ifndef WY_HOST_TRACE_DECODE_H
#define WY_HOST_TRACE_DECODE_H

#include "host/trace/event.h"
#include "host/trace/world.h"

#include <stdio.h>

struct wy_decode {
	unsigned int string_max; /* as the session recorded (-s) */
	int yy;                  /* 1, 2: <what it is> behind each descriptor (-y, -yy) */
	int hex;                 /* 1: strings that are no text, 2: all of them (-x, -xx) */
	/*
	 * The result begins at this column at the earliest, counted from the first byte that is
	 * printed here: strace's 40, less what stands before it.
	 */
	unsigned int column;
};

/*
 * Prints name(arguments) = result, no newline.  world may be NULL: descriptors then are numbers
 * only.  An event of another kind than WY_EVENT_CALL prints nothing.
 * Returns 0, or -ENOMEM: part of the line is missing.
 */
int wy_decode_call(FILE *out, const struct wy_decode *how, const struct wy_world *world,
		   const struct wy_event_view *v);

/* Prints name(arguments) only: of a call that has not come back. */
int wy_decode_pending(FILE *out, const struct wy_decode *how, const struct wy_world *world,
		      const struct wy_event_view *v);

/* Prints what a WY_EVENT_SIGNAL tells: SIGINT {si_signo=SIGINT, si_code=SI_USER, ...}. */
void wy_decode_signal(FILE *out, const struct wy_event_view *v);

#endif
