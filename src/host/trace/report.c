/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.c - the report of a run: its order, and the tables of processes, classes,
 * waits, durations and calls.
 */
#include "host/trace/report.h"

#include "base/cleanup.h"
#include "host/callnames.h"
#include "host/trace/meta.h"
#include "host/trace/names.h"
#include "host/trace/table.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define TREE_DEPTH_MAX 64

const char *wy_report_time(char text[WY_TIME_TEXT], const struct wy_run *run, uint64_t ticks)
{
	uint64_t ns = wy_clock_span(run->clock, ticks);

	if (ns < 1000)
		snprintf(text, WY_TIME_TEXT, "%luns", (unsigned long)ns);
	else if (ns < 1000000)
		snprintf(text, WY_TIME_TEXT, "%.*fus", ns < 10000, (double)ns / 1e3);
	else if (ns < 1000000000)
		snprintf(text, WY_TIME_TEXT, "%.*fms", ns < 10000000, (double)ns / 1e6);
	else
		snprintf(text, WY_TIME_TEXT, "%.2fs", (double)ns / 1e9);
	return text;
}

void wy_report_title(FILE *out, const char *title)
{
	fprintf(out, "\n%s\n", title);
}

void wy_report_more(FILE *out, size_t shown, size_t all)
{
	if (shown < all)
		fprintf(out, "  ... and %lu more\n", (unsigned long)(all - shown));
}

/* ---- what was run ---- */

static void put_command(FILE *out, struct wy_bytes meta)
{
	const char *name, *value;

	while (wy_meta_next(&meta, &name, &value)) {
		if (strcmp(name, "argv") == 0)
			fprintf(out, " %s", value);
	}
}

static void put_head(const struct wy_run *run, FILE *out)
{
	const struct wy_tally *t = run->tally;
	time_t start = (time_t)(run->clock->first.real / 1000000000);
	uint64_t elapsed = wy_tally_over(t) - wy_tally_began(t);
	char time_text[WY_TIME_TEXT], date[64];
	struct tm tm;

	fputs("Run:", out);
	put_command(out, run->first_meta);
	if (!gmtime_r(&start, &tm) || !strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm))
		date[0] = 0;
	fprintf(out, "\n%s, %s from the first event to the last; %lu processes, %lu events\n", date,
		wy_report_time(time_text, run, elapsed), (unsigned long)wy_tally_processes(t),
		(unsigned long)wy_tally_events(t));
	if (run->truncated)
		fputs("The run is cut off: what came later is not known.\n", out);
}

/* ---- processes ---- */

static void put_status(FILE *out, const struct wy_process *p)
{
	const char *name;
	char text[32] = "?", signal[16];

	if (!p->ended) {
		strcpy(text, "-");
	} else if (p->status_known && WIFEXITED(p->status)) {
		snprintf(text, sizeof(text), "%d", WEXITSTATUS(p->status));
	} else if (p->status_known && WIFSIGNALED(p->status)) {
		name = wy_signal_name((unsigned int)WTERMSIG(p->status), signal);
		snprintf(text, sizeof(text), "%s", name ? name : "SIG?");
	}
	fprintf(out, "  %-8s", text);
}

static void put_process(const struct wy_run *run, FILE *out, const struct wy_tally_process *p,
			unsigned int depth)
{
	const struct wy_process *process = p->process;
	uint64_t over = process->over ? process->over : wy_tally_over(run->tally);
	uint64_t calls = 0;
	char text[WY_TIME_TEXT];

	for (size_t i = 0; i < p->calls; i++) {
		/* A call with two files is in two of them. */
		calls += p->call[i]->io.calls;
	}
	fprintf(out, "%8d %8d %7u %9lu %9s", process->pid, process->parent, process->threads,
		(unsigned long)calls,
		process->began && over > process->began ?
			wy_report_time(text, run, over - process->began) :
			"-");
	put_status(out, process);
	fprintf(out, "%*s", (int)(2 * depth), "");
	if (process->argv && process->argv[0]) {
		for (char **arg = process->argv; *arg; arg++)
			fprintf(out, "%s%s", arg == process->argv ? "" : " ", *arg);
	} else {
		fputs(process->comm[0] ? process->comm : "?", out);
	}
	putc('\n', out);
}

/* The tree, by places in the tally; NONE ends a list. */
#define NONE (~(size_t)0)
struct tree {
	size_t first_child, last_child, next, parent;
};

static void put_branch(const struct wy_run *run, FILE *out, const struct tree *tree, size_t of,
		       unsigned int depth)
{
	put_process(run, out, wy_tally_process(run->tally, of), depth);
	if (depth == TREE_DEPTH_MAX) {
		fputs("         ... and its children\n", out);
		return;
	}
	for (size_t i = tree[of].first_child; i != NONE; i = tree[i].next)
		put_branch(run, out, tree, i, depth + 1);
}

