/* SPDX-License-Identifier: Apache-2.0 */
/* module.h - the loaded file that some code belongs to. */
#ifndef WY_AGENT_MODULE_H
#define WY_AGENT_MODULE_H

#include "agent/code.h"

struct wy_module {
	struct wy_vma vma;                /* the mapping that holds the code */
	unsigned long frames, frames_len; /* its PT_GNU_EH_FRAME in memory; 0: none found */
};

/*
 * What is mapped at addr, and its unwind tables when the file's first page is
 * mapped where it should be.  Returns 0 or -errno; no tables is no error.
 */
long wy_module_find(unsigned long addr, struct wy_module *m);

/* The mappings in [start, start + len) are about to change: what was known of them is not. */
void wy_module_forget(unsigned long start, unsigned long len);

#endif
