/* SPDX-License-Identifier: Apache-2.0 */
/* fdslots.h - tables of what stands behind each descriptor: the memory of fdstate.h. */
#ifndef WY_AGENT_FDSLOTS_H
#define WY_AGENT_FDSLOTS_H

#include <stdbool.h>

struct wy_thread;

/* A slot: one word, read and written whole. */
struct wy_fd_now {
	_Alignas(8) unsigned int file; /* 0: not known, or there is none */
	unsigned char class, sub;
	unsigned char mark; /* of its inode, to tell another one by; 0: not known */
	unsigned char reserved;
};
_Static_assert(sizeof(struct wy_fd_now) == 8, "a slot is one word");

/* A table; threads with CLONE_FILES share one. */
struct wy_files {
	unsigned int users; /* 0: free; under WY_LOCK_FILES */
	unsigned int max;   /* slots */
	unsigned int top;   /* no slot from here on was ever set */
	unsigned int pad[13];
	struct wy_fd_now slot[];
};

/* One that nobody uses, empty; NULL. */
struct wy_files *wy_files_new(void);

/* The table of a thread or process that is about to be made with these flags; NULL. */
struct wy_files *wy_files_for_child(struct wy_files *files, unsigned long clone_flags);

/* In a process that has a copy of its parent's memory: the table is its own. */
void wy_files_fork_child(struct wy_thread *t);

/* The thread ends, or never was. */
void wy_files_put(struct wy_thread *t);

/* unshare(2): this thread goes on with a table of its own.  False: it had one already. */
bool wy_files_separate(struct wy_thread *t);

/* files may be NULL, and fd any number: then there is no slot. */
bool wy_slot_is(const struct wy_files *files, long fd);
struct wy_fd_now wy_slot_get(const struct wy_files *files, long fd);
/* Returns what was there. */
struct wy_fd_now wy_slot_set(struct wy_files *files, long fd, struct wy_fd_now now);
/* Sets it if nobody else has. */
bool wy_slot_set_first(struct wy_files *files, long fd, struct wy_fd_now now);
/* Makes it empty; returns what was there, to one of those who do so at once. */
struct wy_fd_now wy_slot_take(struct wy_files *files, long fd);

#endif