static int put_processes(const struct wy_run *run, FILE *out)
{
	size_t nr = wy_tally_processes(run->tally);
	cleanup_free struct tree *tree = calloc(nr + 1, sizeof(*tree));
	struct wy_table newest = { 0 }; /* pid -> its place */
	int err = 0;

	if (!tree)
		return -ENOMEM;
	for (size_t i = 0; i < nr && !err; i++) {
		const struct wy_process *p = wy_tally_process(run->tally, i)->process;
		uint64_t parent;

		tree[i] = (struct tree){ NONE, NONE, NONE, NONE };
		if (wy_table_get(&newest, (unsigned int)p->parent, &parent)) {
			tree[i].parent = parent;
			if (tree[parent].first_child == NONE)
				tree[parent].first_child = i;
			else
				tree[tree[parent].last_child].next = i;
			tree[parent].last_child = i;
		}
		err = wy_table_set(&newest, (unsigned int)p->pid, i);
	}
	wy_table_free(&newest);
	wy_report_title(out, "Processes");
	fputs("     pid   parent threads     calls      time  status  command\n", out);
	for (size_t i = 0; i < nr && !err; i++) {
		if (tree[i].parent == NONE)
			put_branch(run, out, tree, i, 0);
	}
	return err; /* NOLINT(*unix.Malloc) */
}

/* ---- classes ---- */

static void put_classes(const struct wy_run *run, FILE *out)
{
	struct wy_io sum[WY_FD_CLASSES] = { 0 };
	char text[4][WY_TIME_TEXT];

	for (size_t i = 0; i < wy_tally_processes(run->tally); i++) {
		const struct wy_tally_process *p = wy_tally_process(run->tally, i);

		for (size_t k = 0; k < p->files; k++)
			wy_io_add(&sum[p->file[k]->class], &p->file[k]->io);
	}
	wy_report_title(out, "Classes of descriptors");
	fputs("class       calls   errors    again           rx           tx      time"
	      "      p50      p99      max\n",
	      out);
	for (unsigned int c = 0; c < WY_FD_CLASSES; c++) {
		const struct wy_hist *h = wy_tally_class_hist(run->tally, c);

		if (!sum[c].calls)
			continue;
		fprintf(out, "%-6s %10lu %8lu %8lu %12lu %12lu %9s %8s %8s %8s\n", wy_class_word(c),
			(unsigned long)sum[c].calls, (unsigned long)sum[c].errors,
			(unsigned long)sum[c].again, (unsigned long)sum[c].in,
			(unsigned long)sum[c].out, wy_report_time(text[0], run, sum[c].ticks),
			wy_report_time(text[1], run, wy_hist_at(h, 0.5)),
			wy_report_time(text[2], run, wy_hist_at(h, 0.99)),
			wy_report_time(text[3], run, h->max));
	}
}

/* ---- waits ---- */

struct waiter {
	const struct wy_tally_process *process;
	const struct wy_tally_file *file;
};

static int by_wait(const void *a, const void *b)
{
	const struct waiter *x = a, *y = b;

	return (x->file->waited < y->file->waited) - (x->file->waited > y->file->waited);
}

/* Which descriptors ended the waits, and after how long. */
static int put_waiters(const struct wy_run *run, FILE *out)
{
	cleanup_free struct waiter *all = NULL;
	size_t nr = 0, room = 0;
	char text[WY_TIME_TEXT];

	for (size_t i = 0; i < wy_tally_processes(run->tally); i++)
		room += wy_tally_process(run->tally, i)->files;
	all = calloc(room + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < wy_tally_processes(run->tally); i++) {
		const struct wy_tally_process *p = wy_tally_process(run->tally, i);

		for (size_t k = 0; k < p->files; k++) {
			if (p->file[k]->wakeups)
				all[nr++] = (struct waiter){ p, p->file[k] };
		}
	}
	if (!nr)
		return 0; /* NOLINT(*unix.Malloc) */
	qsort(all, nr, sizeof(*all), by_wait);
	fputs("     pid    fd  wakeups    waited  what\n", out);
	for (size_t i = 0; i < nr && i < WY_REPORT_LINES; i++) {
		const struct wy_file *f = wy_world_file(run->world, all[i].file->file);

		fprintf(out, "%8d %5d %8lu %9s  ", all[i].process->process->pid, all[i].file->fd,
			(unsigned long)all[i].file->wakeups,
			wy_report_time(text, run, all[i].file->waited));
		if (f)
			wy_file_print(out, f);
		putc('\n', out);
	}
	wy_report_more(out, WY_REPORT_LINES, nr);
	return 0;
}

static int put_waits(const struct wy_run *run, FILE *out)
{
	char text[2][WY_TIME_TEXT];
	bool any = false;

	for (unsigned int nr = 0; nr < WY_TALLY_CALLS; nr++) {
		const struct wy_tally_wait *w = wy_tally_wait(run->tally, nr);

		if (!w->calls)
			continue;
		if (!any) {
			wy_report_title(out, "Waits");
			fputs("call             calls    waited      idle\n", out);
		}
		any = true;
		fprintf(out, "%-12s %9lu %9s %9s\n", wy_callname(nr), (unsigned long)w->calls,
			wy_report_time(text[0], run, w->ticks),
			wy_report_time(text[1], run, w->idle));
	}
	return any ? put_waiters(run, out) : 0;
}

