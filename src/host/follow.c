/* SPDX-License-Identifier: Apache-2.0 */
#include "host/follow.h"

#include "host/tracee.h"
#include "launch/blob.h"
#include "launch/userland.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int wy_follow_init(struct wy_follow *f, struct wy_host_session *session)
{
	int image = wy_userland_image();

	memset(f, 0, sizeof(*f));
	f->session = session;
	f->rendezvous = (struct wy_rendezvous_host){ .sock = -1, .image = image };
	f->config = (struct wy_inject_config){
		.image = &f->image,
		.session_fd = session->fd,
		.image_fd = image,
		.token = session->mem->token,
	};
	return wy_image_parse(&f->image, wy_agent_blob, wy_agent_blob_size);
}

int wy_follow_first(struct wy_follow *f, pid_t pid, const struct wy_inject_program *program,
		    const char *name)
{
	struct wy_tracee *t = wy_tracee_add(f, pid, WY_TRACEE_FIRST);

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
		wy_host_note(f->session->mem, WY_NOTE_UNFOLLOWED, t->tid, WY_UNFOLLOWED_FOREIGN, 0,
			     name);
	else if (err == -EADDRINUSE)
		wy_host_note(f->session->mem, WY_NOTE_UNFOLLOWED, t->tid, WY_UNFOLLOWED_FILTER, 0,
			     name);
	else
		wy_host_note(f->session->mem, WY_NOTE_UNFOLLOWED, t->tid, WY_UNFOLLOWED_AGENT, -err,
			     name);
}

static enum wy_follow_result inject_result(struct wy_follow *f, struct wy_tracee *t,
					   enum wy_inject_result result, int *ret_status)
{
	switch (result) {
	case WY_INJECT_MORE: t->state = WY_TRACEE_INJECT; return WY_FOLLOW_TAKEN;
	case WY_INJECT_LOST: /* its end is still to come from waitpid(2) */
		wy_tracee_drop(f, t);
		return WY_FOLLOW_TAKEN;
	case WY_INJECT_DEAD:
		*ret_status = t->inject.death;
		wy_tracee_drop(f, t);
		return WY_FOLLOW_DEAD;
	case WY_INJECT_DONE: break;
	}
	if (t->inject.error)
		report_uncaught(f, t);
	wy_tracee_drop(f, t);
	return WY_FOLLOW_TAKEN;
}

static enum wy_follow_result start_injection(struct wy_follow *f, struct wy_tracee *t,
					     int *ret_status)
{
	return inject_result(f, t, wy_inject_begin(&t->inject, &f->config, t->tid, &t->program),
			     ret_status);
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
	leader = wy_tracee_find(f, pid);
	t = wy_tracee_find(f, (pid_t)old);
	if (leader && leader != t)
		wy_tracee_drop(f, leader);
	if (!t) {
		ptrace(PTRACE_DETACH, pid, 0, 0);
		return WY_FOLLOW_TAKEN;
	}
	t->tid = pid;
	t->state = WY_TRACEE_EXECED;
	if (t->slot)
		wy_tracee_answer(t->slot, WY_EXEC_FREE);
	t->slot = NULL;
	/* To the end of the call: before it, the kernel would still set the result register. */
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	return WY_FOLLOW_TAKEN;
}

/* The first program: the kernel sends SIGTRAP to a traced process that has executed. */
static bool first_has_executed(pid_t pid, int status)
{
	struct wy_regs regs;

	if (status >> 16 || WSTOPSIG(status) != SIGTRAP)
		return false;
	return wy_regs_get(pid, &regs) == 0 && wy_regs_have_executed(&regs);
}

