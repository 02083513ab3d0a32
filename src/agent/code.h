/* SPDX-License-Identifier: Apache-2.0 */
/* code.h - writing machine code, the agent's and the program's. */
#ifndef WY_AGENT_CODE_H
#define WY_AGENT_CODE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes bytes to a page that is mapped readable and executable.  Up to 8 bytes
 * inside one aligned word are written as one store, so that another processor
 * sees the old or the new ones; anything longer must be code that nobody runs yet.
 * Through /proc/self/mem when this thread is the only one (the descriptor must
 * not be seen by others), else through mprotect(2); each stands in for the other.
 * Returns 0 or -errno.
 */
long wy_code_write(unsigned long addr, const void *bytes, size_t len);

/* Makes sure that every processor sees code written before, in this process. */
void wy_code_sync(void);

struct wy_vma {
	unsigned long start, end, offset;	/* offset: into the file */
	bool readable, writable, executable, file_backed, shared;
};
/* The mapping that holds addr.  Returns 0 or -errno (-ENOENT: nothing there). */
long wy_vma_find(unsigned long addr, struct wy_vma *vma);

#endif
