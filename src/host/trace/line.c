/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/line.h"

#include "base/log.h"
#include "base/units.h"
#include "host/trace/moved.h"
#include "host/trace/names.h"
#include "host/trace/stack.h"
#include "host/trace/table.h"
#include "host/trace/tcp.h"
#include "proto/calls.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define STRACE_COLUMN 40 /* where its results begin */

/* What went through a file since it was opened. */
struct life {
	uint64_t in, out, began;
	uint64_t told_in, told_out; /* of these, what --every has told */
	int pid, fd;                /* who used it last, and as what */
};

/* An execve that has not come back: it has happened if a new image follows. */
struct attempt {
	struct attempt *next;
	int tid;
	struct wy_event_view view;
};

/* -ff: of a process.  It is closed when that ends, and appended to if there is more. */
struct output {
	struct output *next, *next_open;
	FILE *file; /* NULL: it is closed */
};

struct wy_line {
	struct wy_line_style style;
	const struct wy_filter *filter;
	FILE *out;
	struct output *outputs, *open_outputs;
	struct wy_table output_of; /* by pid */
	struct wy_world *world;
	struct wy_clock clock;
	struct wy_stacks *stacks; /* -k; NULL */
	struct life *lives;       /* by file */
	size_t lives_nr;
	struct attempt *attempts;
	bool write_error, open_error; /* said already */
	uint64_t before;              /* -r: the line before, in nanoseconds */
	uint64_t told_at;             /* --every: ticks of the last time */
	int begun;                    /* columns of the line that stand already */
};

struct wy_line *wy_line_new(const struct wy_line_style *style, const struct wy_filter *filter,
			    FILE *out)
{
	struct wy_line *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->style = *style;
	l->filter = filter;
	l->out = out;
	l->world = wy_world_new();
	if (style->stacks)
		l->stacks = wy_stacks_new();
	if (!l->world || (style->stacks && !l->stacks)) {
		wy_line_free(l);
		return NULL;
	}
	return l;
}

static void drop_attempt(struct attempt **at)
{
	struct attempt *a = *at;

	*at = a->next;
	free((void *)a->view.items.at);
	free(a);
}

void wy_line_free(struct wy_line *l)
{
	if (!l)
		return;
	while (l->attempts)
		drop_attempt(&l->attempts);
	while (l->outputs) {
		struct output *o = l->outputs;

		l->outputs = o->next;
		if (o->file)
			fclose(o->file);
		free(o);
	}
	wy_table_free(&l->output_of);
	wy_stacks_free(l->stacks);
	wy_world_free(l->world);
	free(l->lives);
	free(l);
}

void wy_line_clock(struct wy_line *l, const struct wy_file_clock *moment)
{
	wy_clock_add(&l->clock, moment);
}

static void flush(struct wy_line *l, FILE *file)
{
	if ((fflush(file) == 0 && !ferror(file)) || l->write_error)
		return;
	l->write_error = true;
	/* Of stderr nobody could be told. */
	if (l->style.path)
		log_errno(errno, "cannot write '%s'", l->style.path);
}

void wy_line_flush(struct wy_line *l)
{
	if (l->out)
		flush(l, l->out);
	for (struct output *o = l->open_outputs; o; o = o->next_open)
		flush(l, o->file);
}

/* ---- where a line goes, and how it begins ---- */

static struct output *new_output(struct wy_line *l, int pid)
{
	struct output *o = calloc(1, sizeof(*o));

	if (!o || wy_table_put(&l->output_of, (unsigned int)pid, o) < 0) {
		free(o);
		return NULL;
	}
	o->next = l->outputs;
	l->outputs = o;
	return o;
}

static FILE *output_of(struct wy_line *l, int pid)
{
	char path[PATH_MAX];
	struct output *o;
	bool more;

	if (!l->style.split)
		return l->out;
	o = wy_table_find(&l->output_of, (unsigned int)pid);
	if (o && o->file)
		return o->file;
	more = o != NULL;
	snprintf(path, sizeof(path), "%s.%d", l->style.path, pid);
	if (!o)
		o = new_output(l, pid);
	if (o)
		o->file = fopen(path, more ? "ae" : "we");
	if (!o || !o->file) {
		if (!l->open_error)
			log_errno(errno, "cannot write '%s'", path);
		l->open_error = true;
		return NULL;
	}
	o->next_open = l->open_outputs;
	l->open_outputs = o;
	return o->file;
}

