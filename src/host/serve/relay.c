/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/relay.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The client's open file is shared with others, so it is never made non-blocking. */
static ssize_t take(int fd, char *buf, size_t len)
{
	ssize_t n = recv(fd, buf, len, MSG_DONTWAIT);

	return n < 0 && errno == ENOTSOCK ? read(fd, buf, len) : n;
}

static ssize_t put(int fd, const char *buf, size_t len)
{
	ssize_t n = send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 && errno == ENOTSOCK ? write(fd, buf, len) : n;
}

static bool is_again(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void fill(struct wy_pump *p, int fd)
{
	ssize_t n;

	if (p->len || p->input_ended || fd < 0)
		return;
	n = take(fd, p->buf, sizeof(p->buf));
	if (n > 0) {
		p->start = 0;
		p->len = (unsigned int)n;
		p->bytes += (unsigned long)n;
	} else if (n == 0 || !is_again()) {
		p->input_ended = true;
	}
}

/* What the program wrote before it stopped comes first. */
static void fill_down(struct wy_relay *r)
{
	struct wy_pump *p = &r->down;
	ssize_t n = 0;

	if (r->banner >= 0 && !p->len && !p->input_ended) {
		n = pread(r->banner, p->buf, sizeof(p->buf), r->banner_at);
		if (n > 0) {
			r->banner_at += n;
			p->start = 0;
			p->len = (unsigned int)n;
			p->bytes += (unsigned long)n;
			return;
		}
		r->banner = -1;
	}
	fill(p, r->from);
}

static void empty(struct wy_pump *p, int fd)
{
	ssize_t n;

	if (p->len && fd >= 0) {
		n = put(fd, p->buf + p->start, p->len);
		if (n > 0) {
			p->start += (unsigned int)n;
			p->len -= (unsigned int)n;
		} else if (n < 0 && !is_again()) { /* nobody takes it any more */
			p->input_ended = true;
			p->len = 0;
		}
	}
	p->output_ended = p->input_ended && !p->len;
}

/* Who waits for nothing must not be watched: a hang-up is told whether it is wanted or not. */
static void adjust(struct wy_watch *w, int fd, unsigned int events,
		   void (*ready)(struct wy_watch *, unsigned int))
{
	if (!events || fd < 0)
		loop_forget(w);
	else if (w->fd >= 0)
		loop_change(w, events);
	else
		loop_watch(w, fd, events, ready);
}

static unsigned int wants_input(const struct wy_pump *p)
{
	return !p->len && !p->input_ended ? EPOLLIN : 0;
}

static unsigned int wants_output(const struct wy_pump *p)
{
	return p->len ? EPOLLOUT : 0;
}

static void client_ready(struct wy_watch *w, unsigned int events);
static void to_ready(struct wy_watch *w, unsigned int events);
static void from_ready(struct wy_watch *w, unsigned int events);

static void move(struct wy_relay *r)
{
	fill(&r->up, r->client);
	empty(&r->up, r->to);
	do {
		fill_down(r);
		/* Its children may hold their end open: what is there is there. */
		if (r->finishing && !r->down.len)
			r->down.input_ended = true;
		empty(&r->down, r->client);
	} while (r->finishing && !r->down.len && !r->down.input_ended);
	adjust(&r->client_watch, r->client, wants_input(&r->up) | wants_output(&r->down),
	       client_ready);
	adjust(&r->to_watch, r->to, wants_output(&r->up), to_ready);
	adjust(&r->from_watch, r->from, wants_input(&r->down), from_ready);
	if (r->up.output_ended)
		close_fd(&r->to); /* the program reads the end of its input */
	if (r->down.output_ended) {
		close_fd(&r->from); /* a program that still writes notices it */
		if (!r->told) {
			r->told = true;
			r->done(r);
		}
	}
}

static void client_ready(struct wy_watch *w, unsigned int events)
{
	(void)events;
	move(loop_owner(w, struct wy_relay, client_watch));
}

static void to_ready(struct wy_watch *w, unsigned int events)
{
	struct wy_relay *r = loop_owner(w, struct wy_relay, to_watch);

	/* A pipe that nobody reads any more. */
	if (events & EPOLLERR) {
		r->up.len = 0;
		r->up.input_ended = true;
	}
	move(r);
}

static void from_ready(struct wy_watch *w, unsigned int events)
{
	(void)events;
	move(loop_owner(w, struct wy_relay, from_watch));
}

static void set_nonblock(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

struct wy_relay *wy_relay_start(int client, int to, int from, int banner, void *owner,
				void (*done)(struct wy_relay *))
{
	struct wy_relay *r = calloc(1, sizeof(*r));

	if (!r) {
		close_fd(&to);
		close_fd(&from);
		return NULL;
	}
	r->client = client;
	r->to = to;
	r->from = from;
	r->banner = banner;
	r->owner = owner;
	r->done = done;
	r->client_watch.fd = r->to_watch.fd = r->from_watch.fd = -1;
	set_nonblock(to);
	set_nonblock(from);
	if (to < 0)
		r->up.input_ended = true;
	if (from < 0) {
		/* What the program writes goes to the client without us. */
		r->down.input_ended = r->down.output_ended = r->told = true;
	}
	if (to >= 0)
		loop_watch(&r->client_watch, client, EPOLLIN, client_ready);
	if (from >= 0)
		loop_watch(&r->from_watch, from, EPOLLIN, from_ready);
	return r;
}

void wy_relay_finish(struct wy_relay *r)
{
	r->finishing = true;
	move(r);
}

void wy_relay_free(struct wy_relay *r)
{
	loop_forget(&r->client_watch);
	loop_forget(&r->to_watch);
	loop_forget(&r->from_watch);
	close_fd(&r->to);
	close_fd(&r->from);
	loop_free(r);
}
