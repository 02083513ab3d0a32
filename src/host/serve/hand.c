/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hand.c - gives a connection to a process: to a copy that the template makes,
 * to one that it has made ahead, to a program that was started ahead, or to one
 * that is started for it.
 */
#include "host/serve/hand.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "host/serve/call.h"
#include "host/serve/relay.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWERS_LOOK_MS 10
#define ERRNO_MAX       4096
#define AHEAD_AT_ONCE   2 /* one for the one that is taken, one for what is missing */

/* ---- ends that are told before the copy's birth is ---- */

static void note_early(struct wy_instance *i, pid_t pid, int status)
{
	struct wy_early *e = &i->early[i->early_at++ % WY_EARLY_MAX];

	e->pid = pid;
	e->status = status;
}

static bool was_early(struct wy_instance *i, pid_t pid, int *ret_status)
{
	for (struct wy_early *e = i->early; e < i->early + WY_EARLY_MAX; e++) {
		if (e->pid != pid)
			continue;
		e->pid = 0;
		*ret_status = e->status;
		return true;
	}
	return false;
}

static void drop_ahead(struct wy_ahead **at)
{
	struct wy_ahead *a = *at;

	*at = a->next;
	close_fd(&a->control);
	free(a);
}

void wy_hand_unknown_ended(struct wy_instance *i, pid_t pid, int status)
{
	struct wy_front *f = i->owner;

	for (struct wy_ahead **at = &f->ahead; *at; at = &(*at)->next) {
		if ((*at)->pid == pid) {
			drop_ahead(at);
			return;
		}
	}
	if (i->asked)
		note_early(i, pid, status);
}

/* ---- orders ---- */