static void close_output(struct wy_line *l, int pid)
{
	struct output *o = wy_table_find(&l->output_of, (unsigned int)pid);
	struct output **at = &l->open_outputs;

	if (!o || !o->file)
		return;
	while (*at != o)
		at = &(*at)->next_open;
	*at = o->next_open;
	flush(l, o->file);
	fclose(o->file);
	o->file = NULL;
}

static void print_time(struct wy_line *l, FILE *out, uint64_t ticks)
{
	uint64_t ns = wy_clock_real(&l->clock, ticks);
	time_t seconds = (time_t)(ns / 1000000000u);
	unsigned int micros = (unsigned int)(ns % 1000000000u / 1000u);
	struct tm tm;
	char text[16];

	if (l->style.relative) {
		uint64_t since = l->before && ns > l->before ? ns - l->before : 0;

		l->before = ns;
		l->begun += fprintf(out, "%6lu.%06lu ", since / 1000000000u,
				    since % 1000000000u / 1000u);
	}
	if (l->style.time == WY_TIME_NONE)
		return;
	if (l->style.time == WY_TIME_EPOCH) {
		l->begun += fprintf(out, "%ld.%06u ", (long)seconds, micros);
		return;
	}
	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	if (l->style.time == WY_TIME_MICROS)
		l->begun += fprintf(out, "%s.%06u ", text, micros);
	else
		l->begun += fprintf(out, "%s ", text);
}

static const char *tag_of(unsigned int class)
{
	static const char *const tags[] = {
		[WY_FD_DISK] = "DISK", [WY_FD_DIR] = "DIR ",   [WY_FD_PIPE] = "PIPE",
		[WY_FD_UNIX] = "UNIX", [WY_FD_NET] = "NET ",   [WY_FD_TTY] = "TTY ",
		[WY_FD_DEV] = "DEV ",  [WY_FD_EVENT] = "EVNT", [WY_FD_ANON] = "ANON",
		[WY_FD_PATH] = "PATH",
	};

	return class < WY_FD_CLASSES ? tags[class] : "    ";
}

static const char *colour_of(unsigned int class)
{
	switch (class) {
	case WY_FD_NET: return "\033[36m";
	case WY_FD_UNIX: return "\033[34m";
	case WY_FD_PIPE: return "\033[33m";
	case WY_FD_DISK:
	case WY_FD_DIR: return "\033[32m";
	case WY_FD_TTY: return "\033[35m";
	}
	return "\033[0m";
}

/* class: of what the line is about, WY_FD_CLASSES: of nothing. */
static FILE *begin(struct wy_line *l, const struct wy_event_view *v, uint64_t ticks,
		   unsigned int class)
{
	FILE *out = output_of(l, l->style.strace ? v->tid : v->pid);

	if (!out)
		return NULL;
	l->begun = 0;
	if (l->style.strace) {
		if (!l->style.split)
			l->begun = fprintf(out, "%-5d ", v->tid);
		print_time(l, out, ticks);
		return out;
	}
	if (v->pid == v->tid)
		fprintf(out, "%d ", v->pid);
	else
		fprintf(out, "%d/%d ", v->pid, v->tid);
	print_time(l, out, ticks);
	if (l->style.colour && class < WY_FD_CLASSES)
		fprintf(out, "[%s%s\033[0m] ", colour_of(class), tag_of(class));
	else
		fprintf(out, "[%s] ", tag_of(class));
	return out;
}

static unsigned int class_of(const struct wy_event_view *v)
{
	return v->e.file ? v->e.class : WY_FD_CLASSES;
}

static bool is_wanted(const struct wy_line *l, const struct wy_event_view *v)
{
	return !l->filter || wy_filter_wants(l->filter, l->world, v);
}

