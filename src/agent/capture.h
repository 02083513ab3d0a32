/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture.h - what the arguments of a call point to, as items of its event.
 *
 * The types of proto/calls.h say it.  Strings and buffers are kept up to
 * string_max bytes, arrays up to string_max elements, paths whole; a thing that
 * has more is marked WY_ITEM_CUT.  Memory that cannot be read makes no item: the
 * reader then shows the address.
 */
#ifndef WY_AGENT_CAPTURE_H
#define WY_AGENT_CAPTURE_H

#include "agent/layer.h"
#include "proto/calls.h"
#include "proto/trace.h"

/* Whether the calls below can find anything: most calls have nothing at one of the two ends. */
static inline bool wy_captures_enter(long nr)
{
	return wy_call_row_of((unsigned int)nr)->in;
}

static inline bool wy_captures_leave(long nr)
{
	return wy_call_row_of((unsigned int)nr)->out;
}

/*
 * Write items (proto/event.h) into room, which is aligned to 8 bytes: before the call what the
 * kernel will read, after it, with call->ret, what it has written.  They return the bytes
 * written, a multiple of 8 and never more than size; *cut becomes true when an item did not fit.
 */
unsigned long wy_capture_enter(unsigned char *room, unsigned long size, const struct wy_call *call,
			       const struct wy_trace_settings *s, bool *cut);
unsigned long wy_capture_leave(unsigned char *room, unsigned long size, const struct wy_call *call,
			       const struct wy_trace_settings *s, bool *cut);

#endif
