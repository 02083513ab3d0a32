/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/front.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/units.h"
#include "host/serve/hand.h"
#include "host/serve/limits.h"
#include "host/serve/reason.h"
#include "host/signals.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPARE_FILES    64 /* for everything but connections */
#define INSTANCE_FILES 6  /* its channels, and what it has written */
#define SERVED_FILES   5  /* what stays of those when it has a connection, with a relay */
#define CALL_FILES     6  /* both ends of three, until they are handed over */
#define CLIENTS_LEAST  16
#define STOP_LOOK_MS   20 /* between two looks whether the clients have got everything */
#define POOL_DEFAULT   2
#define BACK_OFF_FIRST 100
#define BACK_OFF_MAX   30000
#define LIVED_LONG_MS  10000 /* then it is started again at once */

static const struct wy_instance_events events;

/* ---- starting ---- */

static const char *mode_name(enum wy_serve_mode mode)
{
	switch (mode) {
	case WY_MODE_PRESTART: return "prestart";
	case WY_MODE_FRESH: return "fresh";
	default: return "fork";
	}
}

static bool has_callers(const struct wy_front *f)
{
	for (unsigned int i = 0; i < f->nr_listeners; i++) {
		if (f->listeners[i].call)
			return true;
	}
	return false;
}

static unsigned int pool_size(const struct wy_front *f)
{
	if (f->o->pool < 0)
		return POOL_DEFAULT;
	return f->o->pool ? (unsigned int)f->o->pool : 1;
}

/* How many clients there is room for, with all that is opened for one. */
static void count_room(struct wy_front *f)
{
	unsigned long spare = SPARE_FILES, each = f->o->input == WY_STDIN_SOCKET ? 1 : 2, nr;

	if (has_callers(f))
		each += CALL_FILES;
	if (f->mode == WY_MODE_PRESTART) {
		each += SERVED_FILES;
		spare += pool_size(f) * (unsigned long)INSTANCE_FILES;
	} else if (f->o->pool > 0) {
		spare += (unsigned long)f->o->pool;
	}
	nr = f->nr_files > spare ? (f->nr_files - spare) / each : 0;
	f->nr_max = nr > CLIENTS_LEAST ? (unsigned int)nr : CLIENTS_LEAST;
}

static void load_took_long(struct wy_timer *t);
static void restart_now(struct wy_timer *t);
static int prepare_fresh(struct wy_front *f);

static bool is_loading(const struct wy_instance *i)
{
	return i->state == WY_INSTANCE_LOADING && !i->stale;
}

/* The timer is for the one that has been loading for the longest. */
static void limit_loading(struct wy_front *f)
{
	unsigned long limit = f->o->load_ms, spent;
	const struct wy_instance *oldest = NULL;

	loop_timer_stop(&f->load_limit);
	for (const struct wy_instance *i = f->instances; i; i = i->next) {
		if (is_loading(i))
			oldest = i;
	}
	if (!limit || !oldest || f->phase == WY_FRONT_STOPPING)
		return;
	spent = loop_now() - oldest->started;
	loop_timer(&f->load_limit, spent < limit ? limit - spent : 0, load_took_long);
}

static int start_instance(struct wy_front *f)
{
	struct wy_instance *i = NULL;
	int err = wy_instance_start(&i, f->o, f->mode == WY_MODE_PRESTART, &events, f, &f->files);

	if (i) {
		i->next = f->instances;
		f->instances = i;
	}
	limit_loading(f);
	return err;
}

static void set_restart(struct wy_front *f)
{
	loop_timer(&f->restart, f->back_off_ms, restart_now);
	f->back_off_ms = f->back_off_ms ? 2 * f->back_off_ms : BACK_OFF_FIRST;
	if (f->back_off_ms > BACK_OFF_MAX)
		f->back_off_ms = BACK_OFF_MAX;
}

/* It could not even be started: there is no room for it now, and nothing tells when there is. */
static void start_later(struct wy_front *f)
{
	if (!f->back_off_ms)
		f->back_off_ms = BACK_OFF_FIRST;
	set_restart(f);
}

void wy_front_refill(struct wy_front *f)
{
	unsigned int nr = 0;

	if (f->mode != WY_MODE_PRESTART || f->phase != WY_FRONT_SERVING || f->restart.set)
		return;
	for (const struct wy_instance *i = f->instances; i; i = i->next)
		nr += is_loading(i) || (i->state == WY_INSTANCE_WAITING && !i->stale);
	for (; nr < pool_size(f); nr++) {
		if (start_instance(f) < 0) {
			start_later(f);
			return;
		}
	}
}

