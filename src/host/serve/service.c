/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.c - see front.h.
 *
 * The usual way of a connection costs the front few calls: accept4, one
 * sendmsg to the template, and when the copy's end is told, a recv that finds
 * the client's end, and close.  It is watched only before and after that.
 */
#include "host/serve/front.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "host/serve/call.h"
#include "host/serve/relay.h"
#include "host/serve/spool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINGER_MAX      256
#define ANSWERS_LOOK_MS 10
#define ERRNO_MAX       4096

/* ---- the lists ---- */

static struct wy_connection **bucket(struct wy_front *f, pid_t pid)
{
	return &f->by_pid[(unsigned int)pid % WY_PID_BUCKETS];
}

struct wy_connection *wy_service_by_pid(struct wy_front *f, pid_t pid)
{
	struct wy_connection *c = *bucket(f, pid);

	while (c && c->pid != pid)
		c = c->next_of_pid;
	return c;
}

static void set_pid(struct wy_connection *c, pid_t pid)
{
	struct wy_connection **at = bucket(c->front, pid);

	c->pid = pid;
	c->next_of_pid = *at;
	*at = c;
}

static void forget_pid(struct wy_connection *c)
{
	struct wy_connection **at = bucket(c->front, c->pid);

	while (*at && *at != c)
		at = &(*at)->next_of_pid;
	if (*at)
		*at = c->next_of_pid;
}

static void link_up(struct wy_front *f, struct wy_connection *c)
{
	c->front = f;
	c->serial = ++f->serial;
	c->next = f->connections;
	if (c->next)
		c->next->prev = c;
	else
		f->oldest = c;
	f->connections = c;
	f->nr++;
}

static void unlink_all(struct wy_front *f, struct wy_connection *c)
{
	if (c->next)
		c->next->prev = c->prev;
	else
		f->oldest = c->prev;
	if (c->prev)
		c->prev->next = c->next;
	else
		f->connections = c->next;
	f->nr--;
}

/* Takes it out of a list that is linked by next_queued. */
static void take_out(struct wy_connection **list, struct wy_connection ***end,
		     struct wy_connection *c)
{
	struct wy_connection **at = list;

	while (*at && *at != c)
		at = &(*at)->next_queued;
	if (!*at)
		return;
	*at = c->next_queued;
	if (*end == &c->next_queued)
		*end = at;
}

static void put_last(struct wy_connection ***end, struct wy_connection *c)
{
	c->next_queued = NULL;
	**end = c;
	*end = &c->next_queued;
}

/* ---- the end ---- */

void wy_service_drop(struct wy_connection *c)
{
	struct wy_front *f = c->front;

	switch (c->state) {
	case WY_CONNECTION_QUEUED:
		take_out(&f->queue, &f->queue_end, c);
		f->nr_queued--;
		break;
	case WY_CONNECTION_HANDING:
		take_out(&c->instance->asked, &c->instance->asked_end, c);
		f->nr_busy--;
		break;
	case WY_CONNECTION_RUNNING:
		forget_pid(c);
		f->nr_busy--;
		break;
	case WY_CONNECTION_LINGERING: f->nr_lingering--; break;
	default: break;
	}
	if (c->instance && c->instance->connection == c)
		c->instance->connection = NULL;
	if (c->relay)
		wy_relay_free(c->relay);
	if (c->call)
		wy_call_free(c->call);
	unlink_all(f, c);
	wy_connection_free(c);
}

static void linger_ready(struct wy_watch *w, unsigned int events)
{
	struct wy_connection *c = loop_owner(w, struct wy_connection, watch);
	struct wy_front *f = c->front;

	(void)events;
	if (!wy_connection_drain(c))
		return;
	wy_service_drop(c);
	wy_service_go_on(f);
}

static void drop_oldest_lingering(struct wy_front *f)
{
	struct wy_connection *c = f->oldest;

	while (c && c->state != WY_CONNECTION_LINGERING)
		c = c->prev;
	if (c)
		wy_service_drop(c);
}

void wy_service_drop_lingering(struct wy_front *f, bool all)
{
	struct wy_connection *c, *next;

	for (c = f->connections; c; c = next) {
		next = c->next;
		if (c->state == WY_CONNECTION_LINGERING && (all || wy_connection_is_sent(c)))
			wy_service_drop(c);
	}
}

