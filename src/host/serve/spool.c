/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/spool.h"

#include "base/fdio.h"
#include "base/log.h"
#include "base/units.h"
#include "host/serve/front.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static void give_up(struct wy_connection *c, const char *why)
{
	struct wy_front *f = c->front;
	char name[ADDR_TEXT_MAX + 64];

	wy_connection_name(c, name, sizeof(name));
	log_warn("%s: closed: %s", name, why);
	wy_service_drop(c);
	wy_service_go_on(f);
}

/* The program's own open file: it has a position of its own, and cannot be written to. */
static int open_for_program(int file)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void complete(struct wy_connection *c)
{
	int file = open_for_program(c->in);

	loop_forget(&c->watch);
	if (file < 0) {
		give_up(c, "the request cannot be kept");
		return;
	}
	close(c->in);
	c->in = file;
	wy_service_submit(c);
}

static void ready(struct wy_watch *w, unsigned int events)
{
	struct wy_connection *c = loop_owner(w, struct wy_connection, watch);
	static char buf[256 << 10];
	ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		give_up(c, "the client has gone");
	} else if (n == 0) {
		complete(c);
	} else if (c->bytes_in + (unsigned long)n > c->front->o->spool_max) {
		give_up(c, "the request is too big");
	} else if (pwrite_full(c->in, buf, (size_t)n, (off_t)c->bytes_in) < 0) {
		give_up(c, "the request cannot be kept");
	} else {
		c->bytes_in += (unsigned long)n;
	}
}

void wy_spool_start(struct wy_connection *c)
{
	c->in = memfd_create("request", MFD_CLOEXEC);
	if (c->in < 0 || loop_watch(&c->watch, c->fd, EPOLLIN, ready) < 0)
		give_up(c, "the request cannot be kept");
}
