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
#include "host/serve/hand.h"
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
#define ACCEPT_AGAIN_MS 100

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
void wy_connections_take_out(struct wy_connection **list, struct wy_connection ***end,
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

void wy_connections_put_last(struct wy_connection ***end, struct wy_connection *c)
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
		wy_connections_take_out(&f->queue, &f->queue_end, c);
		f->nr_queued--;
		break;
	case WY_CONNECTION_HANDING:
		wy_connections_take_out(&c->instance->asked, &c->instance->asked_end, c);
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

void wy_service_relay_done(struct wy_relay *r)
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

/* The client of a call has got, later than the program ended, what it wrote. */
static void finish_call(struct wy_connection *c)
{
	struct wy_front *f = c->front;

	finish(c);
	wy_service_go_on(f);
}

void wy_service_process_ended(struct wy_connection *c, int status)
{
	struct wy_front *f = c->front;

	c->status = status;
	c->ended = true;
	if (c->instance) {
		wy_errors_finish(&c->instance->errors, c->pid);
	} else {
		wy_errors_look(&f->fresh_errors);
		wy_errors_finish(&f->fresh_errors, c->pid);
	}
	log_end(c, status);
	/* Stopped for the second time: what the client has not taken by now is lost. */
	if (f->stops > 1) {
		wy_access_write(&f->access, c, c->status);
		wy_service_drop(c);
		return;
	}
	if (c->relay && !c->relay->told)
		wy_relay_finish(c->relay); /* and then relay_done() */
	else if (c->call && !wy_call_is_done(c->call))
		wy_call_finish(c->call, finish_call);
	else
		finish(c);
}

void wy_service_running(struct wy_connection *c, pid_t pid)
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

void wy_service_ended(struct wy_front *f, struct wy_instance *i, pid_t pid, int status)
{
	struct wy_connection *c = wy_service_by_pid(f, pid);

	if (!c && i) {
		/* Quicker than the template's word: that is on its way. */
		wy_instance_look(i);
		c = wy_service_by_pid(f, pid);
	}
	if (c) {
		wy_service_process_ended(c, status);
		wy_service_go_on(f);
		return;
	}
	if (i)
		wy_hand_unknown_ended(i, pid, status);
}

void wy_service_lost(struct wy_front *f, struct wy_instance *i)
{
	struct wy_connection *c, *next;

	for (c = f->connections; c; c = next) {
		next = c->next;
		if (c->instance != i)
			continue;
		/* Who serves it may live on: the connection is its own, then. */
		if (!c->ended &&
		    (c->state == WY_CONNECTION_HANDING || c->state == WY_CONNECTION_RUNNING))
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
	/* First all answers: connections may be dropped for what they say. */
	for (struct wy_instance *i = f->instances; i; i = i->next) {
		wy_instance_look(i);
		wy_instance_kill(i, 0, SIGKILL);
	}
	for (struct wy_connection *c = f->connections; c; c = c->next) {
		if (c->state != WY_CONNECTION_RUNNING)
			continue;
		wy_service_kill(c, SIGKILL);
		if (!c->instance && !c->ended)
			kill(-c->pid, SIGKILL);
	}
	wy_service_drop_lingering(f, true);
	for (struct wy_connection *c = f->connections, *next; c; c = next) {
		next = c->next;
		/* Nor is waited for a client that does not take what it was sent. */
		if (c->ended ||
		    (c->state != WY_CONNECTION_HANDING && c->state != WY_CONNECTION_RUNNING))
			wy_service_drop(c);
	}
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
	if (f->phase != WY_FRONT_SERVING || f->accept.set)
		return false;
	/* Who has been answered makes room: accept_one(). */
	if (f->nr - f->nr_lingering >= f->nr_max)
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

/* Stopping: no program is started any more, so those that wait may wait for nobody. */
static void drop_hopeless(struct wy_front *f)
{
	char name[ADDR_TEXT_MAX + 64];

	while (f->queue && f->mode != WY_MODE_FRESH &&
	       !(f->mode == WY_MODE_PRESTART ? f->nr_waiting > 0 : f->template != NULL)) {
		struct wy_connection *c = f->queue;

		wy_connection_name(c, name, sizeof(name));
		log_warn("%s: closed: there is no program left to serve it", name);
		if (c->call)
			wy_call_refuse(c->call, "there is no program left");
		wy_service_drop(c);
	}
}

void wy_service_go_on(struct wy_front *f)
{
	while (f->queue && can_serve(f)) {
		struct wy_connection *c = f->queue;

		wy_connections_take_out(&f->queue, &f->queue_end, c);
		f->nr_queued--;
		if (wy_hand_over(c) == -EAGAIN) {
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
	if (f->phase == WY_FRONT_STOPPING) {
		drop_hopeless(f);
		wy_front_wind_up(f);
	}
}

/* It can be served: now, or when there is room. */
static void submit(struct wy_connection *c)
{
	struct wy_front *f = c->front;
	char name[ADDR_TEXT_MAX + 64];

	if (!f->queue && can_serve(f) && wy_hand_over(c) == 0)
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
	wy_connections_put_last(&f->queue_end, c);
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

static void accept_again(struct wy_timer *t)
{
	wy_service_go_on(loop_owner(t, struct wy_front, accept));
}

static void accept_one(struct wy_listener *l)
{
	struct wy_front *f = l->front;
	struct wy_connection *c;
	char name[ADDR_TEXT_MAX + 64];

	if (f->nr >= f->nr_max)
		drop_oldest_lingering(f);
	c = wy_connection_accept(l->fd);
	if (!c) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		/* It would be tried again at once, and nothing tells when there is room. */
		if (!f->cannot_accept)
			log_errno(errno, "cannot accept a connection");
		f->cannot_accept = true;
		loop_timer(&f->accept, ACCEPT_AGAIN_MS, accept_again);
		return;
	}
	f->cannot_accept = false;
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
