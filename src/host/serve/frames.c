/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/frames.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

void wy_frames_init(struct wy_frames *f)
{
	f->have = 0;
	f->taken = 0;
}

static void drop_taken(struct wy_frames *f)
{
	f->have -= f->taken;
	memmove(f->data, f->data + f->taken, f->have);
	f->taken = 0;
}

void *wy_frames_room(struct wy_frames *f, size_t *ret_len)
{
	drop_taken(f);
	*ret_len = sizeof(f->data) - f->have;
	return f->data + f->have;
}

void wy_frames_add(struct wy_frames *f, size_t len)
{
	f->have += len;
}

static bool is_frame(const struct wy_call_frame *frame)
{
	switch (frame->kind) {
	case WY_CALL_STDIN:
	case WY_CALL_STDOUT:
	case WY_CALL_STDERR:
	case WY_CALL_ERROR: return frame->len <= WY_CALL_FRAME_MAX;
	case WY_CALL_SIGNAL:
	case WY_CALL_END: return frame->len == sizeof(int);
	}
	return false;
}

int wy_frames_next(struct wy_frames *f, struct wy_call_frame *ret, const unsigned char **ret_data)
{
	struct wy_call_frame frame;

	drop_taken(f);
	if (f->have < sizeof(frame))
		return 0;
	memcpy(&frame, f->data, sizeof(frame));
	if (!is_frame(&frame))
		return -EPROTO;
	if (f->have < sizeof(frame) + frame.len)
		return 0;
	f->taken = sizeof(frame) + frame.len;
	*ret = frame;
	*ret_data = f->data + sizeof(frame);
	return 1;
}

int wy_frames_cut(const struct wy_frames *f)
{
	return f->have > f->taken;
}

int wy_frames_number(const unsigned char *data)
{
	int number;

	memcpy(&number, data, sizeof(number));
	return number;
}
