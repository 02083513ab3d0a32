/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `waylay serve` among programs that may say anything, and clients that may send anything:
 * the front comes to its end, holds nothing any more then, and only children are sent
 * signals: by the front its own, and by a keeper the keeper's.
 *
 * The front's and the keepers' own code runs, in one process and without any other.
 * Nobody is forked: a child is a line in a table, which ends when a signal ends it or when
 * the input says so.  A child's descriptors are held by this harness, which speaks for it.
 *
 * The front waits in one place (loop.c).  There the keepers do what is to be done; then the
 * input says what happens next, two bytes for each event: what, and with whom or how much.
 * When there is no input left, waylay is told to stop.  Then either all clients go, and who
 * serves them ends; or it is told so once more, and nobody does anything of himself.  Both
 * times it must come to its end.
 *
 * The time is a number.
 */
#include <sys/epoll.h>
#include <time.h>

static int wait_here(int epoll, struct epoll_event *events, int max, int patience);
static int tell_time(clockid_t clock, struct timespec *ret);

#define epoll_wait    wait_here
#define clock_gettime tell_time
#include "host/serve/loop.c"
#undef epoll_wait
#undef clock_gettime

#define wy_keeper_start wy_keeper_start_by_fork
#include "host/serve/keeper.c"
#undef wy_keeper_start

/* What is passed on to waylay's own stdout and stderr goes nowhere. */
#define write_full write_all
#include "base/fdio.c"
#undef write_full

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/un.h>

#include "fuzz.h"
#include "host/serve/front.h"
#include "proto/call.h"

#define PROGRAMS 6
#define CHILDREN 40
#define CLIENTS  10
#define HELD     8
#define FIRST    5000000 /* no process of this machine has such a pid */
#define WAITS    20000
#define ROUNDS   5000 /* of timers, after all else */
#define FDS      200

struct child {
	pid_t pid;
	int of; /* its parent: the number of its program's keeper, or FRONT */
	bool dead, reaped, stopped, serves;
	int status;
	int fds[HELD];
	unsigned int nr_fds;
};

#define FRONT -1

static struct program {
	struct keeper k;
	int in, out, err, control;
	unsigned int serial; /* of the last order */
	int orders[HELD];    /* control sockets of copies made ahead */
	unsigned int nr_orders;
} programs[PROGRAMS];

static struct child children[CHILDREN];
static int clients[CLIENTS];
static unsigned int nr_programs, nr_children, nr_clients;
static pid_t next_pid = FIRST;
static int inside = FRONT; /* whose code runs */

static struct wy_session session;
static struct wy_front front;
static struct wy_serve_options options;
static struct sockaddr_un names[2];
static socklen_t name_len[2];
static struct input in;
static unsigned long time_ms;
static unsigned int waits, rounds;
static bool gentle, lied, told_to_stop, told_more;
static int signals[2];
static int passed[2]; /* what clients pass as their own: a socket, and its other end */

pid_t wy_keeper_start(const struct wy_keeper_config *config, int *ret_chan);

/* ---- children ---- */

static struct child *child_of(pid_t pid)
{
	for (unsigned int i = 0; i < nr_children; i++) {
		if (children[i].pid == pid)
			return &children[i];
	}
	return NULL;
}

static struct child *new_child(int of)
{
	struct child *c = nr_children < CHILDREN ? &children[nr_children++] : NULL;

	if (c)
		*c = (struct child){ .pid = next_pid++, .of = of };
	return c;
}

static void hold(int *list, unsigned int *nr, int fd)
{
	if (*nr < HELD)
		list[(*nr)++] = fd;
	else
		close(fd);
}

static void signal_front(int nr)
{
	struct signalfd_siginfo s = { .ssi_signo = (unsigned int)nr };

	check(write(signals[1], &s, sizeof(s)) == sizeof(s));
}

static void end_child(struct child *c, int status)
{
	if (c->dead)
		return;
	c->dead = true;
	c->status = status;
	while (c->nr_fds)
		close(c->fds[--c->nr_fds]);
	if (c->of == FRONT) {
		signal_front(SIGCHLD);
	} else if (c->pid == programs[c->of].k.v.program.pid) {
		struct program *p = &programs[c->of];

		close_fd(&p->in);
		close_fd(&p->out);
		close_fd(&p->err);
		close_fd(&p->control);
	}
}

