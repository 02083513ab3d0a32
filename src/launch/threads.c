/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads to which the kernel addresses signals of the process (the first one, and SIGCHLD: those
 * that have children) are stopped last and go on first.  While such a one is traced, a signal that
 * nobody handles is not dropped but wakes a thread: if that is not stopped, it would see EINTR from
 * calls that the kernel does not restart.
 *
 * A thread that executes another program first ends all the others, and waits until their tracer,
 * which is us, has seen each end (ptrace(2), "execve(2) under ptrace").  Meanwhile the kernel lets
 * nobody seize a thread of the process: PTRACE_SEIZE would wait for the exec, and the exec for us.
 * So ends are looked for while we wait, in PTRACE_SEIZE by the handler of SIGCHLD.
 */
#include "launch/threads.h"

#include "base/cleanup.h"
#include "launch/procstatus.h"
#include "proto/boot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MASK_LEN    8
#define ROUNDS_MAX  200 /* looks for new threads */
#define NAP_MIN_NS  20000l
#define NAP_MAX_NS  1000000l
#define MOMENT_NS   200000l
#define SIGNALS_MAX 1000
#define LOOKS_MAX   50

#ifndef PTRACE_GET_RSEQ_CONFIGURATION /* Linux 5.13 */
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif

void wy_threads_init(struct wy_threads *t, pid_t pid)
{
	memset(t, 0, sizeof(*t));
	t->pid = pid;
}

long wy_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void nap(long ns)
{
	struct timespec t = { 0, ns };

	nanosleep(&t, NULL);
}

void wy_threads_lost(struct wy_stopped *s)
{
	close_fd(&s->remote.mem_fd);
	s->stopped = false;
	s->remote.dead = 1;
}

/* Takes the ends of threads.  Their stops, which come too whatever is asked, are left. */
static void take_ends(struct wy_threads *t)
{
	const int how = WEXITED | WNOHANG | __WALL;

	for (unsigned int i = 0; i < t->nr; i++) {
		struct wy_stopped *s = &t->thread[i];
		id_t tid = (id_t)s->remote.tid;
		siginfo_t info = { 0 };

		if (s->remote.dead || waitid(P_PID, tid, &info, how | WNOWAIT) < 0 || !info.si_pid)
			continue;
		if ((info.si_code == CLD_EXITED || info.si_code == CLD_KILLED ||
		     info.si_code == CLD_DUMPED) &&
		    waitid(P_PID, tid, &info, how) == 0)
			wy_threads_lost(s);
	}
}

static struct wy_threads *seizing; /* whose ends the handler takes, in whatever thread it runs */
static int handlers;               /* that may be at it */
static struct sigaction handler_before;

static void child_has_changed(int nr, siginfo_t *info, void *context)
{
	int saved = errno;
	struct wy_threads *t;

	__atomic_add_fetch(&handlers, 1, __ATOMIC_SEQ_CST);
	t = __atomic_load_n(&seizing, __ATOMIC_SEQ_CST);
	if (t)
		take_ends(t);
	__atomic_sub_fetch(&handlers, 1, __ATOMIC_SEQ_CST);
	errno = saved;
	if (handler_before.sa_flags & SA_SIGINFO)
		handler_before.sa_sigaction(nr, info, context);
}

static long ptrace_seize(struct wy_threads *t, pid_t tid)
{
	struct sigaction act = { .sa_sigaction = child_has_changed,
				 .sa_flags = SA_SIGINFO | SA_RESTART };
	long ret;
	int err;

	sigfillset(&act.sa_mask);
	__atomic_store_n(&seizing, t, __ATOMIC_SEQ_CST);
	sigaction(SIGCHLD, &act, &handler_before);
	take_ends(t); /* those from before there was a handler */
	ret = ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC);
	err = errno;
	sigaction(SIGCHLD, &handler_before, NULL);
	__atomic_store_n(&seizing, NULL, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&handlers, __ATOMIC_SEQ_CST))
		sched_yield();
	errno = err;
	return ret;
}

