/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/calltable.h"

#include "proto/calls.h"

#include <stdlib.h>

struct row {
	unsigned int nr;
	const struct wy_total_call *total;
};

static int by_time(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->total->ticks != y->total->ticks)
		return x->total->ticks < y->total->ticks ? 1 : -1;
	return x->nr < y->nr ? -1 : 1;
}

static void print_row(FILE *out, double share, uint64_t ns, unsigned long calls,
		      unsigned long errors, const char *name)
{
	char failed[24] = "";

	if (errors)
		snprintf(failed, sizeof(failed), "%lu", errors);
	fprintf(out, "%6.2f %11.6f %11lu %9lu %9s %s\n", share, (double)ns / 1e9,
		calls ? ns / 1000 / calls : 0, calls, failed, name);
}

static void print_classes(FILE *out, const struct wy_recording *r, const struct wy_totals *t)
{
	fprintf(out, "\n%-6s %9s %9s %14s %14s %11s\n", "class", "calls", "errors", "bytes in",
		"bytes out", "seconds");
	for (unsigned int i = 0; i < WY_FD_CLASSES; i++) {
		const struct wy_total_class *c = &t->class[i];

		if (c->calls)
			fprintf(out, "%-6s %9lu %9lu %14lu %14lu %11.6f\n", wy_class_word(i),
				c->calls, c->errors, c->in, c->out,
				(double)wy_recording_span(r, c->ticks) / 1e9);
	}
}

void wy_calltable_print(FILE *out, const struct wy_recording *r)
{
	static const char line[] =
		"------ ----------- ----------- --------- --------- ----------------\n";
	const struct wy_totals *t = wy_recording_totals(r);
	struct row rows[WY_TRACE_CALLS];
	unsigned long calls = 0, errors = 0, ticks = 0;
	size_t nr = 0;

	for (unsigned int i = 0; i < WY_TRACE_CALLS; i++) {
		if (!t->call[i].calls)
			continue;
		rows[nr++] = (struct row){ i, &t->call[i] };
		calls += t->call[i].calls;
		errors += t->call[i].errors;
		ticks += t->call[i].ticks;
	}
	qsort(rows, nr, sizeof(rows[0]), by_time);
	fprintf(out, "%% time     seconds  usecs/call     calls    errors syscall\n%s", line);
	for (size_t i = 0; i < nr; i++) {
		const char *name = wy_call_row_of(rows[i].nr)->name;
		char number[24];

		snprintf(number, sizeof(number), "syscall_%u", rows[i].nr);
		print_row(out, ticks ? 100.0 * (double)rows[i].total->ticks / (double)ticks : 0,
			  wy_recording_span(r, rows[i].total->ticks), rows[i].total->calls,
			  rows[i].total->errors, *name ? name : number);
	}
	fputs(line, out);
	print_row(out, 100, wy_recording_span(r, ticks), calls, errors, "total");
	print_classes(out, r, t);
}
