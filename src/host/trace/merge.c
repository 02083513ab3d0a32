/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge.c - a heap of threads, the one whose next event was over first on top.
 *
 * A thread that has nothing left is forgotten at the end of a round, so that
 * many short threads cost no more than the few that live at a time.
 */
#include "host/trace/merge.h"

#include "host/trace/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * More than all rings together can hold.  Who gives more without a pass has made
 * the file by other means than waylay's; it is not allowed all memory for that.
 */
#define HELD_MAX (2ul << 30)

struct piece {
	struct piece *next;
	int pid, tid;
	unsigned int image;
	struct wy_bytes left; /* of byte[] */
	unsigned char byte[];
};

struct thread {
	uint64_t key;
	struct piece *first, **end;
	struct wy_event_view v; /* the next event; points into the first piece */
	uint64_t over;          /* when it was */
	bool loaded;            /* v is valid */
};

struct wy_merge {
	wy_merge_out *out;
	void *arg;
	struct wy_table thread_of;
	struct thread **thread; /* all; while a round goes on the first heap_nr are a heap */
	size_t nr, room, heap_nr;
	size_t held;
	uint64_t last_pass, broken;
};

struct wy_merge *wy_merge_new(wy_merge_out *out, void *arg)
{
	struct wy_merge *m = calloc(1, sizeof(*m));

	if (m) {
		m->out = out;
		m->arg = arg;
	}
	return m;
}

static void drop_piece(struct wy_merge *m, struct thread *t)
{
	struct piece *p = t->first;

	t->first = p->next;
	if (!t->first)
		t->end = &t->first;
	m->held -= (size_t)(p->left.at - p->byte) + p->left.len;
	free(p);
}

void wy_merge_free(struct wy_merge *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->nr; i++) {
		while (m->thread[i]->first)
			drop_piece(m, m->thread[i]);
		free(m->thread[i]);
	}
	free(m->thread);
	wy_table_free(&m->thread_of);
	free(m);
}

/* Two threads that have the same key share a queue; that costs order, no more. */
static uint64_t key_of(int pid, int tid, unsigned int image)
{
	return ((uint64_t)(unsigned int)pid << 32 | (unsigned int)tid) ^
	       (uint64_t)image * 0x9e3779b97f4a7c15ul;
}

static struct thread *get_thread(struct wy_merge *m, uint64_t key)
{
	struct thread *t = wy_table_find(&m->thread_of, key);

	if (t)
		return t;
	if (m->nr == m->room) {
		size_t room = m->room ? m->room * 2 : 64;
		struct thread **grown = reallocarray(m->thread, room, sizeof(struct thread *));

		if (!grown)
			return NULL;
		m->thread = grown;
		m->room = room;
	}
	t = calloc(1, sizeof(*t));
	if (!t || wy_table_put(&m->thread_of, key, t) < 0) {
		free(t);
		return NULL;
	}
	t->key = key;
	t->end = &t->first;
	m->thread[m->nr++] = t;
	return t;
}

int wy_merge_feed(struct wy_merge *m, int pid, int tid, unsigned int image, struct wy_bytes events)
{
	struct piece *p;
	struct thread *t;
	int err = 0;

	if (!events.len)
		return 0;
	if (m->held + events.len > HELD_MAX)
		err = wy_merge_end(m);
	if (err)
		return err;
	t = get_thread(m, key_of(pid, tid, image));
	p = t ? malloc(sizeof(*p) + events.len) : NULL;
	if (!p)
		return -ENOMEM;
	*p = (struct piece){ NULL, pid, tid, image, { p->byte, events.len } };
	memcpy(p->byte, events.at, events.len);
	*t->end = p;
	t->end = &p->next;
	m->held += events.len;
	return 0;
}

/* Makes v the thread's next event.  False: it has none left. */
static bool load(struct wy_merge *m, struct thread *t)
{
	while (!t->loaded && t->first) {
		struct piece *p = t->first;
		int got = wy_event_next(&p->left, &t->v);

		if (got > 0) {
			t->v.pid = p->pid;
			t->v.tid = p->tid;
			t->v.image = p->image;
			t->over = t->v.e.time + wy_event_took(&t->v);
			t->loaded = true;
			break;
		}
		m->broken += got < 0;
		drop_piece(m, t);
	}
	return t->loaded;
}

/* Moves the thread at i down to where none below it comes earlier. */
static void sink(struct wy_merge *m, size_t i)
{
	struct thread *t = m->thread[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= m->heap_nr)
			break;
		if (child + 1 < m->heap_nr && m->thread[child + 1]->over < m->thread[child]->over)
			child++;
		if (m->thread[child]->over >= t->over)
			break;
		m->thread[i] = m->thread[child];
		i = child;
	}
	m->thread[i] = t;
}

static void swap(struct wy_merge *m, size_t a, size_t b)
{
	struct thread *t = m->thread[a];

	m->thread[a] = m->thread[b];
	m->thread[b] = t;
}

/* What was over before a moment; or all. */
static int give_out(struct wy_merge *m, uint64_t before, bool all)
{
	int err = 0;

	m->heap_nr = 0;
	for (size_t i = 0; i < m->nr; i++) {
		if (load(m, m->thread[i]))
			swap(m, i, m->heap_nr++);
	}
	for (size_t i = m->heap_nr / 2; i-- > 0;)
		sink(m, i);
	while (!err && m->heap_nr && (all || m->thread[0]->over < before)) {
		struct thread *t = m->thread[0];

		t->loaded = false;
		err = m->out(m->arg, &t->v);
		/* Out of the heap when it has no more; its place is behind it then. */
		if (!load(m, t))
			swap(m, 0, --m->heap_nr);
		if (m->heap_nr)
			sink(m, 0);
	}
	for (size_t i = 0; i < m->nr;) {
		struct thread *t = m->thread[i];

		if (t->loaded || t->first) {
			i++;
			continue;
		}
		wy_table_remove(&m->thread_of, t->key);
		m->thread[i] = m->thread[--m->nr];
		free(t);
	}
	return err;
}

int wy_merge_pass(struct wy_merge *m, uint64_t ticks)
{
	uint64_t before = m->last_pass;

	m->last_pass = ticks;
	return give_out(m, before, false);
}

int wy_merge_end(struct wy_merge *m)
{
	return give_out(m, 0, true);
}

uint64_t wy_merge_broken(const struct wy_merge *m)
{
	return m->broken;
}