static void restart_now(struct wy_timer *t)
{
	struct wy_front *f = loop_owner(t, struct wy_front, restart);

	if (f->phase != WY_FRONT_SERVING)
		return;
	if (f->mode == WY_MODE_PRESTART)
		wy_front_refill(f);
	else if (!f->template && !f->reloading && start_instance(f) < 0)
		start_later(f);
}

/* What served is gone, or does not come up: not too often. */
static void restart_later(struct wy_front *f, const struct wy_instance *i)
{
	if (f->phase != WY_FRONT_SERVING || f->restart.set)
		return;
	if (loop_now() - i->started >= LIVED_LONG_MS)
		f->back_off_ms = 0;
	set_restart(f);
}

/* ---- ready ---- */

static void recycle_now(struct wy_timer *t);

static void print_ready(struct wy_front *f, const char *how)
{
	char text[LOG_LINE_MAX / 2] = "";
	size_t len = 0;

	for (unsigned int i = 0; i < f->nr_listeners && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%s", i ? ", " : "",
					f->listeners[i].call ? "call:" : "", f->listeners[i].name);
	log_warn("ready: %smode %s, serving %s", how, mode_name(f->mode), text);
}

static void start_serving(struct wy_front *f, const char *how)
{
	limit_loading(f);
	for (unsigned int i = 0; i < f->nr_listeners; i++) {
		if (wy_listener_start(&f->listeners[i]) < 0) {
			wy_front_stop(f, 125);
			return;
		}
	}
	f->phase = WY_FRONT_SERVING;
	print_ready(f, how);
	if (f->o->recycle_ms)
		loop_timer(&f->recycle, f->o->recycle_ms, recycle_now);
	wy_limits_start(f);
	wy_front_refill(f);
	wy_service_start(f);
}

/* "loaded in 1.9 s, 512 MB frozen (memfd, 0.2 s), 1 thread, " */
static void describe(char *text, size_t size, const struct wy_instance *i,
		     const struct wy_serve_report *r)
{
	static const char *const how[] = { "auto", "off", "memfd", "thp" };
	char load[UNITS_TEXT_MAX], bytes[UNITS_TEXT_MAX], took[UNITS_TEXT_MAX];
	int n;

	duration_print(load, loop_now() - i->started);
	n = snprintf(text, size, "loaded in %s, ", load);
	if (r->kind != WY_SERVE_READY)
		return;
	if (r->bytes) {
		size_print(bytes, r->bytes);
		duration_print(took, r->us / 1000);
		n += snprintf(text + n, size - (size_t)n, "%s frozen (%s, %s), ", bytes,
			      how[r->how & 3], took);
	}
	snprintf(text + n, size - (size_t)n, "%u thread%s, ", r->threads,
		 r->threads == 1 ? "" : "s");
}

/* ---- a new generation ---- */

static void retire(struct wy_front *f, struct wy_instance *i)
{
	if (i->state == WY_INSTANCE_WAITING && !i->stale)
		f->nr_waiting--;
	if (f->reloading == i)
		f->reloading = NULL;
	i->stale = true;
	/* Who has been promised a copy gets it first: wy_hand_answered() does the rest. */
	if (i->state != WY_INSTANCE_TEMPLATE || !i->asked || i->program_ended)
		wy_instance_retire(i);
}

/* All that were started before it; NULL: all. */
static void retire_older(struct wy_front *f, const struct wy_instance *than)
{
	for (struct wy_instance *i = than ? than->next : f->instances; i; i = i->next) {
		if (i->state != WY_INSTANCE_TAKEN && i->state != WY_INSTANCE_ENDED)
			retire(f, i);
	}
}

static void reload(struct wy_front *f)
{
	if (f->phase != WY_FRONT_SERVING || f->mode == WY_MODE_FRESH || f->reloading)
		return;
	log_info("reloading");
	if (start_instance(f) < 0)
		return;
	f->reloading = f->instances;
	/* What is loading already may have read what has changed since. */
	for (struct wy_instance *i = f->reloading->next; i; i = i->next) {
		if (i->state == WY_INSTANCE_LOADING)
			retire(f, i);
	}
}