/* The descriptors that an order for this connection comes with; banner: -1: there is none. */
static void fill_order(struct wy_serve_order *order, int fds[WY_SERVE_FDS],
		       const struct wy_connection *c, int banner)
{
	static int null = -1;
	unsigned int nr = 0;

	order->flags = c->call && wy_call_is_direct(c->call) ? WY_SERVE_ORDER_LENT : 0;
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
		order->flags |= WY_SERVE_ORDER_ERRORS;
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

/* ---- copies, and copies ahead ---- */

/* One more copy ahead. */
static void order_ahead(struct wy_front *f)
{
	struct wy_serve_order order = { WY_SERVE_MAGIC, WY_SERVE_ORDER_AHEAD, WY_SERVE_FD_CONTROL,
					0, 0 };
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

void wy_hand_renew_ahead(struct wy_front *f)
{
	while (f->ahead)
		drop_ahead(&f->ahead);
	for (int i = 0; f->template && i < f->o->pool; i++)
		order_ahead(f);
}

/* Some may have ended, or could not be made: they are replaced as clients come, not in a storm. */
static void fill_ahead(struct wy_front *f)
{
	int nr = 0;

	for (const struct wy_ahead *a = f->ahead; a; a = a->next)
		nr++;
	for (int i = 0; i < AHEAD_AT_ONCE && nr + i < f->o->pool; i++)
		order_ahead(f);
}

/* Returns 0, or -errno: that copy was gone already. */
static int give_to_ahead(struct wy_front *f, struct wy_connection *c)
{
	struct wy_serve_order order = { WY_SERVE_MAGIC, WY_SERVE_ORDER_BECOME, 0, c->serial, 0 };
	int fds[WY_SERVE_FDS], err;
	pid_t pid = f->ahead->pid;

	fill_order(&order, fds, c, f->template->banner);
	err = wy_instance_order(f->ahead->control, &order, fds);
	drop_ahead(&f->ahead);
	if (!err) {
		c->instance = f->template;
		wy_service_running(c, pid);
	}
	return err;
}

static int give_to_copy(struct wy_front *f, struct wy_connection *c)
{
	struct wy_serve_order order = { WY_SERVE_MAGIC, WY_SERVE_ORDER_COPY, 0, c->serial, 0 };
	struct wy_instance *t = f->template;
	int fds[WY_SERVE_FDS], err;

	if (f->ahead && !f->ahead->pid)
		wy_instance_look(t);
	while (f->ahead && f->ahead->pid) {
		if (give_to_ahead(f, c) == 0)
			return 0;
	}
	fill_order(&order, fds, c, t->banner);
	err = wy_instance_order(wy_place_control(&t->place), &order, fds);
	if (err)
		return err;
	c->state = WY_CONNECTION_HANDING;
	c->instance = t;
	wy_connections_put_last(&t->asked_end, c);
	expect_answer(f);
	return 0;
}

static int order_copy(struct wy_front *f, struct wy_connection *c)
{
	int err = give_to_copy(f, c);

	if (!err)
		fill_ahead(f);
	return err;
}

/* ---- programs started ahead, or now ---- */

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

	/* It had a pipe made, for a program that is alone. */
	if (c->relay) {
		if (c->relay->up.bytes)
			return -EIO;
		wy_relay_free(c->relay);
	}
	if (c->front->o->input != WY_STDIN_FILE)
		to = steal_fd(&i->place.in[0]);
	c->relay = wy_relay_start(c->fd, to, steal_fd(&i->place.out[0]), i->banner, c,
				  wy_service_relay_done);
	return c->relay ? 0 : -ENOMEM;
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
	err = f->found ? 0 : wy_program_find(&f->program, f->o->argv[0], true);
	if (err)
		return err;
	f->found = true;
	f->program.io = &io;
	getrlimit(RLIMIT_NOFILE, &own);
	setrlimit(RLIMIT_NOFILE, &f->files);
	err = wy_program_start(&f->program, f->o->argv, false);
	setrlimit(RLIMIT_NOFILE, &own);
	if (err)
		return err;
	limit_fresh(f->o, f->program.pid);
	wy_service_running(c, f->program.pid);
	return 0;
}

static struct wy_instance *oldest_waiting(struct wy_front *f)
{
	struct wy_instance *i = NULL;

	for (struct wy_instance *at = f->instances; at; at = at->next) {
		if (at->state == WY_INSTANCE_WAITING && !at->stale)
			i = at;
	}
	return i;
}

static int give_to_instance(struct wy_front *f, struct wy_connection *c, struct wy_instance *i)
{
	struct wy_serve_order order = { WY_SERVE_MAGIC, WY_SERVE_ORDER_BECOME, 0, c->serial, 0 };
	int fds[WY_SERVE_FDS], err = 0;

	if (!i->relayed)
		fill_order(&order, fds, c, i->banner);
	else if (f->o->input == WY_STDIN_FILE)
		err = fill_file(i->place.in[0], c->in);
	if (!err)
		err = wy_instance_order(wy_place_control(&i->place), &order, fds);
	if (err == -EPIPE || err == -ECONNRESET)
		return err;
	if (!err && i->relayed)
		err = start_relay(c, i);
	f->nr_waiting--;
	i->state = WY_INSTANCE_TAKEN;
	if (err) {
		wy_instance_kill(i, 0, SIGKILL);
		wy_instance_retire(i);
		wy_front_refill(f);
		return err;
	}
	i->connection = c;
	c->instance = i;
	loop_forget(&i->control_watch);
	close_fd(&i->place.in[0]);
	close_fd(&i->place.out[0]);
	close_fd(&i->place.control[0]);
	wy_service_running(c, i->program);
	return 0;
}

static int give_to_a_waiting(struct wy_front *f, struct wy_connection *c)
{
	struct wy_instance *i;
	int err;

	while ((i = oldest_waiting(f))) {
		/* Who calls has descriptors of any kind: no relay can carry between those. */
		if (i->relayed && c->call)
			return start_fresh(f, c);
		err = give_to_instance(f, c, i);
		if (err != -EPIPE && err != -ECONNRESET)
			return err;
		wy_front_ended_ahead(f, i);
	}
	return -EAGAIN;
}

/* ---- all of them ---- */

static int make_pipe(struct wy_connection *c)
{
	int both[2];

	if (c->in >= 0 || c->relay)
		return 0; /* of an earlier try */
	if (pipe2(both, O_CLOEXEC) < 0)
		return -errno;
	c->in = both[0];
	c->relay = wy_relay_start(c->fd, both[1], -1, -1, c, wy_service_relay_done);
	return c->relay ? 0 : -ENOMEM;
}

/* Returns 0 when it has been handed over or dropped; -EAGAIN when it must wait. */
int wy_hand_over(struct wy_connection *c)
{
	struct wy_front *f = c->front;
	char name[ADDR_TEXT_MAX + 64];
	int err = 0;

	c->state = WY_CONNECTION_OFFERED;
	if (f->o->input == WY_STDIN_PIPE && !f->relayed && !c->call)
		err = make_pipe(c);
	if (!err) {
		switch (f->mode) {
		case WY_MODE_PRESTART: err = give_to_a_waiting(f, c); break;
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

void wy_hand_answered(struct wy_instance *i, const struct wy_serve_report *r)
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
				drop_ahead(at);
			return;
		}
		return;
	}
	if (made) {
		wy_connections_take_out(&i->asked, &i->asked_end, c);
		wy_service_running(c, r->value);
		if (was_early(i, r->value, &status))
			wy_service_process_ended(c, status);
	} else {
		wy_connection_name(c, name, sizeof(name));
		log_errno(r->value < 0 && r->value > -ERRNO_MAX ? r->value : EPROTO,
			  "%s: cannot copy the program", name);
		if (c->call)
			wy_call_refuse(c->call, "the program cannot be copied");
		wy_service_drop(c);
	}
	if (i->stale && !i->asked)
		wy_instance_retire(i);
	if (f->queue || f->phase == WY_FRONT_STOPPING)
		wy_service_go_on(f);
}
