/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - a hash table from numbers to numbers: of files, descriptors, processes.
 *
 * Open addressing with linear probing; a removed entry's followers move up, so
 * there are no tombstones.  Keys may be chosen by whom made a run file: they
 * are mixed with a number that differs each time, so that nobody can make them
 * all meet in one place.
 */
#ifndef WY_HOST_TRACE_TABLE_H
#define WY_HOST_TRACE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wy_table {
	struct wy_table_entry {
		uint64_t key, value;
		bool used;
	} * entry;
	size_t nr, room; /* room is 0 or a power of two */
	uint64_t salt;
};

/* All zero is an empty table. */
void wy_table_free(struct wy_table *t);

/* Sets the value of a key, new or old.  Returns 0 or -ENOMEM. */
int wy_table_set(struct wy_table *t, uint64_t key, uint64_t value);

/* False: there is no such key. */
bool wy_table_get(const struct wy_table *t, uint64_t key, uint64_t *ret_value);

/* Nothing happens if there is no such key. */
void wy_table_remove(struct wy_table *t, uint64_t key);

/* The same with pointers as values; NULL for a key that is not there. */
static inline void *wy_table_find(const struct wy_table *t, uint64_t key)
{
	uint64_t value;

	return wy_table_get(t, key, &value) ? (void *)(uintptr_t)value : NULL;
}

static inline int wy_table_put(struct wy_table *t, uint64_t key, void *value)
{
	return wy_table_set(t, key, (uintptr_t)value);
}

#endif
