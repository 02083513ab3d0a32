/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.c - how long programs take from their start to their end.
 *
 *	spawn ROUNDS COMMAND [ARG...] [: COMMAND [ARG...]]...
 *
 * Starts one after the other (posix_spawn, wait4), ROUNDS times, and prints a line for
 * each round with the microseconds of each.  A command that does not exit with 0 ends it.
 */
#include <err.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define COMMANDS_MAX	8

extern char **environ;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double run(char **command)
{
	double begin = now();
	int status, error;
	pid_t pid;

	error = posix_spawnp(&pid, command[0], NULL, NULL, command, environ);
	if (error)
		errx(1, "%s: %s", command[0], strerror(error));
	if (wait4(pid, &status, 0, NULL) < 0)
		err(1, "wait4");
	if (status)
		errx(1, "%s: status 0x%x", command[0], (unsigned int)status);
	return now() - begin;
}

int main(int argc, char **argv)
{
	char **command[COMMANDS_MAX];
	int rounds = argc > 2 ? atoi(argv[1]) : 0;
	int nr = 0;

	if (rounds <= 0)
		errx(2, "usage: spawn ROUNDS COMMAND [ARG...] [: COMMAND [ARG...]]...");
	command[nr++] = argv + 2;
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], ":") != 0)
			continue;
		if (nr == COMMANDS_MAX || i + 1 == argc)
			errx(2, "too many commands, or an empty one");
		argv[i] = NULL;
		command[nr++] = argv + i + 1;
	}
	for (int round = 0; round < rounds; round++) {
		for (int i = 0; i < nr; i++)
			printf("%.1f%c", run(command[i]), i + 1 < nr ? ' ' : '\n');
	}
	return 0;
}
