/* SPDX-License-Identifier: Apache-2.0 */
/* signal.h - the signals that the program sees; the theory is in signal.c. */
#ifndef WY_AGENT_SIGNAL_H
#define WY_AGENT_SIGNAL_H

#include "agent/seccomp.h"
#include "agent/thread.h"

/*
 * What the agent blocks while it works: all but the faults, and those if the program does.  Its
 * own calls do not trip, so that SIGSYS can be blocked as well; but not where a filter of the
 * program may trap a call that is made for it: to block that signal would be deadly.
 */
static inline unsigned long wy_mask_all(const struct wy_thread *t)
{
	unsigned long open = WY_SIGNALS_OWNED;

	if (!wy_seccomp_judges)
		open &= ~WY_SIGNALS_STRIPPED;
	return ~open | (t->owned_blocked & ~WY_SIGNALS_STRIPPED);
}

/* Registers the calls that this file answers: rt_sigaction and the like. */
void wy_signal_ops(void);

/* At the start of an image: takes SIGSYS, SIGSEGV and SIGBUS; in a program that ran before, all
 * that have a handler. 0 or -errno. */
long wy_signal_start(struct wy_thread *t, const struct wy_boot *boot);

/* A thread that ran before, with this mask. */
void wy_signal_join(struct wy_thread *t, unsigned long mask);

/* The agent leaves: the kernel gets the program's actions. */
void wy_signal_put_back(const struct wy_thread *t);
/* ... and what is held for this thread, all signals being blocked. */
void wy_signal_unhold(struct wy_thread *t);

/* Gives the kernel the agent's handlers for them, and for those that are heard
 * (CLONE_CLEAR_SIGHAND took them). 0 or -errno. */
long wy_signal_own(const struct wy_thread *t);

/* The program's signal mask, its own idea of SIGSYS, SIGSEGV and SIGBUS included. */
unsigned long wy_signal_mask(struct wy_thread *t);

/* Of WY_SIGNALS_RESET, those that the program ignores: an exec keeps that. */
unsigned long wy_signal_ignored(struct wy_thread *t);

/* For an exec that nobody follows: the kernel takes over what the agent kept for those three.
 * True if there was anything: it must be taken back when the exec fails. */
bool wy_signal_hand_over(struct wy_thread *t);
void wy_signal_take_back(struct wy_thread *t);

#endif
