/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export_json.c - JSON Lines: one object for each event.
 *
 * docs/trace.schema.json says what they look like; `k` is their kind.  `t` are
 * seconds since the run's first clock, and the moment when the thing was over.
 * Names stay as they are from version to version; new ones may come.
 */
#include "base/json.h"
#include "host/trace/export.h"
#include "host/trace/meta.h"
#include "host/trace/moved.h"
#include "host/trace/names.h"
#include "host/trace/tcp.h"
#include "proto/calls.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static const char *const fd_words[] = {
	[WY_FD_CLOSED] = "close",        [WY_FD_COPIED] = "dup",
	[WY_FD_RECEIVED] = "receive",    [WY_FD_INHERITED] = "inherit",
	[WY_FD_EXEC_CLOSED] = "cloexec",
};
#define FD_WORDS (sizeof(fd_words) / sizeof(fd_words[0]))

static void put_text(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	json_string(j, text);
}

static void put_number(struct json *j, const char *key, long long value)
{
	json_key(j, key);
	json_number(j, value);
}

static void put_unsigned(struct json *j, const char *key, unsigned long long value)
{
	json_key(j, key);
	json_unsigned(j, value);
}

static void open_line(struct json *j, FILE *out, const struct wy_run *run, uint64_t ticks,
		      const char *kind)
{
	uint64_t first = run->clock->first.real, now = wy_clock_real(run->clock, ticks);

	json_init(j, out);
	json_object_open(j);
	json_key(j, "t");
	json_double(j, now >= first ? (double)(now - first) / 1e9 : -(double)(first - now) / 1e9,
		    9);
	put_text(j, "k", kind);
}

static int close_line(struct json *j)
{
	json_object_close(j);
	putc('\n', j->out);
	return j->depth == 0 && !j->misused ? 0 : -EINVAL;
}

/* ---- the run ---- */

static bool is_list(const char *name)
{
	return strcmp(name, "argv") == 0 || strcmp(name, "filter") == 0 ||
	       strcmp(name, "setting") == 0 || strcmp(name, "status") == 0;
}

/* All values of a name, as a list, or the one that it has. */
static void put_meta(struct json *j, struct wy_bytes meta)
{
	struct wy_bytes rest = meta;
	const char *name, *value;

	while (wy_meta_next(&rest, &name, &value)) {
		struct wy_bytes all = meta;
		const char *other, *found;

		/* At its first place only. */
		if (wy_meta_get(meta, name) != value || strcmp(name, "k") == 0 ||
		    strcmp(name, "t") == 0)
			continue;
		json_key(j, name);
		if (!is_list(name)) {
			json_string(j, value);
			continue;
		}
		json_array_open(j);
		while (wy_meta_next(&all, &other, &found)) {
			if (strcmp(other, name) == 0)
				json_string(j, found);
		}
		json_array_close(j);
	}
}

int wy_json_head(const struct wy_run *run, FILE *out)
{
	struct json j;

	open_line(&j, out, run, run->clock->first.ticks, "meta");
	put_number(&j, "format", 1);
	put_unsigned(&j, "start_ns", run->clock->first.real);
	put_meta(&j, run->first_meta);
	return close_line(&j);
}

/* ---- files ---- */

static void put_printed(struct json *j, const char *key, const struct wy_file *f,
			const struct sockaddr_storage *sock, socklen_t len)
{
	char *text = NULL;
	size_t text_len;
	FILE *memory = open_memstream(&text, &text_len);

	if (!memory)
		return;
	if (f)
		wy_file_print(memory, f);
	else
		wy_address_print(memory, sock, len);
	if (fclose(memory) == 0 && text_len) {
		json_key(j, key);
		json_bytes(j, text, text_len);
	}
	free(text);
}

static void put_class(struct json *j, unsigned int class, unsigned int sub)
{
	put_text(j, "class", wy_class_word(class));
	if (sub)
		put_text(j, "sub", wy_sub_word(sub));
}

