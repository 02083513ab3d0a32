/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.c - waylay call: a served program in place of the program itself.
 */
#include "cli/cli.h"

#include "base/addr.h"
#include "base/log.h"
#include "host/serve/client.h"
#include "host/supervisor.h"

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

static const char help[] =
	"Usage: waylay call [OPTION...] ADDRESS\n"
	"\n"
	"Runs a program that waylay serve has ready, as if it were started here: it reads\n"
	"this command's stdin, writes to its stdout and stderr, gets its signals, and the\n"
	"exit status is the program's. So it can stand for the program in a pipeline, a\n"
	"script or a Makefile. Arguments, environment and directory are those with which\n"
	"the program was started by waylay serve.\n"
	"\n"
	"ADDRESS is where the server has a call listener (waylay serve -l call:ADDRESS):\n"
	"  PORT, :PORT   TCP on this machine\n"
	"  HOST:PORT     TCP; [V6]:PORT for IPv6\n"
	"  unix:PATH     a unix socket: the program gets the descriptors themselves\n"
	"  fd:N          a connected socket that is open as descriptor N\n"
	"\n"
	"Options:\n"
	"  --frames       over a unix socket, too, send data and not descriptors: for\n"
	"                 a socket that is forwarded from another machine\n"
	"  -v, --verbose  say more; -vv says why\n"
	"  --help         print this text\n"
	"\n"
	"The exit status is the program's own; if a signal ended it, the same signal ends\n"
	"this command. 125: it was not served, or the connection is lost.\n"
	"\n"
	"Example:\n"
	"  waylay serve -l call:unix:/tmp/spell 0 -- hunspell -a -d en_US &\n"
	"  echo helo | waylay call unix:/tmp/spell\n";

/* Returns -1 to go on, else the exit status. */
static int parse(int argc, char **argv, const char **ret_addr, bool *ret_frames)
{
	static const struct option long_options[] = {
		{ "help", no_argument, NULL, 256 },
		{ "frames", no_argument, NULL, 257 },
		{ "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	opterr = 0;
	optind = 0;
	while ((opt = getopt_long(argc, argv, "+:v", long_options, NULL)) != -1) {
		switch (opt) {
		case 256: return cli_print(CLI_FAILED, help);
		case 257: *ret_frames = true; break;
		case 'v': log_more(); break;
		default: return cli_bad_option(CLI_FAILED, "call", argv);
		}
	}
	if (optind == argc)
		return cli_bad_usage(CLI_FAILED, "call", "no address is given");
	if (optind + 1 < argc)
		return cli_bad_usage(CLI_FAILED, "call",
				     "'%s': the program has the arguments that it was served with",
				     argv[optind + 1]);
	*ret_addr = argv[optind];
	return -1;
}

int cli_call(int argc, char **argv)
{
	const char *text = NULL, *why;
	bool frames = false;
	int status = 0, err = parse(argc, argv, &text, &frames), sock;
	struct addr addr;

	if (err >= 0)
		return err;
	if (addr_parse(&addr, text, &why) < 0)
		return cli_bad_usage(CLI_FAILED, "call", "'%s' is no address: %s", text, why);
	sock = wy_client_connect(&addr);
	if (sock < 0) {
		log_errno(sock, "cannot connect to '%s'", text);
		return CLI_FAILED;
	}
	if (wy_client_run(sock, text, frames, &status) < 0)
		return CLI_FAILED;
	wy_supervisor_end_as(status);
}
