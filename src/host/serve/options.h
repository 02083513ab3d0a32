/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - what `waylay serve` was asked to do; filled in by the command line.
 */
#ifndef WY_HOST_SERVE_OPTIONS_H
#define WY_HOST_SERVE_OPTIONS_H

#include "base/addr.h"
#include "proto/serve.h"

#include <stdbool.h>

#define WY_LISTEN_MAX 16

enum wy_serve_mode { WY_MODE_AUTO, WY_MODE_FORK, WY_MODE_PRESTART, WY_MODE_FRESH };
enum wy_serve_stdin { WY_STDIN_SOCKET, WY_STDIN_PIPE, WY_STDIN_FILE };
enum wy_serve_stderr { WY_STDERR_LOG, WY_STDERR_CLIENT, WY_STDERR_NULL };

struct wy_serve_listen {
	const char *text;
	struct addr addr;
	bool call; /* proto/call.h is spoken there */
};

struct wy_serve_options {
	struct wy_serve_listen listen[WY_LISTEN_MAX];
	unsigned int listen_nr;
	char **argv;

	enum wy_serve_mode mode;
	enum wy_serve_stdin input;
	enum wy_serve_stderr errors;
	enum wy_serve_freeze freeze;
	bool exit_fast;
	unsigned int takes;         /* stop at this take of input */
	const char *preload, *warm; /* files, or NULL */

	int pool;            /* made ahead; -1: as the mode wants it */
	unsigned int max;    /* copies at once; 0: as many as there is room for */
	int queue;           /* accepted beyond max; -1: they wait to be accepted */
	unsigned int per_ip; /* 0: any number */
	unsigned long spool_max;
	/* milliseconds; 0: for ever */
	unsigned long idle_ms, total_ms, load_ms;
	/* of a copy; 0: as it is */
	unsigned long memory_max, cpu_ms;
	/* a new template after so many connections, or so long; 0: never */
	unsigned long recycle_nr, recycle_ms;

	const char *log;   /* the access log, or NULL */
	const char *trace; /* the run file, or NULL; later instances add .2 and so on */
	bool stats;
	const char *json;   /* or NULL */
	unsigned int flags; /* WY_* of the session */
};

#endif
