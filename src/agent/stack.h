/* SPDX-License-Identifier: Apache-2.0 */
/* stack.h - what a reader needs to tell where in the program a call was made. */
#ifndef WY_AGENT_STACK_H
#define WY_AGENT_STACK_H

#include "agent/layer.h"
#include "proto/event.h"

/* Room that wy_stack_add() may need. */
#define WY_STACK_ROOM (sizeof(struct wy_item) + sizeof(struct wy_item_stack) + WY_STACK_BYTES)

/* Adds registers and the innermost bytes of the program's stack to the event of its call. */
void wy_stack_add(struct wy_event *e, const struct wy_call *call);

/* Tells which files are mapped where: at the start of an image, and when code was mapped. */
void wy_stack_tell_maps(struct wy_thread *t);

#endif
