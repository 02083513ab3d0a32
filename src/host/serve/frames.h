/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames.h - cuts what comes over a connection into the frames of proto/call.h.
 *
 *	for (;;) {
 *		room = wy_frames_room(&f, &len);
 *		got = read(fd, room, len);	-> wy_frames_add(&f, got);
 *		while ((err = wy_frames_next(&f, &frame, &data)) > 0)
 *			...			data holds until the next call
 *	}
 *
 * The other side may send anything: nothing is believed that was not looked at.
 */
#ifndef WY_HOST_SERVE_FRAMES_H
#define WY_HOST_SERVE_FRAMES_H

#include "proto/call.h"

#include <stddef.h>

struct wy_frames {
	size_t have;  /* bytes in data */
	size_t taken; /* of these, those of the frame that was returned last */
	unsigned char data[sizeof(struct wy_call_frame) + WY_CALL_FRAME_MAX];
};

/* Empty. */
void wy_frames_init(struct wy_frames *f);

/* Where the next bytes are to be put, and how many; there is room after wy_frames_next() was 0. */
void *wy_frames_room(struct wy_frames *f, size_t *ret_len);

/* So many bytes were put there. */
void wy_frames_add(struct wy_frames *f, size_t len);

/*
 * Takes the next frame; *ret_data are its ret->len bytes.  Returns 1, 0 if it is
 * not there in whole, -EPROTO if what comes is no frame: it stays so.
 */
int wy_frames_next(struct wy_frames *f, struct wy_call_frame *ret, const unsigned char **ret_data);

/* Are bytes left that make no whole frame?  At the end of a connection that is a fault. */
int wy_frames_cut(const struct wy_frames *f);

/* The number in a frame of kind SIGNAL or END. */
int wy_frames_number(const unsigned char *data);

#endif
