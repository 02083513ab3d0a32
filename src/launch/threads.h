/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threads.h - stops all threads of a running process, and lets them go on.
 *
 * A stopped thread goes on from where it was: a call that it was blocked in is
 * restarted by the kernel, with what is left of its time where the kernel knows
 * that.  What a call made meanwhile in the thread would spoil is kept here: the
 * registers, the mask, and a restartable sequence that it was in.
 *
 * These functions wait, at most as long as they are told to.
 */
#ifndef WY_LAUNCH_THREADS_H
#define WY_LAUNCH_THREADS_H

#include "launch/remote.h"

#include <stdbool.h>

struct wy_stopped {
	struct wy_remote remote;
	struct wy_regs regs; /* with which it will go on */
	unsigned long mask;  /* likewise */
	bool stopped;
	bool addressed;
	bool out; /* for who uses this */
};

struct wy_threads {
	pid_t pid;
	struct wy_stopped *thread;
	unsigned int nr, room;
	pid_t culprit;  /* the thread that an error is about; 0 */
	bool executing; /* one of them is traced by us already, for what it executes */
};

void wy_threads_init(struct wy_threads *t, pid_t pid);

/*
 * Stops every thread, also those that are made meanwhile.  Threads that end are no error.
 * Returns 0, -ESRCH (no thread is left), -EPERM (of ptrace(2)), -ETIMEDOUT (the culprit does not
 * stop: it is in a vfork or an exec, or waits for hardware), -ESTALE (the process has executed
 * another program), -ENOMEM.  After an error some are stopped; after -ETIMEDOUT it may be called
 * again.
 */
int wy_threads_stop(struct wy_threads *t, long patience_ms);

/*
 * Lets this one run for a moment; wy_threads_stop() stops it again.
 */
void wy_threads_step_on(struct wy_stopped *s);

/*
 * After wy_remote_call_untrapped(): into a stop from which a call is restarted.  All signals must
 * be blocked.
 */
void wy_threads_settle(struct wy_stopped *s);

/* Lets all go, with their registers and masks, and forgets them. */
void wy_threads_go(struct wy_threads *t);

/* Takes the death of a thread, seen by who worked with it. */
void wy_threads_lost(struct wy_stopped *s);

/* Milliseconds of a clock that only goes forward. */
long wy_now_ms(void);

#endif
