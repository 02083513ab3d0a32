/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export_csv.c - PID.log.
 *
 * The style of ntrace is that of a tool of this name: a line for each call that
 * moved bytes over the network, then for each of its three kinds of descriptors
 * those that had traffic, and a table of eight calls.  Unix sockets are its
 * Network, terminals and devices its Disk.  The wide style has all calls on all
 * descriptors, more columns, and all calls in the tables.
 */
#include "host/trace/export.h"
#include "host/trace/moved.h"
#include "host/trace/table.h"
#include "proto/calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

struct wy_csv {
	const struct wy_run *run;
	enum wy_csv_style style;
	struct wy_table seq_of; /* address of a struct wy_process -> its next line's number */
};

enum kind { NETWORK, PIPE, DISK, KINDS };

struct wy_csv *wy_csv_new(const struct wy_run *run, enum wy_csv_style style)
{
	struct wy_csv *c = calloc(1, sizeof(*c));

	if (c) {
		c->run = run;
		c->style = style;
	}
	return c;
}

void wy_csv_free(struct wy_csv *c)
{
	if (!c)
		return;
	wy_table_free(&c->seq_of);
	free(c);
}

void wy_csv_head(struct wy_csv *c, FILE *out)
{
	fputs("call,fd,pid,seq,time,size,recv_so_far,send_so_far", out);
	if (c->style == WY_CSV_WIDE)
		fputs(",tid,class,sub,file,lat_ns,ret,errno,req_size,offset,peer_or_path,nr", out);
	putc('\n', out);
}

/* KINDS: of none of them. */
static enum kind kind_of(unsigned int class)
{
	switch (class) {
	case WY_FD_NET:
	case WY_FD_UNIX: return NETWORK;
	case WY_FD_PIPE: return PIPE;
	case WY_FD_DISK:
	case WY_FD_DIR:
	case WY_FD_TTY:
	case WY_FD_DEV: return DISK;
	}
	return KINDS;
}

static bool side_wanted(const struct wy_csv *c, const struct wy_event_view *v,
			const struct wy_moved *m, int i)
{
	const struct wy_moved_side *side = &m->side[i];

	if (c->style == WY_CSV_WIDE)
		return side->file != 0;
	return side->file && kind_of(side->class) == NETWORK && v->e.ret >= 0 &&
	       (i ? m->writes : m->reads || m->writes);
}

bool wy_csv_wants(const struct wy_csv *c, const struct wy_event_view *v)
{
	struct wy_moved m;

	if ((v->e.kind != WY_EVENT_CALL && v->e.kind != WY_EVENT_URING) ||
	    v->e.flags & WY_EVENT_NO_RETURN)
		return false;
	m = wy_moved(v);
	return side_wanted(c, v, &m, 0) || side_wanted(c, v, &m, 1);
}

/* A field that may hold anything. */
static void put_quoted(FILE *out, const char *text)
{
	if (!strpbrk(text, ",\"\n\r")) {
		fputs(text, out);
		return;
	}
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', out);
		putc(*text, out);
	}
	putc('"', out);
}

static int put_what(FILE *out, const struct wy_file *f)
{
	char *text = NULL;
	size_t len;
	FILE *memory;

	if (!f)
		return 0;
	memory = open_memstream(&text, &len);
	if (!memory)
		return -ENOMEM;
	wy_file_print(memory, f);
	if (fclose(memory) != 0) {
		free(text);
		return -ENOMEM;
	}
	put_quoted(out, text);
	free(text);
	return 0;
}

/* The bytes that were asked for, -1: nothing of that kind. */
static long size_asked(const struct wy_event_view *v)
{
	switch (v->e.nr) {
	case SYS_read:
	case SYS_write:
	case SYS_pread64:
	case SYS_pwrite64:
	case SYS_recvfrom:
	case SYS_sendto:
	case SYS_getdents:
	case SYS_getdents64: return v->e.arg[2];
	case SYS_sendfile: return v->e.arg[3];
	}
	return -1;
}

static int put_wide(const struct wy_csv *c, FILE *out, const struct wy_event_view *v,
		    const struct wy_moved_side *side)
{
	bool failed = v->e.ret < 0 && v->e.ret >= -4095, uring = v->e.kind == WY_EVENT_URING;
	long asked = uring ? v->e.arg[2] : size_asked(v);
	int err;

	fprintf(out, ",%d,%s,%s,%u,%lu,%ld,", v->tid, wy_class_word(side->class),
		wy_sub_word(side->sub), side->file,
		(unsigned long)wy_clock_span(c->run->clock, wy_event_took(v)), v->e.ret);
	if (failed) {
		const char *name = strerrorname_np((int)-v->e.ret);

		if (name)
			fputs(name, out);
		else
			fprintf(out, "%ld", -v->e.ret);
	}
	putc(',', out);
	if (asked >= 0)
		fprintf(out, "%ld", asked);
	putc(',', out);
	if (uring || v->e.nr == SYS_pread64 || v->e.nr == SYS_pwrite64)
		fprintf(out, "%ld", v->e.arg[3]);
	putc(',', out);
	err = put_what(out, wy_world_file(c->run->world, side->file));
	fprintf(out, ",%u", v->e.nr);
	return err;
}

