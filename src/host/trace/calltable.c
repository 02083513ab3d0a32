/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/calltable.h"

#include "proto/calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct row {
	unsigned int nr;
	const struct wy_total_call *total;
};

static int by_number(const struct row *x, const struct row *y)
{
	return x->nr < y->nr ? -1 : 1;
}

/* The larger first. */
static int by(unsigned long x, unsigned long y, const void *a, const void *b)
{
	if (x != y)
		return x < y ? 1 : -1;
	return by_number(a, b);
}

static int by_time(const void *a, const void *b)
{
	return by(((const struct row *)a)->total->ticks, ((const struct row *)b)->total->ticks, a,
		  b);
}

static int by_calls(const void *a, const void *b)
{
	return by(((const struct row *)a)->total->calls, ((const struct row *)b)->total->calls, a,
		  b);
}

static int by_errors(const void *a, const void *b)
{
	return by(((const struct row *)a)->total->errors, ((const struct row *)b)->total->errors, a,
		  b);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(wy_call_row_of(((const struct row *)a)->nr)->name,
		      wy_call_row_of(((const struct row *)b)->nr)->name);
}

/* They come by number. */
static const struct {
	const char *name;
	int (*compare)(const void *a, const void *b);
} orders[] = {
	[WY_BY_TIME] = { "time", by_time },       [WY_BY_CALLS] = { "calls", by_calls },
	[WY_BY_ERRORS] = { "errors", by_errors }, [WY_BY_NAME] = { "name", by_name },
	[WY_BY_NUMBER] = { "nothing", NULL },
};

int wy_calltable_order(const char *name)
{
	for (unsigned int i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (strcmp(orders[i].name, name) == 0)
			return (int)i;
	}
	return -EINVAL;
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

void wy_calltable_print(FILE *out, const struct wy_recording *r, enum wy_calltable_order order)
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
	if (orders[order].compare)
		qsort(rows, nr, sizeof(rows[0]), orders[order].compare);
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
