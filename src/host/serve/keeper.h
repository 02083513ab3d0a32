/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.h - the process that keeps one program: starts it with the engine in
 * it, traces its execs, and takes the ends of it and of its copies, which are
 * its children (CLONE_PARENT).
 *
 * It is a fork of the front, which must do none of this: the tracer of a
 * program waits at a futex and for processes, the front for sockets.  Each
 * template or prestarted program has a keeper and a session of its own.  The
 * two are joined by a SOCK_SEQPACKET pair:
 *
 *	keeper -> front	struct wy_keeper_word: what happened
 *	front -> keeper	struct wy_keeper_order
 *
 * When the front has no more use for the program, or is gone, a program that
 * serves nobody ends, and what is being served may go on.  The keeper ends when
 * all of its children have.
 */
#ifndef WY_HOST_SERVE_KEEPER_H
#define WY_HOST_SERVE_KEEPER_H

#include "host/serve/options.h"
#include "host/serve/place.h"
#include "host/stats.h"

#include <sys/resource.h>
#include <sys/types.h>

enum wy_keeper_kind {
	WY_KEEPER_STARTED, /* pid: the program */
	WY_KEEPER_FAILED,  /* it was not started, and why has been printed; status: as wy_serve() */
	WY_KEEPER_UNCAUGHT, /* the program runs without the agent */
	WY_KEEPER_PREPARED, /* what WY_KEEPER_PREPARE wanted is done */
	WY_KEEPER_ENDED,    /* pid, status: a child of the keeper */
	WY_KEEPER_STATS,    /* with a struct wy_keeper_stats behind it; the last word */
};

struct wy_keeper_word {
	enum wy_keeper_kind kind;
	pid_t pid;
	int status;
};

#define WY_KEEPER_WORDS 32 /* so many ends may be told in one message */

struct wy_keeper_stats {
	struct wy_stats stats;
	unsigned long sites_padding, sites_before, sites_pun, sites_signal;
	unsigned long processes, threads, execs;
};

enum wy_keeper_order_kind {
	WY_KEEPER_FEED,     /* the program wants its input of before */
	WY_KEEPER_PREPARE,  /* it has stopped: --exit=fast is seen to */
	WY_KEEPER_TEMPLATE, /* it is a template */
	WY_KEEPER_RETIRE,   /* nobody else wants anything of the program */
	WY_KEEPER_KILL,     /* pid: a child of the keeper; 0: all that belongs to the program */
};

struct wy_keeper_order {
	enum wy_keeper_order_kind kind;
	pid_t pid;
	int signal;
};

struct wy_keeper_config {
	const struct wy_serve_options *options;
	struct wy_place *place;
	bool one_shot;              /* WY_SERVE_PRESTART */
	const struct rlimit *files; /* the limit that the program is to have */
};

/*
 * Starts a keeper and its program.  The program's ends of the placeholders are
 * closed.  All signals that this process listens to must be blocked.  Prints
 * what is wrong.  Returns the pid, and the front's end of the pair, or -errno.
 */
pid_t wy_keeper_start(const struct wy_keeper_config *config, int *ret_chan);

#endif
