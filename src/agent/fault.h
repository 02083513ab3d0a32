/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault.h - things that the agent could not do and let through instead.
 * Counted in the session.
 */
#ifndef WY_AGENT_FAULT_H
#define WY_AGENT_FAULT_H

#include "agent/session.h"

enum wy_fault {
	WY_FAULT_NO_STUB,  /* a site found no stub: its call was made from the signal handler */
	WY_FAULT_NO_BLOCK, /* no memory for a new thread: the clone was refused with ENOMEM */
	WY_FAULT_NO_SLOT,  /* a thread found no counters */
	WY_FAULT_ARM,      /* Syscall User Dispatch could not be armed in a new thread */
	WY_FAULT_REQUEUE,  /* a deferred signal could not be queued again */
	WY_FAULT_AGENT,    /* a fault in the agent itself */
	WY_FAULT_WRITE,    /* code could not be written */
};

static inline void wy_fault(enum wy_fault what)
{
	__atomic_add_fetch(&wy_session->faults[what], 1, __ATOMIC_RELAXED);
}

#endif
