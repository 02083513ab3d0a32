/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c - waylay run: a program under the engine, with no job.
 */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "host/attached.h"
#include "host/callnames.h"
#include "host/stats.h"
#include "host/supervisor.h"
#include "host/trace/record.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"Usage: waylay run [OPTION...] [--] PROGRAM [ARG...]\n"
	"\n"
	"Runs a program, and all that it starts, under the engine. Every system call is\n"
	"caught and passed on; nothing else changes. With --stats the calls are counted.\n"
	"\n"
	"Options:\n"
	"  --stats            when the program has ended, print which calls were made\n"
	"  --stats-json FILE  write the same to FILE as JSON\n"
	"  --trace FILE       record all calls into FILE: see 'waylay trace report FILE'\n"
	"  --no-follow        let go of programs that the program executes\n"
	"  --catch-vdso       catch the time calls of the vDSO, too (they become slower)\n"
	"  -v, --verbose      say more about what waylay does; -vv says why\n"
	"  --help             print this text\n"
	"\n"
	"The exit status is the program's own; if a signal ended it, the same signal ends\n"
	"waylay. 125: waylay itself failed; 126: the program cannot be run; 127: it was\n"
	"not found.\n"
	"\n"
	"Example:\n"
	"  waylay run --stats ls -l\n";

#define ATTACH_MAX 16

struct options {
	bool stats;
	const char *json, *trace;
	unsigned int flags;
	char **argv;
	pid_t attach[ATTACH_MAX];
	unsigned int nr_attach;
	long detach_after; /* milliseconds; -1: never */
};

enum {
	OPT_HELP = 256,
	OPT_STATS,
	OPT_STATS_JSON,
	OPT_TRACE,
	OPT_NO_FOLLOW,
	OPT_LAYER,
	OPT_NO_PATCH,
	OPT_CATCH_VDSO,
	OPT_FOLLOW,
	OPT_ATTACH,
	OPT_DETACH_AFTER
};

/* From --layer on they are for tests and measurements, and in no manual. */
static const struct option long_options[] = {
	{ "help", no_argument, NULL, OPT_HELP },
	{ "stats", no_argument, NULL, OPT_STATS },
	{ "stats-json", required_argument, NULL, OPT_STATS_JSON },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "no-follow", no_argument, NULL, OPT_NO_FOLLOW },
	{ "catch-vdso", no_argument, NULL, OPT_CATCH_VDSO },
	{ "verbose", no_argument, NULL, 'v' },
	{ "layer", required_argument, NULL, OPT_LAYER },
	{ "no-patch", no_argument, NULL, OPT_NO_PATCH },
	{ "follow", required_argument, NULL, OPT_FOLLOW },
	{ "attach", required_argument, NULL, OPT_ATTACH },
	{ "detach-after", required_argument, NULL, OPT_DETACH_AFTER },
	{ NULL, 0, NULL, 0 },
};

static int set_layer(struct options *o, const char *name)
{
	if (strcmp(name, "count") == 0)
		o->flags |= WY_LAYER_COUNT;
	else if (strcmp(name, "null") == 0)
		o->flags |= WY_LAYER_NULL;
	else if (strcmp(name, "none") != 0)
		return cli_bad_usage(CLI_FAILED, "run", "there is no layer '%s'", name);
	return 0;
}

static int set_follow(struct options *o, const char *how)
{
	if (strcmp(how, "userland") == 0)
		o->flags |= WY_FOLLOW_USERLAND;
	else if (strcmp(how, "ptrace") == 0)
		o->flags &= ~(unsigned int)WY_FOLLOW_USERLAND;
	else
		return cli_bad_usage(CLI_FAILED, "run", "there is no way to follow '%s'", how);
	return 0;
}

static int add_attach(struct options *o, const char *word)
{
	char *end;
	long pid = strtol(word, &end, 10);

	if (*end || pid <= 0 || pid > 0x7fffffff || o->nr_attach == ATTACH_MAX)
		return cli_bad_usage(CLI_FAILED, "run", "'%s' is no process to attach to", word);
	o->attach[o->nr_attach++] = (pid_t)pid;
	return 0;
}