static void recycle_now(struct wy_timer *t)
{
	struct wy_front *f = loop_owner(t, struct wy_front, recycle);

	loop_timer(&f->recycle, f->o->recycle_ms, recycle_now);
	reload(f);
}

void wy_front_served(struct wy_front *f)
{
	if (f->o->recycle_nr && f->served % f->o->recycle_nr == 0)
		reload(f);
	if (f->mode == WY_MODE_PRESTART)
		wy_front_refill(f);
}

/* It did not work out: what there was stays, if there was anything. */
static void reload_failed(struct wy_front *f, struct wy_instance *i)
{
	retire(f, i);
	if (!f->template && !f->nr_waiting) {
		restart_later(f, i);
		return;
	}
	log_warn("the program stays as it was loaded before");
	wy_front_refill(f);
}

/* A program did not come to its input, or is of no use there. */
static void came_to_nothing(struct wy_front *f, struct wy_instance *i)
{
	if (f->phase == WY_FRONT_LOADING) {
		wy_front_stop(f, 1);
	} else if (f->reloading == i) {
		reload_failed(f, i);
	} else {
		retire(f, i);
		restart_later(f, i);
	}
}

static void is_new(struct wy_front *f, struct wy_instance *i, const struct wy_serve_report *r)
{
	char how[256];

	limit_loading(f);
	describe(how, sizeof(how), i, r);
	if (f->phase == WY_FRONT_LOADING) {
		start_serving(f, how);
		return;
	}
	if (f->reloading == i || f->mode != WY_MODE_PRESTART) {
		if (f->reloading == i)
			f->reloading = NULL;
		retire_older(f, i);
		print_ready(f, how);
		wy_front_refill(f);
	}
}

static void is_template(struct wy_front *f, struct wy_instance *i, const struct wy_serve_report *r)
{
	i->state = WY_INSTANCE_TEMPLATE;
	wy_instance_is_template(i);
	wy_reason_hazards(r->hazards);
	f->template = i;
	is_new(f, i, r);
	wy_hand_renew_ahead(f);
}

static void is_waiting(struct wy_front *f, struct wy_instance *i, const struct wy_serve_report *r)
{
	i->state = WY_INSTANCE_WAITING;
	i->relayed = wy_reason_is_several(r->kind);
	if (i->relayed && !f->relayed && has_callers(f))
		log_warn("the program has several processes: each call starts it afresh");
	f->relayed = i->relayed;
	f->nr_waiting++;
	is_new(f, i, r);
}

static void stopped(struct wy_instance *i, const struct wy_serve_report *r)
{
	struct wy_front *f = i->owner;
	char why[256];

	if (f->phase == WY_FRONT_STOPPING || i->stale)
		return;
	if (r->kind == WY_SERVE_READY) {
		is_template(f, i, r);
		wy_service_go_on(f);
		return;
	}
	if (!i->one_shot) {
		wy_reason_print(why, sizeof(why), r, i->program);
		if (f->o->mode == WY_MODE_FORK) {
			log_err("the program cannot be served by copies: %s", why);
			came_to_nothing(f, i);
			return;
		}
		log_warn("the program cannot be served by copies: %s: mode prestart", why);
		f->mode = WY_MODE_PRESTART;
		count_room(f);
		f->template = NULL;
		wy_hand_renew_ahead(f);
	}
	is_waiting(f, i, r);
	wy_service_go_on(f);
}

/* ---- ends ---- */

