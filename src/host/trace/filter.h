/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.h - which calls the user wants to see: the -e of `waylay trace`.
 *
 * Each -e is one condition, all must hold; what is separated by commas in one
 * are alternatives:
 *
 *	read,write  %net  !futex  /regex	calls, as strace's -e trace=
 *	class=net,pipe			class of the descriptor
 *	fd=0-2,7
 *	size>=4k  lat>=1ms		bytes moved, duration
 *	ret<0 | status=failed		err=EAGAIN,EPIPE
 *	path=GLOB  addr=10.0.0.0/8:443  port=53  pid=N  comm=GLOB
 *
 * Conditions on calls, classes, descriptors, size, duration and failure are
 * checked in the program, before anything is recorded; the others by the host.
 */
#ifndef WY_HOST_TRACE_FILTER_H
#define WY_HOST_TRACE_FILTER_H

#include "host/trace/world.h"
#include "proto/trace.h"

struct wy_filter;

struct wy_filter *wy_filter_new(void);
void wy_filter_free(struct wy_filter *f);

/* Adds one -e.  Returns 0, or -EINVAL, and says what is wrong. */
int wy_filter_add(struct wy_filter *f, const char *spec);

/* Does it choose by how long a call took?  Only then ticks_per_ns of the settings matters. */
bool wy_filter_by_duration(const struct wy_filter *f);

/* Are there conditions that only the host can check? */
bool wy_filter_by_event(const struct wy_filter *f);

/* Puts what the agent can check into the settings. */
void wy_filter_settings(const struct wy_filter *f, struct wy_trace_settings *s,
			double ticks_per_ns);

/* What the agent cannot check, of a call's event. */
bool wy_filter_wants(const struct wy_filter *f, const struct wy_world *w,
		     const struct wy_event_view *v);

/* Are lines wanted about files of this class that come and go?  Not by who asks for calls. */
bool wy_filter_wants_file(const struct wy_filter *f, unsigned int class);

#endif
