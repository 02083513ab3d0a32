/* SPDX-License-Identifier: Apache-2.0 */
/* code.h - writing machine code, the agent's and the program's. */
#ifndef WY_AGENT_CODE_H
#define WY_AGENT_CODE_H

#include "agent/maps.h"
#include <stdbool.h>
#include <stddef.h>

/* A site and all that a short jump reaches are joined into one write. */
#define WY_CODE_WINDOW 192ul

/* A burst of writing: code.c opens with how it is done. */
struct wy_code {
	bool alone, small;            /* small: vma is made writable as a whole, always */
	long fd;                      /* of /proc/self/mem, or negative */
	unsigned long vma, vma_end;   /* the file's mapping, or 0 */
	unsigned long open, open_len; /* what is writable for now */
	unsigned long at, len;        /* what is not written yet, while alone */
	unsigned char bytes[WY_CODE_WINDOW];
};

/*
 * map is the mapping in which most will be written, NULL if there is none.
 * wy_code_end() returns 0, or -errno when something of what was joined could not be
 * written: wy_code_write() may have said 0 to it.
 */
void wy_code_begin(struct wy_code *code, const struct wy_map *map);
long wy_code_end(struct wy_code *code);

/*
 * Writes bytes to pages that are mapped readable and executable.  Up to 8 bytes
 * inside one aligned word are written as one store, so that another processor
 * sees the old or the new ones; anything longer must be code that nobody runs yet.
 * Returns 0 or -errno.  While the process has one thread the bytes may be there
 * only after wy_code_end().
 */
long wy_code_write(struct wy_code *code, unsigned long addr, const void *bytes, size_t len);

/* Makes sure that every processor sees code written before, in this process. */
void wy_code_sync(void);
/* Tells the kernel that it will be asked for: cheap as long as there is one thread only. */
void wy_code_sync_register(void);

#endif
