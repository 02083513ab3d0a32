/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.c - waylay serve: a network server from a program that reads its stdin.
 */
#include "cli/cli.h"

#include "base/addr.h"
#include "base/log.h"
#include "host/serve/serve.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

static const char help[] =
	"Usage: waylay serve [OPTION...] ADDRESS -- PROGRAM [ARG...]\n"
	"\n"
	"Makes a network server of a program that reads its stdin and writes its stdout.\n"
	"The program is started once and stopped when it first wants to read. Each client\n"
	"then gets a copy of it that goes on from there, with the connection as stdin and\n"
	"stdout: what the program does at its start (load a model, read a dictionary) is\n"
	"done once, not for every request. The program is not changed, and may be static.\n"
	"\n"
	"A client sends its input, closes its sending side, and reads the answer till the\n"
	"connection ends. What the program wrote before it first read, each client gets.\n"
	"\n"
	"ADDRESS:\n"
	"  PORT, :PORT   TCP on this machine only; port 0 is any that is free\n"
	"  HOST:PORT     TCP at this address; [V6]:PORT for IPv6\n"
	"  unix:PATH     a unix socket\n"
	"  fd:N          a socket that is open as descriptor N\n"
	"\n"
	"Options:\n"
	"  -v, --verbose  say more: every connection; -vv says why\n"
	"  --help         print this text\n"
	"\n"
	"A line on stderr says when and where it is ready. SIGTERM or Ctrl-C ends it when\n"
	"all requests are answered; a second one at once. A copy that fails is reported.\n"
	"\n"
	"For programs with one thread and one process. What cannot be served correctly is\n"
	"refused with the reason.\n"
	"\n"
	"The exit status is 0 when it was stopped; 1 if the program ended before it read,\n"
	"or cannot be served; 125: waylay itself failed; 126: the program cannot be run;\n"
	"127: it was not found.\n"
	"\n"
	"Examples:\n"
	"  waylay serve 8080 -- tr a-z A-Z       then: echo hello | nc -N localhost 8080\n"
	"  waylay serve unix:/tmp/spell -- hunspell -a -d en_US\n";

/* Returns -1 to go on, else the exit status. */
static int parse(int argc, char **argv, const char **ret_addr, char ***ret_argv)
{
	static const struct option long_options[] = {
		{ "help", no_argument, NULL, 256 },
		{ "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int opt, dashes = 1;

	/* All of waylay's own words stand before "--". */
	while (dashes < argc && strcmp(argv[dashes], "--") != 0)
		dashes++;
	opterr = 0;
	optind = 0;
	while ((opt = getopt_long(dashes, argv, ":v", long_options, NULL)) != -1) {
		switch (opt) {
		case 256: return cli_print(CLI_FAILED, help);
		case 'v': log_more(); break;
		default: return cli_bad_option(CLI_FAILED, "serve", argv);
		}
	}
	if (optind == dashes)
		return cli_bad_usage(CLI_FAILED, "serve", "no address is given");
	if (optind + 1 < dashes)
		return cli_bad_usage(CLI_FAILED, "serve", "'%s': the program stands after '--'",
				     argv[optind + 1]);
	if (dashes + 1 >= argc)
		return cli_bad_usage(CLI_FAILED, "serve", "no program is given after '--'");
	*ret_addr = argv[optind];
	*ret_argv = argv + dashes + 1;
	return -1;
}

static int status_of_failure(int err)
{
	switch (err) {
	case -ENOENT: return CLI_NOT_FOUND;
	case -EACCES:
	case -ENOEXEC: return CLI_CANNOT_RUN;
	}
	return CLI_FAILED;
}

int cli_serve(int argc, char **argv)
{
	struct wy_listener listener;
	const char *text = NULL, *why;
	struct addr addr;
	char **program = NULL;
	int ret = parse(argc, argv, &text, &program);

	if (ret >= 0)
		return ret;
	if (addr_parse(&addr, text, &why) < 0)
		return cli_bad_usage(CLI_FAILED, "serve", "'%s' is no address: %s", text, why);
	if (wy_listener_open(&listener, &addr, text) < 0)
		return CLI_FAILED;
	ret = wy_serve(&listener, program);
	wy_listener_close(&listener);
	return ret < 0 ? status_of_failure(ret) : ret;
}