/*
 * A restartable sequence (rseq(2)) is begun again when its thread was interrupted.  The kernel
 * does not do that any more once the thread has run elsewhere: so it is done here.
 */
static void leave_sequence(struct wy_stopped *s)
{
	struct {
		unsigned long rseq;
		unsigned int size, signature, flags, pad;
	} config = { 0 };
	struct {
		unsigned int version, flags;
		unsigned long start, len, abort;
	} sequence = { 0 };
	unsigned long at = 0;
	pid_t tid = s->remote.tid;

	if (ptrace((enum __ptrace_request)PTRACE_GET_RSEQ_CONFIGURATION, tid, sizeof(config),
		   &config) < 0 ||
	    !config.rseq || wy_remote_read(&s->remote, config.rseq + 8, &at, sizeof(at)) < 0 ||
	    !at || wy_remote_read(&s->remote, at, &sequence, sizeof(sequence)) < 0)
		return;
	if (wy_regs_pc(&s->regs) - sequence.start < sequence.len)
		wy_regs_set_pc(&s->regs, sequence.abort);
}

/* False: there is nothing to be had, it is gone. */
static bool take_down(struct wy_stopped *s)
{
	unsigned char insn[WY_CALL_INSN_LEN];

	if (wy_regs_get(s->remote.tid, &s->regs) < 0 ||
	    ptrace(PTRACE_GETSIGMASK, s->remote.tid, MASK_LEN, &s->mask) < 0)
		return false;
	wy_regs_let_restart(&s->regs);
	/* The kernel was about to continue a call, which only works at once: let it begin again. */
	if (wy_regs_at_restart(&s->regs) &&
	    wy_remote_read(&s->remote, wy_regs_pc(&s->regs), insn, sizeof(insn)) == 0 &&
	    memcmp(insn, WY_CALL_INSN, sizeof(insn)) == 0)
		wy_regs_before_restart(&s->regs);
	return true;
}

/*
 * Does a signal wait that the thread's own last instruction has raised?  It belongs to these
 * registers, and must be delivered before anything else runs.
 */
static bool has_raised(const struct wy_stopped *s)
{
	struct __ptrace_peeksiginfo_args args = { .nr = 8 };
	siginfo_t info[8];
	long n = ptrace(PTRACE_PEEKSIGINFO, s->remote.tid, &args, info);

	for (long i = 0; i < n; i++) {
		switch (info[i].si_signo) {
		case SIGSEGV:
		case SIGBUS:
		case SIGILL:
		case SIGFPE:
		case SIGTRAP:
		case SIGSYS:
			if (info[i].si_code > 0 && !(s->mask & WY_SIG_BIT(info[i].si_signo)))
				return true;
		}
	}
	return false;
}

/*
 * Waits for the stop that PTRACE_INTERRUPT asks for.  A signal may be first: it is delivered, and
 * the thread stops where its handler begins.
 */
static int await_stop(struct wy_threads *t, struct wy_stopped *s, long until)
{
	pid_t tid = s->remote.tid;
	long ns = NAP_MIN_NS;

	for (int signals = 0; signals < SIGNALS_MAX;) {
		int status;
		pid_t got = waitpid(tid, &status, __WALL | WNOHANG);

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0) {
			if (wy_now_ms() >= until)
				return -ETIMEDOUT;
			take_ends(t);
			nap(ns);
			ns = ns * 2 < NAP_MAX_NS ? ns * 2 : NAP_MAX_NS;
			continue;
		}
		if (got < 0 || !WIFSTOPPED(status) || !take_down(s)) {
			wy_threads_lost(s);
			return 0;
		}
		if (status >> 16 == PTRACE_EVENT_STOP && !has_raised(s)) {
			s->stopped = true;
			leave_sequence(s);
			return 0;
		}
		if (status >> 16 == PTRACE_EVENT_EXEC) {
			ptrace(PTRACE_DETACH, tid, 0, 0);
			wy_threads_lost(s);
			return -ESTALE;
		}
		signals++;
		if (status >> 16) { /* the signal comes next */
			ptrace(PTRACE_CONT, tid, 0, 0);
			continue;
		}
		/*
		 * Any stop takes the request away.  The signal may have no handler: one that is
		 * ignored comes, too, while a tracer is there.  Then the call goes on.
		 */
		wy_regs_set(tid, &s->regs);
		ptrace(PTRACE_INTERRUPT, tid, 0, 0);
		ptrace(PTRACE_CONT, tid, 0, WSTOPSIG(status));
	}
	return -ETIMEDOUT;
}