static int put_line(struct wy_csv *c, FILE *out, const struct wy_event_view *v,
		    const struct wy_moved_side *side)
{
	const struct wy_tally_file *f = wy_tally_file(c->run->tally, v->pid, side->file);
	uint64_t over = v->e.time + wy_event_took(v), seq = 0,
		 ns = wy_clock_real(c->run->clock, over),
		 process = (uintptr_t)wy_world_process(c->run->world, v->pid);
	char buffer[32];
	int err = 0;

	if (c->style == WY_CSV_WIDE) {
		wy_table_get(&c->seq_of, process, &seq);
		if (wy_table_set(&c->seq_of, process, seq + 1) < 0)
			return -ENOMEM;
	}
	fprintf(out, "%s,%d,%d,%lu,%lu.%06lu,%lu,%lu,%lu", wy_moved_name(v, buffer), side->fd,
		v->pid, (unsigned long)seq, (unsigned long)(ns / 1000000000),
		(unsigned long)(ns % 1000000000 / 1000), (unsigned long)(side->in + side->out),
		(unsigned long)(f ? f->io.in : 0), (unsigned long)(f ? f->io.out : 0));
	if (c->style == WY_CSV_WIDE)
		err = put_wide(c, out, v, side);
	putc('\n', out);
	return err;
}

int wy_csv_event(struct wy_csv *c, FILE *out, const struct wy_event_view *v)
{
	struct wy_moved m;
	int err = 0;

	if (!wy_csv_wants(c, v))
		return 0;
	m = wy_moved(v);
	for (int i = 0; i < 2 && !err; i++) {
		if (side_wanted(c, v, &m, i))
			err = put_line(c, out, v, &m.side[i]);
	}
	return err;
}

/* ---- sums ---- */

struct row {
	const char *name;
	uint64_t calls, bytes;
};

#define ROWS_MAX 600

/* The eight of ntrace, and room for more. */
struct rows {
	struct row row[ROWS_MAX];
	unsigned int nr;
	uint64_t in, out;
};

static void add_row(struct rows *rows, const struct wy_tally_call *call, bool wide)
{
	uint64_t calls = call->io.calls - call->io.errors - call->io.again;
	uint64_t bytes = call->io.in + call->io.out;
	unsigned int i = 0;

	rows->in += call->io.in;
	rows->out += call->io.out;
	while (i < rows->nr && strcmp(rows->row[i].name, call->name) != 0)
		i++;
	if (i == rows->nr) {
		/* A wide table has all that moved bytes. */
		if (!wide || !bytes || !*call->name || i == ROWS_MAX)
			return;
		rows->row[rows->nr++].name = call->name;
	}
	rows->row[i].calls += calls;
	rows->row[i].bytes += bytes;
}

static void put_table(FILE *out, const char *kind, const struct rows *rows)
{
	fprintf(out, "%s totals: (%lu, %lu)\n", kind, (unsigned long)rows->in,
		(unsigned long)rows->out);
	for (unsigned int i = 0; i < rows->nr; i++)
		fprintf(out, "%9s : %lu (%lu)\n", rows->row[i].name,
			(unsigned long)rows->row[i].calls, (unsigned long)rows->row[i].bytes);
}

static int by_fd(const void *a, const void *b)
{
	const struct wy_tally_file *x = *(const struct wy_tally_file *const *)a,
				   *y = *(const struct wy_tally_file *const *)b;

	return (x->fd > y->fd) - (x->fd < y->fd);
}

/* Those of one process that had traffic, in the order of their numbers. */
static void put_descriptors(FILE *out, const char *name, enum kind kind,
			    const struct wy_tally_process *p)
{
	const size_t each = sizeof(const struct wy_tally_file *); /* NOLINT(*sizeof*) */
	const struct wy_tally_file **sorted = reallocarray(NULL, p->files + 1, each);
	size_t nr = 0;

	for (size_t i = 0; sorted && i < p->files; i++) {
		const struct wy_tally_file *f = p->file[i];

		if (kind_of(f->class) == kind && (f->io.in || f->io.out))
			sorted[nr++] = f;
	}
	if (nr)
		qsort(sorted, nr, each, by_fd);
	for (size_t i = 0; i < nr; i++)
		fprintf(out, "%s:%d:%d (%lu,%lu)\n", name, p->process->pid, sorted[i]->fd,
			(unsigned long)sorted[i]->io.in, (unsigned long)sorted[i]->io.out);
	free(sorted);
}

/* How the TCP connections of a process fared, if that was recorded. */
static void put_tcp(FILE *out, const struct wy_tally_process *p)
{
	for (size_t i = 0; i < p->files; i++) {
		if (p->file[i]->tcp)
			fprintf(out, "TCP:%d:%d (%lu,%lu) %s\n", p->process->pid, p->file[i]->fd,
				(unsigned long)p->file[i]->io.in, (unsigned long)p->file[i]->io.out,
				p->file[i]->tcp);
	}
}

void wy_csv_tail(struct wy_csv *c, FILE *out, long process)
{
	static const char *const kinds[KINDS] = { "Network", "Pipe", "Disk" };
	const struct wy_tally *t = c->run->tally;
	size_t first = process < 0 ? 0 : (size_t)process;
	size_t end = process < 0 ? wy_tally_processes(t) : first + 1;

	for (unsigned int kind = 0; kind < KINDS; kind++) {
		struct rows rows = { .row = { { "read" },
					      { "recv" },
					      { "recvfrom" },
					      { "recvmsg" },
					      { "write" },
					      { "send" },
					      { "sendto" },
					      { "sendmsg" } },
				     .nr = 8 };

		putc('\n', out);
		for (size_t i = first; i < end; i++) {
			const struct wy_tally_process *p = wy_tally_process(t, i);

			put_descriptors(out, kinds[kind], kind, p);
			for (size_t k = 0; k < p->calls; k++) {
				if (kind_of(p->call[k]->class) == kind)
					add_row(&rows, p->call[k], c->style == WY_CSV_WIDE);
			}
		}
		put_table(out, kinds[kind], &rows);
	}
	for (size_t i = first; i < end && c->style == WY_CSV_WIDE; i++)
		put_tcp(out, wy_tally_process(t, i));
}
