/* SPDX-License-Identifier: Apache-2.0 */
/* op.h - the engine's own operations, one registration for each file that has some. */
#ifndef WY_AGENT_OP_H
#define WY_AGENT_OP_H

#include "agent/gate.h"

static inline enum wy_verdict wy_answer(struct wy_call *call, long ret)
{
	call->ret = ret;
	return WY_DONE;
}

void wy_thread_ops(void);                        /* thread.c: the clone family and exit */
void wy_exec_ops(void);                          /* exec.c */
void wy_seccomp_ops(const struct wy_boot *boot); /* seccomp.c */
void wy_guard_ops(void); /* guard.c: calls that would take the ground from under the agent */

#endif
