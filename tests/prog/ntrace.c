/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ntrace.c - the example that ntrace was shown with: a server whose child reads from a connection
 * and writes to a pipe, from which the server reads.
 *
 *	ntrace read|recv WHERE
 *
 * Which of both calls the child makes.  The server's port is told by a symbolic link at WHERE,
 * which needs no descriptor.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int good)
{
	if (!good)
		_exit(1);
}

static void read_client(int sock, int fd, int with_recv)
{
	char buff[2048];
	ssize_t n;

	while ((n = with_recv ? recv(sock, buff, sizeof(buff), 0) :
				read(sock, buff, sizeof(buff))) > 0)
		check(write(fd, buff, (size_t)n) == n);
	check(n == 0);
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int listener, sock, ends[2], status;
	char port[16], buff[2048];

	if (argc != 3)
		return 2;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	check(listener >= 0 && bind(listener, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	check(listen(listener, 10) == 0);
	check(getsockname(listener, (struct sockaddr *)&addr, &len) == 0);
	snprintf(port, sizeof(port), "%d", ntohs(addr.sin_port));
	check(symlink(port, argv[2]) == 0);
	sock = accept(listener, NULL, NULL);
	check(sock >= 0 && pipe(ends) == 0);
	if (fork() == 0) {
		close(ends[0]);
		read_client(sock, ends[1], strcmp(argv[1], "recv") == 0);
		close(ends[1]);
		_exit(0);
	}
	close(ends[1]);
	while (read(ends[0], buff, sizeof(buff)) > 0)
		;
	close(ends[0]);
	close(sock);
	close(listener);
	check(wait(&status) > 0 && status == 0);
	return 0;
}