static void log_end(const struct wy_connection *c, int status)
{
	bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	char name[ADDR_TEXT_MAX + 64];

	if (good && log_get_level() < LOG_INFO)
		return;
	wy_connection_name(c, name, sizeof(name));
	if (WIFSIGNALED(status))
		log_warn("%s: ended by signal %d (%s)", name, WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		log_line(good ? LOG_INFO : LOG_WARN, "%s: exit status %d", name,
			 WEXITSTATUS(status));
}

/* All that the program wrote is with the client, or on its way there. */
static void finish(struct wy_connection *c)
{
	struct wy_front *f = c->front;

	forget_pid(c);
	f->nr_busy--;
	if (c->relay) {
		c->counted = c->relay->down.bytes;
		c->bytes_in = c->relay->up.bytes;
		c->bytes_out = c->relay->down.bytes;
		wy_relay_free(c->relay);
		c->relay = NULL;
	}
	wy_access_write(&f->access, c, c->status);
	c->state = WY_CONNECTION_CLOSING;
	if (!c->call || wy_call_ended(c->call, c->status))
		wy_service_close(c);
}

void wy_service_close(struct wy_connection *c)
{
	struct wy_front *f = c->front;

	loop_forget(&c->watch);
	if (wy_connection_finish(c)) {
		wy_service_drop(c);
	} else if (loop_watch(&c->watch, c->fd, EPOLLIN, linger_ready) < 0) {
		f->nr_lingering++;
		wy_service_drop(c);
	} else if (++f->nr_lingering > LINGER_MAX) {
		drop_oldest_lingering(f);
	}
}

static void relay_done(struct wy_relay *r)
{
	struct wy_connection *c = r->owner;
	struct wy_front *f = c->front;

	/* Else its output has ended before itself, as the client can see at once. */
	if (!c->ended) {
		shutdown(c->fd, SHUT_WR);
		return;
	}
	finish(c);
	wy_service_go_on(f);
}

static void ended(struct wy_connection *c, int status)
{
	struct wy_front *f = c->front;

	c->status = status;
	c->ended = true;
	if (c->instance)
		wy_errors_look(&c->instance->errors, c->pid);
	else
		wy_errors_look(&f->fresh_errors, c->pid);
	log_end(c, status);
	if (c->relay && !c->relay->told)
		wy_relay_finish(c->relay); /* and then relay_done() */
	else if (c->call && !wy_call_is_done(c->call))
		wy_call_finish(c->call, finish);
	else
		finish(c);
}

/* ---- ends that are told before the copy's birth is ---- */

#define EARLY_MAX 64u

static struct {
	pid_t pid;
	int status;
} early[EARLY_MAX];
static unsigned int early_at;

static void note_early(pid_t pid, int status)
{
	early[early_at % EARLY_MAX].pid = pid;
	early[early_at++ % EARLY_MAX].status = status;
}

static bool was_early(pid_t pid, int *ret_status)
{
	for (unsigned int i = 0; i < EARLY_MAX; i++) {
		if (early[i].pid != pid)
			continue;
		early[i].pid = 0;
		*ret_status = early[i].status;
		return true;
	}
	return false;
}

static void drop_ahead(struct wy_front *f, struct wy_ahead **at)
{
	struct wy_ahead *a = *at;

	(void)f;
	*at = a->next;
	close_fd(&a->control);
	free(a);
}

void wy_service_ended(struct wy_front *f, struct wy_instance *i, pid_t pid, int status)
{
	struct wy_connection *c = wy_service_by_pid(f, pid);

	if (!c && i) {
		/* Quicker than the template's word: that is on its way. */
		wy_instance_look(i);
		c = wy_service_by_pid(f, pid);
	}
	if (c) {
		ended(c, status);
		wy_service_go_on(f);
		return;
	}
	for (struct wy_ahead **at = &f->ahead; *at; at = &(*at)->next) {
		if ((*at)->pid == pid) {
			drop_ahead(f, at);
			return;
		}
	}
	if (i && i->state == WY_INSTANCE_TEMPLATE)
		note_early(pid, status);
}

void wy_service_lost(struct wy_front *f, struct wy_instance *i)
{
	struct wy_connection *c, *next;

	for (c = f->connections; c; c = next) {
		next = c->next;
		if (c->instance != i)
			continue;
		/* Who serves it may live on: the connection is its own, then. */
		if (c->state == WY_CONNECTION_HANDING || c->state == WY_CONNECTION_RUNNING)
			wy_service_drop(c);
		else
			c->instance = NULL;
	}
}

void wy_service_unanswered(struct wy_instance *i)
{
	char name[ADDR_TEXT_MAX + 64];

	while (i->asked) {
		struct wy_connection *c = i->asked;

		wy_connection_name(c, name, sizeof(name));
		log_warn("%s: closed: the template has gone", name);
		if (c->call)
			wy_call_refuse(c->call, "the program has gone");
		wy_service_drop(c);
	}
}

void wy_service_kill(struct wy_connection *c, int signal)
{
	if (c->state == WY_CONNECTION_HANDING)
		wy_instance_look(c->instance);
	if (c->state != WY_CONNECTION_RUNNING || c->ended)
		return;
	if (!c->instance)
		kill(c->pid, signal);
	else
		wy_instance_kill(c->instance, c->pid, signal);
}

void wy_service_kill_all(struct wy_front *f)
{
	for (struct wy_instance *i = f->instances; i; i = i->next)
		wy_instance_kill(i, 0, SIGKILL);
	for (struct wy_connection *c = f->connections; c; c = c->next) {
		wy_service_kill(c, SIGKILL);
		if (c->state == WY_CONNECTION_RUNNING && !c->instance)
			kill(-c->pid, SIGKILL);
	}
	wy_service_drop_lingering(f, true);
	for (struct wy_connection *c = f->connections, *next; c; c = next) {
		next = c->next;
		if (c->state != WY_CONNECTION_HANDING && c->state != WY_CONNECTION_RUNNING)
			wy_service_drop(c);
	}
}

/* ---- handing over ---- */

/* The descriptors that an order for this connection comes with; banner: -1: there is none. */
static void fill_order(struct wy_serve_order *order, int fds[WY_SERVE_FDS],
		       const struct wy_connection *c, int banner)
{
	static int null = -1;
	unsigned int nr = 0;

	order->fds = WY_SERVE_FD_IN;
	fds[nr++] = c->in >= 0 ? c->in : c->fd;
	if (c->in >= 0) {
		order->fds |= WY_SERVE_FD_OUT;
		fds[nr++] = c->out >= 0 ? c->out : c->fd;
	}
	if (c->err >= 0) {
		order->fds |= WY_SERVE_FD_ERR;
		fds[nr++] = c->err;
	} else if (c->front->o->errors == WY_STDERR_CLIENT) {
		order->fds |= WY_SERVE_FD_ERR;
		fds[nr++] = c->fd;
	} else if (c->front->o->errors == WY_STDERR_NULL) {
		if (null < 0)
			null = open("/dev/null", O_RDWR | O_CLOEXEC);
		order->fds |= WY_SERVE_FD_ERR;
		fds[nr++] = null;
	}
	if (banner >= 0) {
		order->fds |= WY_SERVE_FD_BANNER;
		fds[nr++] = banner;
	}
}

/* What the process has now is its own. */
static void let_go(struct wy_connection *c)
{
	close_fd(&c->in);
	close_fd(&c->out);
	close_fd(&c->err);
}

static void running(struct wy_connection *c, pid_t pid)
{
	char name[ADDR_TEXT_MAX + 64];

	c->state = WY_CONNECTION_RUNNING;
	set_pid(c, pid);
	if (c->call)
		wy_call_running(c->call);
	if (log_get_level() < LOG_INFO)
		return;
	wy_connection_name(c, name, sizeof(name));
	log_info("%s: process %d", name, (int)pid);
}

/*
 * A copy's birth needs to be known when it ends; that the template could make
 * none, soon.
 */
static void look_for_answers(struct wy_timer *t)
{
	struct wy_front *f = loop_owner(t, struct wy_front, answers);
	bool missing = false;

	for (struct wy_instance *i = f->instances, *next; i; i = next) {
		next = i->next;
		if (!i->is_template)
			continue;
		wy_instance_look(i);
		missing |= i->asked && !i->retired;
	}
	for (const struct wy_ahead *a = f->ahead; a; a = a->next)
		missing |= !a->pid;
	if (missing)
		loop_timer(t, ANSWERS_LOOK_MS, look_for_answers);
}

static void expect_answer(struct wy_front *f)
{
	if (!f->answers.set)
		loop_timer(&f->answers, ANSWERS_LOOK_MS, look_for_answers);
}

/* One more copy ahead. */
static void order_ahead(struct wy_front *f)
{
	struct wy_serve_order order = { WY_SERVE_MAGIC, WY_SERVE_ORDER_AHEAD, WY_SERVE_FD_CONTROL,
					0 };
	struct wy_ahead *a = calloc(1, sizeof(*a)), **end = &f->ahead;
	int pair[2];

	if (!a || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		free(a);
		return;
	}
	order.serial = a->serial = ++f->serial;
	a->control = pair[0];
	if (wy_instance_order(wy_place_control(&f->template->place), &order, &pair[1]) < 0) {
		close(pair[0]);
		free(a);
	} else {
		while (*end)
			end = &(*end)->next;
		*end = a;
		expect_answer(f);
	}
	close(pair[1]);
}

void wy_service_renew_ahead(struct wy_front *f)
{
	while (f->ahead)
		drop_ahead(f, &f->ahead);
	for (int i = 0; f->template && i < f->o->pool; i++)
		order_ahead(f);
}

/* Returns 0, or -errno: -EAGAIN when it must wait. */
static int give_to_ahead(struct wy_front *f, struct wy_connection *c)
{
	struct wy_serve_order order = { WY_SERVE_MAGIC, WY_SERVE_ORDER_BECOME, 0, c->serial };
	int fds[WY_SERVE_FDS], err;
	pid_t pid = f->ahead->pid;

	fill_order(&order, fds, c, f->template->banner);
	err = wy_instance_order(f->ahead->control, &order, fds);
	drop_ahead(f, &f->ahead);
	order_ahead(f);
	if (!err) {
		c->instance = f->template;
		running(c, pid);
	}
	return err;
}

static int order_copy(struct wy_front *f, struct wy_connection *c)
{
	struct wy_serve_order order = { WY_SERVE_MAGIC, WY_SERVE_ORDER_COPY, 0, c->serial };
	struct wy_instance *t = f->template;
	int fds[WY_SERVE_FDS], err;

	if (f->ahead && !f->ahead->pid)
		wy_instance_look(t);
	if (f->ahead && f->ahead->pid)
		return give_to_ahead(f, c);
	fill_order(&order, fds, c, t->banner);
	err = wy_instance_order(wy_place_control(&t->place), &order, fds);
	if (err)
		return err;
	c->state = WY_CONNECTION_HANDING;
	c->instance = t;
	put_last(&t->asked_end, c);
	expect_answer(f);
	return 0;
}

/* The program's own file is filled with the request. */
static int fill_file(int to, int from)
{
	off_t in = 0, out = 0;
	ssize_t n;

	do
		n = copy_file_range(from, &in, to, &out, 1ul << 30, 0);
	while (n > 0);
	return n < 0 ? -errno : 0;
}

static int start_relay(struct wy_connection *c, struct wy_instance *i)
{
	int to = -1;

	if (c->front->o->input != WY_STDIN_FILE)
		to = steal_fd(&i->place.in[0]);
	c->relay = wy_relay_start(c->fd, to, steal_fd(&i->place.out[0]), i->banner, c, relay_done);
	return c->relay ? 0 : -ENOMEM;
}

static int give_to_instance(struct wy_front *f, struct wy_connection *c)
{
	struct wy_serve_order order = { WY_SERVE_MAGIC, WY_SERVE_ORDER_BECOME, 0, c->serial };
	struct wy_instance *i = NULL;
	int fds[WY_SERVE_FDS], err = 0;

	for (struct wy_instance *at = f->instances; at; at = at->next) {
		if (at->state == WY_INSTANCE_WAITING && !at->stale)
			i = at; /* the oldest in the end */
	}
	if (!i)
		return -EAGAIN;
	if (!i->relayed)
		fill_order(&order, fds, c, i->banner);
	else if (f->o->input == WY_STDIN_FILE)
		err = fill_file(i->place.in[0], c->in);
	if (!err)
		err = wy_instance_order(wy_place_control(&i->place), &order, fds);
	f->nr_waiting--;
	i->state = WY_INSTANCE_TAKEN;
	if (err) {
		wy_instance_kill(i, 0, SIGKILL);
		wy_instance_retire(i);
		return err;
	}
	i->connection = c;
	c->instance = i;
	loop_forget(&i->control_watch);
	if (i->relayed && start_relay(c, i) < 0)
		return -ENOMEM;
	close_fd(&i->place.in[0]);
	close_fd(&i->place.out[0]);
	close_fd(&i->place.control[0]);
	running(c, i->program);
	return 0;
}

static void limit_fresh(const struct wy_serve_options *o, pid_t pid)
{
	struct rlimit memory = { o->memory_max, o->memory_max };
	struct rlimit cpu = { (o->cpu_ms + 999) / 1000, (o->cpu_ms + 999) / 1000 };

	if (o->memory_max)
		prlimit(pid, RLIMIT_AS, &memory, NULL);
	if (o->cpu_ms)
		prlimit(pid, RLIMIT_CPU, &cpu, NULL);
}

static int start_fresh(struct wy_front *f, struct wy_connection *c)
{
	struct wy_serve_order order = { 0 };
	struct wy_program_io io = { .err = f->fresh_err, .inherited = -1 };
	struct rlimit own;
	int fds[WY_SERVE_FDS], err;
	unsigned int at = 0;

	fill_order(&order, fds, c, -1);
	io.in = fds[at++];
	io.out = order.fds & WY_SERVE_FD_OUT ? fds[at++] : io.in;
	if (order.fds & WY_SERVE_FD_ERR)
		io.err = fds[at++];
	f->program.io = &io;
	getrlimit(RLIMIT_NOFILE, &own);
	setrlimit(RLIMIT_NOFILE, &f->files);
	err = wy_program_start(&f->program, f->o->argv, false);
	setrlimit(RLIMIT_NOFILE, &own);
	if (err)
		return err;
	limit_fresh(f->o, f->program.pid);
	running(c, f->program.pid);
	return 0;
}

static int make_pipe(struct wy_connection *c)
{
	int both[2];

	if (c->in >= 0 || c->relay)
		return 0; /* of an earlier try */
	if (pipe2(both, O_CLOEXEC) < 0)
		return -errno;
	c->in = both[0];
	c->relay = wy_relay_start(c->fd, both[1], -1, -1, c, relay_done);
	return c->relay ? 0 : -ENOMEM;
}

/* Returns 0 when it has been handed over or dropped; -EAGAIN when it must wait. */
static int hand_over(struct wy_connection *c)
{
	struct wy_front *f = c->front;
	char name[ADDR_TEXT_MAX + 64];
	int err = 0;

	if (f->o->input == WY_STDIN_PIPE && !f->relayed && !c->call)
		err = make_pipe(c);
	if (!err) {
		switch (f->mode) {
		case WY_MODE_PRESTART: err = give_to_instance(f, c); break;
		case WY_MODE_FRESH: err = start_fresh(f, c); break;
		default: err = order_copy(f, c);
		}
	}
	if (err == -EAGAIN)
		return err;
	if (err) {
		wy_connection_name(c, name, sizeof(name));
		log_errno(err, "%s: cannot hand it over", name);
		if (c->call)
			wy_call_refuse(c->call, "it cannot be handed over");
		wy_service_drop(c);
		return 0;
	}
	f->nr_busy++;
	f->served++;
	let_go(c);
	wy_front_served(f);
	return 0;
}

void wy_service_answered(struct wy_instance *i, const struct wy_serve_report *r)
{
	struct wy_front *f = i->owner;
	struct wy_connection *c = i->asked;
	char name[ADDR_TEXT_MAX + 64];
	bool made = r->kind == WY_SERVE_COPY && r->value > 1;
	int status;

	if (!c || c->serial != r->serial) {
		for (struct wy_ahead **at = &f->ahead; *at; at = &(*at)->next) {
			if ((*at)->serial != r->serial)
				continue;
			if (made)
				(*at)->pid = r->value;
			else
				drop_ahead(f, at);
			return;
		}
		return;
	}
	if (made) {
		take_out(&i->asked, &i->asked_end, c);
		running(c, r->value);
		if (was_early(r->value, &status))
			ended(c, status);
	} else {
		wy_connection_name(c, name, sizeof(name));
		log_errno(r->value < 0 && r->value > -ERRNO_MAX ? r->value : EPROTO,
			  "%s: cannot copy the program", name);
		if (c->call)
			wy_call_refuse(c->call, "the program cannot be copied");
		wy_service_drop(c);
	}
	if (f->queue || f->phase == WY_FRONT_STOPPING)
		wy_service_go_on(f);
}

/* ---- whom to serve ---- */

static bool can_serve(const struct wy_front *f)
{
	if (f->o->max && f->nr_busy >= f->o->max)
		return false;
	switch (f->mode) {
	case WY_MODE_FRESH: return true;
	case WY_MODE_PRESTART: return f->nr_waiting;
	default: return f->template;
	}
}

static bool wants_clients(const struct wy_front *f)
{
	if (f->phase != WY_FRONT_SERVING || f->nr >= f->nr_max)
		return false;
	/* A request that is still to come takes nobody's place. */
	return f->o->queue >= 0 || f->o->input == WY_STDIN_FILE || (!f->queue && can_serve(f));
}

static void set_accepting(struct wy_front *f, bool on)
{
	if (f->accepting == on)
		return;
	f->accepting = on;
	for (unsigned int i = 0; i < f->nr_listeners; i++)
		loop_change(&f->listeners[i].watch, on ? EPOLLIN : 0);
}

void wy_service_go_on(struct wy_front *f)
{
	while (f->queue && can_serve(f)) {
		struct wy_connection *c = f->queue;

		take_out(&f->queue, &f->queue_end, c);
		f->nr_queued--;
		c->state = WY_CONNECTION_HELLO;
		if (hand_over(c) == -EAGAIN) {
			c->state = WY_CONNECTION_QUEUED;
			c->next_queued = f->queue;
			if (!f->queue)
				f->queue_end = &c->next_queued;
			f->queue = c;
			f->nr_queued++;
			break;
		}
	}
	set_accepting(f, wants_clients(f));
	if (f->phase == WY_FRONT_STOPPING)
		wy_front_wind_up(f);
}

/* It can be served: now, or when there is room. */
static void submit(struct wy_connection *c)
{
	struct wy_front *f = c->front;
	char name[ADDR_TEXT_MAX + 64];

	if (!f->queue && can_serve(f) && hand_over(c) == 0)
		return;
	if (f->o->queue >= 0 && f->nr_queued >= (unsigned int)f->o->queue) {
		wy_connection_name(c, name, sizeof(name));
		log_warn("%s: closed: %u are being served and %u wait", name, f->nr_busy,
			 f->nr_queued);
		if (c->call)
			wy_call_refuse(c->call, "too many wait");
		wy_service_drop(c);
		return;
	}
	c->state = WY_CONNECTION_QUEUED;
	put_last(&f->queue_end, c);
	f->nr_queued++;
}

void wy_service_submit(struct wy_connection *c)
{
	struct wy_front *f = c->front;

	submit(c);
	wy_service_go_on(f);
}

static bool too_many_of_host(const struct wy_front *f, const struct wy_connection *c)
{
	unsigned int nr = 0;

	for (const struct wy_connection *o = f->connections; o && f->o->per_ip; o = o->next)
		nr += o->state != WY_CONNECTION_LINGERING && wy_connection_same_host(o, c);
	return nr > f->o->per_ip;
}

static void accept_one(struct wy_listener *l)
{
	struct wy_front *f = l->front;
	struct wy_connection *c = wy_connection_accept(l->fd);
	char name[ADDR_TEXT_MAX + 64];

	if (!c) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		log_errno(errno, "cannot accept a connection");
		/* It would be tried again at once: rather when one has ended. */
		if (f->nr)
			f->nr_max = f->nr;
		return;
	}
	link_up(f, c);
	c->listener = l;
	if (f->o->per_ip && too_many_of_host(f, c)) {
		wy_connection_name(c, name, sizeof(name));
		log_warn("%s: closed: there are %u from there", name, f->o->per_ip);
		wy_service_drop(c);
	} else if (l->call) {
		wy_call_start(c);
	} else if (f->o->input == WY_STDIN_FILE) {
		c->state = WY_CONNECTION_SPOOLING;
		wy_spool_start(c);
	} else {
		submit(c);
	}
}

static void listener_ready(struct wy_watch *w, unsigned int events)
{
	struct wy_listener *l = loop_owner(w, struct wy_listener, watch);
	struct wy_front *f = l->front;

	(void)events;
	if (!f->accepting)
		return;
	accept_one(l);
	if (!wants_clients(f))
		set_accepting(f, false);
}

void wy_service_start(struct wy_front *f)
{
	f->accepting = true;
	for (unsigned int i = 0; i < f->nr_listeners; i++) {
		struct wy_listener *l = &f->listeners[i];

		if (loop_watch(&l->watch, l->fd, EPOLLIN, listener_ready) < 0)
			log_err("cannot watch '%s'", l->name);
	}
	wy_service_go_on(f);
}