int kill(pid_t pid, int signal)
{
	struct child *c = child_of(pid < 0 ? -pid : pid);

	errno = ESRCH;
	if (!signal) /* only looks whether it is there */
		return -1;
	/* To one who has been taken by waitpid(2) no signal can be sent; his group may live. */
	check(c && c->of == inside && (!c->reaped || (pid < 0 && inside != FRONT)));
	if (signal != SIGKILL && signal != SIGTERM)
		return 0;
	if (pid > 0 || inside == FRONT) {
		end_child(c, signal);
		return 0;
	}
	check(-pid == programs[inside].k.v.program.pid);
	for (unsigned int i = 0; i < nr_children; i++) {
		if (children[i].of == inside)
			end_child(&children[i], signal);
	}
	return 0;
}

int waitid(idtype_t type, id_t id, siginfo_t *info, int how)
{
	struct child *c = child_of((pid_t)id);

	check(type == P_PID && how & WNOWAIT);
	errno = ECHILD;
	return c && c->of == inside && !c->reaped ? 0 : -1;
}

pid_t waitpid(pid_t pid, int *status, int how)
{
	bool left = false;

	check(pid == -1);
	for (unsigned int i = 0; i < nr_children; i++) {
		struct child *c = &children[i];

		if (c->of != inside || c->reaped)
			continue;
		left = true;
		if (c->dead && status) {
			c->reaped = true;
			*status = c->status;
			return c->pid;
		}
	}
	errno = ECHILD;
	return left && how & WNOHANG ? 0 : -1;
}

int prlimit(pid_t pid, enum __rlimit_resource what, const struct rlimit *limit, struct rlimit *old)
{
	struct child *c = child_of(pid);

	check(c && c->of == FRONT && !c->reaped);
	return 0;
}

int wy_program_find(struct wy_program *p, const char *name, bool privileged)
{
	return 0;
}

int wy_program_start(struct wy_program *p, char **argv, bool trace)
{
	struct child *c = new_child(FRONT);

	if (!c)
		return -EAGAIN;
	p->pid = c->pid;
	hold(c->fds, &c->nr_fds, dup(p->io->in));
	hold(c->fds, &c->nr_fds, dup(p->io->out));
	hold(c->fds, &c->nr_fds, dup(p->io->err));
	return 0;
}

/* ---- keepers, as far as they are not keeper.c ---- */

pid_t wy_keeper_start(const struct wy_keeper_config *config, int *ret_chan)
{
	struct wy_place *place = config->place;
	struct program *p = &programs[nr_programs];
	struct child *c;
	int chan[2];

	if (nr_programs == PROGRAMS || !(c = new_child((int)nr_programs)))
		return -EAGAIN;
	check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, chan) == 0);
	*p = (struct program){
		.in = steal_fd(&place->in[1]),
		.out = steal_fd(&place->out[1]),
		.err = steal_fd(&place->err[1]),
		.control = steal_fd(&place->control[1]),
	};
	nr_programs++;
	p->k.chan = chan[1];
	p->k.v.program.pid = c->pid;
	p->k.v.session.mem = &session;
	p->k.v.caught = true;
	p->k.told_uncaught = true; /* that is for the input to say */
	tell(&p->k, WY_KEEPER_STARTED, c->pid, 0);
	*ret_chan = chan[0];
	return 1;
}

/* Returns false when there are no children any more. */
static bool tell_ends(struct keeper *k)
{
	bool left = false;

	for (unsigned int i = 0; i < nr_children; i++) {
		struct child *c = &children[i];

		if (c->of != inside || c->reaped)
			continue;
		left |= !c->dead;
		c->reaped = c->dead;
		if (!c->dead)
			continue;
		k->program_ended |= c->pid == k->v.program.pid;
		tell(k, WY_KEEPER_ENDED, c->pid, c->status);
	}
	return left;
}

/* What keep() does in each round. */
static void run_keepers(void)
{
	for (unsigned int i = 0; i < nr_programs; i++) {
		struct keeper *k = &programs[i].k;
		bool alive;

		if (k->chan < 0)
			continue;
		inside = (int)i;
		alive = tell_ends(k);
		take_orders(k);
		if (!alive)
			close_fd(&k->chan);
		inside = FRONT;
	}
}

