/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_files.c - the tables of the report that are about files: descriptors,
 * peers, paths, pipes.
 */
#include "base/cleanup.h"
#include "host/trace/report.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

/* Calls that moved less than this, on the average, are small. */
#define SMALL 512

/* A file in the hands of a process. */
struct use {
	const struct wy_tally_process *process;
	const struct wy_tally_file *tally;
	const struct wy_file *file; /* NULL: nothing is known of it */
	char *name;                 /* of what it is summed up with */
	struct wy_io sum;           /* of all that have the name */
	size_t nr;
};

struct uses {
	struct use *use;
	size_t nr;
};

static void free_uses(struct uses *u)
{
	for (size_t i = 0; i < u->nr; i++)
		free(u->use[i].name);
	free(u->use);
}

/* All that were used and that are wanted (NULL: all are).  Returns 0 or -ENOMEM. */
static int collect(const struct wy_run *run, struct uses *ret, bool (*wanted)(const struct use *))
{
	const struct wy_tally *t = run->tally;
	size_t room = 0;

	for (size_t i = 0; i < wy_tally_processes(t); i++)
		room += wy_tally_process(t, i)->files;
	ret->nr = 0;
	ret->use = calloc(room + 1, sizeof(*ret->use));
	if (!ret->use)
		return -ENOMEM;
	for (size_t i = 0; i < wy_tally_processes(t); i++) {
		const struct wy_tally_process *p = wy_tally_process(t, i);

		for (size_t k = 0; k < p->files; k++) {
			const struct wy_tally_file *f = p->file[k];
			struct use use = { .process = p,
					   .tally = f,
					   .file = wy_world_file(run->world, f->file),
					   .sum = f->io,
					   .nr = 1 };

			if (f->io.calls && (!wanted || wanted(&use)))
				ret->use[ret->nr++] = use;
		}
	}
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	const struct use *x = a, *y = b;
	uint64_t xn = x->sum.in + x->sum.out, yn = y->sum.in + y->sum.out;

	if (xn != yn)
		return xn < yn ? 1 : -1;
	if (x->sum.calls != y->sum.calls)
		return x->sum.calls < y->sum.calls ? 1 : -1;
	return (x->tally->file > y->tally->file) - (x->tally->file < y->tally->file);
}

/* ---- descriptors ---- */

static void put_descriptor(const struct wy_run *run, FILE *out, const struct use *use)
{
	const struct wy_tally_file *f = use->tally;
	uint64_t moving = f->reads + f->writes, bytes = f->io.in + f->io.out;
	uint64_t over = f->closed ? f->closed : wy_tally_over(run->tally);
	char text[4][WY_TIME_TEXT];

	fprintf(out, "%8d %5d %-5s %9lu %7lu %7lu %12lu %12lu %8lu%s %8s %8s %8s %9s  ",
		use->process->process->pid, f->fd, wy_class_word(f->class),
		(unsigned long)f->io.calls, (unsigned long)f->io.errors, (unsigned long)f->io.again,
		(unsigned long)f->io.in, (unsigned long)f->io.out,
		(unsigned long)(moving ? bytes / moving : 0),
		moving >= 100 && bytes / moving < SMALL ? "!" : " ",
		wy_report_time(text[0], run, f->hist ? wy_hist_at(f->hist, 0.5) : 0),
		wy_report_time(text[1], run, f->hist ? wy_hist_at(f->hist, 0.99) : 0),
		wy_report_time(text[2], run, f->hist ? f->hist->max : 0),
		wy_report_time(text[3], run, over > f->began ? over - f->began : 0));
	if (use->file)
		wy_file_print(out, use->file);
	putc('\n', out);
}