/* Returns -1, and o->argv is set, to go on; else the exit status. */
static int parse(struct options *o, int argc, char **argv)
{
	int opt, err;

	opterr = 0;
	optind = 0;
	while ((opt = getopt_long(argc, argv, "+:v", long_options, NULL)) != -1) {
		switch (opt) {
		case OPT_HELP: return cli_print(CLI_FAILED, help);
		case OPT_STATS: o->stats = true; break;
		case OPT_STATS_JSON: o->json = optarg; break;
		case OPT_TRACE:
			o->trace = optarg;
			o->flags |= WY_RECORD_FLAGS;
			break;
		case OPT_NO_FOLLOW: o->flags |= WY_NO_FOLLOW; break;
		case OPT_CATCH_VDSO: o->flags |= WY_CATCH_VDSO; break;
		case OPT_NO_PATCH: o->flags |= WY_NO_PATCH; break;
		case OPT_LAYER:
			err = set_layer(o, optarg);
			if (err)
				return err;
			break;
		case OPT_FOLLOW:
			err = set_follow(o, optarg);
			if (err)
				return err;
			break;
		case OPT_ATTACH:
			err = add_attach(o, optarg);
			if (err)
				return err;
			break;
		case OPT_DETACH_AFTER: o->detach_after = strtol(optarg, NULL, 10); break;
		case 'v': log_more(); break;
		case ':':
			return cli_bad_usage(CLI_FAILED, "run", "the option '%s' wants a value",
					     argv[optind - 1]);
		default: return cli_bad_option(CLI_FAILED, "run", argv);
		}
	}
	if (optind == argc && !o->nr_attach)
		return cli_bad_usage(CLI_FAILED, "run", "no program is given");
	if (o->stats || o->json)
		o->flags |= WY_LAYER_COUNT | WY_COUNT_ERRORS;
	o->argv = argv + optind;
	return -1;
}

/* Opened before the program starts: a bad name is said at once. */
static int open_json(const struct options *o, FILE **ret)
{
	*ret = NULL;
	if (!o->json)
		return 0;
	*ret = fopen(o->json, "we");
	return *ret ? 0 : log_errno(errno, "cannot write '%s'", o->json);
}

static void print_stats(const struct options *o, const struct wy_session *s, FILE *json)
{
	struct wy_stats stats;
	int err = 0;

	if (!o->stats && !json)
		return;
	wy_stats_sum(&stats, s);
	if (o->stats)
		wy_stats_print(&stats, s, stderr);
	if (json)
		err = wy_stats_json(&stats, s, json);
	if (err)
		log_errno(err, "cannot write '%s'", o->json);
}

/* Without an engine, and that has been said, the program can still be run. */
static int run_plain(char **argv)
{
	log_info("'%s' runs uncaught", argv[0]);
	execvp(argv[0], argv);
	return cli_not_started(log_errno(errno, "cannot run '%s'", argv[0]));
}

static void say_blocked(void *arg, const struct wy_blocked *b)
{
	const char *name = b->nr < 0 ? NULL : wy_callname((unsigned int)b->nr);

	(void)arg;
	if (b->nr < 0)
		log_info("thread %d runs", b->tid);
	else
		log_info("thread %d is in %s", b->tid, name ? name : "a call without a name");
}

static int run_attached(const struct options *o, struct wy_supervisor *v, FILE *json)
{
	struct wy_attached a;
	int err = 0;

	wy_attached_init(&a, v);
	for (unsigned int i = 0; i < o->nr_attach && !err; i++)
		err = wy_attached_add(&a, o->attach[i], say_blocked, NULL);
	if (!err) {
		log_info("attached");
		wy_attached_run(&a, o->detach_after);
	}
	if (wy_attached_leave(&a) < 0)
		err = -1;
	print_stats(o, v->session.mem, json);
	return err ? CLI_FAILED : 0;
}

int cli_run(int argc, char **argv)
{
	static struct wy_supervisor v;
	struct wy_record_options record;
	struct wy_recording *recording = NULL;
	struct options o = { .detach_after = -1 };
	FILE *json;
	int err = parse(&o, argc, argv);

	if (!o.argv)
		return err;
	if (open_json(&o, &json) < 0)
		return CLI_FAILED;
	if (wy_supervisor_init(&v, o.flags) < 0)
		return o.nr_attach ? CLI_FAILED : run_plain(o.argv);
	if (o.nr_attach)
		return run_attached(&o, &v, json);
	if (o.trace) {
		wy_record_to_file(&record, o.trace, o.argv);
		if (wy_recording_start(&recording, &record, &v) < 0)
			return CLI_FAILED;
	}
	err = wy_supervisor_run(&v, o.argv);
	if (recording)
		wy_recording_stop(recording);
	if (err)
		return cli_not_started(err);
	print_stats(&o, v.session.mem, json);
	wy_supervisor_end_as(v.status);
}
