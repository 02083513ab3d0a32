/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_export.c - waylay trace export: a run in another format.
 */
#include "base/log.h"
#include "cli/cli.h"
#include "host/trace/export.h"
#include "host/trace/line.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
	"Usage: waylay trace export RUN FORMAT [-o FILE]\n"
	"\n"
	"Makes something else of what waylay trace has recorded. RUN is a file, or the\n"
	"folder that waylay trace -d has made.\n"
	"\n"
	"FORMAT is one of:\n"
	"  --text            the lines that waylay trace shows as it runs\n"
	"  --json            JSON Lines: an object for each event\n"
	"  --csv             a line for each call that moved bytes over the network, then\n"
	"                    the sums of network, pipes and disk; the format of ntrace\n"
	"  --csv=wide        a line for each call on a descriptor, and more columns\n"
	"  --pcapng          packets, for Wireshark: what went through sockets and pipes.\n"
	"                    The bytes are there if the run was recorded with --payload\n"
	"\n"
	"Options:\n"
	"  -o, --output FILE  write to FILE and not to stdout\n"
	"  -t, -tt, -ttt      lines with the time; with microseconds; as seconds since 1970\n"
	"  -r                 lines with the time since the one before\n"
	"  -T                 lines with the time spent in the call\n"
	"  --strace           lines as strace prints them: no classes, no ++ and --\n"
	"  --help             print this text\n"
	"\n"
	"Exit status: 0; 2: the run cannot be read, or is damaged: what stands before the\n"
	"damage is given out. A run that is cut off is given out up to its end.\n"
	"\n"
	"Examples:\n"
	"  waylay trace export run.trc --json | jq 'select(.class == \"net\")'\n"
	"  waylay trace export trace-dir --pcapng -o run.pcapng\n";

/* How lines of text look. */
static struct wy_line_style lines = { .decode = { .string_max = 1u << 20, .yy = 2 } };

struct format {
	int (*survey)(void **state, const char *path); /* NULL: once through is enough */
	int (*begin)(void **state, const struct wy_run *run, FILE *out);
	int (*event)(void *state, const struct wy_run *run, FILE *out,
		     const struct wy_event_view *v);
	int (*end)(void *state, const struct wy_run *run, FILE *out);
	void (*free)(void *state);
};

/* ---- lines of text ---- */

static int text_begin(void **state, const struct wy_run *run, FILE *out)
{
	*state = wy_line_new(&lines, NULL, out);
	if (!*state)
		return -ENOMEM;
	wy_line_clock(*state, &run->clock->first);
	wy_line_clock(*state, &run->clock->last);
	return 0;
}

static int text_event(void *state, const struct wy_run *run, FILE *out,
		      const struct wy_event_view *v)
{
	return wy_line_event(state, v);
}

static int text_end(void *state, const struct wy_run *run, FILE *out)
{
	wy_line_flush(state);
	return 0;
}

static void text_free(void *state)
{
	wy_line_free(state);
}

/* ---- JSON ---- */

static int json_begin(void **state, const struct wy_run *run, FILE *out)
{
	return wy_json_head(run, out);
}

static int json_event(void *state, const struct wy_run *run, FILE *out,
		      const struct wy_event_view *v)
{
	return wy_json_event(run, out, v);
}

static int json_end(void *state, const struct wy_run *run, FILE *out)
{
	return wy_json_tail(run, out);
}

/* ---- CSV ---- */

static int csv_begin(void **state, const struct wy_run *run, FILE *out, enum wy_csv_style style)
{
	*state = wy_csv_new(run, style);
	if (!*state)
		return -ENOMEM;
	wy_csv_head(*state, out);
	return 0;
}

static int ntrace_begin(void **state, const struct wy_run *run, FILE *out)
{
	return csv_begin(state, run, out, WY_CSV_NTRACE);
}

static int wide_begin(void **state, const struct wy_run *run, FILE *out)
{
	return csv_begin(state, run, out, WY_CSV_WIDE);
}

static int csv_event(void *state, const struct wy_run *run, FILE *out,
		     const struct wy_event_view *v)
{
	return wy_csv_event(state, out, v);
}

static int csv_end(void *state, const struct wy_run *run, FILE *out)
{
	wy_csv_tail(state, out, -1);
	return 0;
}

static void csv_free(void *state)
{
	wy_csv_free(state);
}

/* ---- packets ---- */

static int pcapng_begin(void **state, const struct wy_run *run, FILE *out)
{
	return wy_pcapng_head(*state, run, out);
}

static int pcapng_event(void *state, const struct wy_run *run, FILE *out,
			const struct wy_event_view *v)
{
	return wy_pcapng_event(state, run, out, v);
}

static int pcapng_end(void *state, const struct wy_run *run, FILE *out)
{
	return wy_pcapng_tail(state, run, out);
}

static int survey_event(void *state, const struct wy_run *run, const struct wy_event_view *v)
{
	return wy_pcapng_survey(state, v);
}

static int survey_end(void *state, const struct wy_run *run)
{
	return wy_pcapng_surveyed(state, run);
}

/* The first time through: what is damaged or cut off is told the second time. */
static int pcapng_survey(void **state, const char *path)
{
	struct wy_pcapng *p = wy_pcapng_new();
	struct wy_play play = { NULL, survey_event, survey_end, p, true };

	*state = p;
	return p ? wy_play(path, &play) : -ENOMEM;
}

static void pcapng_free(void *state)
{
	wy_pcapng_free(state);
}

