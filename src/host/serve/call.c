/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.c - see call.h.
 *
 *	HELLO	until the client has said what it wants
 *	SERVED	frames are taken from the client and, if it wants that, sent to it
 *	ENDING	the last frame is on its way
 */
#include "host/serve/call.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "host/serve/frames.h"
#include "host/serve/front.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FDS_MAX    3
#define ROUNDS_MAX 16 /* then others have their turn */

enum state { HELLO, SERVED, ENDING };

/* Something of the program that goes to the client in frames. */
struct source {
	struct wy_watch watch;
	struct wy_call_client *call;
	enum wy_call_kind kind;
	int fd; /* -1: it has ended */
};

struct wy_call_client {
	struct wy_connection *c;
	enum state state;
	bool framed, finishing;
	void (*done)(struct wy_connection *);
	union {
		struct wy_call_hello hello;
		char bytes[sizeof(struct wy_call_hello)];
	} hello;
	size_t have; /* of the hello */
	int fds[FDS_MAX];
	unsigned int nr_fds;

	struct wy_frames in;
	/* to the program's stdin: a part of the frame that came last */
	int input;
	struct wy_watch input_watch;
	const unsigned char *pending;
	size_t pending_len;

	struct source out, err;
	size_t out_start, out_len;
	char buf[sizeof(struct wy_call_frame) + WY_CALL_FRAME_MAX];
};

static void adjust(struct wy_call_client *call);

/* ---- to the client ---- */

static void put_frame(struct wy_call_client *call, enum wy_call_kind kind, const void *data,
		      size_t len)
{
	struct wy_call_frame head = { kind, (unsigned int)len };

	memcpy(call->buf, &head, sizeof(head));
	if (len)
		memcpy(call->buf + sizeof(head), data, len);
	call->out_start = 0;
	call->out_len = sizeof(head) + len;
}

/* Returns false if the client is gone. */
static bool flush(struct wy_call_client *call)
{
	while (call->out_len) {
		ssize_t n = send(call->c->fd, call->buf + call->out_start, call->out_len,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		call->out_start += (size_t)n;
		call->out_len -= (size_t)n;
	}
	return true;
}

static void end_source(struct source *s)
{
	loop_forget(&s->watch);
	close_fd(&s->fd);
}

/* Takes what the program has written, if there is room for it. */
static void take_source(struct source *s)
{
	struct wy_call_client *call = s->call;
	struct wy_call_frame head = { s->kind, 0 };
	ssize_t n;

	if (s->fd < 0 || call->out_len)
		return;
	n = recv(s->fd, call->buf + sizeof(head), WY_CALL_FRAME_MAX, MSG_DONTWAIT);
	if (n > 0) {
		head.len = (unsigned int)n;
		memcpy(call->buf, &head, sizeof(head));
		call->out_start = 0;
		call->out_len = sizeof(head) + (size_t)n;
		call->c->bytes_out += (unsigned long)n;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR) || call->finishing) {
		end_source(s);
	}
}

void wy_call_refuse(struct wy_call_client *call, const char *why)
{
	if (call->out_len)
		return;
	put_frame(call, WY_CALL_ERROR, why, strlen(why));
	flush(call);
}

static void give_up(struct wy_call_client *call, const char *why)
{
	struct wy_connection *c = call->c;
	struct wy_front *f = c->front;
	char name[ADDR_TEXT_MAX + 64];

	wy_connection_name(c, name, sizeof(name));
	log_warn("%s: closed: %s", name, why);
	wy_call_refuse(call, why);
	wy_service_drop(c);
	wy_service_go_on(f);
}

/* ---- from the client ---- */

/* The connection has come to its end: another one may have waited for that. */
static void close_up(struct wy_connection *c)
{
	struct wy_front *f = c->front;

	wy_service_close(c);
	wy_service_go_on(f);
}

/* It does not matter any more what becomes of the program, to whom it matters. */
static void client_gone(struct wy_call_client *call)
{
	struct wy_connection *c = call->c;

	loop_forget(&c->watch);
	loop_forget(&call->input_watch);
	close_fd(&call->input);
	end_source(&call->out);
	end_source(&call->err);
	call->out_len = 0;
	if (call->state == ENDING) {
		close_up(c);
	} else if (call->finishing) {
		call->finishing = false;
		call->done(c);
	} else {
		wy_service_kill(c, SIGTERM);
	}
}

