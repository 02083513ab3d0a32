/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracee.h - the threads that are traced at the moment; for follow.c and
 * mailbox.c only.  follow.h tells what the states are.
 */
#ifndef WY_HOST_TRACEE_H
#define WY_HOST_TRACEE_H

#include "host/follow.h"

#include <sys/ptrace.h>

#define WY_TRACEE_OPTIONS (PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD)

enum wy_tracee_state {
	WY_TRACEE_FIRST,
	WY_TRACEE_SEIZED,
	WY_TRACEE_EXECED,
	WY_TRACEE_INJECT,
	WY_TRACEE_LEAVING,
};

struct wy_tracee {
	struct wy_tracee *next;
	pid_t tid;
	int process; /* as it calls itself, where it asked; 0: FIRST */
	enum wy_tracee_state state;
	struct wy_exec_slot *slot; /* SEIZED, LEAVING */
	bool listening;            /* stopped by job control */
	struct wy_inject_program program;
	const char *name; /* FIRST */
	struct wy_inject inject;
};

/* Sets the state of a slot, and wakes who waits for it. */
void wy_tracee_answer(struct wy_exec_slot *slot, unsigned int state);

/* Returns NULL if there is none. */
struct wy_tracee *wy_tracee_find(struct wy_follow *f, pid_t tid);

/* Returns NULL if there is no memory. */
struct wy_tracee *wy_tracee_add(struct wy_follow *f, pid_t tid, enum wy_tracee_state state);

/* The thread is no longer ours; whoever waits at its slot is let go. */
void wy_tracee_drop(struct wy_follow *f, struct wy_tracee *t);

#endif
