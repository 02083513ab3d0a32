/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_report.c - waylay trace report: what there is to know of a run, in tables.
 */
#include "cli/cli.h"
#include "host/trace/export.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] =
	"Usage: waylay trace report RUN [-o FILE]\n"
	"\n"
	"Sums up what waylay trace has recorded. RUN is a file, or the folder that\n"
	"waylay trace -d has made; its summary.txt is the same report.\n"
	"\n"
	"The tables: processes; classes of descriptors; descriptors; peers; files; pipes,\n"
	"with their writers and readers; what was waited for; how long calls took; calls\n"
	"by name, as strace -c has them. The last line says what is not in the run.\n"
	"\n"
	"Options:\n"
	"  -o, --output FILE  write to FILE and not to stdout\n"
	"  --help             print this text\n"
	"\n"
	"Exit status: 0; 2: the run cannot be read, or is damaged: the report is of what\n"
	"stands before the damage.\n"
	"\n"
	"Example:\n"
	"  waylay trace -d run tar cf /dev/null /usr/share/doc\n"
	"  waylay trace report run\n";

struct reporting {
	FILE *out;
};

static int end(void *arg, const struct wy_run *run)
{
	struct reporting *r = arg;

	return wy_report(run, r->out);
}

/* Returns -1 to go on, else the exit status. */
static int parse(int argc, char **argv, const char **ret_run, const char **ret_output)
{
	static const struct option long_options[] = {
		{ "help", no_argument, NULL, 256 },
		{ "output", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	opterr = 0;
	optind = 0;
	while ((opt = getopt_long(argc, argv, ":o:", long_options, NULL)) != -1) {
		switch (opt) {
		case 256: return cli_print(CLI_TROUBLE, help);
		case 'o': *ret_output = optarg; break;
		default: return cli_bad_option(CLI_TROUBLE, "trace report", argv);
		}
	}
	if (optind == argc)
		return cli_bad_usage(CLI_TROUBLE, "trace report", "no run is given");
	if (optind + 1 < argc)
		return cli_bad_usage(CLI_TROUBLE, "trace report", "one run at a time, not '%s' too",
				     argv[optind + 1]);
	*ret_run = argv[optind];
	return -1;
}

int cli_trace_report(int argc, char **argv)
{
	const char *path = NULL, *output = NULL;
	struct reporting r;
	struct wy_play play = { .end = end, .arg = &r };
	int err, status = parse(argc, argv, &path, &output);

	if (status >= 0)
		return status;
	r.out = cli_trace_open_output(output, path);
	if (!r.out)
		return CLI_TROUBLE;
	err = wy_play(path, &play);
	if (cli_trace_close_output(r.out, output) < 0 || err < 0)
		return CLI_TROUBLE;
	return CLI_GOOD;
}
