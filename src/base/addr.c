/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static int wrong(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EINVAL;
}

/* A decimal number and nothing else. */
static bool parse_number(const char *text, int max, int *ret)
{
	long n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (*text - '0');
		if (n > max)
			return false;
	}
	*ret = (int)n;
	return true;
}

static int parse_unix(struct addr *a, const char *path, const char **ret_why)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&a->sock;
	size_t len = strlen(path);

	if (!len)
		return wrong(ret_why, "no path stands after 'unix:'");
	if (len >= sizeof(un->sun_path))
		return wrong(ret_why, "the path of a unix socket has at most 107 bytes");
	a->kind = ADDR_UNIX;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len + 1);
	a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	return 0;
}

static void set_v4(struct addr *a, struct in_addr host, int port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&a->sock;

	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	in->sin_addr = host;
	a->len = sizeof(*in);
}

static void set_v6(struct addr *a, struct in6_addr host, int port)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a->sock;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	in6->sin6_addr = host;
	a->len = sizeof(*in6);
}

static int look_up(struct addr *a, const char *host, int port, const char **ret_why)
{
	struct addrinfo want = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found;
	int err = getaddrinfo(host, NULL, &want, &found);

	if (err)
		return wrong(ret_why, gai_strerror(err));
	if (found->ai_family == AF_INET)
		set_v4(a, ((struct sockaddr_in *)found->ai_addr)->sin_addr, port);
	else
		set_v6(a, ((struct sockaddr_in6 *)found->ai_addr)->sin6_addr, port);
	freeaddrinfo(found);
	return 0;
}

static int parse_host(struct addr *a, const char *host, int port, const char **ret_why)
{
	struct in6_addr v6;
	struct in_addr v4;
	size_t len = strlen(host);
	char inner[256];

	if (!len) {
		v4.s_addr = htonl(INADDR_LOOPBACK);
		set_v4(a, v4, port);
		return 0;
	}
	if (len >= sizeof(inner))
		return wrong(ret_why, "the host name is too long");
	if (host[0] == '[') {
		memcpy(inner, host + 1, len);
		if (len < 2 || inner[len - 2] != ']')
			return wrong(ret_why, "']' is missing");
		inner[len - 2] = '\0';
		if (inet_pton(AF_INET6, inner, &v6) != 1)
			return wrong(ret_why, "no IPv6 address stands in '[]'");
		set_v6(a, v6, port);
		return 0;
	}
	if (strchr(host, ':'))
		return wrong(ret_why, "an IPv6 address is written as [ADDRESS]:PORT");
	if (inet_pton(AF_INET, host, &v4) == 1) {
		set_v4(a, v4, port);
		return 0;
	}
	return look_up(a, host, port, ret_why);
}

int addr_parse(struct addr *ret, const char *text, const char **ret_why)
{
	const char *colon = strrchr(text, ':');
	const char *port_text = colon ? colon + 1 : text;
	struct addr a = { .fd = -1 };
	char host[256] = "";
	size_t len;
	int port, err;

	if (strncmp(text, "unix:", 5) == 0) {
		err = parse_unix(&a, text + 5, ret_why);
	} else if (strncmp(text, "fd:", 3) == 0) {
		a.kind = ADDR_FD;
		err = parse_number(text + 3, 1 << 20, &a.fd) ?
			      0 :
			      wrong(ret_why, "a number stands after 'fd:'");
	} else {
		if (!parse_number(port_text, 65535, &port))
			return wrong(ret_why, "it does not end in a port, a number up to 65535");
		len = colon ? (size_t)(colon - text) : 0;
		if (len >= sizeof(host))
			return wrong(ret_why, "the host name is too long");
		memcpy(host, text, len);
		a.kind = ADDR_TCP;
		err = parse_host(&a, host, port, ret_why);
	}
	if (!err)
		*ret = a;
	return err;
}

void addr_print(char text[ADDR_TEXT_MAX], const void *sock, socklen_t len)
{
	const struct sockaddr *sa = sock;
	const struct sockaddr_in *in = sock;
	const struct sockaddr_in6 *in6 = sock;
	const struct sockaddr_un *un = sock;
	char host[INET6_ADDRSTRLEN];
	size_t path_len;

	if (len >= sizeof(*in) && sa->sa_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(text, ADDR_TEXT_MAX, "%s:%d", host, ntohs(in->sin_port));
	} else if (len >= sizeof(*in6) && sa->sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(text, ADDR_TEXT_MAX, "[%s]:%d", host, ntohs(in6->sin6_port));
	} else if (len >= sizeof(sa->sa_family) && sa->sa_family == AF_UNIX) {
		path_len = len - offsetof(struct sockaddr_un, sun_path);
		snprintf(text, ADDR_TEXT_MAX, "unix:%.*s", (int)strnlen(un->sun_path, path_len),
			 un->sun_path);
	} else {
		snprintf(text, ADDR_TEXT_MAX, "an unknown address");
	}
}
