/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/stderr.h"

#include "base/fdio.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MAX_LEN 800 /* room for the name beside it, in one line of the log */
#define NAME_MAX_LEN 192

struct wy_errors_line {
	struct wy_errors_line *next;
	pid_t pid;
	char name[NAME_MAX_LEN]; /* as long as it could still be found out */
	size_t len;
	char text[LINE_MAX_LEN];
};

static void print(const char *name, const char *text, size_t len)
{
	log_err("%s: %.*s", name, (int)len, text);
}

/* The unfinished line of this process; makes one if it is wanted. */
static struct wy_errors_line *line_of(struct wy_errors *e, pid_t pid, const char *name)
{
	struct wy_errors_line *l = e->lines;

	while (l && l->pid != pid)
		l = l->next;
	if (l || !name)
		return l;
	l = calloc(1, sizeof(*l));
	if (l) {
		l->pid = pid;
		snprintf(l->name, sizeof(l->name), "%s", name);
		l->next = e->lines;
		e->lines = l;
	}
	return l;
}

/* Prints the line at *at as it is, and takes it out. */
static void finish(struct wy_errors_line **at)
{
	struct wy_errors_line *l = *at;

	print(l->name, l->text, l->len);
	*at = l->next;
	free(l);
}

static void finish_of(struct wy_errors *e, const struct wy_errors_line *l)
{
	struct wy_errors_line **at = &e->lines;

	while (*at != l)
		at = &(*at)->next;
	finish(at);
}

static bool is_dead(pid_t pid)
{
	return kill(pid, 0) < 0 && errno == ESRCH;
}

void wy_errors_finish(struct wy_errors *e, pid_t pid)
{
	struct wy_errors_line **at = &e->lines;
	char name[NAME_MAX_LEN];

	if (!e->lines || !e->name(e, pid, name, sizeof(name)))
		return;
	while (*at) {
		if (strcmp((*at)->name, name) == 0 || is_dead((*at)->pid))
			finish(at);
		else
			at = &(*at)->next;
	}
}

static void take(struct wy_errors *e, pid_t pid, const char *text, size_t len)
{
	char name[NAME_MAX_LEN];
	struct wy_errors_line *l;

	if (!e->name(e, pid, name, sizeof(name))) {
		write_full(STDERR_FILENO, text, len);
		return;
	}
	l = line_of(e, pid, NULL);
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t part = end ? (size_t)(end - text) : len;
		size_t room = LINE_MAX_LEN - (l ? l->len : 0);

		if (part > room)
			part = room;
		if (end && !l && part == (size_t)(end - text)) {
			print(name, text, part);
		} else {
			l = line_of(e, pid, name);
			if (!l)
				return;
			memcpy(l->text + l->len, text, part);
			l->len += part;
			if ((end && part == (size_t)(end - text)) || l->len == LINE_MAX_LEN) {
				finish_of(e, l);
				l = NULL;
			}
		}
		text += part;
		len -= part;
		if (len && *text == '\n' && end == text) {
			text++;
			len--;
		}
	}
}

/* Returns false when there is nothing more. */
static bool take_piece(struct wy_errors *e)
{
	static char buf[64 << 10];
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec data = { buf, sizeof(buf) };
	struct msghdr msg = { .msg_iov = &data,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(e->watch.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	struct ucred who = { 0 };

	if (n < 0)
		return errno == EINTR;
	if (n == 0) {
		loop_forget(&e->watch);
		return false;
	}
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
		memcpy(&who, CMSG_DATA(c), sizeof(who));
	take(e, who.pid, buf, (size_t)n);
	return true;
}

static void ready(struct wy_watch *w, unsigned int events)
{
	(void)events;
	take_piece(loop_owner(w, struct wy_errors, watch));
}

int wy_errors_start(struct wy_errors *e, int fd,
		    bool (*name)(struct wy_errors *, pid_t, char *, unsigned long))
{
	e->name = name;
	return loop_watch(&e->watch, fd, EPOLLIN, ready);
}

void wy_errors_look(struct wy_errors *e)
{
	while (e->watch.fd >= 0 && take_piece(e))
		;
}

void wy_errors_stop(struct wy_errors *e)
{
	wy_errors_look(e);
	while (e->lines)
		finish(&e->lines);
	loop_forget(&e->watch);
}
