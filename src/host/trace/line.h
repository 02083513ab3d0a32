/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line.h - a trace as text, one line for each call when it is over.
 *
 *	4211 [NET ] read(7<tcp 127.0.0.1:80<-127.0.0.1:36418>, "GET /"..., 2048) = 73
 *	4211 [DISK] ++ fd 8 </var/www/index.html>
 *	4211 [NET ] -- fd 7 <tcp ...> in 73 out 854 in 1.2 s
 *	4211 [PIPE] read(0<pipe:[1234]>, ... <pending for 0.1 s>
 *	4211 --- SIGCHLD {...} ---
 *	4211 +++ exited with 0 +++
 *
 * Events must come in the order of their end (merge.h).  In the way of strace
 * (strace set) the class, `++` and `--` are left out.
 */
#ifndef WY_HOST_TRACE_LINE_H
#define WY_HOST_TRACE_LINE_H

#include "host/trace/clock.h"
#include "host/trace/decode.h"
#include "host/trace/filter.h"
#include "host/trace/world.h"

enum wy_line_time { WY_TIME_NONE, WY_TIME_SECONDS, WY_TIME_MICROS, WY_TIME_EPOCH };

struct wy_line_style {
	struct wy_decode decode;
	enum wy_line_time time; /* -t, -tt, -ttt */
	bool relative;          /* -r */
	bool took;              /* -T */
	bool strace;
	bool stacks;            /* -k */
	bool quiet;             /* -qq: ends are not told */
	bool rates_only;        /* no lines for calls */
	unsigned long every_ns; /* --every; 0: no rates */
	bool colour;
	bool split;       /* -ff: a file for each process */
	const char *path; /* of the output, when split */
};

struct wy_line;

/* out stays the caller's; NULL when split.  filter: may be NULL.  NULL: no memory. */
struct wy_line *wy_line_new(const struct wy_line_style *style, const struct wy_filter *filter,
			    FILE *out);
void wy_line_free(struct wy_line *l);

/* One more moment of the clock. */
void wy_line_clock(struct wy_line *l, const struct wy_file_clock *moment);

/* Prints what there is to say of an event.  Returns 0 or -ENOMEM. */
int wy_line_event(struct wy_line *l, const struct wy_event_view *v);

/* Of a call that has not come back for so many ticks. */
void wy_line_pending(struct wy_line *l, const struct wy_event_view *v, uint64_t ticks);

/* Prints what went through each file that was used, when style.every_ns have passed since. */
void wy_line_rates(struct wy_line *l, uint64_t ticks);

void wy_line_flush(struct wy_line *l);

#endif
