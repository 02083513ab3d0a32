/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addr.h - where to listen or to connect, as users write it.
 *
 *	PORT, :PORT	TCP, loopback only
 *	HOST:PORT	TCP; a name, or an IPv4 address
 *	[V6]:PORT	TCP, an IPv6 address
 *	unix:PATH	a unix socket
 *	fd:N		a socket that is open already
 */
#ifndef WY_BASE_ADDR_H
#define WY_BASE_ADDR_H

#include <sys/socket.h>

#define ADDR_TEXT_MAX 160 /* room for any address as text, with its final 0 */

enum addr_kind { ADDR_TCP, ADDR_UNIX, ADDR_FD };

struct addr {
	enum addr_kind kind;
	int fd; /* ADDR_FD */
	socklen_t len;
	struct sockaddr_storage sock; /* else */
};

/*
 * Reads an address.  A name is looked up, the first address of it is taken.
 * Returns 0 or -EINVAL; then *ret_why says what is wrong with it.
 */
int addr_parse(struct addr *ret, const char *text, const char **ret_why);

/* Writes a socket address: "127.0.0.1:80", "[::1]:80", "unix:/a/path", "unix:". */
void addr_print(char text[ADDR_TEXT_MAX], const void *sock, socklen_t len);

#endif
