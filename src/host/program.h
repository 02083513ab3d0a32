/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.h - finds the program that waylay was asked to run, and starts it.
 */
#ifndef WY_HOST_PROGRAM_H
#define WY_HOST_PROGRAM_H

#include "proto/userland.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

enum wy_program_kind {
	WY_PROGRAM_PLAIN, /* can be caught */
	WY_PROGRAM_SETID, /* gets privileges that a tracer would take from it: to be left alone */
};

/* What a program is given in place of waylay's own; it then has a process group of its own, too. */
struct wy_program_io {
	int in, out;   /* its stdin and stdout */
	int err;       /* its stderr, or -1: waylay's */
	int inherited; /* stays open in it, under its own number; or -1 */
};

struct wy_program {
	char path[PATH_MAX];
	enum wy_program_kind kind;
	bool elf;                       /* not a script */
	const struct wy_program_io *io; /* NULL: what waylay has */
	/* How it is started when it cannot be traced, or in any case; NULL: not caught then. */
	const struct wy_userland_info *userland;
	bool always_userland;
	pid_t pid;
	int trace_error;  /* 0, or why it could not be made traced: then it runs as it is, */
	bool in_userland; /* or has the agent all the same */
};

/*
 * Looks a program up as execvp(3) does, and looks into it.  privileged: we may
 * trace a set-user-ID program without harm.  Prints what is wrong.
 * Returns 0, -ENOENT (not found), -EACCES or -ENOEXEC (cannot be run).
 */
int wy_program_find(struct wy_program *p, const char *name, bool privileged);

/*
 * Starts it as a child, with everything as waylay itself found it; trace: the
 * child is traced by us and executes with only SIGTRAP unblocked, or, when that
 * cannot be, brings the agent along itself, if p->userland says how.  Prints what
 * is wrong.  Returns 0 when it has executed, or -errno of fork(2) or execve(2).
 */
int wy_program_start(struct wy_program *p, char **argv, bool trace);

#endif
