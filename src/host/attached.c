/* SPDX-License-Identifier: Apache-2.0 */
#include "host/attached.h"

#include "base/fdio.h"
#include "base/log.h"
#include "host/handover.h"
#include "host/signals.h"
#include "launch/procstatus.h"
#include "launch/threads.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS           100  /* between two looks whether they are still there */
#define LEAVE_PATIENCE_MS 3000 /* for all threads to come out */
#define LEAVE_AGAIN_MS    5

void wy_attached_init(struct wy_attached *a, struct wy_supervisor *v)
{
	memset(a, 0, sizeof(*a));
	a->v = v;
	v->following = true;
	wy_signals_own_group();
	wy_signals_take(&v->session.mem->doorbell);
}

/* ---- what went wrong ---- */

static void say_denied(pid_t pid)
{
	struct wy_proc_status status;
	long scope = 0;

	if (wy_proc_status(pid, &status) == 0 && status.uid != geteuid() && geteuid() != 0)
		log_err("cannot attach to process %d: it belongs to another user; root may", pid);
	else if (read_file_long("/proc/sys/kernel/yama/ptrace_scope", &scope) == 0 && scope == 3)
		log_err("cannot attach to process %d: kernel.yama.ptrace_scope is 3, so nobody may "
			"attach until the machine is started again",
			pid);
	else if (scope > 0)
		log_err("cannot attach to process %d: kernel.yama.ptrace_scope is %ld; root may, "
			"or start the program under waylay",
			pid, scope);
	else
		log_err("cannot attach to process %d: the kernel does not allow it (it is "
			"set-user-ID, not dumpable, or waylay lacks CAP_SYS_PTRACE)",
			pid);
}

static void say_no_attach(pid_t pid, const struct wy_attach_error *e)
{
	switch (e->why) {
	case WY_ATTACH_GONE: log_err("cannot attach: there is no process %d", pid); break;
	case WY_ATTACH_ZOMBIE:
		log_err("cannot attach to process %d: it has ended (a zombie)", pid);
		break;
	case WY_ATTACH_KERNEL:
		log_err("cannot attach to process %d: it is a thread of the kernel", pid);
		break;
	case WY_ATTACH_SELF:
		log_err("cannot attach to process %d: it is waylay itself", pid);
		break;
	case WY_ATTACH_TRACED:
		log_err("cannot attach to process %d: process %d traces it", pid, e->other);
		break;
	case WY_ATTACH_DENIED: say_denied(pid); break;
	case WY_ATTACH_CAUGHT:
		log_err("cannot attach to process %d: it runs under waylay already", pid);
		break;
	case WY_ATTACH_FOREIGN:
		log_err("cannot attach to process %d: it is not an x86-64 program", pid);
		break;
	case WY_ATTACH_SECCOMP:
		log_err("cannot attach to process %d: a seccomp filter is in force in it, which "
			"would refuse what the agent does; start it under waylay instead",
			pid);
		break;
	case WY_ATTACH_GS:
		log_err("cannot attach to process %d: it uses the gs register; start it under "
			"waylay instead",
			pid);
		break;
	case WY_ATTACH_STUCK:
		log_err("cannot attach to process %d: thread %d does not stop (it is in a vfork, "
			"or waits for hardware); try again",
			pid, e->other);
		break;
	case WY_ATTACH_SHARED:
	case WY_ATTACH_FAILED: log_errno(e->error, "cannot attach to process %d", pid); break;
	}
}

static void say_no_detach(pid_t pid, const struct wy_attach_error *e)
{
	const char *stays = "the agent stays in it";

	switch (e->why) {
	case WY_ATTACH_STUCK:
		log_err("cannot detach from process %d: thread %d does not come to a stop; %s", pid,
			e->other, stays);
		break;
	case WY_ATTACH_SHARED:
		log_err("cannot detach from process %d: another process runs in its memory; %s",
			pid, stays);
		break;
	case WY_ATTACH_SECCOMP:
		log_err("cannot detach from process %d: it has put itself into a sandbox that "
			"knows of the agent; %s",
			pid, stays);
		break;
	case WY_ATTACH_TRACED:
		log_err("cannot detach from process %d: process %d traces it; %s", pid, e->other,
			stays);
		break;
	default: log_errno(e->error, "cannot detach from process %d; %s", pid, stays);
	}
}

/* ---- while they run ---- */

int wy_attached_add(struct wy_attached *a, pid_t pid, wy_blocked_seen seen, void *arg)
{
	struct wy_attached_process *grown;
	struct wy_attach_error error;
	struct wy_proc_status status;
	int err, fd;

	if (wy_proc_status(pid, &status) == 0)
		pid = status.group;
	grown = realloc(a->process, (a->nr + 1) * sizeof(*grown));
	if (!grown)
		return log_errno(ENOMEM, "cannot attach to process %d", pid);
	a->process = grown;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0 && errno != ESRCH)
		return log_errno(errno, "cannot attach to process %d", pid);
	err = wy_attach(&a->v->follow.config, pid, seen, arg, &error);
	if (err) {
		say_no_attach(pid, &error);
		if (fd >= 0)
			close(fd);
		return err;
	}
	a->process[a->nr++] = (struct wy_attached_process){ .pid = pid, .pidfd = fd };
	return 0;
}

