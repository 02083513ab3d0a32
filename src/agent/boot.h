/* SPDX-License-Identifier: Apache-2.0 */
/* boot.h - the page that the loader writes; see boot.c. */
#ifndef WY_AGENT_BOOT_H
#define WY_AGENT_BOOT_H

#include "agent/arch/x86_64/offsets.h"
#include "proto/boot.h"

#include <stddef.h>

/* Code that runs before the rest of the text is there.  It calls nothing but its like. */
#define WY_BOOT_CODE __attribute__((section(".boot")))

/*
 * Called by the entry on the boot stack.  Returns 0 with all of the text in its place and
 * boot->session_fd filled in, or -errno.
 */
long wy_boot(struct wy_boot *boot);

_Static_assert(offsetof(struct wy_boot, region) == B_REGION, "offsets.h");
_Static_assert(offsetof(struct wy_boot, text_len) == B_TEXT_LEN, "offsets.h");
_Static_assert(offsetof(struct wy_boot, arena_off) == B_ARENA_OFF, "offsets.h");
_Static_assert(offsetof(struct wy_boot, ask) == B_ASK, "offsets.h");
_Static_assert(WY_ASK_BOOT == 0 && WY_TRAP_READY == B_TRAP_READY, "offsets.h");
_Static_assert(WY_ARENA_CODE == B_ARENA_CODE && WY_ARENA_DATA == B_ARENA_DATA, "offsets.h");

#endif
