/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - what main.c and the files of the commands share.
 *
 * A command is one file with one function, and one line in the table of
 * main.c.  Its argv[0] is its own name ("run"); it parses its own options,
 * prints its own --help, and returns the exit status of waylay.
 */
#ifndef WY_CLI_CLI_H
#define WY_CLI_CLI_H

#include <stdio.h>

/* Exit statuses of commands that run a program; otherwise it is the program's own. */
enum {
	CLI_FAILED = 125,     /* waylay itself failed, or was called in a wrong way */
	CLI_CANNOT_RUN = 126, /* the program is there but cannot be run */
	CLI_NOT_FOUND = 127,  /* there is no such program */
};

/* Exit statuses of commands that run none. */
enum {
	CLI_GOOD = 0,
	CLI_FINDING = 1, /* a difference, or an answer of "no" */
	CLI_TROUBLE = 2, /* the command itself failed, or was called in a wrong way */
};

struct cli_command {
	const char *name, *summary;
	int (*main)(int argc, char **argv);
};

/*
 * Prints "waylay: COMMAND: TEXT; try 'waylay COMMAND --help'" as one line and
 * returns status.  command may be NULL: then it is about waylay itself.
 */
int cli_bad_usage(int status, const char *command, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The same for an option that getopt_long(3), which has just returned '?' for
 * argv, does not know.  Long options need values from 256 on.
 */
int cli_bad_option(int status, const char *command, char **argv);

/* The exit status for a program that could not be started, by the -errno of wy_program_start(). */
int cli_not_started(int err);

/* Prints text to stdout.  Returns 0; status (with a line on stderr) if stdout does not take it. */
int cli_print(int status, const char *text);

/* Returns the version of waylay, as "0.1.0". */
const char *cli_version(void);

int cli_run(int argc, char **argv);
int cli_serve(int argc, char **argv);
int cli_serve_check(int argc, char **argv);
int cli_serve_bench(int argc, char **argv);
int cli_call(int argc, char **argv);
int cli_trace(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_trace_export(int argc, char **argv);
int cli_trace_report(int argc, char **argv);

/*
 * Where a command of trace writes: path, or stdout if it is NULL.  Both say what is wrong.
 * open returns NULL then, close -errno.
 */
FILE *cli_trace_open_output(const char *path, const char *run);
int cli_trace_close_output(FILE *out, const char *path);

#endif
