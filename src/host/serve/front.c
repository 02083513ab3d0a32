/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front.c - see front.h.
 *
 *	LOADING   the program has not read its stdin yet; what it writes is kept
 *	SERVING   there is a template: clients are accepted
 *	STOPPING  nobody is accepted any more; what runs may come to its end
 *
 * One connection at a time is on its way to the template.  While it is, no
 * other is accepted: the template could do nothing with it, and the answers
 * need no names.
 */
#include "host/serve/front.h"

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/log.h"
#include "host/serve/connection.h"
#include "proto/serve.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINGER_MAX   256
#define SPARE_FILES  64 /* for everything but connections */
#define STOP_LOOK_MS 20 /* between two looks whether the clients have got everything */
#define FIXED_POLLS  4
#define ERRNO_MAX    4096

enum phase { LOADING, SERVING, STOPPING };

struct state {
	struct wy_front *front;
	enum phase phase;
	bool program_ended;
	unsigned int stops;
	int banner; /* a memfd: what the program has written before it read, or -1 */
	struct wy_connection *connections; /* the newest first */
	struct wy_connection *handing;
	unsigned int nr, nr_max, nr_lingering;
	unsigned long serial;
	struct pollfd *polls;
	unsigned int polls_max;
};

/* ---- the program ---- */

static void stop(struct state *s, int result)
{
	enum phase before = s->phase;

	if (before == STOPPING)
		return;
	s->phase = STOPPING;
	s->front->result = result;
	wy_listener_close(s->front->listener);
	/* The template has no more to do; a copy that is being made is waited for first. */
	if (!s->handing && !s->program_ended)
		kill(before == LOADING ? -s->front->program : s->front->program, SIGKILL);
}

