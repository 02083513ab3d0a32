/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.c - see keeper.h.
 *
 * There is one place to wait at, the doorbell of the session: agents ring
 * there, and so do the handlers of signals, by which the kernel tells of
 * children (SIGCHLD) and of words of the front (SIGIO).
 */
#include "host/serve/keeper.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "host/handover.h"
#include "host/serve/feed.h"
#include "host/serve/shortexit.h"
#include "host/signals.h"
#include "host/supervisor.h"
#include "host/trace/record.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define DEATH_LOOK_NS 2000000
#define DEATH_LOOKS   250

static unsigned int serial; /* of this keeper among those of the front, from 1 */

struct keeper {
	struct wy_supervisor v;
	const struct wy_keeper_config *config;
	struct wy_feed feed;
	struct wy_record_options record;
	struct wy_recording *recording; /* NULL: none */
	char trace[PATH_MAX];
	int chan;
	bool front_gone, retired, killed_all, is_template, program_ended, told_uncaught;
};

static void tell(struct keeper *k, enum wy_keeper_kind kind, pid_t pid, int status)
{
	struct wy_keeper_word w = { .kind = kind, .pid = pid, .status = status };

	send(k->chan, &w, sizeof(w), MSG_NOSIGNAL);
}

static void kill_program(struct keeper *k, bool all)
{
	if (!k->program_ended)
		kill(k->v.program.pid, SIGKILL);
	if (all)
		k->killed_all = kill(-k->v.program.pid, SIGKILL) == 0;
}

/* Nobody will have anything of it any more; but whoever is served is served. */
static void retire(struct keeper *k)
{
	const struct wy_serve_session *serve = &k->v.session.mem->serve;

	if (k->retired)
		return;
	k->retired = true;
	wy_feed_stop(&k->feed);
	if (k->is_template)
		kill_program(k, false);
	else if (__atomic_load_n(&serve->frozen, __ATOMIC_ACQUIRE) != WY_SERVE_GONE_ON)
		kill_program(k, true);
}

/* The program might have named any process as its copy. */
static bool is_child(pid_t pid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

static void prepare(struct keeper *k)
{
	int err = wy_short_exit(k->v.program.pid);

	if (err < 0)
		log_errno(err, "the program's end cannot be made shorter");
	else if (!err)
		log_info("the program has no runtime whose end could be made shorter");
	tell(k, WY_KEEPER_PREPARED, 0, 0);
}

/*
 * A program can write a report of its own.  One that is not held would never make the copies
 * that it is asked for, and whoever waits for one would wait for ever.
 */
static void be_template(struct keeper *k)
{
	const struct wy_serve_session *serve = &k->v.session.mem->serve;

	k->is_template = true;
	if (__atomic_load_n(&serve->frozen, __ATOMIC_ACQUIRE) == WY_SERVE_HELD)
		return;
	log_err("the program says that it waits for clients, and does not");
	kill_program(k, true);
}

static void take_orders(struct keeper *k)
{
	struct wy_keeper_order o;
	ssize_t n;

	while (!k->front_gone) {
		n = recv(k->chan, &o, sizeof(o), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n != sizeof(o)) {
			k->front_gone = true;
			retire(k);
			return;
		}
		switch (o.kind) {
		case WY_KEEPER_FEED: wy_feed_start(&k->feed); break;
		case WY_KEEPER_PREPARE: prepare(k); break;
		case WY_KEEPER_TEMPLATE: be_template(k); break;
		case WY_KEEPER_RETIRE: retire(k); break;
		case WY_KEEPER_KILL:
			if (!o.pid)
				kill_program(k, true);
			else if (is_child(o.pid))
				kill(o.pid, o.signal);
			break;
		}
	}
}

static void take_signals(struct keeper *k)
{
	struct wy_signal signal;

	while (wy_signals_next(&signal)) {
		switch (signal.nr) {
		case SIGINT:
		case SIGTERM:
		case SIGQUIT: kill_program(k, !k->is_template); break;
		case SIGTSTP: raise(SIGSTOP); break;
		}
	}
}

/* Returns false when there are no children any more; counts the ends that were told. */
static bool take_ends(struct keeper *k, unsigned int *ret_told)
{
	struct wy_keeper_word ends[WY_KEEPER_WORDS];
	unsigned int nr = 0;
	pid_t pid;
	int status;

	*ret_told = 0;
	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | __WALL)) > 0) {
		enum wy_follow_result r = wy_follow_event(&k->v.follow, pid, status, &status);

		/* That somebody stops a process is nothing to us. */
		if (r == WY_FOLLOW_TAKEN || r == WY_FOLLOW_STOPPED || WIFSTOPPED(status))
			continue;
		if (pid == k->v.program.pid)
			k->program_ended = true;
		ends[nr++] = (struct wy_keeper_word){ WY_KEEPER_ENDED, pid, status };
		(*ret_told)++;
		if (nr == WY_KEEPER_WORDS) {
			send(k->chan, ends, sizeof(ends), MSG_NOSIGNAL);
			nr = 0;
		}
	}
	if (nr)
		send(k->chan, ends, nr * sizeof(ends[0]), MSG_NOSIGNAL);
	return pid == 0;
}

