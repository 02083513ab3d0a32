/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket's name can be read by everybody (/proc/net/unix), so it is the
 * token that lets somebody in: it stands only in the session.
 */
#include "host/rendezvous.h"

#include "base/cleanup.h"
#include "base/fdio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

static int listen_at(const char *name)
{
	cleanup_fd int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(name);

	if (sock < 0)
		return -errno;
	memcpy(addr.sun_path + 1, name, len);
	len += offsetof(struct sockaddr_un, sun_path) + 1;
	if (bind(sock, (struct sockaddr *)&addr, (socklen_t)len) < 0 || listen(sock, SOMAXCONN) < 0)
		return -errno;
	return steal_fd(&sock);
}

int wy_rendezvous_open(struct wy_rendezvous_host *r, struct wy_host_session *session)
{
	struct wy_rendezvous *out = &session->mem->rendezvous;
	char name[WY_RENDEZVOUS_NAME];
	unsigned long number;
	int err = 0;

	if (r->sock >= 0)
		return 0;
	if (getrandom(&number, sizeof(number), 0) != sizeof(number) ||
	    getrandom(out->token, sizeof(out->token), 0) != sizeof(out->token))
		return -EIO;
	if (r->image < 0)
		return r->image;
	snprintf(name, sizeof(name), "waylay-%016lx", number);
	memcpy(out->name, name, sizeof(name));
	r->sock = listen_at(name); /* not what is in the session: programs can write there */
	if (r->sock < 0) {
		err = r->sock;
		r->sock = -1;
	}
	__atomic_store_n(&out->open, !err, __ATOMIC_RELEASE);
	return err;
}

static void give(const struct wy_rendezvous_host *r, const struct wy_host_session *session,
		 int sock)
{
	const int fds[2] = { session->fd, r->image };
	unsigned char token[sizeof(session->mem->rendezvous.token) + 1];

	/* Whoever is not ready yet comes again. */
	if (recv(sock, token, sizeof(token), MSG_DONTWAIT) !=
		    sizeof(session->mem->rendezvous.token) ||
	    memcmp(token, session->mem->rendezvous.token, sizeof(token) - 1) != 0)
		return;
	send_fds(sock, fds, 2);
}

void wy_rendezvous_serve(struct wy_rendezvous_host *r, const struct wy_host_session *session)
{
	int sock;

	if (r->sock < 0)
		return;
	while ((sock = accept4(r->sock, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		give(r, session, sock);
		close(sock);
	}
}

void wy_rendezvous_reopen(struct wy_rendezvous_host *r, struct wy_host_session *session)
{
	bool was_open = r->sock >= 0;

	r->sock = -1;
	if (was_open)
		wy_rendezvous_open(r, session);
}
