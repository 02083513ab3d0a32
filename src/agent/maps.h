/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maps.h - the mappings of this process, as proc_pid_maps(5) and
 * proc_pid_smaps(5) tell of them.
 *
 * The parser is pure: it is fed one character at a time and never looks back,
 * so that it needs no room for a line, however long its path is.
 */
#ifndef WY_AGENT_MAPS_H
#define WY_AGENT_MAPS_H

#include <stdbool.h>

enum { /* the first three as PROT_READ, PROT_WRITE and PROT_EXEC */
       WY_MAP_READ = 1,
       WY_MAP_WRITE = 2,
       WY_MAP_EXEC = 4,
       WY_MAP_SHARED = 8,
       WY_MAP_NAMED = 16, /* has a name or a file; see name */
       /* of smaps' VmFlags only */
       WY_MAP_NORESERVE = 32,
       WY_MAP_HUGE = 64,    /* MADV_HUGEPAGE */
       WY_MAP_NOHUGE = 128, /* MADV_NOHUGEPAGE */
       /* A flag that ordinary private memory does not have: locked, on the stack, not for
	 * children, watched, of a key, sealed, ..., and all that later kernels will invent. */
       WY_MAP_ODD = 256,
};

struct wy_map {
	unsigned long start, end, offset;
	unsigned long inode; /* 0: no file */
	unsigned int dev_major, dev_minor;
	unsigned int flags;
	char name[8]; /* its first characters, filled up with zeros */
	/* of smaps only, in bytes */
	unsigned long resident, swapped;
};

/* As mprotect(2) takes it. */
static inline int wy_map_protection(unsigned int flags)
{
	return (int)(flags & (WY_MAP_READ | WY_MAP_WRITE | WY_MAP_EXEC));
}

/* Of the words of /proc/self/pagemap, one for each page; proc_pid_pagemap(5). */
#define WY_PAGEMAP_PRESENT (1ul << 63)
#define WY_PAGEMAP_SWAPPED (1ul << 62)

struct wy_maps {
	struct wy_map map;
	bool detailed;
	unsigned char state;
	unsigned char field;
	unsigned char len; /* of word */
	char word[16];
	unsigned long number;
};

/* detailed: the text is that of smaps. */
void wy_maps_begin(struct wy_maps *m, bool detailed);
/* True if m->map is complete with this character; it stays so until the next call. */
bool wy_maps_take(struct wy_maps *m, char c);

/* Who asks about single mappings.  A descriptor for a moment: other threads could notice. */
struct wy_maps_query {
	long fd;
};
/* Returns 0 or -errno. */
long wy_maps_open(struct wy_maps_query *q);
/*
 * The mapping that holds addr, or the first one behind it; of its flags READ, WRITE,
 * EXEC and SHARED are told, and no name.  Returns 0 or -errno (-ENOENT: there is none).
 */
long wy_maps_at(const struct wy_maps_query *q, unsigned long addr, struct wy_map *ret);
void wy_maps_close(struct wy_maps_query *q);
/* The same for one question, and only the mapping that holds addr. */
long wy_maps_find(unsigned long addr, struct wy_map *ret);

#endif