/* The agent could not start in the program: it would wait for ever for its input. */
static void look_whether_caught(struct keeper *k)
{
	const struct wy_session *mem = k->v.session.mem;

	if (k->told_uncaught ||
	    (k->v.caught &&
	     (k->v.follow.tracees || __atomic_load_n(&mem->processes, __ATOMIC_SEQ_CST))))
		return;
	k->told_uncaught = true;
	tell(k, WY_KEEPER_UNCAUGHT, 0, 0);
}

/*
 * A copy may live for a tenth of a millisecond, and its client knows of its end before we do: to be
 * woken for each one would cost as much as a good part of the copy.  So after an end SIGCHLD waits
 * for a moment, and what ends meanwhile is told together.
 */
static void wait_for_bell(struct keeper *k, unsigned int before, unsigned int told)
{
	static const struct timespec moment = { 0, 2000000 };
	unsigned int *bell = &k->v.session.mem->doorbell;
	bool gather = told && !k->v.follow.tracees;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(gather ? SIG_BLOCK : SIG_UNBLOCK, &child, NULL);
	syscall(SYS_futex, bell, FUTEX_WAIT, before, gather ? &moment : NULL, NULL, 0);
}

static void keep(struct keeper *k)
{
	unsigned int *bell = &k->v.session.mem->doorbell, told;
	bool alive = true;

	while (alive) {
		unsigned int before = __atomic_load_n(bell, __ATOMIC_SEQ_CST);

		/* Everything is looked at after the bell was read: what comes later rings again. */
		take_signals(k);
		alive = take_ends(k, &told);
		take_orders(k);
		wy_follow_requests(&k->v.follow);
		wy_host_notes_print(k->v.session.mem);
		look_whether_caught(k);
		if (alive)
			wait_for_bell(k, before, told);
	}
}

static void tell_stats(struct keeper *k)
{
	static struct {
		struct wy_keeper_word word;
		struct wy_keeper_stats stats;
	} all = { .word = { .kind = WY_KEEPER_STATS } };
	const struct wy_session *mem = k->v.session.mem;

	if (!(mem->flags & WY_LAYER_COUNT))
		return;
	wy_stats_sum(&all.stats.stats, mem);
	all.stats.sites_padding = mem->sites_padding;
	all.stats.sites_before = mem->sites_before;
	all.stats.sites_pun = mem->sites_pun;
	all.stats.sites_signal = mem->sites_signal;
	all.stats.processes = mem->processes;
	all.stats.threads = mem->threads;
	all.stats.execs = mem->execs;
	send(k->chan, &all, sizeof(all), MSG_NOSIGNAL);
}

/*
 * What the front has open for itself is none of ours: a connection would not
 * end.  All of that is close-on-exec; the rest is for the program.
 */
static void close_the_fronts(const struct wy_place *p, int chan)
{
	const int keep[] = { chan, p->in[0], p->in[1], p->out[1], p->err[1], p->control[1] };
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);
		bool kept = fd < 3 || fd == dirfd(dir);

		for (unsigned int i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
			kept |= fd == keep[i];
		if (!kept && fcntl(fd, F_GETFD) & FD_CLOEXEC)
			close(fd);
	}
	if (dir)
		closedir(dir);
}

