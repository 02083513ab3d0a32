/* SPDX-License-Identifier: Apache-2.0 */
/* fault.h - counts what the agent could not do and let through instead: enum wy_fault. */
#ifndef WY_AGENT_FAULT_H
#define WY_AGENT_FAULT_H

#include "agent/session.h"

static inline void wy_fault(enum wy_fault what)
{
	__atomic_add_fetch(&wy_session->faults[what], 1, __ATOMIC_RELAXED);
}

#endif
