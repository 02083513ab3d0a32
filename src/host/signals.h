/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals.h - the signals of waylay itself while a program runs under it.
 *
 * Someone who sends a signal to waylay means the program; it is queued here
 * and sent on.  What the terminal sends goes to the whole foreground group,
 * so the program has it already and waylay only does not die of it.  (A signal
 * that a process sends to the group cannot be told from one that was sent to
 * waylay alone: then the program gets it twice.)
 *
 * Every handler rings the bell, so that who waits at it looks around.
 */
#ifndef WY_HOST_SIGNALS_H
#define WY_HOST_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

struct wy_signal {
	int nr;
	bool queued; /* came by sigqueue(3), with this value */
	union sigval value;
};

/*
 * Notes how waylay found its signals, before anything is changed about them;
 * wy_signals_take() does it, too, if it was not done before.
 */
void wy_signals_note(void);

/* Takes all signals over, none is blocked then; the bell is a shared futex to which 1 is added. */
void wy_signals_take(unsigned int *bell);

/* The program has a process group of its own: what the terminal sends is for waylay alone. */
void wy_signals_own_group(void);

/* Rings at another place from now on. */
void wy_signals_set_bell(unsigned int *bell);

/* For a child that will execute: everything as waylay itself found it, but for the mask. */
void wy_signals_give_back(void);

/* The signal mask that waylay inherited, as the kernel's set. */
unsigned long wy_signals_inherited_mask(void);

/* Is this signal ignored by who started waylay? */
bool wy_signals_inherited_ignored(int nr);

/* For a detached supervisor: dies of what is sent to it, as any process. */
void wy_signals_plain(unsigned int *bell);

/* Takes the next signal to be sent on.  Returns false if there is none. */
bool wy_signals_next(struct wy_signal *ret);

#endif
