/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attached.h - supervises programs that ran before waylay came, and leaves them
 * as they were.
 *
 * They are not our children: their end is seen by pidfds, and waylay has no
 * part in their signals and job control.  What they fork is followed, and what
 * they execute, as in every session.  Detaching takes the agent out of all
 * processes of the session, whenever they came to it.
 *
 *	wy_supervisor_init(&v, flags);
 *	wy_attached_init(&a, &v);
 *	wy_attached_add(&a, pid, seen, arg);	any number of times
 *	wy_attached_run(&a, -1);		until they end or a signal comes
 *	wy_attached_leave(&a);
 *
 * Where waylay is killed the programs go on, caught, as after every death of a
 * host.  All calls come from the thread that made the session.
 */
#ifndef WY_HOST_ATTACHED_H
#define WY_HOST_ATTACHED_H

#include "host/supervisor.h"
#include "launch/attach.h"

struct wy_attached {
	struct wy_supervisor *v;
	struct wy_attached_process {
		pid_t pid;
		int pidfd; /* -1: it has ended */
	} * process;
	unsigned int nr;
};

/* From now on signals to waylay mean that it shall leave: wy_attached_run() ends. */
void wy_attached_init(struct wy_attached *a, struct wy_supervisor *v);

/*
 * Attaches to process pid, or to the one that thread pid is of.  seen (may be NULL) is told for
 * each thread what it is blocked in.  Prints what is wrong.  Returns 0 or -errno.
 */
int wy_attached_add(struct wy_attached *a, pid_t pid, wy_blocked_seen seen, void *arg);

/*
 * One look at everything: what the processes want, whether they are there, what signals have
 * come.  Returns true when there is a reason to leave.  For who waits on the doorbell itself.
 */
bool wy_attached_look(struct wy_attached *a);

/* Supervises until there is a reason to leave, at most for so long (-1: for ever). */
void wy_attached_run(struct wy_attached *a, long ms);

/*
 * Takes the agent out of all processes.  Where it cannot, that is said, and it stays there and
 * goes on working.  Returns 0, or -errno when it stays somewhere.
 */
int wy_attached_leave(struct wy_attached *a);

#endif
