/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asker.c - a client that asks a server again and again, and checks each answer.
 *
 *	asker ROUNDS PAUSE_MS INPUT WANTED PORT|PATH
 *
 * Connects, sends the file INPUT, closes the sending side, reads to the end, compares with the
 * file WANTED; waits PAUSE_MS before the next one.  Prints a line for each: the microseconds
 * to the first byte of the answer, and to its end.
 */
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static char *whole(const char *path, size_t *ret_len)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char *data;

	if (fd < 0 || fstat(fd, &st) < 0)
		err(1, "%s", path);
	data = malloc((size_t)st.st_size + 1);
	if (!data || read(fd, data, (size_t)st.st_size) != st.st_size)
		err(1, "%s", path);
	close(fd);
	*ret_len = (size_t)st.st_size;
	return data;
}

static int connected(const char *where)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons((unsigned short)atoi(where)),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int is_path = where[0] == '/';
	int fd = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM, 0);

	strncpy(un.sun_path, where, sizeof(un.sun_path) - 1);
	if (fd < 0 ||
	    connect(fd, is_path ? (void *)&un : (void *)&in, is_path ? sizeof(un) : sizeof(in)) < 0)
		err(1, "connect to %s", where);
	return fd;
}

int main(int argc, char **argv)
{
	static char got[1 << 20];
	size_t input_len, want_len, len;
	char *input, *want;
	ssize_t n;

	if (argc != 6)
		errx(2, "usage: asker ROUNDS PAUSE_MS INPUT WANTED PORT|PATH");
	input = whole(argv[3], &input_len);
	want = whole(argv[4], &want_len);
	for (int i = 0; i < atoi(argv[1]); i++) {
		double begin = now(), first = 0;
		int fd = connected(argv[5]);

		if (send(fd, input, input_len, MSG_NOSIGNAL) != (ssize_t)input_len)
			err(1, "send");
		shutdown(fd, SHUT_WR);
		for (len = 0; (n = recv(fd, got + len, sizeof(got) - len, 0)) > 0;
		     len += (size_t)n) {
			if (!len)
				first = now() - begin;
		}
		if (n < 0)
			err(1, "recv");
		printf("%.1f %.1f\n", first, now() - begin);
		close(fd);
		if (len != want_len || memcmp(got, want, len) != 0)
			errx(1, "request %d: another answer, of %zu bytes", i + 1, len);
		usleep((unsigned int)atoi(argv[2]) * 1000);
	}
	return 0;
}