int wy_report_descriptors(const struct wy_run *run, FILE *out)
{
	struct uses u;

	if (collect(run, &u, NULL) < 0)
		return -ENOMEM;
	qsort(u.use, u.nr, sizeof(*u.use), by_bytes);
	wy_report_title(out, "Descriptors (!: many small reads or writes)");
	fputs("     pid    fd class     calls  errors   again           rx           tx      avg "
	      "      p50      p99      max      life  what\n",
	      out);
	for (size_t i = 0; i < u.nr && i < WY_REPORT_LINES; i++)
		put_descriptor(run, out, &u.use[i]);
	wy_report_more(out, WY_REPORT_LINES, u.nr);
	free_uses(&u);
	return 0;
}

/* ---- by name ---- */

static int by_name(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Sums up those of the same name, in the first of them.  Names are given by the printer. */
static int sum_up(struct uses *u, void (*print)(FILE *out, const struct use *use))
{
	size_t nr = 0;

	for (size_t i = 0; i < u->nr; i++) {
		size_t len;
		FILE *memory = open_memstream(&u->use[i].name, &len);

		if (!memory)
			return -ENOMEM;
		print(memory, &u->use[i]);
		if (fclose(memory) != 0 || !u->use[i].name)
			return -ENOMEM;
	}
	qsort(u->use, u->nr, sizeof(*u->use), by_name);
	for (size_t i = 0; i < u->nr; i++) {
		struct use *use = &u->use[i];

		if (nr && strcmp(u->use[nr - 1].name, use->name) == 0) {
			wy_io_add(&u->use[nr - 1].sum, &use->sum);
			u->use[nr - 1].nr++;
			free(use->name);
		} else {
			u->use[nr++] = *use;
		}
	}
	u->nr = nr;
	qsort(u->use, u->nr, sizeof(*u->use), by_bytes);
	return 0;
}

/* A table of names, with how many of each there were.  No line, no table. */
static int put_names(const struct wy_run *run, FILE *out, const char *title, const char *what,
		     bool (*wanted)(const struct use *),
		     void (*print)(FILE *out, const struct use *use))
{
	struct uses u;
	int err = collect(run, &u, wanted);
	char text[WY_TIME_TEXT];

	if (!err)
		err = sum_up(&u, print);
	if (!err && u.nr) {
		wy_report_title(out, title);
		fprintf(out, "%6s     calls  errors           rx           tx      time  what\n",
			what);
	}
	for (size_t i = 0; !err && i < u.nr && i < WY_REPORT_LINES; i++)
		fprintf(out, "%6lu %9lu %7lu %12lu %12lu %9s  %s\n", (unsigned long)u.use[i].nr,
			(unsigned long)u.use[i].sum.calls, (unsigned long)u.use[i].sum.errors,
			(unsigned long)u.use[i].sum.in, (unsigned long)u.use[i].sum.out,
			wy_report_time(text, run, u.use[i].sum.ticks), u.use[i].name);
	if (!err)
		wy_report_more(out, WY_REPORT_LINES, u.nr);
	free_uses(&u);
	return err;
}

static bool has_peer(const struct use *use)
{
	return use->file && use->file->class == WY_FD_NET && use->file->peer_len;
}

static bool was_accepted(const struct wy_file *f)
{
	return f->made_by == SYS_accept || f->made_by == SYS_accept4;
}

/* Of a client that came the port means nothing, of a server that was called it does. */
static void print_peer(FILE *out, const struct use *use)
{
	struct sockaddr_storage peer = use->file->peer;

	fprintf(out, "%s ", wy_sub_word(use->file->sub));
	if (!was_accepted(use->file)) {
		fputs("-> ", out);
		wy_address_print(out, &peer, use->file->peer_len);
		return;
	}
	wy_address_print(out, &use->file->local, use->file->local_len);
	fputs(" <- ", out);
	if (peer.ss_family == AF_INET)
		((struct sockaddr_in *)&peer)->sin_port = 0;
	else if (peer.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&peer)->sin6_port = 0;
	wy_address_print(out, &peer, use->file->peer_len);
}

int wy_report_peers(const struct wy_run *run, FILE *out)
{
	return put_names(run, out, "Peers (of clients that came, all ports are one: 0)", "conns",
			 has_peer, print_peer);
}

/* ---- TCP, where its figures were recorded ---- */

static bool has_tcp(const struct use *use)
{
	return use->tally->tcp;
}

int wy_report_tcp(const struct wy_run *run, FILE *out)
{
	struct uses u;

	if (collect(run, &u, has_tcp) < 0)
		return -ENOMEM;
	qsort(u.use, u.nr, sizeof(*u.use), by_bytes);
	if (u.nr)
		wy_report_title(out, "TCP connections (the last figures of each)");
	for (size_t i = 0; i < u.nr && i < WY_REPORT_LINES; i++) {
		fprintf(out, "%8d %5d rx=%lu tx=%lu ", u.use[i].process->process->pid,
			u.use[i].tally->fd, (unsigned long)u.use[i].tally->io.in,
			(unsigned long)u.use[i].tally->io.out);
		if (u.use[i].file)
			wy_file_print(out, u.use[i].file);
		fprintf(out, "\n               %s\n", u.use[i].tally->tcp);
	}
	wy_report_more(out, WY_REPORT_LINES, u.nr);
	free_uses(&u);
	return 0;
}

/* ---- paths ---- */

static bool has_path(const struct use *use)
{
	return use->file && use->file->path &&
	       (use->file->class == WY_FD_DISK || use->file->class == WY_FD_DIR);
}

static void print_path(FILE *out, const struct use *use)
{
	fputs(use->file->path, out);
}

int wy_report_files(const struct wy_run *run, FILE *out)
{
	return put_names(run, out, "Files", "opens", has_path, print_path);
}

/* ---- pipes ---- */

static bool is_pipe(const struct use *use)
{
	return use->file && use->file->class == WY_FD_PIPE;
}

static int by_inode(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	if (x->file->ino != y->file->ino)
		return x->file->ino < y->file->ino ? -1 : 1;
	return (x->file->dev > y->file->dev) - (x->file->dev < y->file->dev);
}

static void put_ends(FILE *out, const struct use *use, size_t nr, bool writers)
{
	unsigned int shown = 0;

	for (size_t i = 0; i < nr; i++) {
		uint64_t bytes = writers ? use[i].tally->io.out : use[i].tally->io.in;

		if (bytes)
			fprintf(out, "%s%d:%d(%lu)", shown++ ? "," : "",
				use[i].process->process->pid, use[i].tally->fd,
				(unsigned long)bytes);
	}
	if (!shown)
		putc('-', out);
}

/* Both ends of each, known by their inode: what was written must have been read. */
int wy_report_pipes(const struct wy_run *run, FILE *out)
{
	struct uses u;
	size_t shown = 0;

	if (collect(run, &u, is_pipe) < 0)
		return -ENOMEM;
	qsort(u.use, u.nr, sizeof(*u.use), by_inode);
	for (size_t i = 0, end; i < u.nr; i = end) {
		struct wy_io sum = { 0 };

		for (end = i; end < u.nr && by_inode(&u.use[i], &u.use[end]) == 0; end++)
			wy_io_add(&sum, &u.use[end].tally->io);
		if (!sum.in && !sum.out)
			continue;
		if (shown++ == WY_REPORT_LINES) {
			fputs("  ... and more\n", out);
			break;
		}
		if (shown == 1) {
			wy_report_title(out, "Pipes (pid:descriptor(bytes), writers and readers)");
			fputs("     written         read  ends\n", out);
		}
		fprintf(out, "%12lu %12lu  ", (unsigned long)sum.out, (unsigned long)sum.in);
		put_ends(out, u.use + i, end - i, true);
		fputs(" -> ", out);
		put_ends(out, u.use + i, end - i, false);
		fputs("  ", out);
		wy_file_print(out, u.use[i].file);
		if (sum.in != sum.out)
			fputs(sum.in < sum.out ? "  (not all was read)" :
						 "  (some writers are not in the run)",
			      out);
		putc('\n', out);
	}
	free_uses(&u);
	return 0;
}
