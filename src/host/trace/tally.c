/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/tally.h"

#include "host/trace/moved.h"
#include "host/trace/table.h"
#include "host/trace/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

struct process {
	struct wy_tally_process p;
	size_t files_room, calls_room;
	struct wy_table file_of; /* number -> struct wy_tally_file */
	struct wy_table call_of; /* see call_key() */
};

struct wy_tally {
	const struct wy_world *world;
	struct process **process;
	size_t processes, room;
	struct wy_table process_of; /* address of a struct wy_process -> struct process */
	struct wy_hist class_hist[WY_FD_CLASSES];
	struct wy_tally_wait wait[WY_TALLY_CALLS];
	struct wy_io nr[WY_TALLY_CALLS];
	struct wy_waits waits;
	uint64_t events, lost, began, over;
};

#define READY_MAX 256 /* of those that ended a wait more are not looked at */

void wy_io_add(struct wy_io *a, const struct wy_io *b)
{
	a->calls += b->calls;
	a->errors += b->errors;
	a->again += b->again;
	a->in += b->in;
	a->out += b->out;
	a->ticks += b->ticks;
}

/* ---- durations ---- */

static unsigned int part_of(uint64_t ticks)
{
	unsigned int log;

	if (ticks < WY_HIST_PARTS)
		return (unsigned int)ticks;
	log = 63 - (unsigned int)__builtin_clzl(ticks);
	return log * WY_HIST_PARTS - WY_HIST_PARTS +
	       (unsigned int)(ticks >> (log - 2) & (WY_HIST_PARTS - 1));
}

uint64_t wy_hist_from(unsigned int part)
{
	unsigned int log;

	if (part < WY_HIST_PARTS)
		return part;
	log = part / WY_HIST_PARTS + 1;
	return (uint64_t)(WY_HIST_PARTS + part % WY_HIST_PARTS) << (log - 2);
}

static void add_duration(struct wy_hist *h, uint64_t ticks)
{
	unsigned int part = part_of(ticks);

	h->part[part < WY_HIST_NR ? part : WY_HIST_NR - 1]++;
	h->nr++;
	if (ticks > h->max)
		h->max = ticks;
}

uint64_t wy_hist_at(const struct wy_hist *h, double part)
{
	uint64_t seen = 0, limit;

	for (unsigned int i = 0; i < WY_HIST_NR; i++) {
		seen += h->part[i];
		if (!seen || (double)seen < part * (double)h->nr)
			continue;
		limit = i + 1 < WY_HIST_NR ? wy_hist_from(i + 1) - 1 : h->max;
		return limit < h->max ? limit : h->max;
	}
	return h->max;
}

/* ---- making and finding ---- */

struct wy_tally *wy_tally_new(const struct wy_world *world)
{
	struct wy_tally *t = calloc(1, sizeof(*t));

	if (t)
		t->world = world;
	return t;
}

void wy_tally_free(struct wy_tally *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->processes; i++) {
		struct process *p = t->process[i];

		for (size_t k = 0; k < p->p.files; k++) {
			free(p->p.file[k]->hist);
			free(p->p.file[k]->tcp);
			free(p->p.file[k]);
		}
		for (size_t k = 0; k < p->p.calls; k++)
			free(p->p.call[k]);
		free(p->p.file);
		free(p->p.call);
		wy_table_free(&p->file_of);
		wy_table_free(&p->call_of);
		free(p);
	}
	free(t->process);
	wy_waits_free(&t->waits);
	wy_table_free(&t->process_of);
	free(t);
}

/*
 * A fresh object of size bytes, in a list and in a table.  NULL: no memory.
 */
static void *make(void ***list, size_t *nr, size_t *room, struct wy_table *table, uint64_t key,
		  size_t size)
{
	void *made;

	if (*nr == *room) {
		size_t more = *room ? *room * 2 : 16;
		void **grown = reallocarray(*list, more, sizeof(void *));

		if (!grown)
			return NULL;
		*list = grown;
		*room = more;
	}
	made = calloc(1, size);
	if (!made || wy_table_put(table, key, made) < 0) {
		free(made);
		return NULL;
	}
	(*list)[(*nr)++] = made;
	return made;
}

static struct process *find_process(const struct wy_tally *t, int pid)
{
	return wy_table_find(&t->process_of, (uintptr_t)wy_world_process(t->world, pid));
}

static struct process *get_process(struct wy_tally *t, int pid)
{
	const struct wy_process *process = wy_world_process(t->world, pid);
	struct process *p = find_process(t, pid);

	if (p || !process)
		return p;
	p = make((void ***)&t->process, &t->processes, &t->room, &t->process_of, (uintptr_t)process,
		 sizeof(*p));
	if (p)
		p->p.process = process;
	return p;
}

