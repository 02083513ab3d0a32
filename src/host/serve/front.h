/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front.h - the process that clients meet: it has the listeners and the
 * connections, gives orders to templates, and keeps the limits.  It traces
 * nothing and no client can make it wait: all is done from one loop.
 *
 *	front.c    its life: starting, becoming ready, going over to a new template, stopping
 *	service.c  a connection's way, from being accepted to its last byte
 *	hand.c     the step in the middle of it: to a process
 *
 * How connections are served (mode):
 *	fork      the template makes a copy for each
 *	prestart  programs are started ahead, and each serves one
 *	fresh     the program is started anew for each, without the engine
 */
#ifndef WY_HOST_SERVE_FRONT_H
#define WY_HOST_SERVE_FRONT_H

#include "host/program.h"
#include "host/serve/access.h"
#include "host/serve/connection.h"
#include "host/serve/instance.h"
#include "host/serve/listener.h"
#include "host/serve/options.h"

#include <stdio.h>
#include <sys/resource.h>

#define WY_PID_BUCKETS 1024u

enum wy_front_phase {
	WY_FRONT_LOADING, /* nobody can connect yet */
	WY_FRONT_SERVING,
	WY_FRONT_STOPPING, /* nobody is accepted any more; what runs may come to its end */
};

/* A copy made ahead. */
struct wy_ahead {
	struct wy_ahead *next;
	unsigned int serial;
	int control;
	pid_t pid; /* 0: not made yet */
};

struct wy_front {
	const struct wy_serve_options *o;
	enum wy_front_phase phase;
	enum wy_serve_mode mode;
	int result;
	unsigned int stops;
	struct rlimit files;    /* as waylay found it */
	unsigned long nr_files; /* so many it may have open itself */
	struct wy_listener listeners[WY_LISTEN_MAX];
	unsigned int nr_listeners;
	bool accepting, cannot_accept; /* the last try has failed */
	struct wy_watch signals;
	struct wy_access access;

	/* what serves */
	struct wy_instance *instances; /* all, the newest first */
	struct wy_instance *template;  /* the one that makes copies, or NULL */
	struct wy_ahead *ahead;        /* copies of it, the oldest first */
	unsigned int nr_waiting;       /* instances that could serve somebody now */
	bool relayed;                  /* prestart, through relays */
	struct wy_instance *reloading; /* what will take its place, or NULL */
	unsigned long served, back_off_ms;
	struct wy_timer restart, load_limit, recycle, sweep, stop_look, answers, accept;
	struct wy_program program; /* fresh */
	bool found;                /* where the program's file is */
	struct wy_errors fresh_errors;
	int fresh_err;

	/* whom */
	struct wy_connection *connections, *oldest;
	struct wy_connection *queue, **queue_end;
	struct wy_connection *by_pid[WY_PID_BUCKETS];
	unsigned int nr, nr_max, nr_busy, nr_queued, nr_lingering;
	unsigned int serial;

	struct wy_session *counted; /* sums of all keepers, with --stats */
	FILE *json;
};

/*
 * Serves until the end of all.  The listeners are open and not started, and
 * are closed at the end.  Prints what is wrong.  Returns the exit status of
 * waylay, or -errno when the program was not started at all.
 */
int wy_front_run(struct wy_front *f);

/* Nobody else is served; the result is what waylay ends with. */
void wy_front_stop(struct wy_front *f, int result);

/* Stopping: ends what nobody needs any more. */
void wy_front_wind_up(struct wy_front *f);

/* One more has been handed over: time for a new template, or for new programs ahead? */
void wy_front_served(struct wy_front *f);

/* Programs are started ahead, as many as there are to be. */
void wy_front_refill(struct wy_front *f);

/* One that was started ahead takes no order: it has ended, as its keeper has still to say. */
void wy_front_ended_ahead(struct wy_front *f, struct wy_instance *i);

/* struct wy_errors.name of instances. */
bool wy_front_name_writer(struct wy_errors *e, pid_t pid, char *name, unsigned long size);

/* ---- service.c ---- */

/* Accepts clients, as many as there is room for. */
void wy_service_start(struct wy_front *f);

/* This connection's request is there: it is served as soon as that can be. */
void wy_service_submit(struct wy_connection *c);

/* Something has changed: serves whom it can, and accepts whom it can. */
void wy_service_go_on(struct wy_front *f);

/* A process has ended that may have served somebody; i: NULL where it was started fresh. */
void wy_service_ended(struct wy_front *f, struct wy_instance *i, pid_t pid, int status);

/* The instance is gone: nobody waits for its answers any more. */
void wy_service_lost(struct wy_front *f, struct wy_instance *i);

/* Ends all that is served, at once. */
void wy_service_kill_all(struct wy_front *f);

/* Closes what lingers and has been sent; all: whether it has been or not. */
void wy_service_drop_lingering(struct wy_front *f, bool all);

/* Who serves with this pid, or NULL. */
struct wy_connection *wy_service_by_pid(struct wy_front *f, pid_t pid);

/* All is sent that is to be sent: closes it without loss.  It must be in no list. */
void wy_service_close(struct wy_connection *c);

/* Its template is gone, and has not answered: nobody serves it. */
void wy_service_unanswered(struct wy_instance *i);

/* A process has it. */
void wy_service_running(struct wy_connection *c, pid_t pid);

/* That process has ended. */
void wy_service_process_ended(struct wy_connection *c, int status);

/* struct wy_relay.done of connections. */
void wy_service_relay_done(struct wy_relay *r);

/* Lists that are linked by next_queued, in order. */
void wy_connections_put_last(struct wy_connection ***end, struct wy_connection *c);
void wy_connections_take_out(struct wy_connection **list, struct wy_connection ***end,
			     struct wy_connection *c);

/* This connection is over, served or not. */
void wy_service_drop(struct wy_connection *c);

/* Its process is to end; a second time: by force. */
void wy_service_kill(struct wy_connection *c, int signal);

#endif
