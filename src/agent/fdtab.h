/* SPDX-License-Identifier: Apache-2.0 */
/* fdtab.h - what every descriptor of this process is. */
#ifndef WY_AGENT_FDTAB_H
#define WY_AGENT_FDTAB_H

#include "proto/event.h"
#include <stdbool.h>

/* An open file description.  Slots share one after dup(2), fork(2) or SCM_RIGHTS. */
struct wy_fd_file {
	unsigned long dev, ino;    /* its inode; that of all anonymous ones is the same */
	unsigned char class, kind; /* enum wy_fd_class, enum wy_fd_kind */
	bool locked;               /* there is a lock, or a lease, on it */
	unsigned int mode, links;  /* as fstat(2) has them */
	int flags;                 /* as F_GETFL has them */
	long position;             /* -1: it has none */
	unsigned int first;        /* its slot with the lowest number */
	unsigned int marks;        /* wy_fdtab_mark() */
};

struct wy_fd_slot {
	int fd;
	unsigned int file; /* index in wy_fdtab.file */
	int next;          /* index of the next slot of that file, -1: none */
	bool close_on_exec;
};

struct wy_fdtab {
	struct wy_fd_slot *slot; /* by number */
	struct wy_fd_file *file; /* by the number of the first slot */
	unsigned int nr_slots, nr_files;
	unsigned int generation; /* grows with each look */
};

/*
 * Looks at all descriptors of this process, whose other threads must stand
 * still.  The table stays until the next look.  Returns 0, -EMFILE if there
 * are more than WY_FDTAB_MAX, -ENOMEM, or why they cannot be listed.
 */
#define WY_FDTAB_MAX 65536
long wy_fdtab_read(struct wy_fdtab *tab);

/*
 * Sets marks of every open file with this inode; returns how many slots these
 * have.  Objects without an inode of their own are never marked.
 */
#define WY_FD_MARK_INHERITED 1u /* see fdcopy.h; all other bits mean what the caller likes */
unsigned int wy_fdtab_mark(struct wy_fdtab *tab, unsigned long dev, unsigned long ino,
			   unsigned int marks);

/* The slot of a descriptor, or NULL. */
const struct wy_fd_slot *wy_fdtab_find(const struct wy_fdtab *tab, int fd);

/* ---- for those who look closer at a descriptor ---- */

/* Zeroed memory that is given back at the next wy_fdtab_read(), or NULL. */
void *wy_fdtab_room(unsigned long size);

/* The lines of a text of the kernel's, one after another. */
struct wy_lines {
	long fd;
	unsigned long place; /* in the file */
	unsigned int at, end;
	char text[1000];
};

/* what: "fd" or "fdinfo".  Writes /proc/self/WHAT/FD. */
#define WY_FD_PATH_SIZE 32
void wy_fdtab_path(char path[WY_FD_PATH_SIZE], const char *what, int fd);

/* Opens /proc/self/fdinfo/FD.  Returns 0 or -errno. */
long wy_lines_open(struct wy_lines *l, int fd);

/* The next line without its end, or NULL at the end, when it closes the text. */
char *wy_lines_next(struct wy_lines *l);

/* If the text starts with this word: what follows it and white space, else NULL. */
const char *wy_text_after(const char *text, const char *word);

/* Reads a number, blanks before it skipped; returns what follows it, or NULL if there is none. */
const char *wy_text_number(const char *text, unsigned int base, unsigned long *ret);

#endif