static struct wy_tally_file *get_file(struct process *p, const struct wy_moved_side *side,
				      uint64_t now)
{
	struct wy_tally_file *f = wy_table_find(&p->file_of, side->file);

	if (!f) {
		f = make((void ***)&p->p.file, &p->p.files, &p->files_room, &p->file_of, side->file,
			 sizeof(*f));
		if (!f)
			return NULL;
		f->file = side->file;
		f->fd = side->fd;
		f->began = now;
		f->class = side->class;
		f->sub = side->sub;
	}
	return f;
}

static struct wy_tally_call *get_call(struct process *p, const struct wy_event_view *v,
				      unsigned int class)
{
	bool uring = v->e.kind == WY_EVENT_URING;
	char buffer[32];
	const char *name = wy_moved_name(v, buffer);
	/* recv(2) and recvfrom(2) have one number */
	bool other_name = strcmp(name, "recv") == 0 || strcmp(name, "send") == 0;
	uint64_t key = (uint64_t)v->e.nr << 16 | (uint64_t)uring << 9 | (uint64_t)other_name << 8 |
		       (class & 0xff);
	struct wy_tally_call *c = wy_table_find(&p->call_of, key);

	if (c)
		return c;
	c = make((void ***)&p->p.call, &p->p.calls, &p->calls_room, &p->call_of, key, sizeof(*c));
	if (!c)
		return NULL;
	/* A name that was made up is not kept: whoever prints it makes it again. */
	c->name = name == buffer ? "" : name;
	c->nr = v->e.nr;
	c->class = class;
	c->uring = uring;
	return c;
}

/* ---- adding ---- */

/* The time of a wait is shared out among those that ended it. */
static int add_wait(struct wy_tally *t, struct process *p, const struct wy_event_view *v,
		    uint64_t took)
{
	struct wy_tally_wait *w = &t->wait[v->e.nr];
	struct wy_ready ready[READY_MAX];
	size_t nr = wy_tally_ready(t, v, ready, READY_MAX);

	w->calls++;
	w->ticks += took;
	if (v->e.ret <= 0)
		w->idle += took;
	for (size_t i = 0; i < nr; i++) {
		struct wy_moved_side side = { .fd = ready[i].fd,
					      .file = ready[i].file,
					      .class = (unsigned char)ready[i].class,
					      .sub = (unsigned char)ready[i].sub };
		struct wy_tally_file *f;

		if (!side.file || side.class >= WY_FD_CLASSES)
			continue;
		f = get_file(p, &side, v->e.time);
		if (!f)
			return -ENOMEM;
		f->wakeups++;
		f->waited += took / nr;
	}
	return 0;
}

/* What one call adds, for one of its files. */
static struct wy_io io_of(const struct wy_event_view *v, const struct wy_moved_side *side,
			  uint64_t took)
{
	struct wy_io io = { .calls = 1, .in = side->in, .out = side->out, .ticks = took };

	/* An exec is told of on its way in; this is the end of the same call. */
	if ((v->e.nr == SYS_execve || v->e.nr == SYS_execveat) && v->e.kind == WY_EVENT_CALL &&
	    !(v->e.flags & WY_EVENT_NO_RETURN))
		io.calls = 0;
	if (v->e.flags & WY_EVENT_NO_RETURN)
		return io;
	if (v->e.ret == -EAGAIN)
		io.again = 1;
	else if (v->e.ret < 0 && v->e.ret >= -4095)
		io.errors = 1;
	return io;
}

static int add_call(struct wy_tally *t, const struct wy_event_view *v)
{
	struct process *p = get_process(t, v->pid);
	uint64_t took = wy_event_took(v);
	struct wy_moved m = wy_moved(v);
	struct wy_io io = io_of(v, &m.side[0], took);
	struct wy_tally_call *call;

	if (!p)
		return -ENOMEM;
	if (v->e.kind == WY_EVENT_CALL && v->e.nr < WY_TALLY_CALLS) {
		wy_io_add(&t->nr[v->e.nr], &io);
		if (wy_waits_add(&t->waits, v) < 0 ||
		    (wy_is_wait(v->e.nr) && add_wait(t, p, v, took) < 0))
			return -ENOMEM;
	}
	for (int i = 0; i < 2; i++) {
		struct wy_moved_side *side = &m.side[i];
		struct wy_tally_file *f;

		if (!side->file || side->class >= WY_FD_CLASSES) {
			if (i)
				break;
			call = get_call(p, v, WY_FD_CLASSES);
			if (!call)
				return -ENOMEM;
			wy_io_add(&call->io, &io);
			continue;
		}
		io = io_of(v, side, took);
		f = get_file(p, side, v->e.time);
		call = f ? get_call(p, v, side->class) : NULL;
		if (!call)
			return -ENOMEM;
		wy_io_add(&f->io, &io);
		wy_io_add(&call->io, &io);
		f->reads += side->in != 0;
		f->writes += side->out != 0;
		if (io.again || v->e.flags & WY_EVENT_NO_RETURN)
			continue;
		if (!f->hist)
			f->hist = calloc(1, sizeof(*f->hist));
		if (!f->hist)
			return -ENOMEM;
		add_duration(f->hist, took);
		add_duration(&t->class_hist[side->class], took);
	}
	return 0;
}

