/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.h - events (proto/event.h) as the host reads them: from memory that a
 * program can write to, or from a file that anybody has made.  Nothing in
 * an event is believed before it was looked at.
 */
#ifndef WY_HOST_TRACE_EVENT_H
#define WY_HOST_TRACE_EVENT_H

#include "proto/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A run of bytes that is read from its front. */
struct wy_bytes {
	const unsigned char *at;
	size_t len;
};

/* One event, and who it is of.  The bytes stay the owner's; they do not change meanwhile. */
struct wy_event_view {
	struct wy_event e;     /* a copy */
	struct wy_bytes items; /* behind the header */
	int pid, tid;
	unsigned int image;
};

struct wy_item_view {
	enum wy_item_what what;
	unsigned int index, flags;
	struct wy_bytes bytes;
};

/*
 * Takes the next event from the front of the bytes; those of WY_EVENT_NONE are
 * skipped.  pid, tid and image of ret stay as they are.  Returns 1, 0 at the
 * end, or -EBADMSG: what follows cannot be events.
 */
int wy_event_next(struct wy_bytes *bytes, struct wy_event_view *ret);

/* Takes the next item from the front of an event's items.  False: at the end, or it is broken. */
bool wy_item_next(struct wy_bytes *items, struct wy_item_view *ret);

/* The first item of this kind and index.  False: there is none. */
bool wy_item_find(const struct wy_event_view *v, enum wy_item_what what, unsigned int index,
		  struct wy_item_view *ret);

/* Of a call with two descriptors, what the second one stands for.  False: it is not told. */
bool wy_event_file2(const struct wy_event_view *v, struct wy_item_file *ret);

/* All six arguments of a call: the fifth and sixth come from an item, or are 0. */
void wy_event_args(const struct wy_event_view *v, unsigned long args[6]);

/* Ticks that it took. */
uint64_t wy_event_took(const struct wy_event_view *v);

#endif
