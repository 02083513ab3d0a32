/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.c - the supervisor's side of `waylay serve`: this thread starts the
 * program, traces, and takes the ends of processes; the front (front.h), in a
 * thread of its own, has the sockets.
 *
 * The template makes its copies as children of its parent (CLONE_PARENT), so
 * they are children of waylay, which learns how each of them ends.
 */
#include "host/serve/serve.h"

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/log.h"
#include "host/handover.h"
#include "host/serve/front.h"
#include "host/signals.h"
#include "host/supervisor.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct server {
	struct wy_supervisor v;
	struct wy_front front;
	int events; /* the end of the pipe to write to */
	bool told_uncaught;
};

static void tell(const struct server *s, enum wy_front_kind kind, pid_t pid, int status)
{
	struct wy_front_event e = { .kind = kind, .pid = pid, .status = status };

	write_full(s->events, &e, sizeof(e));
}

static void take_signals(const struct server *s)
{
	struct wy_signal signal;

	while (wy_signals_next(&signal)) {
		switch (signal.nr) {
		case SIGINT:
		case SIGTERM:
		case SIGHUP:
		case SIGQUIT: tell(s, WY_FRONT_STOP, 0, 0); break;
		case SIGTSTP: raise(SIGSTOP); break;
		}
	}
}

static void take_ends(struct server *s)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | __WALL)) > 0) {
		enum wy_follow_result r = wy_follow_event(&s->v.follow, pid, status, &status);

		/* That somebody stops a process is nothing to us. */
		if (r == WY_FOLLOW_TAKEN || r == WY_FOLLOW_STOPPED || WIFSTOPPED(status))
			continue;
		tell(s, WY_FRONT_ENDED, pid, status);
	}
}

/* The agent could not start in the program: it would wait for ever for its input. */
static void look_whether_caught(struct server *s)
{
	const struct wy_session *mem = s->v.session.mem;

	if (s->told_uncaught ||
	    (s->v.caught &&
	     (s->v.follow.tracees || __atomic_load_n(&mem->processes, __ATOMIC_SEQ_CST))))
		return;
	s->told_uncaught = true;
	tell(s, WY_FRONT_UNCAUGHT, 0, 0);
}

static void supervise(struct server *s)
{
	unsigned int *bell = &s->v.session.mem->doorbell;

	while (!__atomic_load_n(&s->front.finished, __ATOMIC_ACQUIRE)) {
		unsigned int before = __atomic_load_n(bell, __ATOMIC_SEQ_CST);

		/* Everything is looked at after the bell was read: what comes later rings again. */
		take_signals(s);
		take_ends(s);
		wy_follow_requests(&s->v.follow);
		wy_host_notes_print(s->v.session.mem);
		look_whether_caught(s);
		if (!__atomic_load_n(&s->front.finished, __ATOMIC_ACQUIRE))
			syscall(SYS_futex, bell, FUTEX_WAIT, before, NULL, NULL, 0);
	}
}

/* Signals are for this thread: its futex is what they ring at. */
static int start_front(struct server *s, pthread_t *ret)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(ret, NULL, wy_front_run, &s->front);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

/* The two sockets of the program; [0] is ours, [1] the program's. */
static int make_sockets(int control[2], int out[2], struct wy_serve_session *serve)
{
	struct stat in_stat, out_stat;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out) < 0 ||
	    fcntl(out[0], F_SETFL, O_NONBLOCK) < 0 || fstat(control[1], &in_stat) < 0 ||
	    fstat(out[1], &out_stat) < 0)
		return -errno;
	serve->in_dev = in_stat.st_dev;
	serve->in_ino = in_stat.st_ino;
	serve->out_dev = out_stat.st_dev;
	serve->out_ino = out_stat.st_ino;
	return 0;
}

static int start(struct server *s, char **argv, int in, int out)
{
	struct wy_program_io io = { in, out };
	int err;

	s->v.program.io = &io;
	wy_signals_own_group();
	clock_gettime(CLOCK_MONOTONIC, &s->front.started);
	err = wy_supervisor_start(&s->v, argv);
	if (err)
		return err;
	/* It has not run yet: it waits for us at its exec. */
	s->v.session.mem->serve.pid = s->v.program.pid;
	s->front.program = s->v.program.pid;
	return 0;
}

int wy_serve(struct wy_listener *listener, char **argv)
{
	static struct server s;
	cleanup_fd int ours_in = -1, ours_out = -1, theirs_in = -1, theirs_out = -1;
	cleanup_fd int events_in = -1, events_out = -1;
	int control[2] = { -1, -1 }, out[2] = { -1, -1 }, events[2] = { -1, -1 };
	pthread_t thread;
	int err = wy_supervisor_init(&s.v, WY_LAYER_SERVE);

	if (err)
		return err;
	err = make_sockets(control, out, &s.v.session.mem->serve);
	ours_in = control[0];
	theirs_in = control[1];
	ours_out = out[0];
	theirs_out = out[1];
	if (!err && pipe2(events, O_CLOEXEC) < 0)
		err = -errno;
	events_in = events[1];
	events_out = events[0];
	if (err)
		return log_errno(err, "cannot make the sockets of the program");
	err = start(&s, argv, theirs_in, theirs_out);
	if (err)
		return err;
	/* Only the program has them now: their end is the program's end. */
	close(steal_fd(&theirs_in));
	close(steal_fd(&theirs_out));
	s.events = events_in;
	s.front.control = steal_fd(&ours_in);
	s.front.out = ours_out;
	s.front.events = events_out;
	s.front.listener = listener;
	s.front.bell = &s.v.session.mem->doorbell;
	err = start_front(&s, &thread);
	if (err) {
		kill(s.v.program.pid, SIGKILL);
		return log_errno(err, "cannot start a thread");
	}
	supervise(&s);
	pthread_join(thread, NULL);
	if (wy_handover_needed(&s.v))
		wy_handover_start(&s.v);
	wy_host_notes_print(s.v.session.mem);
	return s.front.result;
}