static bool is_known(const struct wy_threads *t, pid_t tid)
{
	for (unsigned int i = 0; i < t->nr; i++) {
		if (t->thread[i].remote.tid == tid)
			return true;
	}
	return false;
}

/* A thread that has ended and whose entry stays, as that of a first thread that ended early. */
static bool has_ended(pid_t pid, pid_t tid)
{
	cleanup_file FILE *f = NULL;
	char path[64], text[512], *at;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	f = fopen(path, "re");
	if (!f)
		return true;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	at = strrchr(text, ')');
	/* cppcheck-suppress resourceLeak */
	return !at || !at[1] || at[2] == 'Z' || at[2] == 'X';
}

static int seize(struct wy_threads *t, pid_t tid)
{
	struct wy_stopped *s;

	if (t->nr == t->room) {
		unsigned int room = t->room ? 2 * t->room : 16;

		s = realloc(t->thread, room * sizeof(*s));
		if (!s)
			return -ENOMEM;
		t->thread = s;
		t->room = room;
	}
	if (ptrace_seize(t, tid) < 0) {
		struct wy_proc_status status;
		int err = errno;

		if (err == ESRCH || has_ended(t->pid, tid))
			return 0;
		t->culprit = tid;
		/* It is about to execute a program, and will not come back. */
		t->executing |= wy_proc_status(tid, &status) == 0 && status.tracer == getpid();
		return t->executing ? 0 : -err;
	}
	s = &t->thread[t->nr++];
	memset(s, 0, sizeof(*s));
	s->remote.tid = tid;
	s->remote.mem_fd = -1;
	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	return 1;
}

static bool is_addressed(pid_t pid, pid_t tid)
{
	cleanup_fd int fd = -1;
	char path[64], c;

	if (tid == pid)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &c, 1) == 1;
}

/* Seizes those that are not yet; the addressed ones only when told.  How many, or -errno. */
static int seize_new(struct wy_threads *t, bool all)
{
	char path[40];
	struct dirent *e;
	int found = 0, got = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", t->pid);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? -ESRCH : -errno;
	while (got >= 0 && (e = readdir(d))) {
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);

		if (tid <= 0 || is_known(t, tid) || (!all && is_addressed(t->pid, tid)))
			continue;
		got = seize(t, tid);
		found += got > 0;
	}
	closedir(d);
	return got < 0 ? got : found;
}

/* Waits for all that have not stopped yet; for the ones that do, whatever becomes of the others. */
static int await_all(struct wy_threads *t, long until)
{
	int err = 0;

	for (unsigned int i = 0; i < t->nr && err != -ESTALE; i++) {
		struct wy_stopped *s = &t->thread[i];
		int this = s->stopped || s->remote.dead ? 0 : await_stop(t, s, until);

		if (!this)
			continue;
		err = this;
		t->culprit = s->remote.tid;
	}
	return err;
}

/*
 * Has the first thread, which had stopped, become another, which has executed a program?  That may
 * have been traced by somebody else in our process, who is to see it.
 */