/* ---- files ---- */

static struct life *life_of(struct wy_line *l, unsigned int file)
{
	if (file >= l->lives_nr) {
		size_t nr = l->lives_nr ? l->lives_nr * 2 : 64;
		struct life *more;

		while (nr <= file && nr < (1u << 24))
			nr *= 2;
		if (nr <= file)
			return NULL;
		more = realloc(l->lives, nr * sizeof(*more));
		if (!more)
			return NULL;
		memset(more + l->lives_nr, 0, (nr - l->lives_nr) * sizeof(*more));
		l->lives = more;
		l->lives_nr = nr;
	}
	return &l->lives[file];
}

static void add_bytes(struct wy_line *l, const struct wy_event_view *v)
{
	struct wy_moved m = wy_moved(v);

	for (int i = 0; i < 2; i++) {
		const struct wy_moved_side *side = &m.side[i];
		struct life *life = side->in || side->out ? life_of(l, side->file) : NULL;

		if (!life)
			continue;
		life->in += side->in;
		life->out += side->out;
		life->pid = v->pid;
		life->fd = side->fd;
	}
}

static void print_file(FILE *out, const struct wy_file *file)
{
	fputc('<', out);
	wy_file_print(out, file);
	fputc('>', out);
}

static bool file_is_wanted(const struct wy_line *l, const struct wy_event_view *v)
{
	if (l->style.strace || (l->filter && !wy_filter_wants_file(l->filter, v->e.class)))
		return false;
	return is_wanted(l, v);
}

/* A file has come. */
static void print_new(struct wy_line *l, const struct wy_event_view *v)
{
	const struct wy_file *file = wy_world_file(l->world, v->e.file);
	struct life *life = life_of(l, v->e.file);
	bool first = life && !life->began;
	FILE *out;

	if (life && first) {
		life->began = v->e.time;
		life->pid = v->pid;
		life->fd = (int)v->e.arg[2];
	}
	if (!first || !file || l->style.rates_only || !file_is_wanted(l, v))
		return;
	out = begin(l, v, v->e.time, v->e.class);
	if (!out)
		return;
	fprintf(out, "++ fd %ld ", v->e.arg[2]);
	print_file(out, file);
	fputs(v->e.ret < 0 ? " was there before\n" : "\n", out);
}

static void print_fd(struct wy_line *l, const struct wy_event_view *v)
{
	static const char *const how[] = {
		[WY_FD_CLOSED] = "closed",
		[WY_FD_COPIED] = "is a copy of fd",
		[WY_FD_RECEIVED] = "was received",
		[WY_FD_INHERITED] = "was inherited",
		[WY_FD_EXEC_CLOSED] = "was closed by exec",
	};
	const struct wy_file *file = wy_world_file(l->world, v->e.file);
	const struct life *life = life_of(l, v->e.file);
	bool closed = v->e.nr == WY_FD_CLOSED || v->e.nr == WY_FD_EXEC_CLOSED;
	uint64_t ns;
	FILE *out;

	if (!file || v->e.nr > WY_FD_EXEC_CLOSED || !file_is_wanted(l, v))
		return;
	out = begin(l, v, v->e.time, v->e.class);
	if (!out)
		return;
	fprintf(out, "%s fd %ld ", closed ? "--" : "++", v->e.arg[0]);
	print_file(out, file);
	fprintf(out, " %s", how[v->e.nr]);
	if (v->e.nr == WY_FD_COPIED)
		fprintf(out, " %ld", v->e.arg[1]);
	if (closed && life) {
		ns = wy_clock_span(&l->clock, v->e.time - life->began);
		fprintf(out, ": in %lu out %lu in %lu.%03lu s", life->in, life->out,
			ns / 1000000000u, ns % 1000000000u / 1000000u);
	}
	fputc('\n', out);
}