int wy_supervisor_init(struct wy_supervisor *v, unsigned int flags)
{
	return -ENOSYS;
}

int wy_supervisor_start(struct wy_supervisor *v, char **argv)
{
	return -ENOSYS;
}

bool wy_handover_needed(struct wy_supervisor *v)
{
	return false;
}

int wy_handover_start(struct wy_supervisor *v)
{
	return 0;
}

enum wy_follow_result wy_follow_event(struct wy_follow *f, pid_t pid, int status, int *ret_status)
{
	return WY_FOLLOW_NOT_MINE;
}

void wy_follow_requests(struct wy_follow *f)
{
}

void wy_host_notes_print(struct wy_session *s)
{
}

void wy_feed_init(struct wy_feed *f, struct wy_serve_session *session,
		  const struct wy_serve_options *o, int *to)
{
}

void wy_feed_start(struct wy_feed *f)
{
}

void wy_feed_stop(struct wy_feed *f)
{
}

int wy_short_exit(pid_t pid)
{
	check(child_of(pid) && child_of(pid)->of == inside);
	return 1;
}

void wy_signals_note(void)
{
}

void wy_signals_own_group(void)
{
}

bool wy_signals_next(struct wy_signal *ret)
{
	return false;
}

void wy_stats_sum(struct wy_stats *ret, const struct wy_session *s)
{
}

void wy_stats_print(const struct wy_stats *stats, const struct wy_session *s, FILE *out)
{
}

int wy_stats_json(const struct wy_stats *stats, const struct wy_session *s, FILE *out)
{
	return 0;
}

/* ---- what the front asks of the kernel ---- */

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	return 0;
}

int signalfd(int fd, const sigset_t *mask, int flags)
{
	return signals[0];
}

int write_full(int fd, const void *buf, size_t len)
{
	return fd == STDOUT_FILENO || fd == STDERR_FILENO ? 0 : write_all(fd, buf, len);
}

static int tell_time(clockid_t clock, struct timespec *ret)
{
	ret->tv_sec = (time_t)(time_ms / 1000);
	ret->tv_nsec = (long)(time_ms % 1000) * 1000000;
	return 0;
}

/* ---- what happens ---- */

