/* SPDX-License-Identifier: Apache-2.0 */
/* code.h - writing machine code, the agent's and the program's. */
#ifndef WY_AGENT_CODE_H
#define WY_AGENT_CODE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A burst of writing.  Through /proc/self/mem while this thread is the only one
 * (its descriptor must not be seen by others), else through mprotect(2); each
 * stands in for the other.
 */
struct wy_code {
	long fd;                      /* of /proc/self/mem, or negative */
	unsigned long open, open_len; /* pages that are writable for now */
};
void wy_code_begin(struct wy_code *code);
void wy_code_end(struct wy_code *code);

/*
 * Writes bytes to pages that are mapped readable and executable.  Up to 8 bytes
 * inside one aligned word are written as one store, so that another processor
 * sees the old or the new ones; anything longer must be code that nobody runs yet.
 * Returns 0 or -errno.
 */
long wy_code_write(struct wy_code *code, unsigned long addr, const void *bytes, size_t len);

/* Makes sure that every processor sees code written before, in this process. */
void wy_code_sync(void);
/* Tells the kernel that it will be asked for: cheap as long as there is one thread only. */
void wy_code_sync_register(void);

struct wy_vma {
	unsigned long start, end, offset; /* offset: into the file */
	bool readable, writable, executable, file_backed, shared;
};
/* The mapping that holds addr.  Returns 0 or -errno (-ENOENT: nothing there). */
long wy_vma_find(unsigned long addr, struct wy_vma *vma);

#endif
