/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/filter.h"

#include "base/log.h"
#include "base/units.h"
#include "host/trace/names.h"
#include "host/trace/select.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum kind { PATH, ADDRESS, ERROR, PID, COMM };

/* One alternative. */
struct item {
	struct item *next;
	char *text;  /* PATH, COMM: a pattern */
	long number; /* ERROR, PID */
	struct {
		int family; /* 0: any */
		unsigned char bytes[16];
		unsigned int bits; /* of the address that must be equal */
		int port;          /* -1: any */
	} address;
};

/* One -e that the host checks. */
struct condition {
	struct condition *next;
	enum kind kind;
	struct item *items;
};

struct wy_filter {
	struct wy_trace_settings settings; /* calls, classes, fds, size_min, flags */
	unsigned long took_min;            /* nanoseconds */
	struct condition *conditions;
};

struct wy_filter *wy_filter_new(void)
{
	struct wy_filter *f = calloc(1, sizeof(*f));

	if (f)
		memset(f->settings.calls, 0xff, sizeof(f->settings.calls));
	return f;
}

void wy_filter_free(struct wy_filter *f)
{
	while (f && f->conditions) {
		struct condition *c = f->conditions;

		f->conditions = c->next;
		while (c->items) {
			struct item *i = c->items;

			c->items = i->next;
			free(i->text);
			free(i);
		}
		free(c);
	}
	free(f);
}

/* ---- reading ---- */

static int bad(const char *what, const char *word)
{
	log_err("trace: there is no %s '%s'", what, word);
	return -EINVAL;
}

/* The next word of a list with commas; it is cut out of the text. */
static char *next_word(char **list)
{
	char *word;

	do
		word = strsep(list, ",");
	while (word && !*word);
	return word;
}

static int add_classes(struct wy_filter *f, char *list)
{
	unsigned int set = 0;
	char *word;

	while ((word = next_word(&list))) {
		unsigned int class = 0;

		while (class < WY_FD_CLASSES && strcmp(wy_class_word(class), word) != 0)
			class ++;
		if (class == WY_FD_CLASSES)
			return bad("class of descriptors", word);
		set |= 1u << class;
	}
	f->settings.classes = f->settings.classes ? f->settings.classes & set : set;
	/* Two that exclude each other: nothing is wanted, which 0 would not say. */
	if (!f->settings.classes)
		f->settings.classes = 1u << WY_FD_CLASSES;
	return 0;
}

static int add_fds(struct wy_filter *f, char *list)
{
	char *word;

	/* Both would have to hold: hardly what anybody means. */
	if (f->settings.nr_fds) {
		log_err("trace: -e fd= is there twice: list the descriptors in one, with commas");
		return -EINVAL;
	}
	while ((word = next_word(&list))) {
		char *end;
		unsigned long first = strtoul(word, &end, 10), last = first;

		if (end != word && *end == '-')
			last = strtoul(end + 1, &end, 10);
		if (end == word || *end || last < first || last > INT_MAX)
			return bad("descriptor", word);
		if (f->settings.nr_fds == WY_TRACE_FDS) {
			log_err("trace: more than %d ranges of descriptors", WY_TRACE_FDS);
			return -EINVAL;
		}
		f->settings.fds[f->settings.nr_fds].first = (int)first;
		f->settings.fds[f->settings.nr_fds++].last = (int)last;
	}
	return 0;
}

static struct item *new_item(struct condition *c)
{
	struct item *i = calloc(1, sizeof(*i));

	if (i) {
		i->address.port = -1;
		i->next = c->items;
		c->items = i;
	}
	return i;
}

static int read_port(const char *text, int *ret)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (end == text || *end || port > 65535)
		return bad("port", text);
	*ret = (int)port;
	return 0;
}

/* HOST, HOST/BITS, HOST:PORT, :PORT, [v6]:PORT */
static int read_address(struct item *i, char *word)
{
	char *port = strrchr(word, ':'), *host = word, *bits, *end;
	unsigned int most;

	if (*word == '[') {
		host++;
		end = strchr(word, ']');
		if (!end)
			return bad("address", word);
		*end = '\0';
		port = end[1] == ':' ? end + 1 : NULL;
	} else if (port && strchr(word, ':') != port) {
		port = NULL; /* IPv6 without brackets has no port */
	}
	if (port) {
		*port = '\0';
		if (read_port(port + 1, &i->address.port) < 0)
			return -EINVAL;
	}
	if (!*host)
		return 0;
	bits = strchr(host, '/');
	if (bits)
		*bits++ = '\0';
	if (inet_pton(AF_INET, host, i->address.bytes) == 1)
		i->address.family = AF_INET;
	else if (inet_pton(AF_INET6, host, i->address.bytes) == 1)
		i->address.family = AF_INET6;
	else
		return bad("address", host);
	most = i->address.family == AF_INET ? 32 : 128;
	i->address.bits = bits ? (unsigned int)strtoul(bits, &end, 10) : most;
	if (bits && (end == bits || *end || i->address.bits > most))
		return bad("address prefix", bits);
	return 0;
}

