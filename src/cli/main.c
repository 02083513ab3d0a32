/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - finds the command and calls it.
 */
#include "cli/cli.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int help_main(int argc, char **argv);
static int version_main(int argc, char **argv);

static const struct cli_command commands[] = {
	{ "run", "run a program under the engine; nothing else changes", cli_run },
#ifdef WY_HAVE_SERVE
	{ "serve", "make a network server of a program that reads stdin", cli_serve },
	{ "call", "run a program that is served, as if it were started here", cli_call },
#endif
	{ "trace", "show what a program does with each descriptor", cli_trace },
	{ "doctor", "say what this machine allows, and which way waylay will take", cli_doctor },
	{ "help", "explain a command: waylay help COMMAND", help_main },
	{ "version", "print the version", version_main },
};

#define COMMANDS_NR (sizeof(commands) / sizeof(commands[0]))

static const char help_head[] =
	"Usage: waylay [-v] COMMAND [OPTION...] [--] [PROGRAM [ARG...]]\n"
	"\n"
	"waylay puts code between an unmodified program and its kernel: it catches every\n"
	"system call the program makes, however the program was built and linked, and\n"
	"does a job with what it caught. The program needs no preparation and you need\n"
	"no privileges.\n"
	"\n"
	"Commands:\n";

static const char help_tail[] =
	"\n"
	"Options before the command:\n"
	"  -v, --verbose  say more about what waylay does; -vv says why\n"
	"  --help         print this text\n"
	"  --version      print the version\n"
	"\n"
	"'waylay COMMAND --help' explains a command and its options.\n"
	"\n"
	"Examples:\n"
	"  waylay doctor                      will it work on this machine?\n"
	"  waylay run ls -l                   run ls; nothing changes\n"
	"  waylay run --stats ls -l           the same, then which calls it made\n"
#ifdef WY_HAVE_SERVE
	"  waylay serve 8080 -- tr a-z A-Z    a server; try nc -N localhost 8080\n"
#endif
	"\n"
	"What waylay says goes to stderr and starts with 'waylay:'; everything else is\n"
	"the program's. The exit status is the program's own; if a signal ended the\n"
	"program, the same signal ends waylay. 125: waylay itself failed; 126: the\n"
	"program cannot be run; 127: it was not found. Commands that run no program:\n"
	"0 all well, 1 a difference or finding, 2 trouble.\n"
	"\n"
	"Environment:\n"
	"  WAYLAY_LOG     err, warn (the default), info or debug; -v adds to it\n"
	"\n"
	"More: waylay(1), waylay(7).\n";

static int print_failed(int status)
{
	log_errno(errno, "cannot write to stdout");
	return status;
}

int cli_not_started(int err)
{
	switch (err) {
	case -ENOENT: return CLI_NOT_FOUND;
	case -EAGAIN:
	case -ENOMEM: return CLI_FAILED;
	}
	return CLI_CANNOT_RUN;
}

int cli_print(int status, const char *text)
{
	if (fputs(text, stdout) == EOF || fflush(stdout) == EOF)
		return print_failed(status);
	return 0;
}

int cli_bad_usage(int status, const char *command, const char *fmt, ...)
{
	char text[LOG_LINE_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (command)
		log_err("%s: %s; try 'waylay %s --help'", command, text, command);
	else
		log_err("%s; try 'waylay --help'", text);
	return status;
}

int cli_bad_option(int status, const char *command, char **argv)
{
	/* Within "-xv" getopt has not left the word yet. */
	if (optopt > 0 && optopt < 256)
		return cli_bad_usage(status, command, "there is no option '-%c'", optopt);
	return cli_bad_usage(status, command, "there is no option '%s'", argv[optind - 1]);
}

const char *cli_version(void)
{
	return WY_VERSION;
}

static const struct cli_command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS_NR; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int print_help(int status)
{
	fputs(help_head, stdout);
	for (size_t i = 0; i < COMMANDS_NR; i++)
		printf("  %-8s  %s\n", commands[i].name, commands[i].summary);
	return cli_print(status, help_tail);
}

static int print_version(int status)
{
	return cli_print(status, "waylay " WY_VERSION "\n");
}

static int version_main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return cli_print(CLI_TROUBLE, "Usage: waylay version\n\nPrints the version.\n");
	if (argc > 1)
		return cli_bad_usage(CLI_TROUBLE, "version", "it takes no operands, not '%s'",
				     argv[1]);
	return print_version(CLI_TROUBLE);
}

static int help_main(int argc, char **argv)
{
	const struct cli_command *command;
	char help[] = "--help";
	char *args[] = { NULL, help, NULL };

	if (argc > 2)
		return cli_bad_usage(CLI_TROUBLE, "help", "one command at a time, not '%s' too",
				     argv[2]);
	if (argc < 2)
		return print_help(CLI_TROUBLE);
	if (strcmp(argv[1], "--help") == 0)
		return cli_print(
			CLI_TROUBLE,
			"Usage: waylay help [COMMAND]\n\nExplains waylay, or a command.\n");
	command = find_command(argv[1]);
	if (!command)
		return cli_bad_usage(CLI_TROUBLE, NULL, "there is no command '%s'", argv[1]);
	if (command->main == help_main)
		return print_help(CLI_TROUBLE);
	args[0] = argv[1];
	return command->main(2, args);
}

/*
 * A program may be started with 0, 1 or 2 closed.  A file that we open would
 * then get that number, and our lines would go into it.  The numbers are
 * filled for ourselves only: close-on-exec leaves them closed for a program.
 */
static void fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	const struct cli_command *command;
	int i = 1;

	fill_standard_fds();
	log_init();
	for (; i < argc && argv[i][0] == '-'; i++) {
		const char *word = argv[i];

		if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
			return print_help(CLI_FAILED);
		if (strcmp(word, "--version") == 0)
			return print_version(CLI_FAILED);
		if (strcmp(word, "--verbose") == 0)
			log_more();
		else if (word[1] == 'v' && strspn(word + 1, "v") == strlen(word + 1))
			for (size_t n = strlen(word + 1); n > 0; n--)
				log_more();
		else
			return cli_bad_usage(CLI_FAILED, NULL,
					     "there is no option '%s' before the command", word);
	}
	if (i == argc)
		return cli_bad_usage(CLI_FAILED, NULL, "no command is given");
	command = find_command(argv[i]);
	if (!command)
		return cli_bad_usage(CLI_FAILED, NULL, "there is no command '%s'", argv[i]);
	return command->main(argc - i, argv + i);
}
