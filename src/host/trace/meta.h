/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta.h - what a run file says of its run: names and values (proto/tracefile.h).
 */
#ifndef WY_HOST_TRACE_META_H
#define WY_HOST_TRACE_META_H

#include "host/trace/event.h"

#include <stdbool.h>
#include <stddef.h>

/* All zero is empty. */
struct wy_meta {
	char *text;
	size_t len;
	bool failed; /* something did not fit into memory, or into a segment */
};

/* Adds a name and its value. */
void wy_meta_add(struct wy_meta *m, const char *name, const char *value);
void wy_meta_addf(struct wy_meta *m, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

void wy_meta_free(struct wy_meta *m);

/* The next pair from the front of the bytes.  False: at the end, or what follows is no pair. */
bool wy_meta_next(struct wy_bytes *bytes, const char **ret_name, const char **ret_value);

/* The first value of a name, NULL: there is none. */
const char *wy_meta_get(struct wy_bytes bytes, const char *name);

/* The same as a number; 0 if there is none, or no number. */
unsigned long wy_meta_number(struct wy_bytes bytes, const char *name);

#endif
