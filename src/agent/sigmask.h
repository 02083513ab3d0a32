/* SPDX-License-Identifier: Apache-2.0 */
/* sigmask.h - the program's signal mask, and signals that wait because of it or of the agent. */
#ifndef WY_AGENT_SIGMASK_H
#define WY_AGENT_SIGMASK_H

#include "agent/arch/x86_64/frame.h"
#include "agent/thread.h"

#define WY_SIGNALS_UNBLOCKABLE (WY_SIG_BIT(SIGKILL) | WY_SIG_BIT(SIGSTOP))

/* Registers the calls that this file answers or changes: those that set a mask or wait with one. */
void wy_sigmask_ops(void);

/* The program's mask becomes this one: of it, what the kernel is not told is kept. */
void wy_signal_set_blocked(struct wy_thread *t, unsigned long mask);

/*
 * To this thread, which will take it as soon as the gate is left: what was sent to the process
 * cannot be sent there again, the kernel lets only the first thread repeat what others sent.
 */
long wy_signal_requeue(struct wy_thread *t, int sig, const void *info);

/* Keeps one of WY_SIGNALS_OWNED until the program no longer blocks it. */
void wy_signal_hold(struct wy_thread *t, int sig, const struct siginfo *info);

/* Queues again what was held and may come now; it comes when the mask is next set. */
void wy_signal_release_held(struct wy_thread *t);

/* A signal came in the agent's code (in_gate: of a call, not of a handler): it waits. */
void wy_signal_defer(struct wy_thread *t, int sig, const struct siginfo *info, struct ucontext *uc,
		     bool in_gate);

#endif