static void give_input(struct wy_call_client *call)
{
	while (call->pending_len) {
		ssize_t n = call->input < 0 ? (ssize_t)call->pending_len :
					      send(call->input, call->pending, call->pending_len,
						   MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n < 0) { /* the program reads no more */
			close_fd(&call->input);
			continue;
		}
		call->pending += n;
		call->pending_len -= (size_t)n;
	}
}

static void take_frame(struct wy_call_client *call, const struct wy_call_frame *frame,
		       const unsigned char *data)
{
	int signal;

	switch (frame->kind) {
	case WY_CALL_STDIN:
		if (!frame->len) {
			loop_forget(&call->input_watch);
			close_fd(&call->input);
			return;
		}
		call->c->bytes_in += frame->len;
		call->pending = data;
		call->pending_len = frame->len;
		give_input(call);
		return;
	case WY_CALL_SIGNAL:
		signal = wy_frames_number(data);
		if (signal > 0 && signal < NSIG)
			wy_service_kill(call->c, signal);
		return;
	}
}

/* All frames that are there, up to one whose data the program does not take. */
static int take_frames(struct wy_call_client *call)
{
	struct wy_call_frame frame;
	const unsigned char *data;
	int n;

	while (!call->pending_len) {
		n = wy_frames_next(&call->in, &frame, &data);
		if (n <= 0)
			return n;
		take_frame(call, &frame, data);
	}
	return 0;
}

static void client_ready(struct wy_watch *w, unsigned int events)
{
	struct wy_call_client *call = loop_owner(w, struct wy_connection, watch)->call;
	size_t room;
	void *at;
	ssize_t n;

	/* A hang-up is told whether it is wanted or not, and again and again. */
	if (call->pending_len && events & (EPOLLHUP | EPOLLERR)) {
		client_gone(call);
		return;
	}
	if (events & EPOLLOUT && !flush(call)) {
		client_gone(call);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !call->pending_len) {
		at = wy_frames_room(&call->in, &room);
		n = recv(call->c->fd, at, room, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			client_gone(call);
			return;
		}
		wy_frames_add(&call->in, n > 0 ? (size_t)n : 0);
		if (take_frames(call) < 0) {
			client_gone(call);
			return;
		}
	}
	adjust(call);
}

static void input_ready(struct wy_watch *w, unsigned int events)
{
	struct wy_call_client *call = loop_owner(w, struct wy_call_client, input_watch);

	(void)events;
	give_input(call);
	if (take_frames(call) < 0)
		client_gone(call);
	else
		adjust(call);
}

static void source_ready(struct wy_watch *w, unsigned int events)
{
	struct wy_call_client *call = loop_owner(w, struct source, watch)->call;

	(void)events;
	adjust(call);
}

static void watch_or_not(struct wy_watch *w, int fd, unsigned int events,
			 void (*ready)(struct wy_watch *, unsigned int))
{
	if (fd < 0 || !events)
		loop_forget(w);
	else if (w->fd >= 0)
		loop_change(w, events);
	else
		loop_watch(w, fd, events, ready);
}

/* Moves what can be moved, and waits for what is missing for the rest. */
static void adjust(struct wy_call_client *call)
{
	struct wy_connection *c = call->c;
	bool moved;
	int rounds = 0;

	do {
		take_source(&call->out);
		take_source(&call->err);
		moved = call->out_len;
		if (!flush(call)) {
			client_gone(call);
			return;
		}
	} while (++rounds < ROUNDS_MAX && moved && !call->out_len &&
		 (call->out.fd >= 0 || call->err.fd >= 0));
	if (call->finishing && call->out.fd < 0 && call->err.fd < 0 && !call->out_len) {
		call->finishing = false;
		call->done(c);
		return;
	}
	if (call->state == ENDING) {
		if (!call->out_len) {
			close_up(c);
			return;
		}
	} else if (call->framed) {
		unsigned int events = call->out_len ? 0 : EPOLLIN;

		watch_or_not(&call->out.watch, call->out.fd, events, source_ready);
		watch_or_not(&call->err.watch, call->err.fd, events, source_ready);
		watch_or_not(&call->input_watch, call->input, call->pending_len ? EPOLLOUT : 0,
			     input_ready);
	}
	if (c->watch.fd >= 0)
		loop_change(&c->watch,
			    (call->pending_len ? 0 : EPOLLIN) | (call->out_len ? EPOLLOUT : 0));
}

/* ---- hello ---- */