/* What went through one since the last time. */
static void print_rate(struct wy_line *l, struct life *life, const struct wy_file *file,
		       uint64_t ticks, double seconds)
{
	struct wy_event_view v = { .pid = life->pid, .tid = life->pid };
	char in[UNITS_TEXT_MAX], out_text[UNITS_TEXT_MAX];
	FILE *out;

	v.e.file = file->id;
	v.e.class = file->class;
	if (!is_wanted(l, &v))
		return;
	out = begin(l, &v, ticks, file->class);
	if (!out)
		return;
	size_print(in, (unsigned long)((double)(life->in - life->told_in) / seconds));
	size_print(out_text, (unsigned long)((double)(life->out - life->told_out) / seconds));
	fprintf(out, "~~ fd %d ", life->fd);
	print_file(out, file);
	fprintf(out, " in %s/s out %s/s\n", in, out_text);
}

void wy_line_rates(struct wy_line *l, uint64_t ticks)
{
	double seconds = (double)wy_clock_span(&l->clock, ticks - l->told_at) / 1e9;

	if (!l->told_at) {
		l->told_at = ticks;
		return;
	}
	if (seconds * 1e9 < (double)l->style.every_ns)
		return;
	for (size_t i = 1; i < l->lives_nr; i++) {
		struct life *life = &l->lives[i];
		const struct wy_file *file = wy_world_file(l->world, (unsigned int)i);

		if (file && (life->in != life->told_in || life->out != life->told_out))
			print_rate(l, life, file, ticks, seconds);
		life->told_in = life->in;
		life->told_out = life->out;
	}
	l->told_at = ticks;
}

/* ---- calls ---- */

static void print_took(struct wy_line *l, FILE *out, uint64_t ticks)
{
	uint64_t us = wy_clock_span(&l->clock, ticks) / 1000u;

	if (l->style.took)
		fprintf(out, " <%lu.%06lu>", us / 1000000u, us % 1000000u);
}

static void print_call(struct wy_line *l, const struct wy_event_view *v)
{
	struct wy_decode how = l->style.decode;
	FILE *out;

	if (!is_wanted(l, v))
		return;
	out = begin(l, v, v->e.time, class_of(v));
	if (!out)
		return;
	if (l->style.strace && l->begun < STRACE_COLUMN)
		how.column = (unsigned int)(STRACE_COLUMN - l->begun);
	wy_decode_call(out, &how, l->world, v);
	if (!(v->e.flags & WY_EVENT_NO_RETURN))
		print_took(l, out, wy_event_took(v));
	fputc('\n', out);
	if (l->stacks)
		wy_stacks_print(l->stacks, out, v);
}

static struct attempt **find_attempt(struct wy_line *l, int tid)
{
	struct attempt **at = &l->attempts;

	while (*at && (*at)->tid != tid)
		at = &(*at)->next;
	return at;
}

static bool is_exec(const struct wy_event_view *v)
{
	return wy_call_row_of(v->e.nr)->effect == WY_FX_EXEC;
}

/* Keeps the call until it is known whether it has happened. */
static int keep_attempt(struct wy_line *l, const struct wy_event_view *v)
{
	struct attempt *a = calloc(1, sizeof(*a));
	unsigned char *items = malloc(v->items.len + 1);

	if (!a || !items) {
		free(a);
		free(items);
		return -ENOMEM;
	}
	memcpy(items, v->items.at, v->items.len);
	a->tid = v->tid;
	a->view = *v;
	a->view.items.at = items;
	a->next = l->attempts;
	l->attempts = a;
	return 0;
}

/* Its process has ended and no new image was seen: it was not followed, or died on its way. */
static void end_attempts(struct wy_line *l, int pid)
{
	struct attempt **at = &l->attempts;

	while (*at) {
		if ((*at)->view.pid != pid) {
			at = &(*at)->next;
			continue;
		}
		print_call(l, &(*at)->view);
		drop_attempt(at);
	}
}

static int take_call(struct wy_line *l, const struct wy_event_view *v)
{
	if (is_exec(v)) {
		struct attempt **at = find_attempt(l, v->tid);

		if (*at)
			drop_attempt(at);
		if (v->e.flags & WY_EVENT_NO_RETURN)
			return keep_attempt(l, v);
	}
	add_bytes(l, v);
	print_call(l, v);
	return 0;
}

