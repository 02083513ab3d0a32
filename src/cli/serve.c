/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.c - waylay serve: a network server from a program that reads its stdin.
 */
#include "cli/cli.h"

#include "base/addr.h"
#include "base/log.h"
#include "base/units.h"
#include "host/serve/serve.h"
#include "proto/session.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"Usage: waylay serve [OPTION...] ADDRESS -- PROGRAM [ARG...]\n"
	"       waylay serve check [OPTION...] -- PROGRAM [ARG...] < SAMPLE\n"
	"       waylay serve bench [OPTION...] -- PROGRAM [ARG...] < SAMPLE\n"
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
	"Examples:\n"
	"  waylay serve 8080 -- tr a-z A-Z       then: echo hello | nc -N localhost 8080\n"
	"  waylay serve unix:/tmp/spell -- hunspell -a -d en_US\n"
	"  waylay serve --max 32 --timeout 30s 0.0.0.0:7000 -- jq -f program.jq\n"
	"  waylay serve --preload model.txt 7000 -- ./tagger\n"
	"  waylay serve --exit=fast --pool 4 7000 -- python3 classify.py\n"
	"\n"
	"ADDRESS:\n"
	"  PORT, :PORT   TCP on this machine only; port 0 is any that is free\n"
	"  HOST:PORT     TCP at this address; [V6]:PORT for IPv6\n"
	"  unix:PATH     a unix socket\n"
	"  fd:N          a socket that is open as descriptor N\n"
	"  call:ADDRESS  one of these, for 'waylay call'\n"
	"\n"
	"Options:\n"
	"  -l, --listen ADDRESS  listen there, too; may be given again\n"
	"\n"
	" How it is served:\n"
	"  --mode MODE       fork: by copies; prestart: by programs started ahead that\n"
	"                    serve one client each; fresh: by a new start for each\n"
	"                    client; auto (the default): fork if that is right for the\n"
	"                    program, else prestart, and why is said in a line\n"
	"  --pool N          so many copies are made ahead (0), or programs started (2)\n"
	"  --stdin KIND      what the program's stdin is: socket (the default), pipe, or\n"
	"                    file: the whole request is read first, and can be sought in\n"
	"  --spool           the same as --stdin=file: no copy is spent on a slow client\n"
	"  --spool-max SIZE  a request that is bigger is not served (1G)\n"
	"  --stderr WHERE    log: to waylay's stderr, each line with its client (the\n"
	"                    default); client: into the connection; null: nowhere\n"
	"  --exit HOW        fast: leave out what a runtime cleans up at its end; normal\n"
	"\n"
	" Where the copies begin:\n"
	"  --preload FILE    give this to the program first; copies go on after it\n"
	"  --warm FILE       the same, and what it answers is thrown away\n"
	"  --at read:N       copies go on at the Nth time the program takes input (1)\n"
	"  --freeze HOW      how big memory is made quick to copy: auto, memfd, thp, off\n"
	"  --load-timeout D  the time the program has to come there (5m; 0: any)\n"
	"\n"
	" Limits:\n"
	"  --max N           so many clients are served at once; others wait\n"
	"  --queue N         so many may wait; a connection beyond them is closed\n"
	"  --per-ip N        so many from one host\n"
	"  --timeout D       end a client that is idle so long\n"
	"  --total-timeout D  end a client that takes so long\n"
	"  --memory SIZE     address space of a copy\n"
	"  --cpu D           processor time of a copy\n"
	"\n"
	" Life:\n"
	"  --recycle N       load the program anew after N clients, or after a time: 2h\n"
	"  --log FILE        write a line for each connection\n"
	"  --trace FILE      record all calls into FILE: see 'waylay trace report'; later\n"
	"                    instances of the program go to FILE.2 and so on\n"
	"  --stats           at the end, print which system calls were made\n"
	"  --stats-json FILE  write the same to FILE as JSON\n"
	"  --no-follow       let go of programs that the program executes\n"
	"  -v, --verbose     say more: every connection; -vv says why\n"
	"  --help            print this text\n"
	"\n"
	"SIZE is 4096, 64K, 1.5G; D is 250ms, 30s, 5m, 2h.\n"
	"\n"
	"A line on stderr says when and where it is ready. SIGTERM or Ctrl-C ends it when\n"
	"all requests are answered; a second one at once. SIGHUP loads the program anew:\n"
	"the old one serves until the new one is ready. A copy that fails is reported.\n"
	"\n"
	"The exit status is 0 when it was stopped; 1 if the program ended before it read,\n"
	"or cannot be served; 125: waylay itself failed; 126: the program cannot be run;\n"
	"127: it was not found.\n";

