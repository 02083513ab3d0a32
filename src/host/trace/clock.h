/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - from ticks to time.
 *
 * The first and the last moment of which both are known give a straight line.
 * With one alone ticks are taken as nanoseconds, which they are when the
 * session counts by CLOCK_MONOTONIC.
 */
#ifndef WY_HOST_TRACE_CLOCK_H
#define WY_HOST_TRACE_CLOCK_H

#include "proto/tracefile.h"

#include <stdint.h>

struct wy_clock {
	struct wy_file_clock first, last; /* all zero: none is known */
	double ns_per_tick;               /* 0: as if 1 */
};

/* One more moment; those must come in the order of time. */
void wy_clock_add(struct wy_clock *c, const struct wy_file_clock *moment);

/* So many ticks in nanoseconds. */
uint64_t wy_clock_span(const struct wy_clock *c, uint64_t ticks);

/* At that tick: nanoseconds since 1970. */
uint64_t wy_clock_real(const struct wy_clock *c, uint64_t ticks);

#endif
