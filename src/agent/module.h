/* SPDX-License-Identifier: Apache-2.0 */
/* module.h - the loaded file that some code belongs to. */
#ifndef WY_AGENT_MODULE_H
#define WY_AGENT_MODULE_H

#include "agent/maps.h"

struct wy_module {
	struct wy_map map; /* the mapping that holds the code */
	/* Where its functions are, as PT_GNU_EH_FRAME has it (module.c); len 0: not known. */
	unsigned long frames, frames_len;
	/* For module.c: where the file's first page is, 0 if that is no ELF file. */
	unsigned long base, bias, dynamic;
};

/*
 * What is mapped at addr, and the table of functions for the code there, when the
 * file's first page is mapped where it should be.  May read the program's file.
 * Returns 0 or -errno; no table is no error.
 */
long wy_module_find(unsigned long addr, struct wy_module *m);

/* From now on tables of functions are made (module.c) when they are first asked for. */
void wy_module_make_tables(void);

/* The mappings in [start, start + len) are about to change: what was known of them is not. */
void wy_module_forget(unsigned long start, unsigned long len);

#endif