static int put_file(const struct wy_run *run, FILE *out, const struct wy_event_view *v)
{
	const struct wy_file *f = wy_world_file(run->world, v->e.file);
	struct json j;

	if (!f)
		return 0;
	open_line(&j, out, run, v->e.time, "fd");
	put_text(&j, "event", "file");
	put_number(&j, "pid", v->pid);
	put_number(&j, "tid", v->tid);
	if (v->e.arg[2] >= 0)
		put_number(&j, "fd", v->e.arg[2]);
	put_unsigned(&j, "file", f->id);
	put_class(&j, f->class, f->sub);
	put_number(&j, "made_by", f->made_by);
	put_number(&j, "flags", f->flags);
	put_unsigned(&j, "dev", f->dev);
	put_unsigned(&j, "ino", f->ino);
	if (f->domain || f->type) {
		put_number(&j, "domain", f->domain);
		put_number(&j, "type", f->type);
		put_number(&j, "protocol", f->protocol);
	}
	if (f->path)
		put_text(&j, "path", f->path);
	put_printed(&j, "local", NULL, &f->local, f->local_len);
	put_printed(&j, "peer", NULL, &f->peer, f->peer_len);
	put_printed(&j, "what", f, NULL, 0);
	return close_line(&j);
}

static int put_fd(const struct wy_run *run, FILE *out, const struct wy_event_view *v)
{
	const struct wy_tally_file *f = wy_tally_file(run->tally, v->pid, v->e.file);
	struct json j;

	open_line(&j, out, run, v->e.time, "fd");
	put_text(&j, "event", v->e.nr < FD_WORDS ? fd_words[v->e.nr] : "other");
	put_number(&j, "pid", v->pid);
	put_number(&j, "tid", v->tid);
	put_number(&j, "fd", v->e.arg[0]);
	put_unsigned(&j, "file", v->e.file);
	if (v->e.file)
		put_class(&j, v->e.class, v->e.sub);
	if (v->e.nr == WY_FD_COPIED && v->e.arg[1] >= 0)
		put_number(&j, "from", v->e.arg[1]);
	if (f) {
		put_unsigned(&j, "rx", f->io.in);
		put_unsigned(&j, "tx", f->io.out);
	}
	return close_line(&j);
}

/* ---- calls ---- */

static void put_base64(struct json *j, struct wy_bytes bytes)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789+/";
	char *text = malloc((bytes.len + 2) / 3 * 4 + 1), *to = text;

	for (size_t i = 0; text && i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		unsigned int three = (unsigned int)bytes.at[i] << 16;

		three |= left > 1 ? (unsigned int)bytes.at[i + 1] << 8 : 0;
		three |= left > 2 ? bytes.at[i + 2] : 0;
		*to++ = digit[three >> 18];
		*to++ = digit[three >> 12 & 63];
		*to++ = left > 1 ? digit[three >> 6 & 63] : '=';
		*to++ = left > 2 ? digit[three & 63] : '=';
	}
	json_bytes(j, text ? text : "", (size_t)(to - text));
	free(text);
}

/* All pieces of payload of a call. */
static void put_payload(struct json *j, const struct wy_event_view *v)
{
	struct wy_bytes items = v->items;
	struct wy_item_view item;
	bool any = false;

	while (wy_item_next(&items, &item)) {
		if (item.what != WY_ITEM_PAYLOAD)
			continue;
		if (!any) {
			json_key(j, "data_b64");
			json_array_open(j);
			any = true;
		}
		put_base64(j, item.bytes);
	}
	if (any)
		json_array_close(j);
}

/* The paths among the arguments. */
static void put_paths(struct json *j, const struct wy_event_view *v)
{
	const struct wy_call_row *row = wy_call_row_of(v->e.nr);
	struct wy_item_view item;
	bool any = false;

	for (unsigned int i = 0; i < 6; i++) {
		if (row->arg[i] != WY_ARG_PATH || !wy_item_find(v, WY_ITEM_IN, i, &item))
			continue;
		if (!any) {
			json_key(j, "paths");
			json_array_open(j);
			any = true;
		}
		json_bytes(j, (const char *)item.bytes.at,
			   strnlen((const char *)item.bytes.at, item.bytes.len));
	}
	if (any)
		json_array_close(j);
}

/* What ended a wait. */
static void put_ready(struct json *j, const struct wy_run *run, const struct wy_event_view *v)
{
	struct wy_ready ready[64];
	size_t nr = wy_tally_ready(run->tally, v, ready, sizeof(ready) / sizeof(ready[0]));

	if (!nr)
		return;
	json_key(j, "ready");
	json_array_open(j);
	for (size_t i = 0; i < nr; i++) {
		json_object_open(j);
		put_number(j, "fd", ready[i].fd);
		put_unsigned(j, "file", ready[i].file);
		if (ready[i].file)
			put_text(j, "class", wy_class_word(ready[i].class));
		put_unsigned(j, "events", ready[i].events);
		json_object_close(j);
	}
	json_array_close(j);
}