static const struct format text_format = { NULL, text_begin, text_event, text_end, text_free };
static const struct format json_format = { NULL, json_begin, json_event, json_end, NULL };
static const struct format ntrace_format = { NULL, ntrace_begin, csv_event, csv_end, csv_free };
static const struct format wide_format = { NULL, wide_begin, csv_event, csv_end, csv_free };
static const struct format pcapng_format = { pcapng_survey, pcapng_begin, pcapng_event, pcapng_end,
					     pcapng_free };

/* ---- the run, through a format ---- */

struct exporting {
	const struct format *format;
	void *state;
	FILE *out;
};

static int begin(void *arg, const struct wy_run *run)
{
	struct exporting *e = arg;

	return e->format->begin(&e->state, run, e->out);
}

static int event(void *arg, const struct wy_run *run, const struct wy_event_view *v)
{
	struct exporting *e = arg;

	return e->format->event(e->state, run, e->out, v);
}

static int end(void *arg, const struct wy_run *run)
{
	struct exporting *e = arg;

	return e->format->end(e->state, run, e->out);
}

static int export_run(const char *path, const struct format *format, FILE *out)
{
	struct exporting e = { .format = format, .out = out };
	struct wy_play play = { begin, event, end, &e };
	/* NOLINTNEXTLINE(*NullDereference): without a format the options were refused */
	int err = format->survey ? format->survey(&e.state, path) : 0;

	if (!err || err == -EBADMSG)
		err = wy_play(path, &play);
	if (format->free && e.state)
		format->free(e.state);
	return err;
}

struct options {
	const char *run, *output;
	const struct format *format;
};

/* Returns -1 to go on, else the exit status. */
static int parse(int argc, char **argv, struct options *o)
{
	enum { HELP = 256, TEXT, JSON, CSV, PCAPNG, STRACE };
	static const struct option long_options[] = {
		{ "csv", optional_argument, NULL, CSV }, { "help", no_argument, NULL, HELP },
		{ "json", no_argument, NULL, JSON },     { "output", required_argument, NULL, 'o' },
		{ "pcapng", no_argument, NULL, PCAPNG }, { "strace", no_argument, NULL, STRACE },
		{ "text", no_argument, NULL, TEXT },     { NULL, 0, NULL, 0 },
	};
	const struct format *format;
	int opt;

	opterr = 0;
	optind = 0;
	while ((opt = getopt_long(argc, argv, ":o:trT", long_options, NULL)) != -1) {
		switch (opt) {
		case HELP: return cli_print(CLI_TROUBLE, help);
		case 'o': o->output = optarg; continue;
		case 't':
			if (lines.time < WY_TIME_EPOCH)
				lines.time++;
			continue;
		case 'r': lines.relative = true; continue;
		case 'T': lines.took = true; continue;
		case STRACE: lines.strace = true; continue;
		case TEXT: format = &text_format; break;
		case JSON: format = &json_format; break;
		case PCAPNG: format = &pcapng_format; break;
		case CSV:
			if (!optarg || strcmp(optarg, "ntrace") == 0)
				format = &ntrace_format;
			else if (strcmp(optarg, "wide") == 0)
				format = &wide_format;
			else
				return cli_bad_usage(CLI_TROUBLE, "trace export",
						     "--csv is ntrace or wide, not '%s'", optarg);
			break;
		default: return cli_bad_option(CLI_TROUBLE, "trace export", argv);
		}
		if (o->format)
			return cli_bad_usage(CLI_TROUBLE, "trace export", "one format at a time");
		o->format = format;
	}
	if (optind == argc)
		return cli_bad_usage(CLI_TROUBLE, "trace export", "no run is given");
	if (optind + 1 < argc)
		return cli_bad_usage(CLI_TROUBLE, "trace export", "one run at a time, not '%s' too",
				     argv[optind + 1]);
	if (!o->format)
		return cli_bad_usage(CLI_TROUBLE, "trace export", "no format is given");
	o->run = argv[optind];
	return -1;
}

/* Is the output the recording itself?  It would be empty before it is read. */
static bool is_the_run(const char *path, const char *run)
{
	char in_folder[PATH_MAX];
	struct stat out, in;

	if (!path || stat(path, &out) < 0 || stat(run, &in) < 0)
		return false;
	if (S_ISDIR(in.st_mode)) {
		snprintf(in_folder, sizeof(in_folder), "%s/run.trc", run);
		if (stat(in_folder, &in) < 0)
			return false;
	}
	return in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}

FILE *cli_trace_open_output(const char *path, const char *run)
{
	FILE *out;

	if (is_the_run(path, run)) {
		log_err("%s is the recording itself", path);
		return NULL;
	}
	out = path ? fopen(path, "we") : stdout;
	if (!out)
		log_errno(errno, "cannot write %s", path);
	return out;
}

int cli_trace_close_output(FILE *out, const char *path)
{
	bool failed = fflush(out) != 0 || ferror(out);
	int err = errno;

	if (path && fclose(out) != 0 && !failed) {
		failed = true;
		err = errno;
	}
	return failed ? log_errno(err ? err : EIO, "cannot write %s", path ? path : "to stdout") :
			0;
}

int cli_trace_export(int argc, char **argv)
{
	struct options o = { 0 };
	int err, status = parse(argc, argv, &o);
	FILE *out;

	if (status >= 0)
		return status;
	out = cli_trace_open_output(o.output, o.run);
	if (!out)
		return CLI_TROUBLE;
	err = export_run(o.run, o.format, out);
	if (cli_trace_close_output(out, o.output) < 0 || err < 0)
		return CLI_TROUBLE;
	return CLI_GOOD;
}
