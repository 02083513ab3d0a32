/* SPDX-License-Identifier: Apache-2.0 */
/* wanted.h - what the settings of a trace choose: of calls, and of operations of an io_uring. */
#ifndef WY_AGENT_WANTED_H
#define WY_AGENT_WANTED_H

#include "agent/fdstate.h"
#include "agent/ring.h"
#include "agent/sys.h"

/* By its number; row: of the table. */
static inline bool wy_wants_call(unsigned int row)
{
	return wy_trace->settings.calls[row / 64] >> (row % 64) & 1;
}

/* Is there a choice by descriptor at all? */
static inline bool wy_chooses_fds(void)
{
	return wy_trace->settings.classes || wy_trace->settings.nr_fds;
}

/* By its descriptor (-1: none) and what that is. */
static inline bool wy_wants_fd(int fd, struct wy_fd_now now)
{
	const struct wy_trace_settings *s = &wy_trace->settings;

	if (s->classes && !(now.file && s->classes >> now.class & 1))
		return false;
	for (unsigned long i = 0; i < s->nr_fds; i++) {
		if (s->fds[i].first <= fd && fd <= s->fds[i].last)
			return true;
	}
	return !s->nr_fds;
}

/* By what became of it: its result, the bytes that it moved, the ticks that it took. */
static inline bool wy_wants_end(long ret, unsigned long bytes, unsigned long took)
{
	const struct wy_trace_settings *s = &wy_trace->settings;

	if (s->flags & WY_TRACE_FAILED && !WY_IS_ERROR(ret))
		return false;
	if (s->flags & WY_TRACE_SUCCEEDED && WY_IS_ERROR(ret))
		return false;
	return took >= s->took_min && bytes >= s->size_min;
}

#endif