/* The other descriptor of a call with two. */
static void put_other(struct json *j, const struct wy_moved_side *side)
{
	json_key(j, "to");
	json_object_open(j);
	put_number(j, "fd", side->fd);
	put_unsigned(j, "file", side->file);
	put_class(j, side->class, side->sub);
	json_object_close(j);
}

static void put_result(struct json *j, const struct wy_event_view *v)
{
	const char *name;

	if (v->e.flags & WY_EVENT_NO_RETURN) {
		json_key(j, "ret");
		json_null(j);
		return;
	}
	put_number(j, "ret", v->e.ret);
	name = v->e.ret < 0 && v->e.ret >= -4095 ? strerrorname_np((int)-v->e.ret) : NULL;
	if (name)
		put_text(j, "err", name);
}

static int put_call(const struct wy_run *run, FILE *out, const struct wy_event_view *v)
{
	bool uring = v->e.kind == WY_EVENT_URING;
	const struct wy_tally_file *f = wy_tally_file(run->tally, v->pid, v->e.file);
	struct wy_moved m = wy_moved(v);
	unsigned long args[6];
	char buffer[32];
	struct json j;

	open_line(&j, out, run, v->e.time + wy_event_took(v), uring ? "uring" : "call");
	put_number(&j, "pid", v->pid);
	put_number(&j, "tid", v->tid);
	put_number(&j, "nr", v->e.nr);
	put_text(&j, "call", wy_moved_name(v, buffer));
	if (m.side[0].fd >= 0 || m.side[0].file)
		put_number(&j, "fd", m.side[0].fd);
	if (m.side[0].file) {
		put_unsigned(&j, "file", m.side[0].file);
		put_class(&j, m.side[0].class, m.side[0].sub);
	}
	if (m.side[1].file)
		put_other(&j, &m.side[1]);
	if (m.reads || m.writes) {
		put_text(&j, "dir", m.reads && m.writes ? "move" : m.reads ? "rx" : "tx");
		put_unsigned(&j, "bytes", m.reads ? m.side[0].in : m.side[0].out + m.side[1].out);
	}
	put_result(&j, v);
	put_unsigned(&j, "lat_ns", wy_clock_span(run->clock, wy_event_took(v)));
	if (f) {
		put_unsigned(&j, "rx", f->io.in);
		put_unsigned(&j, "tx", f->io.out);
	}
	wy_event_args(v, args);
	json_key(&j, "args");
	json_array_open(&j);
	for (int i = 0; i < (uring ? 4 : wy_call_row_of(v->e.nr)->nr_args); i++)
		json_unsigned(&j, args[i]);
	json_array_close(&j);
	if (!uring)
		put_paths(&j, v);
	put_ready(&j, run, v);
	put_payload(&j, v);
	return close_line(&j);
}

/* ---- the rest ---- */

static void put_argv(struct json *j, const struct wy_process *p)
{
	if (p->path)
		put_text(j, "path", p->path);
	if (!p->argv)
		return;
	json_key(j, "argv");
	json_array_open(j);
	for (char **arg = p->argv; *arg; arg++)
		json_string(j, *arg);
	json_array_close(j);
}

static int put_process(const struct wy_run *run, FILE *out, const struct wy_event_view *v)
{
	static const char *const how[] = { "first", "exec", "attach" };
	const struct wy_process *p = wy_world_process(run->world, (int)v->e.arg[0]);
	struct json j;

	open_line(&j, out, run, v->e.time, "proc");
	put_number(&j, "pid", v->e.arg[0]);
	put_number(&j, "tid", v->e.arg[2]);
	if (v->e.kind == WY_EVENT_IMAGE) {
		put_text(&j, "event", (unsigned long)v->e.arg[3] < 3 ? how[v->e.arg[3]] : "exec");
		put_number(&j, "ppid", v->e.arg[1]);
		if (p)
			put_argv(&j, p);
	} else if (v->e.kind == WY_EVENT_START) {
		put_text(&j, "event", v->e.arg[3] & CLONE_THREAD ? "thread" : "fork");
		put_number(&j, "ppid", v->e.arg[1]);
		put_unsigned(&j, "clone_flags", (unsigned long)v->e.arg[3]);
	} else if (v->e.kind == WY_EVENT_STOP) {
		put_text(&j, "event", v->e.ret ? "stop" : "continue");
		if (v->e.nr)
			put_number(&j, "signal", v->e.nr);
	} else {
		put_text(&j, "event", v->e.arg[3] ? "exit" : "thread_exit");
		if (v->e.arg[3] && p && p->status_known && WIFEXITED(p->status))
			put_number(&j, "status", WEXITSTATUS(p->status));
		else if (v->e.arg[3] && p && p->status_known && WIFSIGNALED(p->status))
			put_number(&j, "signal", WTERMSIG(p->status));
	}
	return close_line(&j);
}

