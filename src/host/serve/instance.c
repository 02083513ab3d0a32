/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/instance.h"

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/log.h"
#include "host/serve/front.h"
#include "host/serve/reason.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* ---- what the program writes before it stops ---- */

static void keep(struct wy_instance *i, const char *text, size_t len)
{
	if (i->warming)
		return;
	if (i->banner < 0)
		i->banner = memfd_create("waylay-banner", MFD_CLOEXEC);
	if (i->banner < 0 || write_full(i->banner, text, len) < 0)
		log_errno(errno, "cannot keep what the program writes");
}

static void take_output(struct wy_instance *i)
{
	static char buf[64 << 10];
	ssize_t n = 1;

	while (i->out_watch.fd >= 0 && n > 0) {
		n = read(i->place.out[0], buf, sizeof(buf));
		if (n > 0)
			keep(i, buf, (size_t)n);
		else if (n < 0 && errno == EINTR)
			n = 1;
		else if (n == 0)
			loop_forget(&i->out_watch);
	}
}

static void output_ready(struct wy_watch *w, unsigned int events)
{
	(void)events;
	take_output(loop_owner(w, struct wy_instance, out_watch));
}

void wy_instance_show_output(const struct wy_instance *i)
{
	char buf[4096];
	off_t at = 0;
	ssize_t n;

	while (i->banner >= 0 && (n = pread(i->banner, buf, sizeof(buf), at)) > 0) {
		if (write_full(STDOUT_FILENO, buf, (size_t)n) < 0)
			return;
		at += n;
	}
}

/* ---- its reports ---- */

