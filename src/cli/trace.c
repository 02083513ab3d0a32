/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.c - waylay trace: what a program does with each descriptor.
 */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/units.h"
#include "host/attached.h"
#include "host/supervisor.h"
#include "host/trace/calltable.h"
#include "host/trace/export.h"
#include "host/trace/record.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SNAPLEN_MAX (64u << 10) /* an event must fit half a ring */

static const char help[] =
	"Usage: waylay trace [OPTION...] [--] PROGRAM [ARG...]\n"
	"       waylay trace [OPTION...] -p PID\n"
	"       waylay trace export RUN --text|--json|--csv|--pcapng [-o FILE]\n"
	"       waylay trace report RUN [-o FILE]\n"
	"\n"
	"Runs a program, and all that it starts, and shows every system call by what its\n"
	"descriptor is: a network connection, a pipe, a file. Lines go to stderr as the\n"
	"calls end; with -d everything is recorded, to be exported and reported later.\n"
	"\n"
	"  -p PID[,PID...]    not a new program, but these that run: first what each\n"
	"                     thread is in; Ctrl-C ends it, and they run on as before\n"
	"  --detach-after T   the same, for this time\n"
	"\n"
	"What is shown:\n"
	"  -e WHAT            only calls that fit; all -e must hold. WHAT is one of\n"
	"                       read,%net,!futex     calls, and strace's groups of them\n"
	"                       class=net,pipe       net unix pipe disk dir tty dev event\n"
	"                                            anon path\n"
	"                       fd=0-2,7  size>=4K  lat>=1ms  status=failed  err=EAGAIN\n"
	"                       path=GLOB  addr=10.0.0.0/8:443  port=53  pid=N  comm=GLOB\n"
	"  -P GLOB            the same as -e path=GLOB\n"
	"  -z, -Z             only calls that succeeded; only calls that failed\n"
	"  -s N               at most N bytes of a string (32)\n"
	"  -c                 no lines, but a table of all calls at the end; -C: both\n"
	"  -S ORDER           by time (the default), calls, errors, name or nothing\n"
	"\n"
	"Where it goes:\n"
	"  -o FILE            lines go to FILE; -ff: to FILE.PID for each process;\n"
	"                     '|COMMAND': to this command's stdin\n"
	"  -d DIR             record into DIR (DIR/run.trc), no lines unless -o is given;\n"
	"                     with PID.log of each process and summary.txt at its end\n"
	"  --csv=ntrace|wide  how PID.log looks: calls on the network in 8 columns, as\n"
	"                     ntrace wrote them (the default), or all calls in 19\n"
	"\n"
	"How lines look:\n"
	"  -t, -tt, -ttt      with the time; with microseconds; as seconds since 1970\n"
	"  -r                 with the time since the line before\n"
	"  -T                 with the time spent in the call\n"
	"  -k                 with the functions that led to the call\n"
	"  -x, -xx            strings that are no text in hexadecimal; all strings\n"
	"  -qq                without +++ lines\n"
	"  --strace           as strace -f -o prints them: no classes, no ++ and -- lines\n"
	"  --color=WHEN       auto (the default), always, never\n"
	"\n"
	"What is recorded, and how:\n"
	"  --payload          the bytes that go through sockets, for --pcapng\n"
	"  --snaplen SIZE     at most so many of each call (64K, which is also the most)\n"
	"  --every T          what goes through each descriptor, every T; with -c alone\n"
	"  --tcp-info[=T]     round-trip time, windows, retransmissions, queues of each\n"
	"                     TCP connection at its start, each T while it is used (1s),\n"
	"                     and at its end\n"
	"  --drop             lose events when the recorder is too slow (and count them),\n"
	"                     rather than let the program wait\n"
	"  --no-uring         programs are told that there is no io_uring\n"
	"  --catch-vdso       time calls of the vDSO are seen, too (they become slower)\n"
	"  --no-follow        let go of programs that the program executes\n"
	"  --no-wait          end with the program, even if ones it started live on\n"
	"  -v, --verbose      say more about what waylay does; -vv says why\n"
	"  --help             print this text\n"
	"\n"
	"-f, -y and -yy are always on. The exit status is the program's own; if a signal\n"
	"ended it, the same signal ends waylay. 125: waylay itself failed; 126: the\n"
	"program cannot be run; 127: it was not found.\n"
	"\n"
	"Examples:\n"
	"  waylay trace -e class=net curl -s http://localhost/\n"
	"  waylay trace -c make\n"
	"  waylay trace -d run ./server; waylay trace report run\n";

#define PIDS_MAX 64