/* A descriptor begins or ends. */
static int add_fd(struct wy_tally *t, const struct wy_event_view *v)
{
	struct process *p = get_process(t, v->pid);
	struct wy_moved_side side = { .fd = (int)v->e.arg[v->e.kind == WY_EVENT_FILE ? 2 : 0],
				      .file = v->e.file,
				      .class = v->e.class,
				      .sub = v->e.sub };
	struct wy_tally_file *f;

	if (!p)
		return -ENOMEM;
	if (!v->e.file || side.fd < 0 || side.class >= WY_FD_CLASSES)
		return 0;
	f = get_file(p, &side, v->e.time);
	if (!f)
		return -ENOMEM;
	f->closed = v->e.kind == WY_EVENT_FD &&
				    (v->e.nr == WY_FD_CLOSED || v->e.nr == WY_FD_EXEC_CLOSED) ?
			    v->e.time :
			    0;
	return 0;
}

/* How a TCP connection fares: the last that is known. */
static int add_tcp(struct wy_tally *t, const struct wy_event_view *v)
{
	struct process *p = get_process(t, v->pid);
	struct wy_moved_side side = {
		.fd = (int)v->e.arg[1], .file = v->e.file, .class = WY_FD_NET, .sub = WY_FD_TCP
	};
	struct wy_tally_file *f = p ? get_file(p, &side, v->e.time) : NULL;
	size_t len;
	FILE *memory;

	if (!f)
		return -ENOMEM;
	free(f->tcp);
	f->tcp = NULL;
	memory = open_memstream(&f->tcp, &len);
	if (!memory)
		return -ENOMEM;
	wy_tcp_print(memory, v);
	return fclose(memory) == 0 ? 0 : -ENOMEM;
}

int wy_tally_add(struct wy_tally *t, const struct wy_event_view *v)
{
	uint64_t over = v->e.time + wy_event_took(v);

	t->events++;
	if (!t->began || v->e.time < t->began)
		t->began = v->e.time;
	if (over > t->over)
		t->over = over;
	switch (v->e.kind) {
	case WY_EVENT_CALL:
	case WY_EVENT_URING: return add_call(t, v);
	case WY_EVENT_FILE:
	case WY_EVENT_FD: return add_fd(t, v);
	case WY_EVENT_TCP: return v->e.file ? add_tcp(t, v) : 0;
	case WY_EVENT_LOST: t->lost += (uint64_t)v->e.ret; return 0;
	default: return get_process(t, v->pid) ? 0 : -ENOMEM;
	}
}

/* ---- looking ---- */

const struct wy_tally_file *wy_tally_file(const struct wy_tally *t, int pid, unsigned int file)
{
	const struct process *p = find_process(t, pid);

	return p ? wy_table_find(&p->file_of, file) : NULL;
}

size_t wy_tally_processes(const struct wy_tally *t)
{
	return t->processes;
}

const struct wy_tally_process *wy_tally_process(const struct wy_tally *t, size_t i)
{
	return &t->process[i]->p;
}

const struct wy_hist *wy_tally_class_hist(const struct wy_tally *t, unsigned int class)
{
	return &t->class_hist[class];
}

const struct wy_tally_wait *wy_tally_wait(const struct wy_tally *t, unsigned int nr)
{
	return &t->wait[nr];
}

size_t wy_tally_ready(const struct wy_tally *t, const struct wy_event_view *v, struct wy_ready *ret,
		      size_t max)
{
	return wy_waits_ready(&t->waits, t->world, v, ret, max);
}

const struct wy_io *wy_tally_nr(const struct wy_tally *t, unsigned int nr)
{
	return &t->nr[nr];
}

uint64_t wy_tally_events(const struct wy_tally *t)
{
	return t->events;
}

uint64_t wy_tally_lost(const struct wy_tally *t)
{
	return t->lost;
}

uint64_t wy_tally_began(const struct wy_tally *t)
{
	return t->began;
}

uint64_t wy_tally_over(const struct wy_tally *t)
{
	return t->over;
}