static void take_output(struct state *s)
{
	static char buf[64 << 10];
	ssize_t n;

	while ((n = read(s->front->out, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		if (s->banner < 0)
			s->banner = memfd_create("waylay-banner", MFD_CLOEXEC);
		if (s->banner < 0 || write_full(s->banner, buf, (size_t)n) < 0) {
			log_errno(errno, "cannot keep what the program writes");
			stop(s, 125);
			return;
		}
	}
}

static void show_output(const struct state *s)
{
	char buf[4096];
	off_t at = 0;
	ssize_t n;

	while (s->banner >= 0 && (n = pread(s->banner, buf, sizeof(buf), at)) > 0) {
		if (write_full(STDOUT_FILENO, buf, (size_t)n) < 0)
			return;
		at += n;
	}
}

static void log_end(const char *who, int status)
{
	if (WIFSIGNALED(status))
		log_warn("%s: ended by signal %d (%s)", who, WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		log_line(WEXITSTATUS(status) ? LOG_WARN : LOG_INFO, "%s: exit status %d", who,
			 WEXITSTATUS(status));
}

static void ready(struct state *s)
{
	struct timespec now;
	long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (now.tv_sec - s->front->started.tv_sec) * 1000 +
	     (now.tv_nsec - s->front->started.tv_nsec) / 1000000;
	/* What it wrote before it said that it is ready has all arrived. */
	take_output(s);
	if (s->phase != LOADING)
		return;
	if (wy_listener_start(s->front->listener) < 0) {
		stop(s, 125);
		return;
	}
	s->phase = SERVING;
	log_warn("ready: loaded in %ld ms, mode fork, serving %s", ms, s->front->listener->name);
}

static void refused(struct state *s, const struct wy_serve_report *r)
{
	static const char no[] = "the program cannot be served by copies";
	int value = r->value;

	switch (r->kind) {
	case WY_SERVE_THREADS: log_err("%s: %d threads", no, value); break;
	case WY_SERVE_CHILDREN: log_err("%s: it has started other processes", no); break;
	case WY_SERVE_OTHER:
		log_err("%s: not it but another process (%d), which it started, reads the input",
			no, value);
		break;
	case WY_SERVE_OUTPUT: log_err("%s: its stdout is not the one that it was given", no); break;
	case WY_SERVE_EPOLL: log_err("%s: it waits for its input with epoll", no); break;
	case WY_SERVE_KERNEL_OBJECT:
		log_err("%s: descriptor %d is a kernel object that all copies would share", no,
			value);
		break;
	case WY_SERVE_REOPEN:
		log_err("%s: the file at descriptor %d cannot be opened again", no, value);
		break;
	case WY_SERVE_TOO_MANY: log_err("%s: it has too many files open", no); break;
	case WY_SERVE_NO_LIST: log_errno(value, "%s: its descriptors cannot be listed", no); break;
	default: log_err("%s: it wrote to its stdin", no);
	}
	stop(s, 1);
}

static void program_ended(struct state *s, int status)
{
	s->program_ended = true;
	switch (s->phase) {
	case LOADING:
		take_output(s);
		show_output(s);
		if (WIFSIGNALED(status))
			log_err("the program was ended by signal %d (%s) before it read its stdin",
				WTERMSIG(status), strsignal(WTERMSIG(status)));
		else
			log_err("the program ended with exit status %d before it read its stdin",
				WEXITSTATUS(status));
		stop(s, 1);
		break;
	case SERVING:
		log_end("the template has gone, so nobody else can be served", status);
		stop(s, 1);
		break;
	case STOPPING: break;
	}
}

/* ---- connections ---- */

static void drop(struct state *s, struct wy_connection *c)
{
	struct wy_connection **at = &s->connections;

	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
	s->nr--;
	s->nr_lingering -= c->state == WY_CONNECTION_LINGERING;
	if (s->handing == c)
		s->handing = NULL;
	wy_connection_free(c);
}

static bool is_child(pid_t pid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* What the program has started is in its process group, and so are the copies. */
static void kill_all(struct state *s)
{
	struct wy_connection *c, *next;

	if (!s->program_ended)
		kill(s->front->program, SIGKILL);
	for (c = s->connections; c; c = next) {
		next = c->next;
		if (c->state != WY_CONNECTION_RUNNING)
			continue;
		kill(-s->front->program, SIGKILL);
		/* The program might have named any process; and no end would come of it. */
		if (is_child(c->pid))
			kill(c->pid, SIGKILL);
		else
			drop(s, c);
	}
}

static void drop_oldest_lingering(struct state *s)
{
	struct wy_connection *oldest = NULL;

	for (struct wy_connection *c = s->connections; c; c = c->next) {
		if (c->state == WY_CONNECTION_LINGERING)
			oldest = c;
	}
	if (oldest)
		drop(s, oldest);
}

static void accept_one(struct state *s)
{
	struct wy_connection *c = wy_connection_accept(s->front->listener->fd);
	int fds[2], err;

	if (!c) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			log_errno(errno, "cannot accept a connection");
		return;
	}
	c->serial = ++s->serial;
	c->next = s->connections;
	s->connections = c;
	s->nr++;
	fds[0] = c->fd;
	fds[1] = s->banner;
	err = send_fds(s->front->control, fds, s->banner < 0 ? 1 : 2);
	if (err) {
		log_errno(err, "connection %lu from %s: cannot hand it over", c->serial, c->peer);
		drop(s, c);
		return;
	}
	s->handing = c;
}

static struct wy_connection *find_copy(const struct state *s, pid_t pid)
{
	struct wy_connection *c = s->connections;

	while (c && (c->state != WY_CONNECTION_RUNNING || c->pid != pid))
		c = c->next;
	return c;
}

/* Said of a copy: is it one?  The program can write there, too. */
static bool is_new_copy(const struct state *s, const struct wy_serve_report *r)
{
	return r->kind == WY_SERVE_COPY && r->value > 0 && r->value != s->front->program &&
	       !find_copy(s, r->value);
}

static void take_copy(struct state *s, const struct wy_serve_report *r)
{
	struct wy_connection *c = s->handing;

	if (!c)
		return;
	s->handing = NULL;
	if (is_new_copy(s, r)) {
		c->pid = r->value;
		c->state = WY_CONNECTION_RUNNING;
		log_info("connection %lu from %s: process %d", c->serial, c->peer, c->pid);
	} else {
		log_errno(r->value, "connection %lu from %s: cannot copy the program", c->serial,
			  c->peer);
		drop(s, c);
	}
	if (s->stops > 1)
		kill_all(s);
	else if (s->phase == STOPPING && !s->program_ended)
		kill(s->front->program, SIGKILL);
}

/* The template has something to say, or is gone; then its end will be told by an event. */
static void take_report(struct state *s, bool wait)
{
	struct pollfd p = { s->front->control, POLLIN, 0 };
	struct wy_serve_report r = { 0 };
	ssize_t n;

	while (wait && poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	n = recv(s->front->control, &r, sizeof(r), MSG_WAITALL | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close(s->front->control);
		s->front->control = -1;
		if (s->handing)
			drop(s, s->handing);
		return;
	}
	if (n == sizeof(r) && r.magic == WY_SERVE_MAGIC && r.value > -ERRNO_MAX) {
		if (s->phase == LOADING && r.kind == WY_SERVE_READY)
			ready(s);
		else if (s->phase == LOADING)
			refused(s, &r);
		else
			take_copy(s, &r);
	} else if (s->phase == LOADING) {
		refused(s, &(struct wy_serve_report){ 0 });
	}
}

static void process_ended(struct state *s, pid_t pid, int status)
{
	struct wy_connection *c = find_copy(s, pid);
	char who[ADDR_TEXT_MAX + 64];

	if (pid == s->front->program) {
		program_ended(s, status);
		return;
	}
	/* Quicker than the template's word: that is on its way. */
	if (!c && s->handing && s->front->control >= 0) {
		take_report(s, true);
		c = find_copy(s, pid);
	}
	if (!c)
		return;
	snprintf(who, sizeof(who), "connection %lu from %s", c->serial, c->peer);
	log_end(who, status);
	wy_connection_finish(c);
	s->nr_lingering++;
	if (wy_connection_drain(c))
		drop(s, c);
	else if (s->nr_lingering > LINGER_MAX)
		drop_oldest_lingering(s);
}

static void take_event(struct state *s)
{
	struct wy_front_event e;

	if (read_full(s->front->events, &e, sizeof(e)) != sizeof(e))
		return;
	switch (e.kind) {
	case WY_FRONT_ENDED: process_ended(s, e.pid, e.status); break;
	case WY_FRONT_STOP:
		stop(s, 0);
		if (++s->stops > 1)
			kill_all(s);
		else
			log_info("stopping: %u connections are open", s->nr - s->nr_lingering);
		break;
	case WY_FRONT_UNCAUGHT:
		log_err("the program cannot be served: its system calls are not caught");
		stop(s, 1);
		break;
	}
}

/* ---- the loop ---- */

/* Nothing more will come of it: everybody has ended, or nobody wants to wait. */
static bool is_over(struct state *s)
{
	struct wy_connection *c, *next;

	if (s->phase != STOPPING || !s->program_ended)
		return false;
	for (c = s->connections; c; c = next) {
		next = c->next;
		if (c->state == WY_CONNECTION_LINGERING &&
		    (s->stops > 1 || wy_connection_is_sent(c)))
			drop(s, c);
	}
	return !s->connections;
}

static bool has_room_for_polls(struct state *s)
{
	unsigned int want = FIXED_POLLS + s->nr_lingering;
	struct pollfd *more;

	if (want <= s->polls_max)
		return true;
	more = realloc(s->polls, 2 * want * sizeof(*more));
	if (!more)
		return false;
	s->polls = more;
	s->polls_max = 2 * want;
	return true;
}

static void wait_and_do(struct state *s)
{
	bool accepting = s->phase == SERVING && !s->handing && s->nr < s->nr_max;
	int listener = accepting ? s->front->listener->fd : -1;
	int out = s->phase == LOADING ? s->front->out : -1;
	struct wy_connection *c, *next;
	unsigned int n = FIXED_POLLS;

	if (!has_room_for_polls(s)) {
		drop_oldest_lingering(s);
		return;
	}
	s->polls[0] = (struct pollfd){ s->front->events, POLLIN, 0 };
	s->polls[1] = (struct pollfd){ s->front->control, POLLIN, 0 };
	s->polls[2] = (struct pollfd){ out, POLLIN, 0 };
	s->polls[3] = (struct pollfd){ listener, POLLIN, 0 };
	for (c = s->connections; c; c = c->next) {
		if (c->state == WY_CONNECTION_LINGERING)
			s->polls[n++] = (struct pollfd){ c->fd, POLLIN, 0 };
	}
	if (poll(s->polls, n, s->phase == STOPPING && s->nr_lingering ? STOP_LOOK_MS : -1) <= 0)
		return;
	/* Those that linger first: what follows changes the list. */
	n = FIXED_POLLS;
	for (c = s->connections; c; c = next) {
		next = c->next;
		if (c->state == WY_CONNECTION_LINGERING && s->polls[n++].revents &&
		    wy_connection_drain(c))
			drop(s, c);
	}
	if (s->polls[2].revents)
		take_output(s);
	if (s->polls[1].revents)
		take_report(s, false);
	if (s->polls[0].revents)
		take_event(s);
	if (s->polls[3].revents && s->phase == SERVING && !s->handing)
		accept_one(s);
}

void *wy_front_run(void *arg)
{
	struct state s = { .front = arg, .banner = -1 };
	struct rlimit files = { 256, 256 };

	getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur > INT_MAX)
		files.rlim_cur = INT_MAX;
	s.nr_max = files.rlim_cur > 2 * SPARE_FILES ? (unsigned int)files.rlim_cur - SPARE_FILES :
						      SPARE_FILES;
	while (!is_over(&s))
		wait_and_do(&s);
	wy_listener_close(s.front->listener);
	if (s.banner >= 0)
		close(s.banner);
	if (s.front->control >= 0)
		close(s.front->control);
	free(s.polls);
	__atomic_store_n(&s.front->finished, 1, __ATOMIC_RELEASE);
	__atomic_fetch_add(s.front->bell, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, s.front->bell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	return NULL;
}
