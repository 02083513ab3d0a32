/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.h - brings the agent into every program that is executed.
 *
 * A state machine for each thread that is traced at the moment:
 *
 *	FIRST     waylay's own child, on its way to its execve(2)
 *	SEIZED    a thread that asked to be followed (proto/session.h), on its way there
 *	EXECED    the exec has happened: on its way to the end of the call
 *	INJECT    the agent is being put in, or starts
 *	LEAVING   the exec failed: to be detached at its next stop
 *
 * Every step is taken when waitpid(2) or the mailbox says that something has
 * happened; none waits.  All calls must come from one thread: ptrace(2) knows
 * its tracer by thread.
 */
#ifndef WY_HOST_FOLLOW_H
#define WY_HOST_FOLLOW_H

#include "host/rendezvous.h"
#include "host/session.h"
#include "launch/inject.h"

#include <sys/types.h>

struct wy_tracee;

struct wy_follow {
	struct wy_host_session *session;
	struct wy_image image;
	struct wy_inject_config config;
	struct wy_rendezvous_host rendezvous; /* for those whom we may not trace */
	struct wy_tracee *tracees;            /* a list */
	unsigned int tracees_nr;
};

enum wy_follow_result {
	WY_FOLLOW_NOT_MINE, /* the event is about a process that is not traced */
	WY_FOLLOW_TAKEN,    /* dealt with */
	WY_FOLLOW_DEAD,     /* a traced process ended: its wait status is in *ret_status */
	WY_FOLLOW_STOPPED,  /* a traced process was stopped by job control: signal in *ret_status */
};

/* Returns 0, or -ENOEXEC if there is no usable agent in this binary. */
int wy_follow_init(struct wy_follow *f, struct wy_host_session *session);

/*
 * Takes up a child that has made itself traced (PTRACE_TRACEME) and will
 * execute, with SIGTRAP not blocked; name: for the report if the agent
 * cannot start in it.  The flags of program are filled in.
 * Returns 0 or -ENOMEM.
 */
int wy_follow_first(struct wy_follow *f, pid_t pid, const struct wy_inject_program *program,
		    const char *name);

/*
 * Takes one event of waitpid(2).  A process may also be found dead while
 * something else is done with it: then the result is WY_FOLLOW_DEAD too.
 */
enum wy_follow_result wy_follow_event(struct wy_follow *f, pid_t pid, int status, int *ret_status);

/*
 * Takes the events of the traced processes alone, as far as there are any.
 * The end of program is left to be taken by waitpid(2).
 */
void wy_follow_poll(struct wy_follow *f, pid_t program);

/* Answers what stands in the mailbox. */
void wy_follow_requests(struct wy_follow *f);

/*
 * For a supervisor that gives its work to another process: tells how many
 * traced processes are still under way.  Those that wait stopped by job
 * control, for nobody knows how long, do not count; nor, when patience is at
 * an end, those that have been seized and do not come to their exec.
 */
unsigned int wy_follow_busy(const struct wy_follow *f, bool patient);

/*
 * Gives up what wy_follow_busy() did not count; it stays marked as SEIZED.
 * Returns false if an exec came in between: then there is more to do first.
 */
bool wy_follow_give_up(struct wy_follow *f);

/* The new supervisor takes up what the old one gave up. */
void wy_follow_take_over(struct wy_follow *f);

#endif