static void tell_keeper(const struct wy_instance *i, enum wy_keeper_order_kind kind, pid_t pid,
			int signal)
{
	struct wy_keeper_order o = { .kind = kind, .pid = pid, .signal = signal };

	if (i->chan >= 0)
		send(i->chan, &o, sizeof(o), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void wy_instance_kill(const struct wy_instance *i, pid_t pid, int signal)
{
	tell_keeper(i, WY_KEEPER_KILL, pid, signal);
}

void wy_instance_is_template(struct wy_instance *i)
{
	i->is_template = true;
	loop_forget(&i->control_watch);
	tell_keeper(i, WY_KEEPER_TEMPLATE, 0, 0);
}

static void take_report(struct wy_instance *i, const struct wy_serve_report *r)
{
	if (i->preparing)
		return;
	if (i->state != WY_INSTANCE_LOADING) {
		if (r->kind == WY_SERVE_COPY || r->kind == WY_SERVE_NO_COPY)
			i->events->answered(i, r);
		return;
	}
	/* What it wrote before it said this has all arrived. */
	take_output(i);
	if (r->kind == WY_SERVE_FEED) {
		/* --warm is what comes last. */
		i->warming = i->options->warm && i->feeds++ == (i->options->preload ? 1 : 0);
		tell_keeper(i, WY_KEEPER_FEED, 0, 0);
		return;
	}
	/* From here on it is the relay's, or nobody writes to it. */
	loop_forget(&i->out_watch);
	if (i->options->exit_fast && !wy_reason_is_several(r->kind)) {
		i->report = *r;
		i->preparing = true;
		tell_keeper(i, WY_KEEPER_PREPARE, 0, 0);
		return;
	}
	i->events->stopped(i, r);
}

/* Returns false if no whole report has been received. */
static bool next_report(struct wy_instance *i, struct wy_serve_report *ret)
{
	while (i->said_len >= sizeof(*ret)) {
		size_t len = sizeof(*ret);

		memcpy(ret, i->said, len);
		if (ret->magic != WY_SERVE_MAGIC)
			len = 1;
		i->said_len -= len;
		memmove(i->said, i->said + len, i->said_len);
		if (len > 1)
			return true;
		if (!i->told_noise)
			log_err("the program writes to its stdin, which is not passed on");
		i->told_noise = true;
	}
	return false;
}

/*
 * What comes here is from the agent, or, where this is the program's stdin,
 * from a program that writes to its stdin before it reads it.  Whoever is told
 * of a report may come here again.
 */
static void take_reports(struct wy_instance *i)
{
	struct wy_serve_report r;
	ssize_t n;

	while (next_report(i, &r))
		take_report(i, &r);
	n = recv(wy_place_control(&i->place), i->said + i->said_len, sizeof(i->said) - i->said_len,
		 MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n <= 0) { /* it is ending: its keeper will say so */
		loop_forget(&i->control_watch);
		return;
	}
	i->said_len += (size_t)n;
	while (next_report(i, &r))
		take_report(i, &r);
}

static void control_ready(struct wy_watch *w, unsigned int events)
{
	(void)events;
	take_reports(loop_owner(w, struct wy_instance, control_watch));
}

void wy_instance_look(struct wy_instance *i)
{
	if (i->control_watch.fd >= 0 || (i->is_template && !i->retired))
		take_reports(i);
}

/* ---- its keeper ---- */

static void program_ended(struct wy_instance *i, int status)
{
	i->program_ended = true;
	i->program_status = status;
	if (i->state == WY_INSTANCE_LOADING)
		take_output(i);
}

static void take_ends(struct wy_instance *i, const struct wy_keeper_word *word, size_t nr)
{
	/* What they wrote, while all of them are known. */
	wy_errors_look(&i->errors);
	for (; nr; nr--, word++) {
		if (word->pid == i->program)
			program_ended(i, word->status);
		i->events->ended(i, word->pid, word->status);
	}
}

static void keeper_ready(struct wy_watch *w, unsigned int events)
{
	struct wy_instance *i = loop_owner(w, struct wy_instance, chan_watch);
	static union {
		struct wy_keeper_word word[WY_KEEPER_WORDS];
		struct {
			struct wy_keeper_word word;
			struct wy_keeper_stats stats;
		} all;
	} u;
	ssize_t n = recv(i->chan, &u, sizeof(u), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < (ssize_t)sizeof(u.word[0])) {
		loop_forget(&i->chan_watch);
		i->events->gone(i);
		return;
	}
	switch (u.word[0].kind) {
	case WY_KEEPER_STARTED: i->program = u.word[0].pid; break;
	case WY_KEEPER_FAILED: i->events->failed(i, u.word[0].status); break;
	case WY_KEEPER_UNCAUGHT: i->events->uncaught(i); break;
	case WY_KEEPER_PREPARED:
		i->preparing = false;
		if (i->state == WY_INSTANCE_LOADING) /* else it has ended meanwhile */
			i->events->stopped(i, &i->report);
		break;
	case WY_KEEPER_ENDED: take_ends(i, u.word, (size_t)n / sizeof(u.word[0])); break;
	case WY_KEEPER_STATS:
		if (n == (ssize_t)sizeof(u.all))
			i->events->counted(i, &u.all.stats);
		break;
	}
}

/* ---- its life ---- */

static int watch(struct wy_instance *i)
{
	int err = loop_watch(&i->chan_watch, i->chan, EPOLLIN, keeper_ready);

	if (!err)
		err = loop_watch(&i->control_watch, wy_place_control(&i->place), EPOLLIN,
				 control_ready);
	if (!err)
		err = loop_watch(&i->out_watch, i->place.out[0], EPOLLIN, output_ready);
	if (!err)
		err = wy_errors_start(&i->errors, i->place.err[0], wy_front_name_writer);
	return err;
}

int wy_instance_start(struct wy_instance **ret, const struct wy_serve_options *o, bool one_shot,
		      const struct wy_instance_events *events, void *owner,
		      const struct rlimit *files)
{
	cleanup_free struct wy_instance *i = calloc(1, sizeof(*i));
	struct wy_keeper_config config = { .options = o, .one_shot = one_shot, .files = files };
	int err;

	if (!i)
		return log_errno(ENOMEM, "cannot start the program");
	err = wy_place_make(&i->place, o);
	if (err)
		return log_errno(err, "cannot make the sockets of the program");
	i->chan_watch.fd = i->control_watch.fd = i->out_watch.fd = i->errors.watch.fd = -1;
	i->banner = -1;
	i->options = o;
	i->events = events;
	i->owner = owner;
	i->one_shot = one_shot;
	i->started = loop_now();
	i->asked_end = &i->asked;
	config.place = &i->place;
	i->keeper = wy_keeper_start(&config, &i->chan);
	if (i->keeper < 0) {
		wy_place_close(&i->place, 0);
		wy_place_close(&i->place, 1);
		return i->keeper;
	}
	*ret = i;
	err = watch(i);
	if (err) {
		log_errno(err, "cannot start the program");
		wy_instance_retire(i);
	}
	steal_pointer(&i);
	return err;
}

int wy_instance_order(int control, const struct wy_serve_order *order, const int *fds)
{
	unsigned int nr = (unsigned int)__builtin_popcount(order->fds);
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(WY_SERVE_FDS * sizeof(int))];
	} control_data;
	struct iovec data = { (void *)order, sizeof(*order) };
	struct msghdr msg = { .msg_iov = &data, .msg_iovlen = 1 };

	if (nr) {
		msg.msg_control = &control_data;
		msg.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		control_data.head.cmsg_level = SOL_SOCKET;
		control_data.head.cmsg_type = SCM_RIGHTS;
		control_data.head.cmsg_len = CMSG_LEN(nr * sizeof(int));
		memcpy(CMSG_DATA(&control_data.head), fds, nr * sizeof(int));
	}
	if (sendmsg(control, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return 0;
	/* So many descriptors may be on their way at a time. */
	return errno == ETOOMANYREFS ? -EAGAIN : -errno;
}

void wy_instance_retire(struct wy_instance *i)
{
	if (i->retired)
		return;
	i->retired = true;
	i->stale = true;
	loop_forget(&i->control_watch);
	loop_forget(&i->out_watch);
	tell_keeper(i, WY_KEEPER_RETIRE, 0, 0);
	/* Another process of it would go on if the one that stopped ended by itself. */
	if (!i->is_template)
		return;
	close_fd(&i->place.in[0]);
	close_fd(&i->place.out[0]);
	close_fd(&i->place.control[0]);
}

void wy_instance_free(struct wy_instance *i)
{
	wy_errors_stop(&i->errors);
	loop_forget(&i->chan_watch);
	loop_forget(&i->control_watch);
	loop_forget(&i->out_watch);
	wy_place_close(&i->place, 0);
	close_fd(&i->chan);
	close_fd(&i->banner);
	loop_free(i);
}
