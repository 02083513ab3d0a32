/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - one recording: from the rings to a run file, to lines, to totals.
 *
 * For `waylay trace`, and for every job that is given --trace FILE.
 */
#ifndef WY_HOST_TRACE_RECORD_H
#define WY_HOST_TRACE_RECORD_H

#include "host/supervisor.h"
#include "host/trace/filter.h"
#include "host/trace/line.h"

struct wy_record_options {
	struct wy_trace_settings settings; /* what the filter does not say */
	const struct wy_filter *filter;    /* NULL: everything */
	unsigned long tcp_every; /* nanoseconds between two WY_EVENT_TCP of a connection */
	const char *run;         /* the run file to write, or NULL */
	struct wy_line_style style;
	FILE *text;        /* lines go here, as they come; NULL (and not style.split): none */
	char *const *argv; /* for the run file */
};

/* Everything that a run file can hold, but for payload and TCP figures; for --trace FILE. */
void wy_record_to_file(struct wy_record_options *o, const char *file, char *const *argv);

struct wy_recording;

#define WY_RECORD_STRING 32 /* bytes of a string that are kept: as strace's -s */

/* Flags that wy_supervisor_init() must be given. */
#define WY_RECORD_FLAGS  WY_LAYER_TRACE

/*
 * Between wy_supervisor_init() and wy_supervisor_run(): prepares the memory and
 * begins to drain.  The supervisor's hooks are taken.  The options' pointers
 * must live as long.  Says what is wrong.  Returns 0 or -errno.
 */
int wy_recording_start(struct wy_recording **ret, const struct wy_record_options *o,
		       struct wy_supervisor *v);

/* Everything has ended: writes what is left.  Says what was lost.  Returns 0 or -errno. */
int wy_recording_stop(struct wy_recording *r);

/* After wy_recording_stop(). */
const struct wy_totals *wy_recording_totals(const struct wy_recording *r);

/* Nanoseconds of so many ticks. */
uint64_t wy_recording_span(const struct wy_recording *r, uint64_t ticks);

void wy_recording_free(struct wy_recording *r);

#endif