enum {
	OPT_HELP = 256,
	OPT_MODE,
	OPT_POOL,
	OPT_STDIN,
	OPT_SPOOL,
	OPT_SPOOL_MAX,
	OPT_STDERR,
	OPT_EXIT,
	OPT_PRELOAD,
	OPT_WARM,
	OPT_AT,
	OPT_FREEZE,
	OPT_LOAD_TIMEOUT,
	OPT_MAX,
	OPT_QUEUE,
	OPT_PER_IP,
	OPT_TIMEOUT,
	OPT_TOTAL_TIMEOUT,
	OPT_MEMORY,
	OPT_CPU,
	OPT_RECYCLE,
	OPT_LOG,
	OPT_TRACE,
	OPT_STATS,
	OPT_STATS_JSON,
	OPT_NO_FOLLOW,
	OPT_NO_PATCH,
};

/* --no-patch is for tests and measurements, and in no manual. */
static const struct option long_options[] = {
	{ "help", no_argument, NULL, OPT_HELP },
	{ "verbose", no_argument, NULL, 'v' },
	{ "listen", required_argument, NULL, 'l' },
	{ "mode", required_argument, NULL, OPT_MODE },
	{ "pool", required_argument, NULL, OPT_POOL },
	{ "stdin", required_argument, NULL, OPT_STDIN },
	{ "spool", no_argument, NULL, OPT_SPOOL },
	{ "spool-max", required_argument, NULL, OPT_SPOOL_MAX },
	{ "stderr", required_argument, NULL, OPT_STDERR },
	{ "exit", required_argument, NULL, OPT_EXIT },
	{ "preload", required_argument, NULL, OPT_PRELOAD },
	{ "warm", required_argument, NULL, OPT_WARM },
	{ "at", required_argument, NULL, OPT_AT },
	{ "freeze", required_argument, NULL, OPT_FREEZE },
	{ "load-timeout", required_argument, NULL, OPT_LOAD_TIMEOUT },
	{ "max", required_argument, NULL, OPT_MAX },
	{ "queue", required_argument, NULL, OPT_QUEUE },
	{ "per-ip", required_argument, NULL, OPT_PER_IP },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "total-timeout", required_argument, NULL, OPT_TOTAL_TIMEOUT },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "cpu", required_argument, NULL, OPT_CPU },
	{ "recycle", required_argument, NULL, OPT_RECYCLE },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "stats", no_argument, NULL, OPT_STATS },
	{ "stats-json", required_argument, NULL, OPT_STATS_JSON },
	{ "no-follow", no_argument, NULL, OPT_NO_FOLLOW },
	{ "no-patch", no_argument, NULL, OPT_NO_PATCH },
	{ NULL, 0, NULL, 0 },
};

/* ---- values of options; all return 0, or the exit status ---- */

static int bad_value(const char *option, const char *what)
{
	return cli_bad_usage(CLI_FAILED, "serve", "'%s' is no value for %s: %s", optarg, option,
			     what);
}

/* One of some words; the first has the number 0. */
static int choose(int *ret, const char *option, const char *const *words, const char *list)
{
	for (int i = 0; words[i]; i++) {
		if (strcmp(optarg, words[i]) != 0)
			continue;
		*ret = i;
		return 0;
	}
	return bad_value(option, list);
}

static int choose_mode(struct wy_serve_options *o)
{
	static const char *const words[] = { "auto", "fork", "prestart", "fresh", NULL };
	int n = 0, err = choose(&n, "--mode", words, "auto, fork, prestart or fresh");

	o->mode = n;
	return err;
}

static int choose_stdin(struct wy_serve_options *o)
{
	static const char *const words[] = { "socket", "pipe", "file", NULL };
	int n = 0, err = choose(&n, "--stdin", words, "socket, pipe or file");

	o->input = n;
	return err;
}

static int choose_stderr(struct wy_serve_options *o)
{
	static const char *const words[] = { "log", "client", "null", NULL };
	int n = 0, err = choose(&n, "--stderr", words, "log, client or null");

	o->errors = n;
	return err;
}

