/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/table.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define ROOM_FIRST 64u

void wy_table_free(struct wy_table *t)
{
	free(t->entry);
	*t = (struct wy_table){ 0 };
}

static size_t home_of(const struct wy_table *t, uint64_t key)
{
	key = (key ^ t->salt) * 0x9e3779b97f4a7c15ul;
	key = (key ^ key >> 32) * 0xd6e8feb86659fd93ul;
	return (size_t)(key ^ key >> 32) & (t->room - 1);
}

/* The place of a key, or the free place where it would be; room is not 0 and not all used. */
static struct wy_table_entry *place_of(const struct wy_table *t, uint64_t key)
{
	size_t i = home_of(t, key);

	while (t->entry[i].used && t->entry[i].key != key)
		i = (i + 1) & (t->room - 1);
	return &t->entry[i];
}

static int grow(struct wy_table *t)
{
	struct wy_table old = *t;

	t->room = old.room ? old.room * 2 : ROOM_FIRST;
	t->entry = calloc(t->room, sizeof(*t->entry));
	if (!t->entry) {
		*t = old;
		return -ENOMEM;
	}
	if (!old.room && getrandom(&t->salt, sizeof(t->salt), GRND_NONBLOCK) < 0)
		t->salt = (uintptr_t)t->entry;
	for (size_t i = 0; i < old.room; i++) {
		if (old.entry[i].used)
			*place_of(t, old.entry[i].key) = old.entry[i];
	}
	free(old.entry);
	return 0;
}

int wy_table_set(struct wy_table *t, uint64_t key, uint64_t value)
{
	struct wy_table_entry *e;

	if (t->nr * 4 >= t->room * 3 && grow(t) < 0)
		return -ENOMEM;
	e = place_of(t, key);
	t->nr += !e->used;
	*e = (struct wy_table_entry){ key, value, true };
	return 0;
}

bool wy_table_get(const struct wy_table *t, uint64_t key, uint64_t *ret_value)
{
	const struct wy_table_entry *e;

	if (!t->room)
		return false;
	e = place_of(t, key);
	if (!e->used)
		return false;
	*ret_value = e->value;
	return true;
}

void wy_table_remove(struct wy_table *t, uint64_t key)
{
	struct wy_table_entry *e;
	size_t free_at, i;

	if (!t->room)
		return;
	e = place_of(t, key);
	if (!e->used)
		return;
	t->nr--;
	free_at = (size_t)(e - t->entry);
	/* Who comes behind moves up, unless it would then stand before its home. */
	for (i = (free_at + 1) & (t->room - 1); t->entry[i].used; i = (i + 1) & (t->room - 1)) {
		size_t home = home_of(t, t->entry[i].key);

		if (((i - home) & (t->room - 1)) < ((i - free_at) & (t->room - 1)))
			continue;
		t->entry[free_at] = t->entry[i];
		free_at = i;
	}
	t->entry[free_at].used = false;
}