static bool any_is_there(struct wy_attached *a)
{
	bool any = false;

	for (unsigned int i = 0; i < a->nr; i++) {
		struct pollfd p = { .fd = a->process[i].pidfd, .events = POLLIN };

		if (p.fd >= 0 && poll(&p, 1, 0) == 1) {
			close(p.fd);
			a->process[i].pidfd = p.fd = -1;
		}
		any |= p.fd >= 0;
	}
	return any;
}

static void take_events(struct wy_attached *a)
{
	pid_t tid;
	int status;

	while ((tid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
		/* A thread that did not stop while we waited for it does now. */
		if (wy_follow_event(&a->v->follow, tid, status, &status) == WY_FOLLOW_NOT_MINE &&
		    WIFSTOPPED(status))
			ptrace(PTRACE_DETACH, tid, 0, status >> 16 ? 0 : WSTOPSIG(status));
	}
}

static bool told_to_leave(void)
{
	struct wy_signal s;
	bool leave = false;

	while (wy_signals_next(&s))
		leave |= s.nr == SIGINT || s.nr == SIGTERM || s.nr == SIGHUP || s.nr == SIGQUIT;
	return leave;
}

bool wy_attached_look(struct wy_attached *a)
{
	take_events(a);
	wy_follow_requests(&a->v->follow);
	wy_host_notes_print(a->v->session.mem);
	return told_to_leave() || !any_is_there(a);
}

void wy_attached_run(struct wy_attached *a, long ms)
{
	unsigned int *bell = &a->v->session.mem->doorbell;
	long until = wy_now_ms() + ms;

	for (;;) {
		unsigned int before = __atomic_load_n(bell, __ATOMIC_SEQ_CST);
		long left = ms < 0 ? LOOK_MS : until - wy_now_ms();
		struct timespec t = { 0 };

		if (wy_attached_look(a) || left <= 0)
			return;
		t.tv_nsec = (left < LOOK_MS ? left : LOOK_MS) * 1000000;
		syscall(SYS_futex, bell, FUTEX_WAIT, before, &t, NULL, 0);
	}
}

/* ---- leaving ---- */

/* A process of the session; others that cannot be left are passed over. */
static bool find_process(const struct wy_session *s, const pid_t *given_up, unsigned int nr,
			 pid_t *ret_pid, unsigned long *ret_boot)
{
	for (unsigned int i = 0; i < WY_THREAD_SLOTS && i < s->slots_top; i++) {
		const struct wy_thread_slot *slot = &s->thread[i];
		pid_t pid = __atomic_load_n(&slot->pid, __ATOMIC_ACQUIRE);
		unsigned int n = 0;

		while (n < nr && given_up[n] != pid)
			n++;
		if (pid <= 0 || n < nr || kill(pid, 0) < 0)
			continue;
		*ret_pid = pid;
		*ret_boot = slot->boot;
		return true;
	}
	return false;
}

static void answer(void *follow)
{
	wy_follow_poll(follow, 0);
	wy_follow_requests(follow);
}

int wy_attached_leave(struct wy_attached *a)
{
	struct wy_session *s = a->v->session.mem;
	long until = wy_now_ms() + LEAVE_PATIENCE_MS;
	pid_t given_up[256], pid;
	unsigned int nr = 0;
	unsigned long boot;
	int err = 0;

	/* What is executed from now on, is so without us. */
	__atomic_or_fetch(&s->flags, WY_NO_FOLLOW, __ATOMIC_SEQ_CST);
	wy_follow_requests(&a->v->follow);
	wy_handover_drain(a->v);
	for (;;) {
		struct wy_attach_error error;
		int failed;

		/* Before the look at who is there: what asks meanwhile must not wait for us. */
		wy_follow_requests(&a->v->follow);
		if (a->v->follow.tracees)
			wy_handover_drain(a->v);
		if (find_process(s, given_up, nr, &pid, &boot)) {
			failed = wy_detach(&a->v->follow.config, pid, boot, LEAVE_PATIENCE_MS,
					   answer, &a->v->follow, &error);
			/* The parent or child of a vfork: soon it is over. */
			if (failed && error.why == WY_ATTACH_SHARED && wy_now_ms() < until) {
				poll(NULL, 0, LEAVE_AGAIN_MS);
				continue;
			}
			if (failed && error.why != WY_ATTACH_GONE) {
				say_no_detach(pid, &error);
				err = failed;
			}
			if (failed && nr < sizeof(given_up) / sizeof(given_up[0]))
				given_up[nr++] = pid;
		} else if (err || !wy_host_session_in_use(&a->v->session)) {
			break;
		} else if (wy_now_ms() > until) {
			log_err("cannot detach from all: a process that cannot be found has the "
				"agent in it");
			err = -ESRCH;
			break;
		} else {
			poll(NULL, 0,
			     LEAVE_AGAIN_MS); /* one is between its fork and its first step */
		}
	}
	take_events(a);
	wy_host_notes_print(a->v->session.mem);
	wy_host_faults_print(a->v->session.mem);
	return err;
}