static int choose_exit(struct wy_serve_options *o)
{
	static const char *const words[] = { "normal", "fast", NULL };
	int n = 0, err = choose(&n, "--exit", words, "normal or fast");

	o->exit_fast = n;
	return err;
}

static int choose_freeze(struct wy_serve_options *o)
{
	static const char *const words[] = { "auto", "off", "memfd", "thp", NULL };
	int n = 0, err = choose(&n, "--freeze", words, "auto, memfd, thp or off");

	o->freeze = n;
	return err;
}

static int number(unsigned long *ret, const char *option, const char *text, unsigned long min)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || *ret < min || *ret > 1000000)
		return bad_value(option, min ? "a number from 1 on" : "a number");
	return 0;
}

static int size(unsigned long *ret, const char *option)
{
	if (size_parse(ret, optarg) < 0 || !*ret)
		return bad_value(option, "a size is 4096, 64K, 512M, 1.5G");
	return 0;
}

static int duration(unsigned long *ret, const char *option)
{
	if (duration_parse(ret, optarg) < 0)
		return bad_value(option, "a duration is 250ms, 30s, 5m, 2h");
	return 0;
}

static int set_at(struct wy_serve_options *o)
{
	unsigned long n = 0;
	int err;

	if (strncmp(optarg, "read:", 5) != 0)
		return bad_value("--at", "it is read:N");
	err = number(&n, "--at", optarg + 5, 1);
	o->takes = (unsigned int)n;
	return err;
}

/* A number alone counts connections. */
static int set_recycle(struct wy_serve_options *o)
{
	size_t len = strlen(optarg);

	if (len && strspn(optarg, "0123456789") == len)
		return number(&o->recycle_nr, "--recycle", optarg, 1);
	if (duration_parse(&o->recycle_ms, optarg) < 0 || !o->recycle_ms)
		return bad_value("--recycle", "a number of clients, or a duration: 30m, 2h");
	return 0;
}

/* Opened later; but a bad name is said at once. */
static int readable(const char **ret, const char *path)
{
	*ret = path;
	return access(path, R_OK) == 0 ? 0 :
					 (log_errno(errno, "cannot read '%s'", path), CLI_FAILED);
}

static int add_address(struct wy_serve_options *o, const char *text)
{
	struct wy_serve_listen *l = &o->listen[o->listen_nr];
	const char *why;

	if (o->listen_nr == WY_LISTEN_MAX)
		return cli_bad_usage(CLI_FAILED, "serve", "there are more than %d addresses",
				     WY_LISTEN_MAX);
	l->call = strncmp(text, "call:", 5) == 0;
	l->text = l->call ? text + 5 : text;
	if (addr_parse(&l->addr, l->text, &why) < 0)
		return cli_bad_usage(CLI_FAILED, "serve", "'%s' is no address: %s", text, why);
	o->listen_nr++;
	return 0;
}

/* It is the first one, whatever -l has added before. */
static int add_main_address(struct wy_serve_options *o, const char *text)
{
	int err = add_address(o, text);
	struct wy_serve_listen first;

	if (err)
		return err;
	first = o->listen[o->listen_nr - 1];
	memmove(o->listen + 1, o->listen, (o->listen_nr - 1) * sizeof(first));
	o->listen[0] = first;
	return 0;
}

static int set_number(unsigned int *ret, const char *option, unsigned long min)
{
	unsigned long n = 0;
	int err = number(&n, option, optarg, min);

	*ret = (unsigned int)n;
	return err;
}