static void describe(struct keeper *k)
{
	const struct wy_serve_options *o = k->config->options;
	struct wy_serve_session *s = &k->v.session.mem->serve;

	wy_place_tell(k->config->place, s);
	s->flags = (k->config->one_shot ? WY_SERVE_PRESTART : 0) |
		   (o->input == WY_STDIN_FILE ? WY_SERVE_FILE : 0);
	s->freeze = o->freeze;
	s->told_uring = serial > 1;
	s->takes = o->takes;
	s->memory_max = o->memory_max;
	s->cpu_max = (o->cpu_ms + 999) / 1000;
}

static int record(struct keeper *k)
{
	const struct wy_serve_options *o = k->config->options;

	if (!o->trace)
		return 0;
	/* Each has a file of its own: an old one may still serve while the next one starts. */
	if (serial > 1)
		snprintf(k->trace, sizeof(k->trace), "%s.%u", o->trace, serial);
	else
		snprintf(k->trace, sizeof(k->trace), "%s", o->trace);
	wy_record_to_file(&k->record, k->trace, o->argv);
	return wy_recording_start(&k->recording, &k->record, &k->v);
}

/* Returns 0, -errno if the program could not be started, or an exit status if waylay failed. */
static int start(struct keeper *k)
{
	const struct wy_serve_options *o = k->config->options;
	struct wy_place *p = k->config->place;
	struct wy_program_io io = { p->in[1], p->out[1], p->err[1], p->control[1] };
	int err;

	if (wy_supervisor_init(&k->v,
			       WY_LAYER_SERVE | o->flags | (o->trace ? WY_RECORD_FLAGS : 0)) < 0 ||
	    record(k) < 0)
		return 125;
	describe(k);
	k->v.program.io = &io;
	wy_signals_own_group();
	setrlimit(RLIMIT_NOFILE, k->config->files);
	err = wy_supervisor_start(&k->v, o->argv);
	if (err)
		return err;
	/* It has not run yet: it waits for us at its exec. */
	k->v.session.mem->serve.pid = k->v.program.pid;
	wy_place_close(p, 1);
	wy_feed_init(&k->feed, &k->v.session.mem->serve, o, &p->in[0]);
	return 0;
}

/* Is there somebody left to be followed?  Not those who have been killed and are not gone yet. */
static bool lives_on(struct keeper *k)
{
	const struct timespec pause = { .tv_nsec = DEATH_LOOK_NS };

	for (int i = 0; k->killed_all && i < DEATH_LOOKS && wy_handover_needed(&k->v); i++)
		nanosleep(&pause, NULL);
	return wy_handover_needed(&k->v);
}

__attribute__((noreturn)) static void keeper(const struct wy_keeper_config *config, int chan)
{
	static struct keeper k;
	int err;

	prctl(PR_SET_NAME, "waylay-keeper", 0, 0, 0);
	setpgid(0, 0);
	k.config = config;
	k.chan = chan;
	close_the_fronts(config->place, chan);
	err = start(&k);
	if (err) {
		tell(&k, WY_KEEPER_FAILED, 0, err);
		_exit(0);
	}
	fcntl(chan, F_SETOWN, getpid());
	fcntl(chan, F_SETFL, O_ASYNC);
	tell(&k, WY_KEEPER_STARTED, k.v.program.pid, 0);
	keep(&k);
	wy_host_notes_print(k.v.session.mem);
	tell_stats(&k);
	if (k.recording)
		wy_recording_stop(k.recording);
	close_fd(&k.chan);
	if (lives_on(&k))
		wy_handover_start(&k.v);
	_exit(0);
}

pid_t wy_keeper_start(const struct wy_keeper_config *config, int *ret_chan)
{
	int chan[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, chan) < 0)
		return log_errno(errno, "cannot start a program");
	serial++;
	pid = fork();
	if (pid == 0)
		keeper(config, chan[1]);
	close(chan[1]);
	if (pid < 0) {
		close(chan[0]);
		return log_errno(errno, "cannot start a program");
	}
	wy_place_close(config->place, 1);
	*ret_chan = chan[0];
	return pid;
}
