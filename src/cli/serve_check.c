/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_check.c - waylay serve check, and what it shares with waylay serve bench:
 * a sample on stdin, a program after "--".
 */
#include "cli/cli.h"
#include "cli/serve_trial.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"Usage: waylay serve check [OPTION...] -- PROGRAM [ARG...] < SAMPLE\n"
	"\n"
	"Tries how PROGRAM is served. The sample, a request as a client would send it, is\n"
	"given to the program alone, then to many copies of it, and every answer and exit\n"
	"status is compared. Says in which mode it is served and why, what may go wrong,\n"
	"how much faster it is, and how much of a request is the program's own cleaning\n"
	"up at its end.\n"
	"\n"
	"Options:\n"
	"  -n N           requests (100)\n"
	"  -c N           so many of them at once (32)\n"
	"  --help         print this text\n"
	"All others are those of waylay serve.\n"
	"\n"
	"The exit status is 0 if all answers are equal, 1 if not, 2 if that could not be\n"
	"found out.\n"
	"\n"
	"Example:\n"
	"  echo helo | waylay serve check -- hunspell -a -d en_US\n";

static int number(const char *command, const char *option, const char *text, unsigned int *ret)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = text ? strtoul(text, &end, 10) : 0;
	if (!text || errno || *end || n < 1 || n > 1000000)
		return cli_bad_usage(CLI_TROUBLE, command, "'%s' wants a number from 1 on", option);
	*ret = (unsigned int)n;
	return -1;
}

int cli_serve_trial(int argc, char **argv, const char *command, const char *text,
		    struct wy_check *c)
{
	cleanup_free char **options = calloc((size_t)argc + 1, sizeof(*options));
	unsigned int n = 0;
	int i, ret = -1;

	if (!options)
		return CLI_TROUBLE;
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0 && ret < 0; i++) {
		if (strcmp(argv[i], "--help") == 0)
			return cli_print(CLI_TROUBLE, text);
		if (strcmp(argv[i], "-n") == 0 || strcmp(argv[i], "-c") == 0) {
			unsigned int *to = argv[i][1] == 'n' ? &c->count : &c->parallel;

			ret = number(command, argv[i], argv[i + 1], to);
			i++;
		} else {
			options[n++] = argv[i];
		}
	}
	if (ret >= 0)
		return ret;
	if (i + 1 >= argc)
		return cli_bad_usage(CLI_TROUBLE, command, /* NOLINT(*unix.Malloc) */
				     "no program is given after '--'");
	if (wy_check_read_input(c) < 0 || wy_check_take_signals() < 0)
		return CLI_TROUBLE;
	/* They are needed to the end. */
	c->options = options;
	options = NULL;
	c->argv = argv + i + 1;
	return -1;
}

void cli_serve_trial_end(struct wy_check *c)
{
	free((void *)c->options);
	free((void *)c->input);
}

int cli_serve_check(int argc, char **argv)
{
	struct wy_check c = { .count = 100, .parallel = 32 };
	int ret = cli_serve_trial(argc, argv, "serve check", help, &c);

	if (ret < 0)
		ret = wy_serve_check(&c);
	cli_serve_trial_end(&c);
	return ret;
}