/* ---- processes ---- */

/* The first program has made no call to execute: waylay has. */
static void print_first(struct wy_line *l, const struct wy_event_view *v)
{
	const struct wy_process *p = wy_world_process(l->world, v->pid);
	FILE *out = begin(l, v, v->e.time, WY_FD_CLASSES);

	if (!out)
		return;
	fputs("execve(\"", out);
	wy_text_print(out, p && p->path ? p->path : "?", "");
	fputs("\", [", out);
	for (char **arg = p ? p->argv : NULL; arg && *arg; arg++) {
		fputs(arg == p->argv ? "\"" : ", \"", out);
		wy_text_print(out, *arg, "");
		putc('"', out);
	}
	fputs("], ...) = 0\n", out);
}

static void print_attached(struct wy_line *l, const struct wy_event_view *v)
{
	const struct wy_process *p = wy_world_process(l->world, v->pid);
	FILE *out = begin(l, v, v->e.time, WY_FD_CLASSES);

	if (out) {
		fprintf(out, "++ process %d was there before: ", v->pid);
		wy_text_print(out, p && p->path ? p->path : "?", "");
		putc('\n', out);
	}
}

static void print_image(struct wy_line *l, const struct wy_event_view *v)
{
	struct attempt **at = find_attempt(l, v->tid);

	/* A thread that is not the first one executes under another number than it has then. */
	for (struct attempt **a = &l->attempts; !*at && *a; a = &(*a)->next) {
		if ((*a)->view.pid == v->pid)
			at = a;
	}
	if (*at) {
		struct wy_event_view *call = &(*at)->view;

		call->e.flags &= (unsigned char)~WY_EVENT_NO_RETURN;
		call->e.ret = 0;
		call->e.took = (unsigned int)(v->e.time - call->e.time);
		call->tid = v->tid;
		print_call(l, call);
		drop_attempt(at);
	} else if (v->e.arg[3] == WY_IMAGE_FIRST) {
		print_first(l, v);
	} else if (v->e.arg[3] == WY_IMAGE_ATTACHED && !l->style.strace) {
		print_attached(l, v);
	}
}

static void print_start(struct wy_line *l, const struct wy_event_view *v)
{
	FILE *out;

	if (l->style.strace)
		return;
	out = begin(l, v, v->e.time, WY_FD_CLASSES);
	if (!out)
		return;
	if (v->e.arg[0] == v->e.arg[2])
		fprintf(out, "++ process %ld started by %ld\n", v->e.arg[0], v->e.arg[1]);
	else
		fprintf(out, "++ thread %ld of process %ld\n", v->e.arg[2], v->e.arg[0]);
}

static void print_end(struct wy_line *l, const struct wy_event_view *v)
{
	const struct wy_process *p = wy_world_process(l->world, v->pid);
	int status = (int)v->e.ret;
	FILE *out = l->style.quiet ? NULL : begin(l, v, v->e.time, WY_FD_CLASSES);
	const char *name;
	char text[16];

	if (!out)
		return;
	if (v->e.arg[3] == 2 && status == -1 && p && p->status_known)
		status = p->status;
	if (v->e.arg[3] < 2)
		fprintf(out, "+++ exited with %d +++\n", status & 0xff);
	else if (status == -1)
		fprintf(out, "+++ ended +++\n");
	else if (!WIFSIGNALED(status))
		fprintf(out, "+++ exited with %d +++\n", WEXITSTATUS(status));
	else if ((name = wy_signal_name((unsigned int)WTERMSIG(status), text)))
		fprintf(out, "+++ killed by %s%s +++\n", name,
			WCOREDUMP(status) ? " (core dumped)" : "");
	else
		fprintf(out, "+++ ended +++\n");
}

static void take_end(struct wy_line *l, const struct wy_event_view *v)
{
	/* Who was heard to end needs no second line. */
	if (!wy_world_told_again(l->world, v)) {
		if (v->e.arg[3])
			end_attempts(l, v->pid);
		print_end(l, v);
	}
	if (v->e.arg[3])
		close_output(l, v->pid);
}

