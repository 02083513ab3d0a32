/* SPDX-License-Identifier: Apache-2.0 */
/*
 * freeze.h - memory that is cheap to copy: what a process with much of it does
 * once before it is copied many times.
 */
#ifndef WY_AGENT_FREEZE_H
#define WY_AGENT_FREEZE_H

#include "agent/layer.h"
#include "proto/serve.h"

struct wy_freeze_result {
	enum wy_serve_freeze how;    /* what was done: OFF (nothing), MEMFD or THP */
	unsigned int us;             /* how long all of it took */
	unsigned int fork_us_before; /* a copy of this process, made and ended */
	unsigned int fork_us_after;
	unsigned long bytes;  /* of memory that was frozen */
	unsigned int extents; /* MEMFD: how many pieces it is in */
	long error;           /* -errno: what kept it from more, 0: nothing */
};

/*
 * Freezes the memory of the calling process: once, before its first copy.  All other
 * threads are at rest, all signals are blocked.  Also when it fails, memory is as it
 * was for the program, and some of it may be frozen.  Returns ret->error.
 */
long wy_freeze(enum wy_serve_freeze how, struct wy_freeze_result *ret);

#endif
