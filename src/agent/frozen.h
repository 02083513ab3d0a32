/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frozen.h - memory that was frozen (freeze.h) is a file's: what the frozen process and its
 * copies do so that the program cannot tell.
 */
#ifndef WY_AGENT_FROZEN_H
#define WY_AGENT_FROZEN_H

#include "agent/layer.h"

#define WY_FROZEN_MAX 2048u

/* What was frozen, by address, and into which file; freeze.c writes it before the first copy. */
extern struct wy_frozen {
	unsigned int nr;
	unsigned int dev_major, dev_minor;
	unsigned long inode;
	struct wy_frozen_extent {
		unsigned long start, end;
	} extent[WY_FROZEN_MAX];
} wy_frozen;

/* Adds the calls that wy_frozen_look() must see. */
void wy_frozen_watch(struct wy_callset *calls);

/*
 * For enter(), in the frozen process and all that descend from it: a call on frozen
 * memory that would find out that it is a file's.  Any other call may be shown, too.
 */
enum wy_verdict wy_frozen_look(struct wy_call *call);

#endif
