/* SPDX-License-Identifier: Apache-2.0 */
#include "host/follow.h"

#include "base/log.h"
#include "host/find_thread.h"
#include "launch/blob.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS (PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD)

enum tracee_state { FIRST, SEIZED, EXECED, INJECT, LEAVING };

struct wy_tracee {
	struct wy_tracee *next;
	pid_t tid;
	enum tracee_state state;
	struct wy_exec_slot *slot;	/* SEIZED, LEAVING */
	bool listening;			/* stopped by job control */
	struct wy_inject_program program;
	const char *name;		/* FIRST */
	struct wy_inject inject;
};

static void set_slot(struct wy_exec_slot *slot, unsigned int state)
{
	__atomic_store_n(&slot->state, state, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &slot->state, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

int wy_follow_init(struct wy_follow *f, struct wy_host_session *session)
{
	memset(f, 0, sizeof(*f));
	f->session = session;
	f->config = (struct wy_inject_config) {
		.image = &f->image, .session_fd = session->fd,
	};
	return wy_image_parse(&f->image, wy_agent_blob, wy_agent_blob_size);
}

static struct wy_tracee *find(struct wy_follow *f, pid_t tid)
{
	struct wy_tracee *t = f->tracees;

	while (t && t->tid != tid)
		t = t->next;
	return t;
}

static struct wy_tracee *add(struct wy_follow *f, pid_t tid, enum tracee_state state)
{
	struct wy_tracee *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->tid = tid;
	t->state = state;
	t->next = f->tracees;
	f->tracees = t;
	f->tracees_nr++;
	return t;
}

/* The thread is no longer ours; whoever waits at its slot is let go. */
static void drop(struct wy_follow *f, struct wy_tracee *t)
{
	struct wy_tracee **at = &f->tracees;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	f->tracees_nr--;
	if (t->slot)
		set_slot(t->slot, WY_EXEC_FREE);
	free(t);
}

int wy_follow_first(struct wy_follow *f, pid_t pid, const struct wy_inject_program *program,
		    const char *name)
{
	struct wy_tracee *t = add(f, pid, FIRST);

	if (!t)
		return -ENOMEM;
	t->name = name;
	t->program = *program;
	t->program.flags = WY_BOOT_EXEC | WY_BOOT_FIRST;
	return 0;
}

static void report_uncaught(struct wy_follow *f, struct wy_tracee *t)
{
	int err = t->inject.error;
	char link[32], path[WY_NOTE_TEXT];
	const char *name = t->name;

	if (!name) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/%d/exe", t->tid);
		n = readlink(link, path, sizeof(path) - 1);
		path[n < 0 ? 0 : n] = '\0';
		name = n < 0 ? "a program" : path;
	}
	if (err == -ENOEXEC)
		wy_host_note(f->session->mem, WY_NOTE_UNFOLLOWED, t->tid, WY_UNFOLLOWED_FOREIGN, 0, name);
	else
		wy_host_note(f->session->mem, WY_NOTE_UNFOLLOWED, t->tid, WY_UNFOLLOWED_AGENT, -err, name);
}

static enum wy_follow_result inject_result(struct wy_follow *f, struct wy_tracee *t,
					   enum wy_inject_result result, int *ret_status)
{
	switch (result) {
	case WY_INJECT_MORE:
		t->state = INJECT;
		return WY_FOLLOW_TAKEN;
	case WY_INJECT_LOST:	/* its end is still to come from waitpid(2) */
		drop(f, t);
		return WY_FOLLOW_TAKEN;
	case WY_INJECT_DEAD:
		*ret_status = t->inject.death;
		drop(f, t);
		return WY_FOLLOW_DEAD;
	case WY_INJECT_DONE:
		break;
	}
	if (t->inject.error)
		report_uncaught(f, t);
	drop(f, t);
	return WY_FOLLOW_TAKEN;
}

static enum wy_follow_result start_injection(struct wy_follow *f, struct wy_tracee *t, int *ret_status)
{
	return inject_result(f, t, wy_inject_begin(&t->inject, &f->config, t->tid, &t->program), ret_status);
}

/* Lets the thread go on, with this signal; if it is gone, waitpid(2) will say so. */
static enum wy_follow_result go_on(struct wy_tracee *t, int signal)
{
	ptrace(PTRACE_CONT, t->tid, 0, signal);
	return WY_FOLLOW_TAKEN;
}

/*
 * The exec has happened.  Of all threads only one is left, under the tid of
 * the leader, whichever it was; what we knew under that tid before is gone.
 */
static enum wy_follow_result exec_happened(struct wy_follow *f, pid_t pid)
{
	struct wy_tracee *leader, *t;
	unsigned long old = (unsigned long)pid;

	ptrace(PTRACE_GETEVENTMSG, pid, 0, &old);
	leader = find(f, pid);
	t = find(f, (pid_t)old);
	if (leader && leader != t)
		drop(f, leader);
	if (!t) {
		ptrace(PTRACE_DETACH, pid, 0, 0);
		return WY_FOLLOW_TAKEN;
	}
	t->tid = pid;
	t->state = EXECED;
	if (t->slot)
		set_slot(t->slot, WY_EXEC_FREE);
	t->slot = NULL;
	/* To the end of the call: before it, the kernel would still set the result register. */
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	return WY_FOLLOW_TAKEN;
}

/* The first program: the kernel sends SIGTRAP to a traced process that has executed. */
static bool first_has_executed(pid_t pid, int status)
{
	struct user_regs_struct regs;

	if (status >> 16 || WSTOPSIG(status) != SIGTRAP)
		return false;
	return ptrace(PTRACE_GETREGS, pid, 0, &regs) == 0 && regs.rax == 0 && regs.orig_rax == SYS_execve;
}

static bool is_job_control(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

enum wy_follow_result wy_follow_event(struct wy_follow *f, pid_t pid, int status, int *ret_status)
{
	struct wy_tracee *t = find(f, pid);

	*ret_status = status;
	if (WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_EXEC)
		return exec_happened(f, pid);
	if (!t)
		return WY_FOLLOW_NOT_MINE;
	if (t->state == INJECT)
		return inject_result(f, t, wy_inject_event(&t->inject, status), ret_status);
	if (!WIFSTOPPED(status)) {
		drop(f, t);
		return WY_FOLLOW_DEAD;
	}
	t->listening = false;
	if (t->state == LEAVING) {
		int signal = status >> 16 ? 0 : WSTOPSIG(status);

		ptrace(PTRACE_DETACH, pid, 0, signal);
		drop(f, t);
		return WY_FOLLOW_TAKEN;
	}
	if (t->state == FIRST && first_has_executed(pid, status))
		return start_injection(f, t, ret_status);
	if (t->state == EXECED && WSTOPSIG(status) == (SIGTRAP | 0x80))
		return start_injection(f, t, ret_status);
	if (t->state == EXECED) {
		ptrace(PTRACE_SYSCALL, pid, 0, status >> 16 ? 0 : WSTOPSIG(status));
		return WY_FOLLOW_TAKEN;
	}
	if (status >> 16 == PTRACE_EVENT_STOP && is_job_control(WSTOPSIG(status))) {
		t->listening = true;
		ptrace(PTRACE_LISTEN, pid, 0, 0);
		*ret_status = WSTOPSIG(status);
		return WY_FOLLOW_STOPPED;
	}
	return go_on(t, status >> 16 ? 0 : WSTOPSIG(status));
}

void wy_follow_poll(struct wy_follow *f, pid_t program)
{
	struct wy_tracee *t = f->tracees;

	while (t) {
		siginfo_t info = { 0 };
		pid_t tid = t->tid;
		int status;

		t = t->next;
		if (waitid(P_PID, (id_t)tid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) < 0 ||
		    info.si_pid == 0)
			continue;
		if (tid == program && info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED) {
			drop(f, find(f, tid));
			continue;
		}
		if (waitpid(tid, &status, WNOHANG | __WALL) == tid) {
			wy_follow_event(f, tid, status, &status);
			t = f->tracees;		/* the list may be another one now */
		}
	}
}

static void refuse(struct wy_exec_slot *slot, int error)
{
	slot->error = error;
	set_slot(slot, WY_EXEC_REFUSED);
}

/*
 * ptrace(2) has one error for two things.  The program is told EPERM when
 * another tracer has the thread, and EACCES when we are not allowed to.
 */
static int refine(pid_t tid, int error)
{
	char path[40], text[2048], *line;
	FILE *file;
	size_t n;

	if (error != EPERM)
		return error;
	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	if (!file)
		return EACCES;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	line = strstr(text, "\nTracerPid:\t");
	return line && atoi(line + strlen("\nTracerPid:\t")) ? EPERM : EACCES;
}

static struct wy_inject_program program_of(const struct wy_exec_slot *slot)
{
	return (struct wy_inject_program) {
		.flags = WY_BOOT_EXEC,
		.mask = slot->mask,
		.ignored = slot->ignored & WY_SIGNALS_RESET,
	};
}

static void seize(struct wy_follow *f, struct wy_exec_slot *slot)
{
	pid_t tid = wy_find_thread(slot);
	struct wy_tracee *t;

	if (tid < 0) {
		refuse(slot, tid == -EPERM ? refine(slot->tid, EPERM) : -tid);
		return;
	}
	t = add(f, tid, SEIZED);
	if (!t) {
		refuse(slot, ENOMEM);
		return;
	}
	if (ptrace(PTRACE_SEIZE, tid, 0, OPTIONS) < 0) {
		int error = errno;

		drop(f, t);
		refuse(slot, refine(tid, error));
		return;
	}
	t->slot = slot;
	t->program = program_of(slot);
	slot->serial = (unsigned long)tid;
	set_slot(slot, WY_EXEC_SEIZED);
}

/* The exec did not happen: the thread waits at its slot to be let go. */
static void leave(struct wy_follow *f, struct wy_exec_slot *slot)
{
	struct wy_tracee *t = f->tracees;

	while (t && t->slot != slot)
		t = t->next;
	if (!t) {
		set_slot(slot, WY_EXEC_FREE);
	} else if (t->state == SEIZED) {
		t->state = LEAVING;
		ptrace(PTRACE_INTERRUPT, t->tid, 0, 0);
	}
}

/*
 * Slots of threads that were killed on their way in or out.  Only when they
 * become scarce: it takes a look at each, and hurry has no use.
 */
static void reclaim(struct wy_session *s)
{
	for (int i = 0; i < WY_EXEC_SLOTS; i++) {
		struct wy_exec_slot *slot = &s->exec[i];
		unsigned int state = __atomic_load_n(&slot->state, __ATOMIC_SEQ_CST);

		if (state != WY_EXEC_REFUSED && state != WY_EXEC_CLAIMED)
			continue;
		if (slot->tid > 0 && wy_find_thread(slot) == -ESRCH && kill(slot->tid, 0) < 0 && errno == ESRCH)
			set_slot(slot, WY_EXEC_FREE);
	}
}

void wy_follow_requests(struct wy_follow *f)
{
	struct wy_session *s = f->session->mem;
	unsigned int stuck = 0;

	for (int i = 0; i < WY_EXEC_SLOTS; i++) {
		struct wy_exec_slot *slot = &s->exec[i];

		switch (__atomic_load_n(&slot->state, __ATOMIC_SEQ_CST)) {
		case WY_EXEC_WANT:
			seize(f, slot);
			break;
		case WY_EXEC_FAILED:
			leave(f, slot);
			break;
		case WY_EXEC_REFUSED:
		case WY_EXEC_CLAIMED:
			stuck++;
			break;
		}
	}
	if (stuck > WY_EXEC_SLOTS / 2)
		reclaim(s);
}

unsigned int wy_follow_busy(const struct wy_follow *f, bool patient)
{
	unsigned int n = 0;

	for (const struct wy_tracee *t = f->tracees; t; t = t->next)
		n += !(t->listening || (t->state == SEIZED && !patient));
	return n;
}

/* Brings the thread to a stop and detaches it.  Returns false if it has something to tell instead. */
static bool give_up(struct wy_follow *f, struct wy_tracee *t)
{
	siginfo_t info = { 0 };
	int status;

	ptrace(PTRACE_INTERRUPT, t->tid, 0, 0);
	/* Looked at, not taken: an end may be the program's own, and belongs to another. */
	if (waitid(P_PID, (id_t)t->tid, &info, WEXITED | WSTOPPED | WNOWAIT | __WALL) < 0 ||
	    (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED)) {
		drop(f, t);
		return true;
	}
	if (waitpid(t->tid, &status, __WALL) != t->tid || status >> 16 == PTRACE_EVENT_EXEC) {
		exec_happened(f, t->tid);
		return false;
	}
	ptrace(PTRACE_DETACH, t->tid, 0, status >> 16 ? 0 : WSTOPSIG(status));
	t->slot = NULL;		/* it stays SEIZED */
	drop(f, t);
	return true;
}

bool wy_follow_give_up(struct wy_follow *f)
{
	bool all = true;

	while (all && f->tracees)
		all = give_up(f, f->tracees);
	return all;
}

void wy_follow_take_over(struct wy_follow *f)
{
	struct wy_session *s = f->session->mem;

	for (int i = 0; i < WY_EXEC_SLOTS; i++) {
		struct wy_exec_slot *slot = &s->exec[i];
		struct wy_tracee *t;
		pid_t tid = (pid_t)slot->serial;

		if (__atomic_load_n(&slot->state, __ATOMIC_SEQ_CST) != WY_EXEC_SEIZED)
			continue;
		t = add(f, tid, SEIZED);
		if (!t)
			continue;
		t->program = program_of(slot);
		if (ptrace(PTRACE_SEIZE, tid, 0, OPTIONS) == 0)
			t->slot = slot;
		else
			drop(f, t);
	}
}
