/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.h - a program that was started ahead, as the front knows it: its
 * keeper, the front's ends of its placeholders, and what it wrote meanwhile.
 *
 *	LOADING   it has not come to the input that it is to stop at
 *	TEMPLATE  it makes copies
 *	WAITING   it will serve one connection itself
 *	TAKEN     it does
 *	ENDED     it is gone; its keeper may still have something to say
 *
 * An instance is retired when nothing more is wanted of it: the front's ends
 * are closed, by which it ends, unless it serves somebody.
 */
#ifndef WY_HOST_SERVE_INSTANCE_H
#define WY_HOST_SERVE_INSTANCE_H

#include "host/serve/keeper.h"
#include "host/serve/loop.h"
#include "host/serve/stderr.h"

struct wy_connection;
struct wy_instance;

enum wy_instance_state {
	WY_INSTANCE_LOADING,
	WY_INSTANCE_TEMPLATE,
	WY_INSTANCE_WAITING,
	WY_INSTANCE_TAKEN,
	WY_INSTANCE_ENDED,
};

/* An end that was told before the copy's birth was. */
struct wy_early {
	pid_t pid;
	int status;
};

#define WY_EARLY_MAX 64u

/* What the owner of instances is told. */
struct wy_instance_events {
	/* It has come to its input; report->kind tells in which way. */
	void (*stopped)(struct wy_instance *, const struct wy_serve_report *report);
	/* COPY or NO_COPY: the answer to an order. */
	void (*answered)(struct wy_instance *, const struct wy_serve_report *report);
	/* A copy, or the program itself, has ended. */
	void (*ended)(struct wy_instance *, pid_t pid, int status);
	/* -errno: the program could not be started, and that has been printed. */
	void (*failed)(struct wy_instance *, int err);
	/* The agent could not be brought into it. */
	void (*uncaught)(struct wy_instance *);
	/* Its keeper has gone, and it can be freed. */
	void (*gone)(struct wy_instance *);
	/* The last word of the keeper, with --stats. */
	void (*counted)(struct wy_instance *, const struct wy_keeper_stats *);
};

struct wy_instance {
	struct wy_instance *next;
	enum wy_instance_state state;
	const struct wy_serve_options *options;
	const struct wy_instance_events *events;
	void *owner;
	struct wy_place place;
	bool one_shot;
	bool relayed; /* others of its processes have the placeholders, too */
	bool stale;   /* of an older generation */
	bool is_template, retired, program_ended, warming;
	unsigned int feeds; /* how many files of input it has asked for */
	int program_status;
	/* what came from its control socket, and is no whole report yet */
	size_t said_len;
	char said[16 * sizeof(struct wy_serve_report)];
	bool told_noise;
	bool preparing;
	struct wy_serve_report report; /* preparing: waits for the keeper's work */
	pid_t keeper, program;
	unsigned long started;
	int chan;
	struct wy_watch chan_watch, control_watch, out_watch;
	struct wy_errors errors;
	int banner; /* a memfd: what the program has written before it stopped, or -1 */
	struct wy_connection *connection;         /* TAKEN */
	struct wy_connection *asked, **asked_end; /* TEMPLATE: in the order of their orders */
	struct wy_early early[WY_EARLY_MAX];
	unsigned int early_at;
};

/* Starts one.  Prints what is wrong.  Returns 0 or -errno. */
int wy_instance_start(struct wy_instance **ret, const struct wy_serve_options *o, bool one_shot,
		      const struct wy_instance_events *events, void *owner,
		      const struct rlimit *files);

/*
 * Gives an order, with as many descriptors as order->fds says.  Returns 0 or
 * -errno; -EAGAIN if it has not even taken the earlier ones yet.
 */
int wy_instance_order(int control, const struct wy_serve_order *order, const int *fds);

/* Kills a process that its keeper is the parent of; 0: all of the program. */
void wy_instance_kill(const struct wy_instance *i, pid_t pid, int signal);

/*
 * It is a template.  From now on wy_instance_look() finds its answers: to be
 * woken for each of them would be dear, for they can nearly always wait.
 */
void wy_instance_is_template(struct wy_instance *i);

/* Looks at once whether it has answered, or written something. */
void wy_instance_look(struct wy_instance *i);

/* Nothing more is wanted of it. */
void wy_instance_retire(struct wy_instance *i);

/* Writes what it wrote before it stopped to stdout. */
void wy_instance_show_output(const struct wy_instance *i);

/* Only after `gone`. */
void wy_instance_free(struct wy_instance *i);

#endif
