/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdstate.h - what every descriptor stands for, kept right over calls.
 *
 * Each open file description that a traced program gets to see has a number,
 * the same in all processes that share it.  A slot says which number stands
 * behind a descriptor.  It is set after the call that made the descriptor and
 * cleared before the call that closes it, so that one which the kernel gives
 * out again meanwhile is never taken for the old one.
 *
 * What becomes known of an open file is told by WY_EVENT_FILE and WY_EVENT_FD,
 * where events are recorded.
 */
#ifndef WY_AGENT_FDSTATE_H
#define WY_AGENT_FDSTATE_H

#include "agent/fdclass.h"
#include "agent/fdslots.h"
#include "agent/layer.h"
#include "proto/calls.h"
#include "proto/event.h"
#include <stdbool.h>

struct wy_opened; /* fdabout.h */

/* The table of this process as it starts, or comes out of an exec.  t->files may be NULL then. */
void wy_fdstate_begin(struct wy_thread *t);

/* The one that the image before has left; NULL: none.  Only before wy_fdstate_begin(). */
const struct wy_handover *wy_fdstate_handed_over(const struct wy_thread *t);

/*
 * In a child with a copy of its parent's descriptors: adds to the event of its start, in whose
 * room there are WY_FDSTATE_COPIES more bytes, what they are; and after that event tells the rest.
 */
#define WY_FDSTATE_COPIES (4096u * sizeof(struct wy_item_fd))
void wy_fdstate_add_copies(const struct wy_thread *t, struct wy_event *e);
void wy_fdstate_tell_rest(struct wy_thread *t);

/* What a descriptor is now.  One that is not known is asked for. */
struct wy_fd_now wy_fdstate_look(struct wy_thread *t, long fd);

/* The same without asking. */
struct wy_fd_now wy_fdstate_known(const struct wy_thread *t, long fd);

/* No descriptor from here on is known. */
long wy_fdstate_top(const struct wy_thread *t);

/* Around each call whose row has an effect. */
void wy_fdstate_enter(const struct wy_call *call, const struct wy_call_row *row);
void wy_fdstate_leave(const struct wy_call *call, const struct wy_call_row *row);

/*
 * What has happened to descriptors, for those who know.  nr: the number of the call.
 * arrive: one is there now; arrive_as: and of this type; received: a message (struct
 * msghdr) brought some; copied: `to` stands for what `from` does; told_again: more is known of a
 * socket.
 */
void wy_fdstate_arrive(struct wy_thread *t, long fd, long nr);
void wy_fdstate_opened(struct wy_thread *t, long fd, long nr, const struct wy_opened *how);
void wy_fdstate_arrive_as(struct wy_thread *t, long fd, long nr, struct wy_fd_type type);
void wy_fdstate_received(struct wy_thread *t, unsigned long message);
void wy_fdstate_copied(struct wy_thread *t, long from, long to);
void wy_fdstate_closed(struct wy_thread *t, long fd);
void wy_fdstate_told_again(struct wy_thread *t, const struct wy_call *call);

/* The table was copied while other threads made and closed descriptors: it is put right. */
void wy_fdstate_look_again(struct wy_thread *t);

/* Before an exec: leaves the table for the next image.  The exec failed: takes it back. */
void wy_fdstate_hand_over(struct wy_thread *t);
void wy_fdstate_take_back(struct wy_thread *t);

#endif
