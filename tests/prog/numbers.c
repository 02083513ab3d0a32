/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numbers.c - makes N calls that can be told apart, write(FD, "number I."), to /dev/null.
 *
 *	numbers N		and ends
 *	numbers N kill		and kills itself
 *	numbers N wait		says "ready", reads a byte from stdin first, and says "done"
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 0, fd = open("/dev/null", O_WRONLY);
	const char *how = argc > 2 ? argv[2] : "";
	char text[32];

	if (strcmp(how, "wait") == 0 &&
	    (write(1, "ready\n", 6) != 6 || read(0, text, 1) != 1))
		return 2;
	for (int i = 0; i < n; i++) {
		int len = snprintf(text, sizeof(text), "number %d.", i);

		if (write(fd, text, (size_t)len) != len)
			return 3;
	}
	if (strcmp(how, "kill") == 0)
		kill(getpid(), SIGKILL);
	if (strcmp(how, "wait") == 0 && write(1, "done\n", 5) != 5)
		return 4;
	return 0;
}
