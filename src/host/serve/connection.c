/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/connection.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct wy_connection *wy_connection_accept(int listener)
{
	struct wy_connection *c = calloc(1, sizeof(*c));
	socklen_t len = sizeof(c->peer);

	if (!c)
		return NULL;
	c->fd = accept4(listener, (struct sockaddr *)&c->peer, &len, SOCK_CLOEXEC);
	if (c->fd < 0) {
		int err = errno;

		free(c);
		errno = err;
		return NULL;
	}
	c->peer_len = len < sizeof(c->peer) ? len : sizeof(c->peer);
	c->in = c->out = c->err = c->watch.fd = -1;
	c->started = c->active_at = loop_now();
	return c;
}

static void close_other(int fd)
{
	if (fd >= 0)
		close(fd);
}

void wy_connection_free(struct wy_connection *c)
{
	loop_forget(&c->watch);
	close_other(c->in);
	close_other(c->out);
	close_other(c->err);
	close_other(c->fd);
	loop_free(c);
}

void wy_connection_name(const struct wy_connection *c, char *name, size_t size)
{
	char peer[ADDR_TEXT_MAX] = "unix:";

	if (c->peer.sin6_family != AF_UNIX)
		addr_print(peer, &c->peer, c->peer_len);
	snprintf(name, size, "connection %u from %s", c->serial, peer);
}

bool wy_connection_same_host(const struct wy_connection *a, const struct wy_connection *b)
{
	const struct sockaddr_in *a4 = (const void *)&a->peer, *b4 = (const void *)&b->peer;

	if (a->peer.sin6_family != b->peer.sin6_family)
		return false;
	switch (a->peer.sin6_family) {
	case AF_INET: return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	case AF_INET6:
		return memcmp(&a->peer.sin6_addr, &b->peer.sin6_addr, sizeof(a->peer.sin6_addr)) ==
		       0;
	}
	return true;
}

bool wy_connection_finish(struct wy_connection *c)
{
	int on = 1;

	/* The usual client has sent all, and it was read: closing says the rest. */
	if (wy_connection_drain(c))
		return true;
	c->state = WY_CONNECTION_LINGERING;
	shutdown(c->fd, SHUT_WR);
	/* A client whose machine is gone must not be kept for ever. */
	setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	return false;
}

bool wy_connection_drain(struct wy_connection *c)
{
	static char buf[64 << 10];

	while (c->dropped < WY_LINGER_BYTES) {
		ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
		c->dropped += (size_t)n;
	}
	return true;
}

bool wy_connection_is_sent(const struct wy_connection *c)
{
	int left = 0;

	return ioctl(c->fd, SIOCOUTQ, &left) < 0 || left == 0;
}
