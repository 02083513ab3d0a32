/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trial.h - a `waylay serve` of our own, in a temporary folder, to try a
 * program with.
 */
#ifndef WY_HOST_SERVE_TRIAL_H
#define WY_HOST_SERVE_TRIAL_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct wy_trial {
	char folder[64];
	struct addr plain, call; /* where it listens */
	pid_t pid;
	int log;    /* its stderr */
	char *text; /* what it has said so far, with a final 0 */
	size_t len, room;
	char mode[16];    /* "fork"; empty: it is not ready */
	bool calls_fresh; /* who calls it gets a fresh start, whatever the mode */
};

/*
 * Starts it with these options for that program, and waits until it is ready or
 * has ended.  tcp: the plain listener is on TCP, not on a unix socket.  Returns
 * 0, also when it has ended (pid is 0 then, and text says why), or -errno.
 * wy_trial_stop() is to be called in each case.
 */
int wy_trial_start(struct wy_trial *t, char *const *options, char *const *argv, bool tcp);

/* Takes what it says; for struct wy_request's side. */
void wy_trial_listen(void *trial);

/* Ends it, and frees all.  Returns its status, as waitpid(2) has it. */
int wy_trial_stop(struct wy_trial *t);

/*
 * The next line of its own in the text, from *pos on, without "waylay: ".
 * Returns false at the end.
 */
bool wy_trial_line(const struct wy_trial *t, size_t *pos, char *line, size_t size);

/* Makes an empty folder, and removes one with the files in it.  Return 0 or -errno. */
int wy_trial_folder(char *path, size_t size);
void wy_trial_remove(const char *path);

#endif