static bool is_job_control(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

enum wy_follow_result wy_follow_event(struct wy_follow *f, pid_t pid, int status, int *ret_status)
{
	struct wy_tracee *t = wy_tracee_find(f, pid);

	*ret_status = status;
	if (WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_EXEC)
		return exec_happened(f, pid);
	if (!t)
		return WY_FOLLOW_NOT_MINE;
	if (t->state == WY_TRACEE_INJECT)
		return inject_result(f, t, wy_inject_event(&t->inject, status), ret_status);
	if (!WIFSTOPPED(status)) {
		wy_tracee_drop(f, t);
		return WY_FOLLOW_DEAD;
	}
	t->listening = false;
	if (t->state == WY_TRACEE_LEAVING) {
		int signal = status >> 16 ? 0 : WSTOPSIG(status);

		ptrace(PTRACE_DETACH, pid, 0, signal);
		wy_tracee_drop(f, t);
		return WY_FOLLOW_TAKEN;
	}
	if (t->state == WY_TRACEE_FIRST && first_has_executed(pid, status))
		return start_injection(f, t, ret_status);
	if (t->state == WY_TRACEE_EXECED && WSTOPSIG(status) == (SIGTRAP | 0x80))
		return start_injection(f, t, ret_status);
	if (t->state == WY_TRACEE_EXECED) {
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

/*
 * What the thread has to tell, which stays there to be taken.  Once it has executed a program it
 * goes by the number of its process.  Returns under which number, 0 (nothing), or -ECHILD.
 */
static pid_t look(const struct wy_tracee *t, int how, siginfo_t *ret_info)
{
	memset(ret_info, 0, sizeof(*ret_info));
	if (waitid(P_PID, (id_t)t->tid, ret_info, how | WEXITED | WSTOPPED | WNOWAIT | __WALL) == 0)
		return ret_info->si_pid;
	if (!t->process || t->process == t->tid ||
	    waitid(P_PID, (id_t)t->process, ret_info, WNOHANG | WSTOPPED | WNOWAIT | __WALL) < 0)
		return -ECHILD;
	return ret_info->si_status >> 8 == PTRACE_EVENT_EXEC ? ret_info->si_pid : -ECHILD;
}

void wy_follow_poll(struct wy_follow *f, pid_t program)
{
	struct wy_tracee *t = f->tracees;

	while (t) {
		siginfo_t info;
		pid_t tid = look(t, WNOHANG, &info);
		int status;

		t = t->next;
		if (tid <= 0)
			continue;
		if (tid == program && info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED) {
			wy_tracee_drop(f, wy_tracee_find(f, tid));
			continue;
		}
		if (waitpid(tid, &status, WNOHANG | __WALL) == tid) {
			wy_follow_event(f, tid, status, &status);
			t = f->tracees; /* the list may be another one now */
		}
	}
}

unsigned int wy_follow_busy(const struct wy_follow *f, bool patient)
{
	unsigned int n = 0;

	for (const struct wy_tracee *t = f->tracees; t; t = t->next)
		n += !(t->listening || (t->state == WY_TRACEE_SEIZED && !patient));
	return n;
}

/* Stops the thread and detaches it.  Returns false if it has something to tell instead. */
static bool give_up(struct wy_follow *f, struct wy_tracee *t)
{
	siginfo_t info;
	pid_t tid;
	int status;

	ptrace(PTRACE_INTERRUPT, t->tid, 0, 0);
	/* Looked at, not taken: an end may be the program's own, and belongs to another. */
	tid = look(t, 0, &info);
	if (tid <= 0 || (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED)) {
		wy_tracee_drop(f, t);
		return true;
	}
	if (waitpid(tid, &status, __WALL) != tid || status >> 16 == PTRACE_EVENT_EXEC) {
		exec_happened(f, tid);
		return false;
	}
	ptrace(PTRACE_DETACH, t->tid, 0, status >> 16 ? 0 : WSTOPSIG(status));
	t->slot = NULL; /* it stays WY_TRACEE_SEIZED */
	wy_tracee_drop(f, t);
	return true;
}

bool wy_follow_give_up(struct wy_follow *f)
{
	bool all = true;

	while (all && f->tracees)
		all = give_up(f, f->tracees);
	return all;
}
