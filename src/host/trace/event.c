/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/event.h"

#include <errno.h>
#include <string.h>

int wy_event_next(struct wy_bytes *bytes, struct wy_event_view *ret)
{
	while (bytes->len >= sizeof(unsigned long)) {
		struct wy_event *e = &ret->e;
		unsigned long word;
		size_t len;

		memcpy(&word, bytes->at, sizeof(word));
		if (bytes->len < sizeof(*e)) {
			if (word)
				return -EBADMSG;
			bytes->at += sizeof(word); /* filling too short for a header */
			bytes->len -= sizeof(word);
			continue;
		}
		memcpy(e, bytes->at, sizeof(*e));
		if (!word && !e->words) {
			bytes->at += sizeof(word);
			bytes->len -= sizeof(word);
			continue;
		}
		len = (size_t)e->words * 8;
		if (len < sizeof(*e) || len > bytes->len)
			return -EBADMSG;
		ret->items = (struct wy_bytes){ bytes->at + sizeof(*e), len - sizeof(*e) };
		bytes->at += len;
		bytes->len -= len;
		if (e->kind != WY_EVENT_NONE)
			return 1;
	}
	return bytes->len ? -EBADMSG : 0;
}

bool wy_item_next(struct wy_bytes *items, struct wy_item_view *ret)
{
	struct wy_item item;
	size_t len;

	if (items->len < sizeof(item))
		return false;
	memcpy(&item, items->at, sizeof(item));
	if (item.len > items->len - sizeof(item))
		return false;
	ret->what = (enum wy_item_what)item.what;
	ret->index = item.index;
	ret->flags = item.flags;
	ret->bytes = (struct wy_bytes){ items->at + sizeof(item), item.len };
	len = sizeof(item) + ((item.len + 7ul) & ~7ul);
	if (len > items->len)
		len = items->len;
	items->at += len;
	items->len -= len;
	return true;
}

bool wy_item_find(const struct wy_event_view *v, enum wy_item_what what, unsigned int index,
		  struct wy_item_view *ret)
{
	struct wy_bytes items = v->items;

	while (wy_item_next(&items, ret)) {
		if (ret->what == what && ret->index == index)
			return true;
	}
	return false;
}

bool wy_event_file2(const struct wy_event_view *v, struct wy_item_file *ret)
{
	struct wy_item_view item;

	if (!wy_item_find(v, WY_ITEM_FILE2, 0, &item) || item.bytes.len < sizeof(*ret))
		return false;
	memcpy(ret, item.bytes.at, sizeof(*ret));
	return true;
}

void wy_event_args(const struct wy_event_view *v, unsigned long args[6])
{
	struct wy_item_view item;

	for (int i = 0; i < 4; i++)
		args[i] = (unsigned long)v->e.arg[i];
	args[4] = args[5] = 0;
	if (wy_item_find(v, WY_ITEM_ARGS, 0, &item) && item.bytes.len == 2 * sizeof(long))
		memcpy(args + 4, item.bytes.at, item.bytes.len);
}

uint64_t wy_event_took(const struct wy_event_view *v)
{
	struct wy_item_view item;
	uint64_t took = v->e.took;

	if ((v->e.flags & WY_EVENT_LONG) && wy_item_find(v, WY_ITEM_TOOK, 0, &item) &&
	    item.bytes.len == sizeof(took))
		memcpy(&took, item.bytes.at, sizeof(took));
	return took;
}