static void print_signal(struct wy_line *l, const struct wy_event_view *v)
{
	FILE *out = begin(l, v, v->e.time, WY_FD_CLASSES);

	if (!out)
		return;
	fputs("--- ", out);
	wy_decode_signal(out, v);
	fputs(" ---\n", out);
}

static void print_stop(struct wy_line *l, const struct wy_event_view *v)
{
	FILE *out = v->e.ret || !l->style.strace ? begin(l, v, v->e.time, WY_FD_CLASSES) : NULL;
	char text[16];
	const char *name = wy_signal_name(v->e.nr, text);

	if (!out)
		return;
	if (!v->e.ret)
		fputs("--- continued ---\n", out);
	else
		fprintf(out, "--- stopped%s%s ---\n", name ? " by " : "", name ? name : "");
}

static void print_uring(struct wy_line *l, const struct wy_event_view *v)
{
	const struct wy_file *file = wy_world_file(l->world, v->e.file);
	char name[32];
	FILE *out;

	add_bytes(l, v);
	out = is_wanted(l, v) ? begin(l, v, v->e.time, class_of(v)) : NULL;
	if (!out)
		return;
	fprintf(out, "io_uring %s(%ld", wy_moved_name(v, name), v->e.arg[1]);
	if (file)
		print_file(out, file);
	fprintf(out, ", len %lu, off %ld) = %ld", (unsigned long)v->e.arg[2], v->e.arg[3],
		v->e.ret);
	if (v->e.ret < 0 && v->e.ret >= -4095)
		fprintf(out, " %s", strerrorname_np((int)-v->e.ret));
	print_took(l, out, wy_event_took(v));
	fputc('\n', out);
}

static void print_tcp(struct wy_line *l, const struct wy_event_view *v)
{
	const struct wy_file *file = wy_world_file(l->world, v->e.file);
	FILE *out = file && is_wanted(l, v) ? begin(l, v, v->e.time, v->e.class) : NULL;

	if (!out)
		return;
	fprintf(out, "== fd %ld ", v->e.arg[1]);
	print_file(out, file);
	fputc(' ', out);
	wy_tcp_print(out, v);
	fputc('\n', out);
}

int wy_line_event(struct wy_line *l, const struct wy_event_view *v)
{
	int err = wy_world_apply(l->world, v);

	if (err)
		return err;
	if (l->stacks)
		wy_stacks_event(l->stacks, v);
	if (l->style.rates_only) {
		if (v->e.kind == WY_EVENT_CALL || v->e.kind == WY_EVENT_URING)
			add_bytes(l, v);
		else if (v->e.kind == WY_EVENT_FILE)
			print_new(l, v);
		return 0;
	}
	switch (v->e.kind) {
	case WY_EVENT_CALL: return take_call(l, v);
	case WY_EVENT_FILE: print_new(l, v); break;
	case WY_EVENT_FD: print_fd(l, v); break;
	case WY_EVENT_IMAGE: print_image(l, v); break;
	case WY_EVENT_START: print_start(l, v); break;
	case WY_EVENT_END: take_end(l, v); break;
	case WY_EVENT_SIGNAL: print_signal(l, v); break;
	case WY_EVENT_STOP: print_stop(l, v); break;
	case WY_EVENT_TCP: print_tcp(l, v); break;
	case WY_EVENT_URING: print_uring(l, v); break;
	}
	return 0;
}

void wy_line_pending(struct wy_line *l, const struct wy_event_view *v, uint64_t ticks)
{
	struct wy_event_view call = *v;
	uint64_t ms = wy_clock_span(&l->clock, ticks) / 1000000u;
	FILE *out;

	call.e.flags |= WY_EVENT_NO_RETURN;
	if (l->style.strace || l->style.rates_only || !is_wanted(l, &call))
		return;
	out = begin(l, &call, call.e.time, class_of(&call));
	if (!out)
		return;
	wy_decode_pending(out, &l->style.decode, l->world, &call);
	fprintf(out, " <pending for %lu.%lu s>\n", ms / 1000, ms % 1000 / 100);
}
