/* SPDX-License-Identifier: Apache-2.0 */
/* tcp.h - what the kernel told of a TCP connection (WY_EVENT_TCP), by names. */
#ifndef WY_HOST_TRACE_TCP_H
#define WY_HOST_TRACE_TCP_H

#include "host/trace/event.h"

#include <stdio.h>

/* One figure; times are in microseconds, sizes in bytes unless the name says segments. */
struct wy_tcp_figure {
	const char *name; /* "rtt_us" */
	uint64_t value;
};

/* The i-th figure of the event.  False: the kernel did not tell it, or there are no more. */
bool wy_tcp_figure(const struct wy_event_view *v, unsigned int i, struct wy_tcp_figure *ret);
unsigned int wy_tcp_figures(void);

/* "start", "now", "end" */
const char *wy_tcp_when(const struct wy_event_view *v);

/* All of them in one line: "rtt_us=45 rttvar_us=12 ..." */
void wy_tcp_print(FILE *out, const struct wy_event_view *v);

#endif