/* ---- durations ---- */

/* One line for each doubling, one column for each class. */
static void put_durations(const struct wy_run *run, FILE *out)
{
	unsigned int first = WY_HIST_NR, last = 0;
	char text[WY_TIME_TEXT];

	for (unsigned int c = 0; c < WY_FD_CLASSES; c++) {
		for (unsigned int i = 0; i < WY_HIST_NR; i++) {
			if (!wy_tally_class_hist(run->tally, c)->part[i])
				continue;
			first = i < first ? i : first;
			last = i > last ? i : last;
		}
	}
	if (first == WY_HIST_NR)
		return;
	wy_report_title(out, "How long calls took, by class");
	fputs("   below", out);
	for (unsigned int c = 0; c < WY_FD_CLASSES; c++) {
		if (wy_tally_class_hist(run->tally, c)->nr)
			fprintf(out, " %9s", wy_class_word(c));
	}
	putc('\n', out);
	for (unsigned int i = first - first % WY_HIST_PARTS; i <= last; i += WY_HIST_PARTS) {
		if (i + WY_HIST_PARTS < WY_HIST_NR)
			fprintf(out, "%8s",
				wy_report_time(text, run, wy_hist_from(i + WY_HIST_PARTS)));
		else
			fputs("  longer", out);
		for (unsigned int c = 0; c < WY_FD_CLASSES; c++) {
			const struct wy_hist *h = wy_tally_class_hist(run->tally, c);
			unsigned long sum = 0;

			for (unsigned int k = 0; k < WY_HIST_PARTS; k++)
				sum += h->part[i + k];
			if (h->nr)
				fprintf(out, " %9lu", sum);
		}
		putc('\n', out);
	}
}

/* ---- calls ---- */

static const struct wy_tally *sorted_tally; /* qsort(3) has no room for it */

static int by_time(const void *a, const void *b)
{
	const struct wy_io *x = wy_tally_nr(sorted_tally, *(const unsigned int *)a),
			   *y = wy_tally_nr(sorted_tally, *(const unsigned int *)b);

	if (x->ticks != y->ticks)
		return x->ticks < y->ticks ? 1 : -1;
	return (x->calls < y->calls) - (x->calls > y->calls);
}

/* The columns of strace -c; the seconds are those that passed while the call went on. */
static void put_calls(const struct wy_run *run, FILE *out)
{
	unsigned int order[WY_TALLY_CALLS], nr = 0;
	struct wy_io all = { 0 };
	double seconds;

	for (unsigned int i = 0; i < WY_TALLY_CALLS; i++) {
		if (!wy_tally_nr(run->tally, i)->calls)
			continue;
		order[nr++] = i;
		wy_io_add(&all, wy_tally_nr(run->tally, i));
	}
	sorted_tally = run->tally;
	qsort(order, nr, sizeof(order[0]), by_time);
	wy_report_title(out, "Calls");
	fputs("% time     seconds  usecs/call     calls    errors syscall\n"
	      "------ ----------- ----------- --------- --------- ----------------\n",
	      out);
	for (unsigned int i = 0; i < nr; i++) {
		const struct wy_io *io = wy_tally_nr(run->tally, order[i]);
		uint64_t errors = io->errors + io->again;
		const char *name = wy_callname(order[i]);
		char text[24] = "";

		seconds = (double)wy_clock_span(run->clock, io->ticks) / 1e9;
		if (errors)
			snprintf(text, sizeof(text), "%lu", (unsigned long)errors);
		fprintf(out, "%6.2f %11.6f %11.0f %9lu %9s ",
			all.ticks ? 100.0 * (double)io->ticks / (double)all.ticks : 0, seconds,
			seconds * 1e6 / (double)io->calls, (unsigned long)io->calls, text);
		if (name)
			fprintf(out, "%s\n", name);
		else
			fprintf(out, "syscall_%u\n", order[i]);
	}
	seconds = (double)wy_clock_span(run->clock, all.ticks) / 1e9;
	fprintf(out,
		"------ ----------- ----------- --------- --------- ----------------\n"
		"100.00 %11.6f %11.0f %9lu %9lu total\n",
		seconds, all.calls ? seconds * 1e6 / (double)all.calls : 0,
		(unsigned long)all.calls, (unsigned long)(all.errors + all.again));
}

int wy_report(const struct wy_run *run, FILE *out)
{
	int err;

	put_head(run, out);
	err = put_processes(run, out);
	put_classes(run, out);
	if (!err)
		err = wy_report_descriptors(run, out);
	if (!err)
		err = wy_report_peers(run, out);
	if (!err)
		err = wy_report_tcp(run, out);
	if (!err)
		err = wy_report_files(run, out);
	if (!err)
		err = wy_report_pipes(run, out);
	if (!err)
		err = put_waits(run, out);
	put_durations(run, out);
	put_calls(run, out);
	fprintf(out, "\ndropped=%lu unclassified=%lu untracked_rings=%lu\n",
		(unsigned long)wy_run_lost_events(run),
		wy_meta_number(run->last_meta, "unclassified"),
		wy_meta_number(run->last_meta, "untracked"));
	return err;
}