static int read_item(enum kind kind, struct item *i, char *word, bool port)
{
	char *end;

	switch (kind) {
	case ADDRESS: return port ? read_port(word, &i->address.port) : read_address(i, word);
	case ERROR: i->number = wy_errno_of(word); return i->number > 0 ? 0 : bad("error", word);
	case PID:
		i->number = strtol(word, &end, 10);
		return end != word && !*end ? 0 : bad("process", word);
	case PATH:
	case COMM: i->text = strdup(word); return i->text ? 0 : -ENOMEM;
	}
	return -EINVAL;
}

static int add_condition(struct wy_filter *f, enum kind kind, char *list, bool port)
{
	struct condition *c = calloc(1, sizeof(*c));
	char *word;
	int err = 0;

	if (!c)
		return -ENOMEM;
	c->kind = kind;
	c->next = f->conditions;
	f->conditions = c;
	while (!err && (word = next_word(&list))) {
		struct item *i = new_item(c);

		err = i ? read_item(kind, i, word, port) : -ENOMEM;
	}
	return err;
}

static int add_size(struct wy_filter *f, const char *text)
{
	unsigned long bytes;

	if (size_parse(&bytes, text) < 0)
		return bad("size", text);
	if (bytes > f->settings.size_min)
		f->settings.size_min = bytes;
	return 0;
}

static int add_took(struct wy_filter *f, const char *text)
{
	unsigned long ns;

	if (duration_parse_ns(&ns, text) < 0)
		return bad("duration", text);
	if (ns > f->took_min)
		f->took_min = ns;
	return 0;
}

static int add_status(struct wy_filter *f, const char *text)
{
	if (strcmp(text, "failed") == 0)
		f->settings.flags |= WY_TRACE_FAILED;
	else if (strcmp(text, "successful") == 0)
		f->settings.flags |= WY_TRACE_SUCCEEDED;
	else
		return bad("status", text);
	return 0;
}

static int add_calls(struct wy_filter *f, const char *spec)
{
	unsigned long set[WY_TRACE_CALLS / 64];

	if (wy_calls_select(spec, set) < 0)
		return -EINVAL;
	for (size_t i = 0; i < WY_TRACE_CALLS / 64; i++)
		f->settings.calls[i] &= set[i];
	return 0;
}

/* What follows the name, or NULL. */
static const char *after(const char *spec, const char *name)
{
	size_t len = strlen(name);

	return strncmp(spec, name, len) == 0 ? spec + len : NULL;
}

int wy_filter_add(struct wy_filter *f, const char *spec)
{
	static const struct {
		const char *name;
		enum kind kind;
		bool port;
	} lists[] = {
		{ "path=", PATH, false }, { "addr=", ADDRESS, false }, { "port=", ADDRESS, true },
		{ "err=", ERROR, false }, { "pid=", PID, false },      { "comm=", COMM, false },
	};
	const char *rest, *value = strchr(spec, '=');
	int err = -ENOMEM;
	char *copy;

	if (value && !value[1 + strspn(value + 1, ",")]) {
		log_err("trace: '%s' names nothing", spec);
		return -EINVAL;
	}
	copy = strdup(spec);
	if (!copy)
		return err;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (!after(spec, lists[i].name))
			continue;
		err = add_condition(f, lists[i].kind, copy + strlen(lists[i].name), lists[i].port);
		free(copy);
		return err;
	}
	if (after(spec, "class="))
		err = add_classes(f, copy + strlen("class="));
	else if (after(spec, "fd="))
		err = add_fds(f, copy + strlen("fd="));
	else if ((rest = after(spec, "size>=")))
		err = add_size(f, rest);
	else if ((rest = after(spec, "lat>=")))
		err = add_took(f, rest);
	else if (strcmp(spec, "ret<0") == 0)
		err = add_status(f, "failed");
	else if ((rest = after(spec, "status=")))
		err = add_status(f, rest);
	else if ((rest = after(spec, "call=")) || (rest = after(spec, "trace=")))
		err = add_calls(f, rest);
	else
		err = add_calls(f, spec);
	free(copy);
	return err;
}

bool wy_filter_by_duration(const struct wy_filter *f)
{
	return f->took_min != 0;
}

bool wy_filter_by_event(const struct wy_filter *f)
{
	return f->conditions;
}