static int put_signal(const struct wy_run *run, FILE *out, const struct wy_event_view *v)
{
	const char *name = sigabbrev_np(v->e.nr);
	struct json j;

	open_line(&j, out, run, v->e.time, "sig");
	put_number(&j, "pid", v->pid);
	put_number(&j, "tid", v->tid);
	put_number(&j, "signal", v->e.nr);
	if (name)
		put_text(&j, "name", name);
	put_number(&j, "code", (int)v->e.arg[0]);
	/* The agent has 8 bytes of siginfo: an address, or si_pid and si_uid. */
	put_unsigned(&j, "from",
		     wy_signal_has_address(v->e.nr, (int)v->e.arg[0]) ? (unsigned long)v->e.arg[1] :
									(unsigned int)v->e.arg[1]);
	return close_line(&j);
}

static int put_tcp(const struct wy_run *run, FILE *out, const struct wy_event_view *v)
{
	struct wy_tcp_figure f;
	struct json j;

	open_line(&j, out, run, v->e.time, "tcp");
	put_number(&j, "pid", v->pid);
	put_number(&j, "tid", v->tid);
	put_number(&j, "fd", v->e.arg[1]);
	put_unsigned(&j, "file", v->e.file);
	put_text(&j, "when", wy_tcp_when(v));
	for (unsigned int i = 0; i < wy_tcp_figures(); i++) {
		if (wy_tcp_figure(v, i, &f))
			put_unsigned(&j, f.name, f.value);
	}
	return close_line(&j);
}

static int put_lost(const struct wy_run *run, FILE *out, const struct wy_event_view *v)
{
	struct json j;

	open_line(&j, out, run, v->e.time, "drop");
	put_number(&j, "pid", v->pid);
	put_number(&j, "tid", v->tid);
	put_number(&j, "events", v->e.ret);
	return close_line(&j);
}

int wy_json_event(const struct wy_run *run, FILE *out, const struct wy_event_view *v)
{
	switch (v->e.kind) {
	case WY_EVENT_CALL:
	case WY_EVENT_URING: return put_call(run, out, v);
	case WY_EVENT_FILE: return put_file(run, out, v);
	case WY_EVENT_FD: return put_fd(run, out, v);
	case WY_EVENT_END:
		if (wy_world_told_again(run->world, v))
			return 0;
		/* fallthrough */
	case WY_EVENT_IMAGE:
	case WY_EVENT_START:
	case WY_EVENT_STOP: return put_process(run, out, v);
	case WY_EVENT_SIGNAL: return put_signal(run, out, v);
	case WY_EVENT_TCP: return put_tcp(run, out, v);
	case WY_EVENT_LOST: return put_lost(run, out, v);
	}
	return 0;
}

int wy_json_tail(const struct wy_run *run, FILE *out)
{
	const struct wy_tally *t = run->tally;
	struct json j;

	open_line(&j, out, run, wy_tally_over(t), "sum");
	put_unsigned(&j, "events", wy_tally_events(t));
	put_unsigned(&j, "lost", wy_run_lost_events(run));
	put_unsigned(&j, "unclassified", wy_meta_number(run->last_meta, "unclassified"));
	put_unsigned(&j, "untracked", wy_meta_number(run->last_meta, "untracked"));
	json_key(&j, "truncated");
	json_bool(&j, run->truncated);
	json_key(&j, "files");
	json_array_open(&j);
	for (size_t i = 0; i < wy_tally_processes(t); i++) {
		const struct wy_tally_process *p = wy_tally_process(t, i);

		for (size_t k = 0; k < p->files; k++) {
			const struct wy_tally_file *f = p->file[k];

			if (!f->io.calls)
				continue;
			json_object_open(&j);
			put_number(&j, "pid", p->process->pid);
			put_number(&j, "fd", f->fd);
			put_unsigned(&j, "file", f->file);
			put_class(&j, f->class, f->sub);
			put_unsigned(&j, "calls", f->io.calls);
			put_unsigned(&j, "errors", f->io.errors);
			put_unsigned(&j, "again", f->io.again);
			put_unsigned(&j, "rx", f->io.in);
			put_unsigned(&j, "tx", f->io.out);
			put_unsigned(&j, "ns", wy_clock_span(run->clock, f->io.ticks));
			json_object_close(&j);
		}
	}
	json_array_close(&j);
	return close_line(&j);
}
