/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from bytes of any kind, which come in pieces of any size: the first byte of the
 * input says how long the pieces are.  Cut in another way the same frames must come out.
 * The second byte says whether zeros follow, as many as make any frame whole.
 */
#include "fuzz.h"
#include "host/serve/frames.h"

#define ZEROS (WY_CALL_FRAME_MAX + 100)

static uint64_t note(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *byte = data;

	while (len--)
		hash = (hash ^ *byte++) * 1099511628211ull;
	return hash;
}

/* Returns a number that stands for all frames, and for how it ended. */
static uint64_t cut(const uint8_t *data, size_t size, size_t piece)
{
	static struct wy_frames f;
	uint64_t hash = 14695981039346656037ull;
	struct wy_call_frame frame;
	const unsigned char *text;
	size_t room;
	int ret = 0;

	wy_frames_init(&f);
	while (size > 0 && ret == 0) {
		void *to = wy_frames_room(&f, &room);
		size_t len = piece < size ? piece : size;

		check(room > 0);
		if (len > room)
			len = room;
		memcpy(to, data, len);
		data += len;
		size -= len;
		wy_frames_add(&f, len);
		while ((ret = wy_frames_next(&f, &frame, &text)) > 0) {
			hash = note(hash, &frame, sizeof(frame));
			hash = note(hash, text, frame.len);
			if (frame.kind == WY_CALL_SIGNAL || frame.kind == WY_CALL_END) {
				int number = wy_frames_number(text);

				hash = note(hash, &number, sizeof(number));
			}
		}
		check(ret >= 0 || wy_frames_next(&f, &frame, &text) < 0);
	}
	if (ret == 0)
		hash = note(hash, f.data, wy_frames_cut(&f) ? f.have - f.taken : 0);
	return note(hash, &ret, sizeof(ret));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t all[1 << 17];
	size_t piece;

	if (size < 2 || size > sizeof(all) - ZEROS)
		return 0;
	piece = 1 + data[0] % 64;
	memcpy(all, data + 2, size - 2);
	if (data[1] != 1) {
		size -= 2;
	} else {
		memset(all + size - 2, 0, ZEROS);
		size += ZEROS - 2;
		piece *= 100;
	}
	check(cut(all, size, piece) == cut(all, size, (size_t)1 << 30));
	return 0;
}