static int make_pair(int *ret_ours, int *ret_its)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	*ret_ours = pair[0];
	*ret_its = pair[1];
	return 0;
}

static int make_framed(struct wy_call_client *call)
{
	struct wy_connection *c = call->c;
	int err = make_pair(&call->input, &c->in);

	if (!err)
		err = make_pair(&call->out.fd, &c->out);
	if (!err)
		err = make_pair(&call->err.fd, &c->err);
	call->framed = true;
	c->counted = true;
	return err;
}

static void hello_done(struct wy_call_client *call)
{
	struct wy_connection *c = call->c;
	const struct wy_call_hello *h = &call->hello.hello;

	if (h->magic != WY_CALL_MAGIC || h->reserved || (h->fds && h->fds != FDS_MAX) ||
	    h->fds != call->nr_fds) {
		give_up(call, "it is no client of 'waylay call'");
		return;
	}
	call->state = SERVED;
	if (h->fds) {
		c->in = call->fds[0];
		c->out = call->fds[1];
		c->err = call->fds[2];
		call->nr_fds = 0;
	} else if (make_framed(call) < 0) {
		give_up(call, "there is no room for it");
		return;
	}
	/* From here on it is watched for frames; these come when somebody serves it. */
	loop_forget(&c->watch);
	wy_service_submit(c);
}

static void take_fds(struct wy_call_client *call, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		unsigned int nr = (unsigned int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (unsigned int i = 0; i < nr; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (call->nr_fds < FDS_MAX)
				call->fds[call->nr_fds++] = fd;
			else
				close(fd);
		}
	}
}

static void hello_ready(struct wy_watch *w, unsigned int events)
{
	struct wy_call_client *call = loop_owner(w, struct wy_connection, watch)->call;
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec data = { call->hello.bytes + call->have, sizeof(call->hello) - call->have };
	struct msghdr msg = { .msg_iov = &data,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(call->c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		struct wy_front *f = call->c->front;

		wy_service_drop(call->c);
		wy_service_go_on(f);
		return;
	}
	take_fds(call, &msg);
	call->have += (size_t)n;
	if (call->have == sizeof(call->hello))
		hello_done(call);
}

/* ---- for service.c ---- */

void wy_call_start(struct wy_connection *c)
{
	struct wy_call_client *call = calloc(1, sizeof(*call));

	if (!call) {
		wy_service_drop(c);
		return;
	}
	call->c = c;
	c->call = call;
	call->input = call->input_watch.fd = -1;
	call->out = (struct source){ { .fd = -1 }, call, WY_CALL_STDOUT, -1 };
	call->err = (struct source){ { .fd = -1 }, call, WY_CALL_STDERR, -1 };
	wy_frames_init(&call->in);
	if (loop_watch(&c->watch, c->fd, EPOLLIN, hello_ready) < 0)
		wy_service_drop(c);
}

void wy_call_running(struct wy_call_client *call)
{
	if (loop_watch(&call->c->watch, call->c->fd, EPOLLIN, client_ready) < 0)
		client_gone(call);
	else if (call->framed)
		adjust(call);
}

bool wy_call_is_direct(const struct wy_call_client *call)
{
	return !call->framed;
}

bool wy_call_is_done(const struct wy_call_client *call)
{
	return call->out.fd < 0 && call->err.fd < 0 && !call->out_len;
}

void wy_call_finish(struct wy_call_client *call, void (*done)(struct wy_connection *))
{
	call->finishing = true;
	call->done = done;
	adjust(call);
}

bool wy_call_ended(struct wy_call_client *call, int status)
{
	struct wy_connection *c = call->c;

	loop_forget(&call->input_watch);
	close_fd(&call->input);
	call->pending_len = 0;
	call->state = ENDING;
	put_frame(call, WY_CALL_END, &status, sizeof(status));
	if (!flush(call) || !call->out_len) {
		loop_forget(&c->watch);
		return true;
	}
	if (c->watch.fd < 0)
		return loop_watch(&c->watch, c->fd, EPOLLOUT, client_ready) < 0;
	loop_change(&c->watch, EPOLLOUT);
	return false;
}

void wy_call_free(struct wy_call_client *call)
{
	for (unsigned int i = 0; i < call->nr_fds; i++)
		close(call->fds[i]);
	loop_forget(&call->input_watch);
	close_fd(&call->input);
	end_source(&call->out);
	end_source(&call->err);
	loop_free(call);
}