static void say(int fd, unsigned int len)
{
	char text[512];

	len %= sizeof(text);
	take_bytes(&in, text, len);
	if (fd >= 0)
		send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int control_of(const struct program *p)
{
	return p->control >= 0 ? p->control : p->in;
}

/* pid: one of those that there are, or any number. */
static void report(int fd, int kind, unsigned int who, unsigned int serial)
{
	struct wy_serve_report r = { .magic = WY_SERVE_MAGIC, .kind = kind, .serial = serial };

	if (who % 8 == 7) {
		r.value = (int)take_number(&in);
		r.value |= (int)(take_number(&in) << 16);
	} else if (nr_children) {
		r.value = children[who % nr_children].pid;
	}
	r.hazards = r.how = who;
	if (fd >= 0)
		send(fd, &r, sizeof(r), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* As the agent would do it; lie: another one is told of than the one that was made. */
static void take_order(struct program *p, int number, int control, bool lie)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(WY_SERVE_FDS * sizeof(int))];
	} data;
	struct wy_serve_order o = { 0 };
	struct iovec part = { &o, sizeof(o) };
	struct msghdr msg = { .msg_iov = &part,
			      .msg_iovlen = 1,
			      .msg_control = &data,
			      .msg_controllen = sizeof(data) };
	struct child *c;
	unsigned int nr = 0;
	int fds[WY_SERVE_FDS];

	if (control < 0 || recvmsg(control, &msg, MSG_DONTWAIT) <= 0)
		return;
	if (o.magic != WY_SERVE_MAGIC) { /* the client's bytes, for a relay goes this way */
		check(msg.msg_controllen == 0);
		return;
	}
	p->serial = o.serial;
	if (msg.msg_controllen >= CMSG_LEN(sizeof(int))) {
		nr = (unsigned int)((data.head.cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(&data.head), nr * sizeof(int));
	}
	check(nr == (unsigned int)__builtin_popcount(o.fds));
	if (o.kind == WY_SERVE_ORDER_BECOME)
		child_of(p->k.v.program.pid)->serves = true;
	c = o.kind == WY_SERVE_ORDER_BECOME ? child_of(p->k.v.program.pid) : new_child(number);
	for (unsigned int i = 0; i < nr; i++) {
		if (o.kind == WY_SERVE_ORDER_AHEAD)
			hold(p->orders, &p->nr_orders, fds[i]);
		else if (c && !c->dead)
			hold(c->fds, &c->nr_fds, fds[i]);
		else
			close(fds[i]);
	}
	if (o.kind != WY_SERVE_ORDER_BECOME) {
		struct wy_serve_report r = { .magic = WY_SERVE_MAGIC, .serial = o.serial };

		r.kind = c ? WY_SERVE_COPY : WY_SERVE_NO_COPY;
		r.value = !c ? -EAGAIN : lie ? children[0].pid : c->pid;
		send(control_of(p), &r, sizeof(r), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

static void program_does(unsigned int what, unsigned int arg)
{
	unsigned int number = arg % (nr_programs ? nr_programs : 1);
	struct program *p = &programs[number];
	struct child *c = child_of(p->k.v.program.pid);

	arg /= PROGRAMS;
	if (!nr_programs || c->dead)
		return;
	if (what < 2) {
		lied |= c->stopped ||
			(what && (arg % 24 == WY_SERVE_COPY || arg % 24 == WY_SERVE_NO_COPY));
		c->stopped |= !what || arg % 24 != WY_SERVE_FEED;
	}
	lied |= what == 2 || what == 3 || (what == 6 && arg % 8 == 7) || what == 8 || what == 9;
	switch (what) {
	case 0: report(control_of(p), WY_SERVE_READY, arg, 0); break;
	case 1: report(control_of(p), (int)arg % 24, take_number(&in), p->serial); break;
	case 2: report(control_of(p), (int)take_number(&in), arg, take_number(&in)); break;
	case 3: say(control_of(p), take_number(&in)); break;
	case 4: say(p->out, take_number(&in)); break;
	case 5: say(p->err, take_number(&in)); break;
	case 6: take_order(p, (int)number, control_of(p), arg % 8 == 7); break;
	case 7:
		if (p->nr_orders)
			take_order(p, (int)number, p->orders[arg % p->nr_orders], false);
		break;
	case 8: shutdown(arg % 2 ? p->out : p->in, arg % 4 / 2 ? SHUT_WR : SHUT_RD); break;
	case 9: close_fd(arg % 3 == 0 ? &p->in : arg % 3 == 1 ? &p->out : &p->control); break;
	case 10: end_child(c, arg % 2 ? (int)arg : (int)arg << 8); break;
	case 11:
		if (p->k.chan >= 0)
			tell(&p->k, WY_KEEPER_UNCAUGHT, 0, 0);
		break;
	case 12: /* the keeper is killed; its children live on */ close_fd(&p->k.chan); break;
	case 13:
		if (p->k.chan >= 0)
			tell(&p->k, WY_KEEPER_FAILED, 0, -ENOENT);
		close_fd(&p->k.chan);
		break;
	}
}

static void child_does(unsigned int what, unsigned int arg)
{
	struct child *c = &children[arg % (nr_children ? nr_children : 1)];
	int fd;

	if (!nr_children || c->dead)
		return;
	if (c->nr_fds)
		fd = c->fds[arg % c->nr_fds];
	else
		fd = c->of == FRONT ? -1 : programs[c->of].out;
	switch (what) {
	case 0: end_child(c, (int)take_number(&in)); break;
	case 1: say(fd, take_number(&in)); break;
	case 2:
		if (c->nr_fds)
			close(c->fds[--c->nr_fds]);
		break;
	case 3: /* much */
		for (unsigned int i = 0; fd >= 0 && i < 200; i++)
			send(fd, &session, 4096, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	}
}

static void connect_to(unsigned int which)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	check(fd >= 0);
	if (nr_clients < CLIENTS &&
	    connect(fd, (const struct sockaddr *)&names[which], name_len[which]) == 0)
		clients[nr_clients++] = fd;
	else
		close(fd);
}

static void send_hello(int fd, unsigned int nr_fds, unsigned int nr_said)
{
	struct wy_call_hello hello = { WY_CALL_MAGIC, nr_said, 0 };
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} data;
	struct iovec part = { &hello, sizeof(hello) };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
	/* Not the client's own socket: the front, which would hold it, would never see it close. */
	int fds[4] = { passed[0], passed[0], passed[0], passed[0] };

	if (nr_fds) {
		msg.msg_control = &data;
		msg.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		data.head.cmsg_level = SOL_SOCKET;
		data.head.cmsg_type = SCM_RIGHTS;
		data.head.cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(&data.head), fds, nr_fds * sizeof(int));
	}
	sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void client_does(unsigned int what, unsigned int arg)
{
	int *client = &clients[arg % (nr_clients ? nr_clients : 1)];
	static char buf[64 << 10];
	struct wy_call_frame frame;

	if (what < 2) {
		connect_to(what);
		return;
	}
	arg /= CLIENTS;
	if (!nr_clients || *client < 0)
		return;
	switch (what) {
	case 2: say(*client, take_number(&in)); break;
	case 3:
		send_hello(*client, arg % 5 == 1 ? 3 : arg % 5 > 1 ? arg % 5 : 0, arg % 5 ? 3 : 0);
		break;
	case 4:
		frame = (struct wy_call_frame){ 1 + arg % 6, take_number(&in) % 300 };
		send(*client, &frame, sizeof(frame), MSG_DONTWAIT | MSG_NOSIGNAL);
		say(*client, frame.len);
		break;
	case 5:
		frame = (struct wy_call_frame){ WY_CALL_SIGNAL, sizeof(int) };
		send(*client, &frame, sizeof(frame), MSG_DONTWAIT | MSG_NOSIGNAL);
		send(*client, &(int){ (int)arg - 2 }, sizeof(int), MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 6: shutdown(*client, SHUT_WR); break;
	case 7: close_fd(client); break;
	case 8: recv(*client, buf, sizeof(buf), MSG_DONTWAIT); break;
	case 9:
		for (unsigned int i = 0; i < 100; i++)
			send(*client, buf, 4096, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	}
}

/* One event. */
static void act(void)
{
	unsigned int what = take_number(&in), arg = what >> 8;

	what %= 64;
	if (what < 28)
		program_does(what % 14, arg);
	else if (what < 36)
		child_does(what % 4, arg);
	else if (what < 56)
		client_does((what - 36) % 10, arg);
	else if (what == 56)
		signal_front(SIGHUP);
	else if (what == 57)
		signal_front(SIGTERM);
	else
		time_ms += arg * arg;
}

/* Clients are served, and go.  Returns false when there is nobody left. */
static bool end_service(void)
{
	bool any = false;

	for (unsigned int i = 0; i < nr_programs; i++) {
		struct program *p = &programs[i];

		for (int n = 0; n < 200; n++)
			take_order(p, (int)i, control_of(p), false);
		for (unsigned int n = 0; n < p->nr_orders; n++)
			take_order(p, (int)i, p->orders[n], false);
	}
	for (unsigned int i = 0; i < nr_children; i++) {
		struct child *c = &children[i];

		if (c->of == FRONT || c->serves || c->pid != programs[c->of].k.v.program.pid) {
			any |= !c->dead;
			end_child(c, 0);
		}
	}
	for (unsigned int i = 0; i < nr_clients; i++) {
		any |= clients[i] >= 0;
		close_fd(&clients[i]);
	}
	return any;
}

static int wait_here(int epoll, struct epoll_event *events, int max, int patience)
{
	check(++waits < WAITS); /* else something is ready, and nobody cares */
	for (;;) {
		int nr = epoll_wait(epoll, events, max, 0);

		if (nr > 0)
			return nr;
		/* Twice: those that are killed in the first round end in the second. */
		run_keepers();
		run_keepers();
		if (patience >= 0 && (!timers || timers->at <= time_ms))
			return 0;
		nr = epoll_wait(epoll, events, max, 0);
		if (nr > 0)
			return nr;
		if (in.left) {
			/* Some of them at once. */
			for (unsigned int i = 1 + in.data[0] / 64; i; i--)
				act();
		} else if (!told_to_stop) {
			told_to_stop = true;
			signal_front(SIGTERM);
		} else if (gentle) {
			if (end_service())
				continue;
			gentle = false;
			told_more = !lied; /* who lies may owe an answer for ever */
		} else if (!told_more) {
			told_more = true;
			signal_front(SIGTERM);
		} else {
			check(patience >= 0); /* else it would wait for ever */
			check(++rounds < ROUNDS);
			time_ms += (unsigned int)patience;
			return 0;
		}
	}
}

/* ---- all of it ---- */

static unsigned int count_fds(void)
{
	struct pollfd all[FDS];
	unsigned int nr = 0;

	for (int fd = 0; fd < FDS; fd++)
		all[fd] = (struct pollfd){ .fd = fd };
	poll(all, FDS, 0);
	for (int fd = 0; fd < FDS; fd++)
		nr += !(all[fd].revents & POLLNVAL);
	return nr;
}

static void listen_at(unsigned int i)
{
	struct wy_listener *l = &front.listeners[i];

	*l = (struct wy_listener){ .watch = { .fd = -1 }, .call = i == 1 };
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	name_len[i] = sizeof(names[i]);
	check(bind(l->fd, &(struct sockaddr){ .sa_family = AF_UNIX }, sizeof(sa_family_t)) == 0);
	check(getsockname(l->fd, (struct sockaddr *)&names[i], &name_len[i]) == 0);
}

static void choose_options(void)
{
	unsigned int how = take_number(&in), limits = take_number(&in);
	static char *argv[] = { "program", NULL };

	options = (struct wy_serve_options){
		.argv = argv,
		.mode = how % 4,
		.input = how / 4 % 3,
		.errors = how / 16 % 3,
		.exit_fast = how / 64 % 2,
		.warm = how / 128 % 2 ? "warm" : NULL,
		.pool = (int)(how / 256 % 4) - 1,
		.max = how / 1024 % 4,
		.queue = (int)(how / 4096 % 4) - 1,
		.per_ip = how / 16384 % 4,
		.spool_max = 200,
		.idle_ms = limits % 4 * 1000,
		.total_ms = limits / 4 % 4 * 2000,
		.load_ms = limits / 16 % 2 * 10000,
		.recycle_nr = limits / 32 % 4,
		.recycle_ms = limits / 128 % 2 * 5000,
		.memory_max = limits / 256 % 2,
	};
	gentle = limits / 512 % 2;
}

static void clean_up(void)
{
	struct wy_timer *of_front[] = { &front.restart, &front.load_limit, &front.recycle,
					&front.sweep,   &front.stop_look,  &front.answers };

	for (unsigned int i = 0; i < sizeof(of_front) / sizeof(of_front[0]); i++)
		loop_timer_stop(of_front[i]);
	check(!timers && !dead);
	for (unsigned int i = 0; i < nr_children; i++)
		end_child(&children[i], 0);
	for (unsigned int i = 0; i < nr_programs; i++) {
		close_fd(&programs[i].k.chan);
		while (programs[i].nr_orders)
			close(programs[i].orders[--programs[i].nr_orders]);
	}
	for (unsigned int i = 0; i < nr_clients; i++)
		close_fd(&clients[i]);
	close_fd(&epoll);
	close(signals[0]);
	close(signals[1]);
	close(passed[0]);
	close(passed[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned int kept = 1; /* one descriptor may stay open: fill_order()'s null */
	static bool begun;
	unsigned int before;

	if (!begun) {
		log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
		signal(SIGPIPE, SIG_IGN); /* the front has it blocked */
	}
	begun = true;
	before = count_fds();
	in = (struct input){ data, size };
	nr_programs = nr_children = nr_clients = 0;
	waits = rounds = 0;
	lied = told_to_stop = told_more = false;
	time_ms = 1000000;
	choose_options();
	check(pipe2(signals, O_CLOEXEC | O_NONBLOCK) == 0);
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, passed) == 0);
	memset(&front, 0, sizeof(front));
	front.o = &options;
	front.nr_listeners = 2;
	listen_at(0);
	listen_at(1);
	wy_front_run(&front);
	check(!front.connections && !front.queue && !front.instances && !front.ahead);
	check(front.nr == 0 && front.nr_busy == 0 && front.nr_queued == 0 &&
	      front.nr_lingering == 0 && front.nr_waiting == 0);
	for (unsigned int i = 0; i < WY_PID_BUCKETS; i++)
		check(!front.by_pid[i]);
	clean_up();
	before = count_fds() - before;
	check(before <= kept);
	kept -= before;
	return 0;
}
