/* SPDX-License-Identifier: Apache-2.0 */
/* launcher.h - what the two halves of launcher.c tell each other. */
#ifndef WY_AGENT_LAUNCHER_H
#define WY_AGENT_LAUNCHER_H

#include "proto/boot.h"
#include "proto/userland.h"
#include <linux/prctl.h>

#define WY_LAUNCH_COMM 16

/* Stands behind struct wy_boot. */
struct wy_launch {
	struct wy_userland_info info;
	unsigned long image, image_len; /* where the launcher itself is mapped */
	const char *name;               /* AT_EXECFN */
	struct prctl_mm_map map;
	unsigned long region; /* 0: the agent has no place, run without it */
};

static inline struct wy_launch *wy_launch_of(const struct wy_boot *boot)
{
	return (struct wy_launch *)(boot + 1);
}
_Static_assert(sizeof(struct wy_boot) + sizeof(struct wy_launch) <= 4096, "they share a page");

/* The second half, in the agent's place in memory: the agent has started (error 0) or not. */
void wy_launch_finish(const struct wy_boot *boot, long error) __attribute__((noreturn));

/* Sets the limit of open files back to this, if it is not 0. */
#define WY_RLIMIT_NOFILE 7
void wy_launch_files_limit(unsigned long limit);

#endif
