/* SPDX-License-Identifier: Apache-2.0 */
/* own.h - which memory of this address space is the agent's. */
#ifndef WY_AGENT_OWN_H
#define WY_AGENT_OWN_H

#include "proto/boot.h"
#include <stdbool.h>

/* All of it, for the loader. */
extern struct wy_own_table wy_own;

/* Remembers a mapping of the agent's own.  Never given back. */
void wy_own_add(unsigned long start, unsigned long len);

/* Does [start, start + len) touch any of it?  *ret_start, *ret_end: the first such mapping. */
bool wy_own_touches(unsigned long start, unsigned long len, unsigned long *ret_start,
		    unsigned long *ret_end);

#endif
