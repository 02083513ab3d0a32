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

#include "agent/layer.h"
#include "proto/calls.h"
#include "proto/event.h"
#include <stdbool.h>

/* A slot: one word, read and written whole. */
struct wy_fd_now {
	_Alignas(8) unsigned int file; /* 0: not known, or there is none */
	unsigned char class, sub;
	unsigned char mark; /* of its inode, to tell another one by; 0: not known */
	unsigned char reserved;
};
_Static_assert(sizeof(struct wy_fd_now) == 8, "a slot is one word");

/* A table; threads with CLONE_FILES share one. */
struct wy_files;

/* The table of this process as it starts, or comes out of an exec.  t->files may be NULL then. */
void wy_fdstate_begin(struct wy_thread *t);

/* Does one wait that the image before has left?  Only before wy_fdstate_begin(). */
bool wy_fdstate_was_handed_over(const struct wy_thread *t);

/* The table of a thread or process that is about to be made with these flags; NULL. */
struct wy_files *wy_fdstate_for_child(struct wy_files *files, unsigned long clone_flags);

/* In a process that has a copy of its parent's memory: the table is its own. */
void wy_fdstate_fork_child(struct wy_thread *t);

/*
 * In a child with a copy of its parent's descriptors: adds to the event of its start, in whose
 * room there are WY_FDSTATE_COPIES more bytes, what they are; and after that event tells the rest.
 */
#define WY_FDSTATE_COPIES (4096u * sizeof(struct wy_item_fd))
void wy_fdstate_add_copies(const struct wy_thread *t, struct wy_event *e);
void wy_fdstate_tell_rest(struct wy_thread *t);

/* The thread ends, or never was. */
void wy_fdstate_put(struct wy_thread *t);

/* What a descriptor is now.  One that is not known is asked for. */
struct wy_fd_now wy_fdstate_look(struct wy_thread *t, long fd);

/* The same without asking. */
struct wy_fd_now wy_fdstate_known(const struct wy_thread *t, long fd);

/* No descriptor from here on is known. */
long wy_fdstate_top(const struct wy_thread *t);

/* Around each call whose row has an effect. */
void wy_fdstate_enter(const struct wy_call *call, const struct wy_call_row *row);
void wy_fdstate_leave(const struct wy_call *call, const struct wy_call_row *row);

/* What an io_uring has done: a descriptor is there, by a call of this number; came in a message;
 * is closed. */
void wy_fdstate_arrive(struct wy_thread *t, long fd, long nr);
void wy_fdstate_received(struct wy_thread *t, unsigned long message);
void wy_fdstate_closed(struct wy_thread *t, long fd);

/* Before an exec: leaves the table for the next image.  The exec failed: takes it back. */
void wy_fdstate_hand_over(struct wy_thread *t);
void wy_fdstate_take_back(struct wy_thread *t);

#endif
