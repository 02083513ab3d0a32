/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_trial.h - what the command lines of serve check and serve bench share.
 */
#ifndef WY_CLI_SERVE_TRIAL_H
#define WY_CLI_SERVE_TRIAL_H

#include "host/serve/check.h"

/*
 * Parses "[OPTION...] -- PROGRAM [ARG...]" and reads the sample.  What is not
 * known here is an option of waylay serve.  Returns -1 to go on with c, else
 * the exit status.
 */
int cli_serve_trial(int argc, char **argv, const char *command, const char *text,
		    struct wy_check *c);
/* Frees what it has made. */
void cli_serve_trial_end(struct wy_check *c);

#endif
