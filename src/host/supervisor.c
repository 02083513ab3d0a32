/* SPDX-License-Identifier: Apache-2.0 */
#include "host/supervisor.h"

#include "base/log.h"
#include "host/handover.h"
#include "host/signals.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STAY_MIN_MS 5 /* between two looks whether anybody is left */
#define STAY_MAX_MS 500

static void send_on(const struct wy_supervisor *v)
{
	struct wy_signal s;

	while (wy_signals_next(&s)) {
		if (s.queued)
			sigqueue(v->program.pid, s.nr, s.value);
		else
			kill(v->program.pid, s.nr);
	}
}

/* Stops waylay itself; returns when it goes on. */
static void stop_self(int signal)
{
	struct sigaction plain = { .sa_handler = SIG_DFL }, old;

	if (signal == SIGSTOP) {
		raise(SIGSTOP);
		return;
	}
	sigaction(signal, &plain, &old);
	raise(signal);
	sigaction(signal, &old, NULL);
}

/*
 * The program was stopped: so is waylay, for its parent to see.  Other
 * programs under it may run on, and execute: somebody must be there for them.
 */
static void program_stopped(struct wy_supervisor *v, int signal)
{
	siginfo_t info = { 0 };

	if (v->was_stopped)
		v->was_stopped(v->arg, v->program.pid, signal);
	if (v->following && wy_handover_start(v) == 0)
		v->following = false;
	stop_self(signal);
	/* Whoever continued waylay alone meant the program. */
	if (waitid(P_PID, (id_t)v->program.pid, &info, WCONTINUED | WEXITED | WNOHANG | WNOWAIT) ==
		    0 &&
	    info.si_pid == 0)
		kill(v->program.pid, SIGCONT);
}

static void take_events(struct wy_supervisor *v)
{
	pid_t pid;
	int status;

	while (!v->ended && (pid = waitpid(-1, &status, WNOHANG | WUNTRACED | __WALL)) > 0) {
		enum wy_follow_result r = wy_follow_event(&v->follow, pid, status, &status);

		if (pid != v->program.pid || r == WY_FOLLOW_TAKEN)
			continue;
		if (r == WY_FOLLOW_STOPPED)
			program_stopped(v, status);
		else if (WIFSTOPPED(status))
			program_stopped(v, WSTOPSIG(status));
		else {
			v->status = status;
			v->ended = true;
		}
	}
}

/* Until the program has ended. */
static void supervise(struct wy_supervisor *v)
{
	while (!v->ended) {
		bool following = v->following;
		unsigned int *bell = following ? &v->session.mem->doorbell : &v->idle_bell;
		unsigned int before = __atomic_load_n(bell, __ATOMIC_SEQ_CST);

		/* Everything is looked at after the bell was read: what comes later rings again. */
		send_on(v);
		take_events(v);
		if (v->following) /* after the events: they make room for more */
			wy_follow_requests(&v->follow);
		wy_host_notes_print(v->session.mem);
		if (!v->ended && v->following == following) /* else the bell is another now */
			syscall(SYS_futex, bell, FUTEX_WAIT, before, NULL, NULL, 0);
	}
}

/* The program has started with the limits that waylay was given; waylay itself may need more. */
static void raise_own_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == files.rlim_max)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static void report_first(struct wy_supervisor *v)
{
	struct wy_session *s = v->session.mem;
	const char *path = v->program.path;

	if (v->program.kind == WY_PROGRAM_SETID)
		wy_host_note(s, WY_NOTE_UNFOLLOWED, v->program.pid, WY_UNFOLLOWED_SETID, 0, path);
	else if (v->program.trace_error == EPERM)
		wy_host_note(s, WY_NOTE_UNFOLLOWED, v->program.pid, WY_UNFOLLOWED_TRACED, 0, path);
	else
		wy_host_note(s, WY_NOTE_UNFOLLOWED, v->program.pid, WY_UNFOLLOWED_REFUSED,
			     v->program.trace_error, path);
}

int wy_supervisor_init(struct wy_supervisor *v, unsigned int flags)
{
	int err;

	memset(v, 0, sizeof(*v));
	err = wy_host_session_new(&v->session, flags);
	if (err)
		return log_errno(err, "cannot catch anything: no memory for the session");
	err = wy_follow_init(&v->follow, &v->session);
	if (err)
		return log_errno(err, "cannot catch anything: no usable agent in this waylay");
	return 0;
}