void wy_filter_settings(const struct wy_filter *f, struct wy_trace_settings *s, double ticks_per_ns)
{
	memcpy(s->calls, f->settings.calls, sizeof(s->calls));
	s->classes = f->settings.classes;
	memcpy(s->fds, f->settings.fds, sizeof(s->fds));
	s->nr_fds = f->settings.nr_fds;
	s->size_min = f->settings.size_min;
	s->flags |= f->settings.flags;
	s->took_min = (unsigned long)((double)f->took_min * ticks_per_ns);
}

/* ---- judging ---- */

/* Of a call with two descriptors, the second one's; NULL. */
static const struct wy_file *second_file(const struct wy_world *w, const struct wy_event_view *v)
{
	struct wy_item_file other;

	return wy_event_file2(v, &other) ? wy_world_file(w, other.file) : NULL;
}

static bool is_called(const struct item *i, const struct wy_file *file)
{
	return file && file->path && fnmatch(i->text, file->path, 0) == 0;
}

static bool path_fits(const struct item *i, const struct wy_world *w, const struct wy_event_view *v)
{
	const struct wy_call_row *row = wy_call_row_of(v->e.nr);
	struct wy_bytes items = v->items;
	struct wy_item_view item;
	char name[PATH_MAX];

	if (is_called(i, wy_world_file(w, v->e.file)) || is_called(i, second_file(w, v)))
		return true;
	if (v->e.kind != WY_EVENT_CALL)
		return false;
	/* Or it is one of the call's arguments. */
	while (wy_item_next(&items, &item)) {
		if (item.what != WY_ITEM_IN || item.index >= 6 ||
		    row->arg[item.index] != WY_ARG_PATH || item.bytes.len == 0 ||
		    item.bytes.len >= sizeof(name))
			continue;
		memcpy(name, item.bytes.at, item.bytes.len);
		name[item.bytes.len] = '\0';
		if (fnmatch(i->text, name, 0) == 0)
			return true;
	}
	return false;
}

static bool bytes_fit(const struct item *i, const unsigned char *bytes)
{
	unsigned int whole = i->address.bits / 8, rest = i->address.bits % 8;

	if (memcmp(bytes, i->address.bytes, whole) != 0)
		return false;
	return !rest || (bytes[whole] ^ i->address.bytes[whole]) >> (8 - rest) == 0;
}

static bool end_fits(const struct item *i, const struct sockaddr_storage *at)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)at;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)at;
	bool six = at->ss_family == AF_INET6, mapped = six && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);

	if (at->ss_family != AF_INET && !six)
		return false;
	if (i->address.port >= 0 && ntohs(six ? v6->sin6_port : v4->sin_port) != i->address.port)
		return false;
	if (!i->address.family)
		return true;
	if (i->address.family == AF_INET && mapped)
		return bytes_fit(i, v6->sin6_addr.s6_addr + 12);
	if (i->address.family != at->ss_family)
		return false;
	return bytes_fit(i, six ? v6->sin6_addr.s6_addr : (const unsigned char *)&v4->sin_addr);
}

static bool has_end(const struct item *i, const struct wy_file *file)
{
	return file && (end_fits(i, &file->local) || end_fits(i, &file->peer));
}

static bool item_fits(enum kind kind, const struct item *i, const struct wy_world *w,
		      const struct wy_event_view *v)
{
	const struct wy_process *p;

	switch (kind) {
	case PATH: return path_fits(i, w, v);
	case ADDRESS:
		return has_end(i, wy_world_file(w, v->e.file)) || has_end(i, second_file(w, v));
	case ERROR:
		return (v->e.kind == WY_EVENT_CALL || v->e.kind == WY_EVENT_URING) &&
		       !(v->e.flags & WY_EVENT_NO_RETURN) && v->e.ret == -i->number;
	case PID: return v->pid == i->number || v->tid == i->number;
	case COMM: p = wy_world_process(w, v->pid); return p && fnmatch(i->text, p->comm, 0) == 0;
	}
	return false;
}

bool wy_filter_wants(const struct wy_filter *f, const struct wy_world *w,
		     const struct wy_event_view *v)
{
	for (const struct condition *c = f->conditions; c; c = c->next) {
		const struct item *i = c->items;

		while (i && !item_fits(c->kind, i, w, v))
			i = i->next;
		if (!i)
			return false;
	}
	return true;
}

bool wy_filter_wants_file(const struct wy_filter *f, unsigned int class)
{
	const struct wy_trace_settings *s = &f->settings;

	for (size_t i = 0; i < WY_TRACE_CALLS / 64; i++) {
		if (s->calls[i] != ~0ul)
			return false;
	}
	return !s->classes || s->classes >> class & 1;
}