static bool has_executed(struct wy_threads *t)
{
	for (unsigned int i = 0; i < t->nr; i++) {
		struct wy_stopped *s = &t->thread[i];
		struct wy_regs regs;
		unsigned long before;
		siginfo_t info = { 0 };

		if (s->remote.tid != t->pid || !s->stopped)
			continue;
		if (waitid(P_PID, (id_t)t->pid, &info,
			   WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 &&
		    info.si_pid && info.si_status >> 8 == PTRACE_EVENT_EXEC) {
			if (ptrace(PTRACE_GETEVENTMSG, t->pid, 0, &before) == 0 &&
			    is_known(t, (pid_t)before))
				ptrace(PTRACE_DETACH, t->pid, 0, 0);
		} else if (wy_regs_get(t->pid, &regs) == 0) {
			return false;
		}
		wy_threads_lost(s);
		return true;
	}
	return false;
}

int wy_threads_stop(struct wy_threads *t, long patience_ms)
{
	long until = wy_now_ms() + patience_ms;
	bool all = false, any = false;
	int err = 0;

	t->executing = false;
	for (int round = 0; round < ROUNDS_MAX && !err; round++) {
		int found = seize_new(t, all);

		if (found < 0)
			return found;
		err = await_all(t, until);
		if (!found && all)
			break;
		all |= !found;
	}
	if (has_executed(t))
		return -ESTALE;
	if (!err && t->executing)
		return -ETIMEDOUT;
	for (unsigned int i = 0; i < t->nr; i++)
		any |= t->thread[i].stopped;
	return any || err ? err : -ESRCH;
}

/* As it will go on. */
static bool restore(struct wy_stopped *s)
{
	return wy_regs_set(s->remote.tid, &s->regs) == 0 &&
	       ptrace(PTRACE_SETSIGMASK, s->remote.tid, MASK_LEN, &s->mask) == 0;
}

void wy_threads_step_on(struct wy_stopped *s)
{
	restore(s);
	s->stopped = false;
	ptrace(PTRACE_CONT, s->remote.tid, 0, 0);
	nap(MOMENT_NS);
	ptrace(PTRACE_INTERRUPT, s->remote.tid, 0, 0);
}

void wy_threads_settle(struct wy_stopped *s)
{
	pid_t tid = s->remote.tid;
	int status;

	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	while (ptrace(PTRACE_CONT, tid, 0, 0) == 0) {
		if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status)) {
			wy_threads_lost(s);
			return;
		}
		if (status >> 16 == PTRACE_EVENT_STOP)
			return;
		if (WSTOPSIG(status) == SIGSTOP)
			s->remote.held_signal = SIGSTOP;
		ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	}
}

static void let_go(struct wy_stopped *s)
{
	close_fd(&s->remote.mem_fd);
	if (!s->stopped)
		return;
	restore(s);
	ptrace(PTRACE_DETACH, s->remote.tid, 0, s->remote.held_signal);
}

/* Waits until those that go first have seen to what was sent meanwhile and nobody handles. */
static void let_pass(const struct wy_threads *t)
{
	const unsigned long nobodys = WY_SIG_BIT(SIGCHLD) | WY_SIG_BIT(SIGURG) |
				      WY_SIG_BIT(SIGWINCH) | WY_SIG_BIT(SIGCONT);
	struct wy_proc_status status;

	for (int i = 0; i < LOOKS_MAX && wy_proc_status(t->pid, &status) == 0; i++) {
		if (!(status.pending & (nobodys | status.ignored)))
			return;
		nap(NAP_MIN_NS);
	}
}

void wy_threads_go(struct wy_threads *t)
{
	has_executed(t);
	/* One may have made a child since. */
	for (unsigned int i = 0; i < t->nr; i++)
		t->thread[i].addressed = is_addressed(t->pid, t->thread[i].remote.tid);
	for (int first = 1; first >= 0; first--) {
		if (!first && t->nr > 1)
			let_pass(t);
		for (unsigned int i = 0; i < t->nr; i++) {
			if (t->thread[i].addressed == first)
				let_go(&t->thread[i]);
		}
	}
	free(t->thread);
	wy_threads_init(t, t->pid);
}
