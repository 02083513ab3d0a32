/* SPDX-License-Identifier: Apache-2.0 */
/* payload.h - the bytes that a call has moved: how many, and as items of its event. */
#ifndef WY_AGENT_PAYLOAD_H
#define WY_AGENT_PAYLOAD_H

#include "agent/layer.h"
#include "proto/calls.h"

/* After a call: how many it has moved.  A look without taking (MSG_PEEK) moves none. */
unsigned long wy_payload_bytes(const struct wy_call *call, const struct wy_call_row *row);

/*
 * After a call that has moved bytes through memory (not sendfile and its like,
 * nor a look without taking, MSG_PEEK): writes a WY_ITEM_PAYLOAD for each
 * message, at most size bytes with the headers.  Returns the bytes written, a
 * multiple of 8; *cut becomes true when there was more.
 */
unsigned long wy_payload(unsigned char *room, unsigned long size, const struct wy_call *call,
			 const struct wy_call_row *row, bool *cut);

#endif