struct options {
	struct wy_record_options record;
	struct wy_filter *filter;
	const char *out, *dir;
	FILE *file; /* out; NULL: it is stderr, or there is one for each process */
	bool piped; /* out is a command, file goes to it */
	unsigned int session_flags;
	unsigned int f, q, t, x;
	bool table, both; /* -c, -C */
	enum wy_calltable_order order;
	bool no_wait;
	pid_t pids[PIDS_MAX]; /* -p */
	unsigned int nr_pids;
	unsigned long detach_after; /* milliseconds; 0: never */
	const char *colour;
	enum wy_csv_style csv;
	char run[PATH_MAX];
	char **argv;
};

enum {
	OPT_HELP = 256,
	OPT_STRACE,
	OPT_COLOUR,
	OPT_PAYLOAD,
	OPT_SNAPLEN,
	OPT_DETACH_AFTER,
	OPT_EVERY,
	OPT_TCP_INFO,
	OPT_DROP,
	OPT_NO_URING,
	OPT_CATCH_VDSO,
	OPT_NO_FOLLOW,
	OPT_NO_WAIT,
	OPT_CSV,
};

static const struct option long_options[] = {
	{ "csv", required_argument, NULL, OPT_CSV },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "strace", no_argument, NULL, OPT_STRACE },
	{ "color", required_argument, NULL, OPT_COLOUR },
	{ "payload", no_argument, NULL, OPT_PAYLOAD },
	{ "snaplen", required_argument, NULL, OPT_SNAPLEN },
	{ "detach-after", required_argument, NULL, OPT_DETACH_AFTER },
	{ "every", required_argument, NULL, OPT_EVERY },
	{ "tcp-info", optional_argument, NULL, OPT_TCP_INFO },
	{ "drop", no_argument, NULL, OPT_DROP },
	{ "no-uring", no_argument, NULL, OPT_NO_URING },
	{ "catch-vdso", no_argument, NULL, OPT_CATCH_VDSO },
	{ "no-follow", no_argument, NULL, OPT_NO_FOLLOW },
	{ "no-wait", no_argument, NULL, OPT_NO_WAIT },
	{ "verbose", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

static int bad_value(const char *option, const char *value)
{
	return cli_bad_usage(CLI_FAILED, "trace", "%s: '%s' makes no sense", option, value);
}

static int read_number(const char *option, const char *value, unsigned int *ret)
{
	unsigned long n;

	if (size_parse(&n, value) < 0 || n > UINT_MAX)
		return bad_value(option, value);
	*ret = (unsigned int)n;
	return 0;
}

static int add_filter(struct options *o, const char *spec)
{
	return wy_filter_add(o->filter, spec) < 0 ? CLI_FAILED : 0;
}

static int add_path(struct options *o, const char *glob)
{
	char spec[PATH_MAX + 8];

	snprintf(spec, sizeof(spec), "path=%s", glob);
	return add_filter(o, spec);
}

static int set_tcp_info(struct options *o)
{
	o->record.settings.flags |= WY_TRACE_TCP;
	o->record.tcp_every = 1000000000ul;
	if (optarg && duration_parse_ns(&o->record.tcp_every, optarg) < 0)
		return bad_value("--tcp-info", optarg);
	return 0;
}

static int set_order(struct options *o)
{
	int order = wy_calltable_order(optarg);

	if (order < 0)
		return bad_value("-S", optarg);
	o->order = (enum wy_calltable_order)order;
	return 0;
}

static int add_pids(struct options *o, const char *list)
{
	for (const char *at = list; *at;) {
		char *end;
		long pid = strtol(at, &end, 10);

		if (end == at || (*end && *end != ',') || pid <= 0 || pid > INT_MAX)
			return bad_value("-p", list);
		if (o->nr_pids == PIDS_MAX)
			return cli_bad_usage(CLI_FAILED, "trace", "-p takes at most %d processes",
					     PIDS_MAX);
		o->pids[o->nr_pids++] = (pid_t)pid;
		at = *end ? end + 1 : end;
	}
	return 0;
}

/* Takes one option.  Returns 0, or the exit status. */
static int take(struct options *o, int opt, char **argv)
{
	struct wy_trace_settings *s = &o->record.settings;

	switch (opt) {
	case 'e': return add_filter(o, optarg);
	case 'P': return add_path(o, optarg);
	case 'z': return add_filter(o, "status=successful");
	case 'Z': return add_filter(o, "status=failed");
	case 's': return read_number("-s", optarg, &s->string_max);
	case OPT_SNAPLEN: return read_number("--snaplen", optarg, &s->snaplen);
	case 'c': o->table = true; return 0;
	case 'C': o->both = true; return 0;
	case 'S': return set_order(o);
	case 'o': o->out = optarg; return 0;
	case 'd': o->dir = optarg; return 0;
	case 'f': o->f++; return 0;
	case 't': o->t++; return 0;
	case 'x': o->x++; return 0;
	case 'y': return 0;
	case 'q': o->q++; return 0;
	case 'r': o->record.style.relative = true; return 0;
	case 'k':
		s->flags |= WY_TRACE_STACK;
		o->record.style.stacks = true;
		return 0;
	case 'T': o->record.style.took = true; return 0;
	case OPT_STRACE: o->record.style.strace = true; return 0;
	case OPT_COLOUR: o->colour = optarg; return 0;
	case OPT_PAYLOAD: s->flags |= WY_TRACE_PAYLOAD; return 0;
	case 'p': return add_pids(o, optarg);
	case OPT_DETACH_AFTER:
		return duration_parse(&o->detach_after, optarg) < 0 ?
			       bad_value("--detach-after", optarg) :
			       0;
	case OPT_EVERY:
		if (duration_parse_ns(&o->record.style.every_ns, optarg) < 0 ||
		    !o->record.style.every_ns)
			return bad_value("--every", optarg);
		return 0;
	case OPT_TCP_INFO: return set_tcp_info(o);
	case OPT_DROP: s->flags |= WY_TRACE_DROP; return 0;
	case OPT_NO_URING: s->flags |= WY_TRACE_NO_URING; return 0;
	case OPT_CATCH_VDSO: o->session_flags |= WY_CATCH_VDSO; return 0;
	case OPT_NO_FOLLOW: o->session_flags |= WY_NO_FOLLOW; return 0;
	case OPT_NO_WAIT: o->no_wait = true; return 0;
	case OPT_CSV:
		if (strcmp(optarg, "wide") == 0)
			o->csv = WY_CSV_WIDE;
		else if (strcmp(optarg, "ntrace") != 0)
			return bad_value("--csv", optarg);
		return 0;
	case 'v': log_more(); return 0;
	case ':':
		return cli_bad_usage(CLI_FAILED, "trace", "the option '%s' wants a value",
				     argv[optind - 1]);
	default: return cli_bad_option(CLI_FAILED, "trace", argv);
	}
}

static int set_colour(struct options *o)
{
	const char *when = o->colour ? o->colour : "auto";

	if (strcmp(when, "always") == 0)
		o->record.style.colour = true;
	else if (strcmp(when, "auto") == 0)
		o->record.style.colour = !o->out && isatty(STDERR_FILENO) && !getenv("NO_COLOR");
	else if (strcmp(when, "never") != 0)
		return bad_value("--color", when);
	return 0;
}

/* What the options mean together. */
static int settle(struct options *o)
{
	struct wy_record_options *r = &o->record;

	if (o->t > 3 || o->x > 2)
		return cli_bad_usage(CLI_FAILED, "trace", "at most -ttt and -xx are there");
	if (r->settings.snaplen > SNAPLEN_MAX)
		return cli_bad_usage(CLI_FAILED, "trace", "--snaplen: at most 64K are there");
	if (o->f > 1 && !o->out)
		return cli_bad_usage(CLI_FAILED, "trace", "-ff wants -o FILE");
	if ((o->table || o->both) && wy_filter_by_event(o->filter))
		return cli_bad_usage(CLI_FAILED, "trace",
				     "-c and -C cannot choose by path, addr, port, err, pid, comm");
	r->style.time = (enum wy_line_time)o->t;
	r->style.decode.hex = (int)o->x;
	r->style.decode.string_max = r->settings.string_max;
	r->style.decode.yy = 2;
	r->style.quiet = o->q > 1;
	o->piped = o->out && (*o->out == '|' || *o->out == '!');
	if (o->piped && o->f > 1)
		return cli_bad_usage(CLI_FAILED, "trace", "-ff cannot go to a command");
	r->style.split = o->f > 1 && o->out && !o->table;
	r->style.path = o->out;
	if (o->table || o->both)
		r->settings.flags |= WY_TRACE_TOTALS;
	r->settings.flags |= WY_TRACE_ITEMS;
	r->filter = o->filter;
	return set_colour(o);
}

/* Returns -1, and o->argv is set, to go on; else the exit status. */
static int parse(struct options *o, int argc, char **argv)
{
	int opt, status;

	o->record.settings.string_max = WY_RECORD_STRING;
	o->record.settings.snaplen = SNAPLEN_MAX;
	opterr = 0;
	optind = 0;
	while ((opt = getopt_long(argc, argv, "+:e:p:P:zZs:cCS:o:d:fqtxyrTkv", long_options,
				  NULL)) != -1) {
		if (opt == OPT_HELP)
			return cli_print(CLI_FAILED, help);
		status = take(o, opt, argv);
		if (status)
			return status;
	}
	if (optind == argc && !o->nr_pids)
		return cli_bad_usage(CLI_FAILED, "trace", "no program is given");
	if (optind != argc && o->nr_pids)
		return cli_bad_usage(CLI_FAILED, "trace", "-p and a program exclude each other");
	status = settle(o);
	if (status)
		return status;
	o->argv = argv + optind;
	o->record.argv = o->argv;
	return -1;
}

/* Opened before the program starts: a bad name is said at once. */
static int open_outputs(struct options *o)
{
	struct wy_record_options *r = &o->record;

	if (o->dir) {
		if (mkdir(o->dir, 0777) < 0 && errno != EEXIST)
			return log_errno(errno, "cannot make '%s'", o->dir);
		if (snprintf(o->run, sizeof(o->run), "%s/run.trc", o->dir) >= (int)sizeof(o->run))
			return log_errno(ENAMETOOLONG, "cannot write into '%s'", o->dir);
		r->run = o->run;
	}
	r->style.rates_only = o->table && r->style.every_ns;
	if (o->out && !r->style.split) {
		o->file = o->piped ? popen(o->out + 1, "we") : fopen(o->out, "we");
		if (!o->file)
			return log_errno(errno, "cannot write '%s'", o->out);
		r->text = o->table && !r->style.rates_only ? NULL : o->file;
	} else if (r->style.rates_only || (!o->out && !o->dir && !o->table)) {
		r->text = stderr;
		setvbuf(stderr, NULL, _IOFBF, 1 << 16);
	}
	return 0;
}

static int run_program(struct options *o, struct wy_supervisor *v)
{
	int err;

	v->stay = !o->no_wait;
	err = wy_supervisor_run(v, o->argv);
	return err ? cli_not_started(err) : 0;
}

/* What a thread is in when it is found: a call that nothing is known of but its numbers. */
static void show_blocked(void *arg, const struct wy_blocked *b)
{
	struct options *o = arg;
	struct wy_event_view v = { .pid = b->pid, .tid = b->tid };
	struct wy_world *world = wy_world_new();
	FILE *out = o->file ? o->file : stderr;

	if (b->pid == b->tid)
		fprintf(out, "%d ", b->pid);
	else
		fprintf(out, "%d/%d ", b->pid, b->tid);
	if (b->nr < 0 || !world) {
		fputs("runs\n", out);
	} else {
		v.e.kind = WY_EVENT_CALL;
		v.e.flags = WY_EVENT_NO_RETURN;
		v.e.nr = (unsigned short)b->nr;
		for (int i = 0; i < 4; i++)
			v.e.arg[i] = (long)b->arg[i];
		fputs("is in ", out);
		wy_decode_call(out, &o->record.style.decode, world, &v);
		fputc('\n', out);
	}
	wy_world_free(world);
	fflush(out);
}

static int run_attached(struct options *o, struct wy_supervisor *v)
{
	struct wy_attached a;
	int err = 0;

	wy_attached_init(&a, v);
	for (unsigned int i = 0; i < o->nr_pids && !err; i++)
		err = wy_attached_add(&a, o->pids[i], show_blocked, o);
	if (!err)
		wy_attached_run(&a, o->detach_after ? (long)o->detach_after : -1);
	if (wy_attached_leave(&a) < 0)
		err = -EBUSY;
	return err ? CLI_FAILED : 0;
}

static int run(struct options *o, struct wy_supervisor *v)
{
	struct wy_recording *r;
	FILE *table = o->file ? o->file : stderr;
	int status;

	if (wy_supervisor_init(v, WY_RECORD_FLAGS | o->session_flags) < 0)
		return CLI_FAILED;
	if (wy_recording_start(&r, &o->record, v) < 0)
		return CLI_FAILED;
	status = o->nr_pids ? run_attached(o, v) : run_program(o, v);
	wy_recording_stop(r);
	if (!status && (o->table || o->both))
		wy_calltable_print(table, r, o->order);
	wy_recording_free(r);
	if (!status && o->dir)
		wy_rundir_finish(o->dir, o->csv);
	return status;
}

static void close_output(struct options *o)
{
	bool said = o->file && ferror(o->file); /* that nothing can be written */

	if (!o->file)
		return;
	if (o->piped)
		pclose(o->file);
	else if (fclose(o->file) != 0 && !said)
		log_errno(errno, "cannot write '%s'", o->out);
}

int cli_trace(int argc, char **argv)
{
	static struct wy_supervisor v;
	static struct options o;
	int status;

	if (argc > 1 && strcmp(argv[1], "export") == 0)
		return cli_trace_export(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "report") == 0)
		return cli_trace_report(argc - 1, argv + 1);
	o.filter = wy_filter_new();
	if (!o.filter)
		return CLI_FAILED;
	status = parse(&o, argc, argv);
	if (o.argv)
		status = open_outputs(&o) < 0 ? CLI_FAILED : run(&o, &v);
	close_output(&o);
	fflush(stderr);
	wy_filter_free(o.filter);
	if (!o.argv || o.nr_pids || status)
		return status;
	wy_supervisor_end_as(v.status);
}