static unsigned long inherited_ignored(void)
{
	unsigned long set = 0;

	for (int nr = 1; nr < 32; nr++) {
		if ((WY_SIGNALS_RESET & WY_SIG_BIT(nr)) && wy_signals_inherited_ignored(nr))
			set |= WY_SIG_BIT(nr);
	}
	return set;
}

static int follow_first(struct wy_supervisor *v)
{
	struct wy_inject_program program = { .mask = wy_signals_inherited_mask(),
					     .ignored = inherited_ignored() };

	return wy_follow_first(&v->follow, v->program.pid, &program, v->program.path);
}

int wy_supervisor_start(struct wy_supervisor *v, char **argv)
{
	struct wy_userland_info userland = { .flags = WY_BOOT_FIRST,
					     .session_fd = (unsigned long)v->session.fd };
	int err;

	err = wy_program_find(&v->program, argv[0], v->session.mem->flags & WY_HOST_PRIVILEGED);
	if (err)
		return err;
	wy_signals_take(&v->session.mem->doorbell);
	v->following = true;
	v->caught = v->program.kind == WY_PROGRAM_PLAIN;
	v->program.always_userland = v->session.mem->flags & WY_FOLLOW_USERLAND;
	if (v->program.always_userland)
		wy_rendezvous_open(&v->follow.rendezvous, &v->session);
	userland.mask = wy_signals_inherited_mask();
	userland.ignored = inherited_ignored();
	v->program.userland = &userland;
	err = wy_program_start(&v->program, argv, v->caught);
	v->program.userland = NULL;
	if (err)
		return err;
	raise_own_limits();
	if (v->program.in_userland)
		return 0;
	if (v->program.trace_error)
		v->caught = false;
	if (v->caught)
		err = follow_first(v);
	else
		report_first(v);
	return err ? log_errno(err, "cannot follow the program") : 0;
}

static bool anybody_left(struct wy_supervisor *v)
{
	int known = v->anybody ? v->anybody(v->arg) : -1;
	bool left;

	if (v->follow.tracees)
		return true;
	if (known >= 0)
		return known;
	if (v->still)
		v->still(v->arg, true);
	left = wy_host_session_in_use(&v->session);
	if (v->still)
		v->still(v->arg, false);
	return left;
}

/* The program has ended, others that it has started live. */
static void stay(struct wy_supervisor *v)
{
	unsigned int *bell = &v->session.mem->doorbell;
	long pause = STAY_MIN_MS;
	struct wy_signal signal;

	while (v->following && !wy_signals_next(&signal)) {
		unsigned int before = __atomic_load_n(bell, __ATOMIC_SEQ_CST);
		struct timespec t = { pause / 1000, pause % 1000 * 1000000 };

		wy_follow_poll(&v->follow, v->program.pid);
		wy_follow_requests(&v->follow);
		wy_host_notes_print(v->session.mem);
		if (!anybody_left(v))
			return;
		pause = pause * 2 < STAY_MAX_MS ? pause * 2 : STAY_MAX_MS;
		if (__atomic_load_n(bell, __ATOMIC_SEQ_CST) == before)
			syscall(SYS_futex, bell, FUTEX_WAIT, before, &t, NULL, 0);
		else
			pause = STAY_MIN_MS;
	}
}

int wy_supervisor_run(struct wy_supervisor *v, char **argv)
{
	int err = wy_supervisor_start(v, argv);

	if (err)
		return err;
	supervise(v);
	if (v->has_ended)
		v->has_ended(v->arg, v->program.pid, v->status);
	if (v->stay)
		stay(v);
	if (v->following && anybody_left(v))
		wy_handover_start(v);
	wy_host_notes_print(v->session.mem);
	wy_host_faults_print(v->session.mem);
	return 0;
}

void wy_supervisor_end_as(int status)
{
	struct rlimit none = { 0, 0 };
	struct sigaction plain = { .sa_handler = SIG_DFL };
	sigset_t set;

	if (WIFEXITED(status))
		exit(WEXITSTATUS(status));
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	sigaction(WTERMSIG(status), &plain, NULL);
	sigemptyset(&set);
	sigaddset(&set, WTERMSIG(status));
	raise(WTERMSIG(status));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	exit(128 + WTERMSIG(status));
}
