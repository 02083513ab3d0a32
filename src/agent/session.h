/* SPDX-License-Identifier: Apache-2.0 */
/* session.h - the shared memory as this process has it mapped. */
#ifndef WY_AGENT_SESSION_H
#define WY_AGENT_SESSION_H

#include "proto/boot.h"
#include "proto/session.h"

struct wy_thread;

/* Never NULL once the agent runs: without a host it is memory that nobody reads. */
extern struct wy_session *wy_session;

/* Gets the memory, from the loader or (WY_BOOT_NO_SESSION) private. 0 or -errno. */
long wy_session_start(const struct wy_boot *boot);

/* Counters for this thread; may leave t->slot on the shared overflow slot. */
void wy_session_take_slot(struct wy_thread *t);
/* Adds them to the totals and gives the slot back. */
void wy_session_put_slot(struct wy_thread *t);

/* True while the host lives. */
int wy_session_host_alive(void);

/* Adds 1 to the doorbell and wakes the host. */
void wy_session_ring(void);

/* Leaves a note for the user; text is cut to fit. */
void wy_session_note(int kind, int arg, int arg2, const char *text);

#endif
