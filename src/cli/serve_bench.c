/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_bench.c - waylay serve bench: what serving gains, as a table.
 */
#include "cli/cli.h"
#include "cli/serve_trial.h"

static const char help[] =
	"Usage: waylay serve bench [-n N] [OPTION...] -- PROGRAM [ARG...] < SAMPLE\n"
	"\n"
	"Measures a request, one after the other, in all the ways there are: a fresh\n"
	"start of the program, the servers tcpserver and socat if they are installed,\n"
	"and waylay serve in its modes. Every answer is compared with that of the first\n"
	"fresh run.\n"
	"\n"
	"Options:\n"
	"  -n N           requests for each row (100)\n"
	"  --help         print this text\n"
	"All others are those of waylay serve.\n"
	"\n"
	"The exit status is 0 if all answers are equal, 1 if not, 2 if nothing could be\n"
	"measured.\n"
	"\n"
	"Example:\n"
	"  echo '{}' | waylay serve bench -- jq -f program.jq\n";

int cli_serve_bench(int argc, char **argv)
{
	struct wy_check c = { .count = 100, .parallel = 1 };
	int ret = cli_serve_trial(argc, argv, "serve bench", help, &c);

	if (ret < 0)
		ret = wy_serve_bench(&c);
	cli_serve_trial_end(&c);
	return ret;
}
