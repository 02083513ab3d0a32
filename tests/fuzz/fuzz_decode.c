/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of any calls with any items, printed: a line ends, whatever stands in them.
 *
 * A byte of options, the number of the call (2), its result (8), six arguments (8 each), items.
 * With an odd byte of options a signal.
 */
#include "fuzz.h"
#include "host/trace/decode.h"

#include <stdlib.h>

#define LINE_MAX_ (1ul << 20)

/* ---- the world: every second thing is known ---- */

static const struct wy_file file = { .id = 1, .path = "/x" };

const struct wy_file *wy_world_file(const struct wy_world *w, unsigned int id)
{
	return id & 1 ? &file : NULL;
}

const struct wy_file *wy_world_fd(const struct wy_world *w, int pid, int fd)
{
	return fd & 1 ? &file : NULL;
}

void wy_file_print(FILE *out, const struct wy_file *f)
{
	fputs(f->path, out);
}

static void print(const struct wy_decode *how, const struct wy_event_view *v)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int ret;

	check(out);
	ret = wy_decode_call(out, how, (const struct wy_world *)&file, v);
	check(fflush(out) == 0);
	check(ret <= 0 && len <= LINE_MAX_);
	if (v->e.kind == WY_EVENT_CALL && ret == 0)
		check(memchr(text, '(', len) && memmem(text, len, " = ", 3) &&
		      !memchr(text, 0, len));
	wy_decode_pending(out, how, NULL, v);
	wy_decode_signal(out, v);
	fclose(out);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct wy_event_view v = { .pid = 1, .tid = 1 };
	struct wy_decode how = { .string_max = 32 };
	unsigned char options;
	long more[2];
	unsigned char *items;

	take_bytes(&in, &options, 1);
	take_bytes(&in, &v.e.nr, sizeof(v.e.nr));
	take_bytes(&in, &v.e.ret, sizeof(v.e.ret));
	take_bytes(&in, v.e.arg, sizeof(v.e.arg));
	take_bytes(&in, more, sizeof(more));
	v.e.kind = options & 1 ? WY_EVENT_SIGNAL : WY_EVENT_CALL;
	v.e.nr %= WY_EVENT_CALL == v.e.kind ? 520 : 70;
	v.e.file = options >> 1 & 1;
	v.e.flags = options >> 2 & 1 ? WY_EVENT_NO_RETURN : 0;
	how.yy = options >> 3 & 1;
	how.hex = options >> 4 & 3;
	how.column = options >> 6 & 1 ? 40 : 0;

	/* The last two arguments are an item, too; a copy of all, so that nothing is read beyond. */
	items = malloc(24 + in.left);
	check(items);
	memcpy(items, &(struct wy_item){ .what = WY_ITEM_ARGS, .len = 16 }, 8);
	memcpy(items + 8, more, 16);
	if (in.left)
		memcpy(items + 24, in.data, in.left);
	v.items = (struct wy_bytes){ items, 24 + in.left };
	print(&how, &v);
	free(items);
	return 0;
}
