/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/connection.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct wy_connection *wy_connection_accept(int listener)
{
	struct wy_connection *c = calloc(1, sizeof(*c));
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	if (!c)
		return NULL;
	c->fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
	if (c->fd < 0) {
		free(c);
		return NULL;
	}
	addr_print(c->peer, &peer, len);
	return c;
}

void wy_connection_free(struct wy_connection *c)
{
	close(c->fd);
	free(c);
}

void wy_connection_finish(struct wy_connection *c)
{
	int on = 1;

	c->state = WY_CONNECTION_LINGERING;
	c->pid = 0;
	shutdown(c->fd, SHUT_WR);
	/* A client whose machine is gone must not be kept for ever. */
	setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
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