static void print_end(const char *who, int status)
{
	if (WIFSIGNALED(status))
		log_err("%s was ended by signal %d (%s) before it read its stdin", who,
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		log_err("%s ended with exit status %d before it read its stdin", who,
			WEXITSTATUS(status));
}

static void ended_early(struct wy_front *f, struct wy_instance *i, int status)
{
	if (i->stale || f->phase == WY_FRONT_STOPPING)
		return;
	wy_errors_look(&i->errors);
	if (f->phase == WY_FRONT_LOADING)
		wy_instance_show_output(i);
	print_end("the program", status);
	came_to_nothing(f, i);
}

static void ended_waiting(struct wy_front *f, struct wy_instance *i, int status)
{
	if (i->stale) {
		wy_instance_look(i);
		wy_service_unanswered(i);
		wy_instance_retire(i);
		return;
	}
	if (f->stops > 1)
		; /* it was us */
	else if (WIFSIGNALED(status))
		log_warn("%s has gone: ended by signal %d (%s)",
			 i == f->template ? "the template" : "a program started ahead",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		log_warn("%s has gone: exit status %d",
			 i == f->template ? "the template" : "a program started ahead",
			 WEXITSTATUS(status));
	if (i == f->template)
		f->template = NULL;
	wy_instance_look(i);
	wy_service_unanswered(i);
	retire(f, i);
	wy_hand_renew_ahead(f);
	restart_later(f, i);
	wy_service_go_on(f);
}

void wy_front_ended_ahead(struct wy_front *f, struct wy_instance *i)
{
	log_warn("a program started ahead has gone");
	retire(f, i);
	restart_later(f, i);
}

static void ended(struct wy_instance *i, pid_t pid, int status)
{
	struct wy_front *f = i->owner;

	if (pid != i->program || i->state == WY_INSTANCE_TAKEN) {
		wy_service_ended(f, i, pid, status);
		if (pid == i->program)
			retire(f, i);
		return;
	}
	if (i->state == WY_INSTANCE_LOADING)
		ended_early(f, i, status);
	else
		ended_waiting(f, i, status);
	i->state = WY_INSTANCE_ENDED;
}

static void failed(struct wy_instance *i, int err)
{
	struct wy_front *f = i->owner;

	i->program_ended = true;
	if (f->phase == WY_FRONT_LOADING)
		wy_front_stop(f, err);
	else if (f->reloading == i)
		reload_failed(f, i);
	else if (!i->stale)
		restart_later(f, i);
	retire(f, i);
}

static void uncaught(struct wy_instance *i)
{
	struct wy_front *f = i->owner;
	int err;

	if (f->phase == WY_FRONT_STOPPING || i->stale || i->state != WY_INSTANCE_LOADING)
		return;
	if (f->phase == WY_FRONT_SERVING || f->o->mode != WY_MODE_AUTO) {
		log_err("the program cannot be served: its system calls are not caught");
		came_to_nothing(f, i);
		return;
	}
	log_warn("the program cannot be served by copies: its system calls are not caught: "
		 "mode fresh");
	retire(f, i);
	f->mode = WY_MODE_FRESH;
	err = prepare_fresh(f);
	if (err)
		wy_front_stop(f, err);
}

static void gone(struct wy_instance *i)
{
	struct wy_front *f = i->owner;
	struct wy_instance **at = &f->instances;

	if (!i->program_ended && !i->retired) {
		log_err("the keeper of the program has gone");
		if (f->phase == WY_FRONT_LOADING)
			wy_front_stop(f, 125);
		else if (f->reloading == i)
			reload_failed(f, i);
		else
			restart_later(f, i);
		retire(f, i);
	}
	if (i == f->template) {
		f->template = NULL;
		wy_hand_renew_ahead(f);
	}
	wy_service_lost(f, i);
	while (*at != i)
		at = &(*at)->next;
	*at = i->next;
	wy_instance_free(i);
	wy_service_go_on(f);
}

static void counted(struct wy_instance *i, const struct wy_keeper_stats *s)
{
	struct wy_front *f = i->owner;
	unsigned int n;

	for (n = 0; n < WY_CALLS_MAX; n++) {
		f->counted->total.calls[n] += s->stats.counts.calls[n];
		f->counted->total.errors[n] += s->stats.counts.errors[n];
	}
	f->counted->by_signal += s->stats.by_signal;
	f->counted->sites_padding += s->sites_padding;
	f->counted->sites_before += s->sites_before;
	f->counted->sites_pun += s->sites_pun;
	f->counted->sites_signal += s->sites_signal;
	f->counted->processes += s->processes;
	f->counted->threads += s->threads;
	f->counted->execs += s->execs;
}

static const struct wy_instance_events events = {
	.stopped = stopped,
	.answered = wy_hand_answered,
	.ended = ended,
	.failed = failed,
	.uncaught = uncaught,
	.gone = gone,
	.counted = counted,
};

static void load_took_long(struct wy_timer *t)
{
	struct wy_front *f = loop_owner(t, struct wy_front, load_limit);
	char took[UNITS_TEXT_MAX], where[160];

	duration_print(took, f->o->load_ms);
	for (struct wy_instance *i = f->instances; i; i = i->next) {
		if (!is_loading(i) || loop_now() - i->started < f->o->load_ms)
			continue;
		wy_reason_where(where, sizeof(where), i->program);
		log_err("the program has not read its stdin for %s: %s", took, where);
		came_to_nothing(f, i);
	}
	limit_loading(f);
}

/* ---- who wrote to stderr ---- */

static pid_t parent_of(pid_t pid)
{
	char path[32], text[512];
	cleanup_file FILE *file = NULL;
	const char *end;
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file || !fgets(text, sizeof(text), file))
		return 0;
	end = strrchr(text, ')');
	/* cppcheck-suppress resourceLeak */
	return end && sscanf(end, ") %*c %d", &parent) == 1 ? parent : 0;
}

bool wy_front_name_writer(struct wy_errors *e, pid_t pid, char *name, unsigned long size)
{
	struct wy_instance *i = loop_owner(e, struct wy_instance, errors);
	struct wy_front *f = i->owner;
	struct wy_connection *c = NULL;

	if (i->state == WY_INSTANCE_LOADING || (pid == i->program && !i->connection))
		return false;
	if (i->state == WY_INSTANCE_TAKEN)
		c = i->connection;
	else
		wy_instance_look(i);
	/* A copy, or what it has started. */
	for (pid_t at = pid; !c && at > 1; at = parent_of(at))
		c = wy_service_by_pid(f, at);
	/* The template tells of each copy before it makes the next one. */
	if (!c)
		c = i->asked;
	if (c)
		wy_connection_name(c, name, size);
	else
		snprintf(name, size, "process %d", (int)pid);
	return true;
}

static bool name_fresh_writer(struct wy_errors *e, pid_t pid, char *name, unsigned long size)
{
	struct wy_front *f = loop_owner(e, struct wy_front, fresh_errors);
	struct wy_connection *c = NULL;

	for (pid_t at = pid; !c && at > 1; at = parent_of(at))
		c = wy_service_by_pid(f, at);
	if (c)
		wy_connection_name(c, name, size);
	else
		snprintf(name, size, "process %d", (int)pid);
	return true;
}

/* ---- stopping ---- */

void wy_front_stop(struct wy_front *f, int result)
{
	if (f->phase == WY_FRONT_STOPPING)
		return;
	f->phase = WY_FRONT_STOPPING;
	f->result = result;
	for (unsigned int i = 0; i < f->nr_listeners; i++)
		wy_listener_close(&f->listeners[i]);
	wy_service_go_on(f);
}

static void look_whether_sent(struct wy_timer *t)
{
	struct wy_front *f = loop_owner(t, struct wy_front, stop_look);

	wy_service_drop_lingering(f, f->stops > 1);
	if (f->nr_lingering)
		loop_timer(&f->stop_look, STOP_LOOK_MS, look_whether_sent);
}

void wy_front_wind_up(struct wy_front *f)
{
	bool waits = f->queue;

	/* Who is still sending its request has not been promised anything. */
	for (struct wy_connection *c = f->connections, *next; c; c = next) {
		next = c->next;
		if (c->state == WY_CONNECTION_HELLO || c->state == WY_CONNECTION_SPOOLING)
			wy_service_drop(c);
		else if (c->state == WY_CONNECTION_OFFERED || c->state == WY_CONNECTION_HANDING)
			waits = true;
	}
	if (f->nr_lingering && !f->stop_look.set)
		look_whether_sent(&f->stop_look);
	/* The templates have no more to do, when all copies are made. */
	if (waits)
		return;
	f->template = NULL;
	wy_hand_renew_ahead(f);
	retire_older(f, NULL);
}

static void stop_wanted(struct wy_front *f)
{
	unsigned int before = f->stops++;

	wy_front_stop(f, 0);
	if (before)
		wy_service_kill_all(f);
	else
		log_info("stopping: %u connections are open", f->nr - f->nr_lingering);
}

static bool is_over(const struct wy_front *f)
{
	return f->phase == WY_FRONT_STOPPING && !f->connections && !f->instances;
}

/* ---- signals ---- */

static void reap(struct wy_front *f)
{
	pid_t pid;
	int status;

	/* A keeper says by its channel that it has ended. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		wy_service_ended(f, NULL, pid, status);
}

static void signal_ready(struct wy_watch *w, unsigned int ready)
{
	struct wy_front *f = loop_owner(w, struct wy_front, signals);
	struct signalfd_siginfo s;

	(void)ready;
	if (read(w->fd, &s, sizeof(s)) != sizeof(s))
		return;
	switch (s.ssi_signo) {
	case SIGCHLD: reap(f); break;
	case SIGHUP:
		wy_access_open(&f->access);
		reload(f);
		break;
	default: stop_wanted(f);
	}
}

static int take_signals(struct wy_front *f)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	sigset_t heard, blocked;
	int fd;

	wy_signals_note();
	sigaction(SIGCHLD, &plain, NULL);
	sigemptyset(&heard);
	sigaddset(&heard, SIGINT);
	sigaddset(&heard, SIGTERM);
	sigaddset(&heard, SIGQUIT);
	sigaddset(&heard, SIGHUP);
	sigaddset(&heard, SIGCHLD);
	blocked = heard;
	/* A broken pipe, or a terminal that is not ours: a call says so, or does it. */
	sigaddset(&blocked, SIGPIPE);
	sigaddset(&blocked, SIGTTOU);
	sigaddset(&blocked, SIGTTIN);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	fd = signalfd(-1, &heard, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	return loop_watch(&f->signals, fd, EPOLLIN, signal_ready);
}

/* ---- all of it ---- */

/* The program starts with the limit that waylay was given; waylay itself may need more. */
static void raise_limits(struct wy_front *f)
{
	struct rlimit more = { 256, 256 };

	if (getrlimit(RLIMIT_NOFILE, &f->files) == 0) {
		more = f->files;
		more.rlim_cur = more.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &more) < 0)
			more.rlim_cur = f->files.rlim_cur;
	}
	if (more.rlim_cur > INT_MAX)
		more.rlim_cur = INT_MAX;
	f->nr_files = more.rlim_cur;
	count_room(f);
}

