/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor.h - runs a program under the engine, and ends as it did.
 *
 * The program is waylay's child, in waylay's process group and session, and
 * for whoever started waylay there is no difference:
 * - it has every signal that is sent to waylay, and the terminal's;
 * - when it is stopped, waylay stops by the same signal, and takes it along
 *   when it goes on;
 * - waylay ends with its status, or by the signal that ended it.
 *
 * Meanwhile the supervisor answers programs that want to be followed over an
 * exec.  It must go on with that when waylay stops or ends and others live on:
 * then another process takes the work over, in a session of its own, with no
 * file open but the session, and ends when the last program has ended.
 * If the supervisor is killed, programs go on and are no longer followed.
 */
#ifndef WY_HOST_SUPERVISOR_H
#define WY_HOST_SUPERVISOR_H

#include "host/follow.h"
#include "host/program.h"
#include "host/session.h"

struct wy_supervisor {
	struct wy_host_session session;
	struct wy_program program;
	struct wy_follow follow;
	bool following;         /* this process does the following */
	bool caught;            /* the program was started with the agent */
	unsigned int idle_bell; /* where it waits when another one follows */
	bool ended;
	int status; /* of the program, as waitpid(2) says it */

	/* May be set before wy_supervisor_run(). */
	bool stay; /* until all programs have ended, or a signal comes: not the first one only */
	void (*has_ended)(void *arg, int pid, int status); /* the program has; NULL */
	/* The program was stopped by a signal, and waylay is about to be; NULL. */
	void (*was_stopped)(void *arg, int pid, int signal);
	/* Is anybody left who has the session?  1, 0, -1: it does not know.  Spares a look that may
	 * take the kernel 0.2 s (it waits for pages of the session that it has in hand); NULL. */
	int (*anybody)(void *arg);
	/* The session must not be touched by anybody while `still`, for a look who has it; NULL. */
	void (*still)(void *arg, bool still);
	void *arg; /* of all three */
};

/*
 * Makes everything ready; flags: WY_* of the session.  Prints what is wrong.
 * Returns 0 or -errno; after an error, and before wy_supervisor_run(), nothing
 * about this process has changed and it may execute the program itself.
 */
int wy_supervisor_init(struct wy_supervisor *v, unsigned int flags);

/*
 * Starts the program, with the agent in it or, if that cannot be, without it:
 * v->caught tells.  From then on the caller takes the events, as
 * wy_supervisor_run() does: from this thread, for ptrace(2) knows its tracer
 * by thread.  v->program.io may have been set before.  Prints what is wrong.
 * Returns 0, or -errno when it was not started: -ENOENT when it was not found.
 */
int wy_supervisor_start(struct wy_supervisor *v, char **argv);

/*
 * Runs the program to its end, with the agent in it or, if that cannot be,
 * without it.  Prints what is wrong.  Returns 0 with v->status, or -errno when
 * it was not started: -ENOENT when it was not found.
 */
int wy_supervisor_run(struct wy_supervisor *v, char **argv);

/* Ends this process as that one ended: with its status, or by its signal and without a core. */
__attribute__((noreturn)) void wy_supervisor_end_as(int status);

#endif