static int set_option(struct wy_serve_options *o, int opt)
{
	unsigned int n = 0;
	int err = 0;

	switch (opt) {
	case 'v': log_more(); break;
	case 'l': return add_address(o, optarg);
	case OPT_MODE: return choose_mode(o);
	case OPT_STDIN: return choose_stdin(o);
	case OPT_SPOOL: o->input = WY_STDIN_FILE; break;
	case OPT_SPOOL_MAX: return size(&o->spool_max, "--spool-max");
	case OPT_STDERR: return choose_stderr(o);
	case OPT_EXIT: return choose_exit(o);
	case OPT_FREEZE: return choose_freeze(o);
	case OPT_PRELOAD: return readable(&o->preload, optarg);
	case OPT_WARM: return readable(&o->warm, optarg);
	case OPT_AT: return set_at(o);
	case OPT_LOAD_TIMEOUT: return duration(&o->load_ms, "--load-timeout");
	case OPT_POOL:
		err = set_number(&n, "--pool", 0);
		o->pool = (int)n;
		return err;
	case OPT_QUEUE:
		err = set_number(&n, "--queue", 0);
		o->queue = (int)n;
		return err;
	case OPT_MAX: return set_number(&o->max, "--max", 1);
	case OPT_PER_IP: return set_number(&o->per_ip, "--per-ip", 1);
	case OPT_TIMEOUT: return duration(&o->idle_ms, "--timeout");
	case OPT_TOTAL_TIMEOUT: return duration(&o->total_ms, "--total-timeout");
	case OPT_MEMORY: return size(&o->memory_max, "--memory");
	case OPT_CPU: return duration(&o->cpu_ms, "--cpu");
	case OPT_RECYCLE: return set_recycle(o);
	case OPT_LOG: o->log = optarg; break;
	case OPT_TRACE: o->trace = optarg; break;
	case OPT_STATS: o->stats = true; break;
	case OPT_STATS_JSON: o->json = optarg; break;
	case OPT_NO_FOLLOW: o->flags |= WY_NO_FOLLOW; break;
	case OPT_NO_PATCH: o->flags |= WY_NO_PATCH; break;
	}
	return 0;
}

/* Returns -1 to go on, else the exit status. */
static int parse_options(struct wy_serve_options *o, int argc, char **argv)
{
	int opt, err = 0;

	opterr = 0;
	optind = 0;
	while (!err && (opt = getopt_long(argc, argv, ":vl:", long_options, NULL)) != -1) {
		switch (opt) {
		case OPT_HELP: return cli_print(CLI_FAILED, help);
		case ':':
			return cli_bad_usage(CLI_FAILED, "serve", "the option '%s' wants a value",
					     argv[optind - 1]);
		case '?': return cli_bad_option(CLI_FAILED, "serve", argv);
		default: err = set_option(o, opt);
		}
	}
	return err ? err : -1;
}

/* Returns -1 to go on, else the exit status. */
static int parse(struct wy_serve_options *o, int argc, char **argv)
{
	int dashes = 1, err;

	/* All of waylay's own words stand before "--". */
	while (dashes < argc && strcmp(argv[dashes], "--") != 0)
		dashes++;
	err = parse_options(o, dashes, argv);
	if (err >= 0)
		return err;
	if (optind < dashes) {
		err = add_main_address(o, argv[optind++]);
		if (err)
			return err;
	}
	if (!o->listen_nr)
		return cli_bad_usage(CLI_FAILED, "serve", "no address is given");
	if (optind < dashes)
		return cli_bad_usage(CLI_FAILED, "serve", "'%s': the program stands after '--'",
				     argv[optind]);
	if (dashes + 1 >= argc)
		return cli_bad_usage(CLI_FAILED, "serve", "no program is given after '--'");
	if (o->mode == WY_MODE_FRESH && (o->preload || o->warm || o->takes > 1))
		return cli_bad_usage(CLI_FAILED, "serve",
				     "--preload, --warm and --at are for programs that are kept");
	if (o->mode == WY_MODE_FRESH && (o->trace || o->stats || o->json))
		return cli_bad_usage(CLI_FAILED, "serve",
				     "--trace and --stats need the engine, which fresh has not");
	if (o->stats || o->json)
		o->flags |= WY_LAYER_COUNT | WY_COUNT_ERRORS;
	o->argv = argv + dashes + 1;
	return -1;
}

int cli_serve(int argc, char **argv)
{
	static struct wy_serve_options o = {
		.pool = -1,
		.queue = -1,
		.takes = 1,
		.load_ms = 300000,
		.spool_max = 1ul << 30,
	};
	int ret;

	if (argc > 1 && strcmp(argv[1], "check") == 0)
		return cli_serve_check(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "bench") == 0)
		return cli_serve_bench(argc - 1, argv + 1);
	ret = parse(&o, argc, argv);
	if (ret >= 0)
		return ret;
	ret = wy_serve(&o);
	return ret < 0 ? cli_not_started(ret) : ret;
}
