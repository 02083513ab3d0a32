/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_events.h - makes events, as an agent would write them.
 *
 *	struct events ev = { 0 };
 *	event(&ev, (struct wy_event){ .kind = WY_EVENT_CALL, .time = 10, .nr = 0, .ret = 5 });
 *	item(&ev, WY_ITEM_PATH, 0, "/etc/passwd", 11);
 *	... events_view(&ev, i, pid) ...
 */
#ifndef WY_TESTS_TRACE_EVENTS_H
#define WY_TESTS_TRACE_EVENTS_H

#include "host/trace/event.h"
#include "unit.h"

#include <string.h>

struct events {
	_Alignas(8) unsigned char byte[1 << 16];
	size_t len, last; /* last: where the newest event begins */
};

static inline void event(struct events *ev, struct wy_event e)
{
	e.words = WY_EVENT_WORDS;
	assert_true(ev->len + sizeof(e) <= sizeof(ev->byte));
	memcpy(ev->byte + ev->len, &e, sizeof(e));
	ev->last = ev->len;
	ev->len += sizeof(e);
}

/* Behind the newest event. */
static inline void item(struct events *ev, enum wy_item_what what, unsigned int index,
			const void *bytes, size_t len)
{
	struct wy_item head = { .what = what, .index = (unsigned char)index, .len = (unsigned)len };
	size_t filled = (len + 7) & ~7ul;
	struct wy_event *e = (struct wy_event *)(ev->byte + ev->last);

	assert_true(ev->len + sizeof(head) + filled <= sizeof(ev->byte));
	memcpy(ev->byte + ev->len, &head, sizeof(head));
	memset(ev->byte + ev->len + sizeof(head), 0, filled);
	if (len)
		memcpy(ev->byte + ev->len + sizeof(head), bytes, len);
	ev->len += sizeof(head) + filled;
	e->words = (unsigned short)(e->words + (sizeof(head) + filled) / 8);
}

static inline struct wy_bytes events_bytes(const struct events *ev)
{
	return (struct wy_bytes){ ev->byte, ev->len };
}

/* The newest event, as one of this process's first thread. */
static inline struct wy_event_view events_last(const struct events *ev, int pid)
{
	struct wy_event_view v = { .pid = pid, .tid = pid, .image = 1 };
	struct wy_bytes bytes = { ev->byte + ev->last, ev->len - ev->last };

	assert_int_equal(wy_event_next(&bytes, &v), 1);
	return v;
}

#endif