/* Returns as wy_serve() does, or 0 when it serves. */
static int prepare_fresh(struct wy_front *f)
{
	int pair[2], on = 1;
	int err = wy_program_find(&f->program, f->o->argv[0], true);

	if (err)
		return err;
	f->found = true;
	err = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
	if (!err) {
		setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
		f->fresh_err = pair[1];
		err = wy_errors_start(&f->fresh_errors, pair[0], name_fresh_writer);
	}
	if (err) {
		log_errno(err, "cannot serve");
		return 125;
	}
	start_serving(f, "");
	return 0;
}

static int prepare(struct wy_front *f)
{
	int err = loop_init();

	f->queue_end = &f->queue;
	f->mode = f->o->mode;
	f->fresh_err = f->fresh_errors.watch.fd = -1;
	if (!err)
		err = take_signals(f);
	if (err)
		return log_errno(err, "cannot serve");
	raise_limits(f);
	if (f->o->flags & WY_LAYER_COUNT) {
		f->counted = mmap(NULL, sizeof(*f->counted), PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (f->counted == MAP_FAILED)
			return log_errno(errno, "cannot count");
	}
	/* A bad name is said at once. */
	if (f->o->json) {
		f->json = fopen(f->o->json, "we");
		if (!f->json)
			return log_errno(errno, "cannot write '%s'", f->o->json);
	}
	f->access.path = f->o->log;
	f->access.fd = -1;
	return wy_access_open(&f->access);
}

static void print_stats(const struct wy_front *f)
{
	struct wy_stats stats;
	int err = 0;

	if (!f->counted)
		return;
	wy_stats_sum(&stats, f->counted);
	if (f->o->stats)
		wy_stats_print(&stats, f->counted, stderr);
	if (f->json)
		err = wy_stats_json(&stats, f->counted, f->json);
	if (err)
		log_errno(err, "cannot write '%s'", f->o->json);
}

int wy_front_run(struct wy_front *f)
{
	int err = prepare(f) < 0 ? 125 : 0;

	for (unsigned int i = 0; i < f->nr_listeners; i++)
		f->listeners[i].front = f;
	if (!err && f->mode == WY_MODE_FRESH)
		err = prepare_fresh(f);
	else if (!err)
		err = start_instance(f) < 0 ? 125 : 0;
	if (err) {
		for (unsigned int i = 0; i < f->nr_listeners; i++)
			wy_listener_close(&f->listeners[i]);
		return err;
	}
	while (!is_over(f))
		loop_round();
	/* The keepers have said all, and end. */
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	if (f->fresh_err >= 0) {
		int fd = f->fresh_errors.watch.fd;

		close_fd(&f->fresh_err);
		wy_errors_stop(&f->fresh_errors);
		close_fd(&fd);
	}
	print_stats(f);
	return f->result;
}
