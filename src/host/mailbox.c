/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox.c - answers the threads that want to be followed over an exec.
 */
#include "host/find_thread.h"
#include "host/tracee.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuse(struct wy_follow *f, struct wy_exec_slot *slot, int error)
{
	/* Another tracer, and that nothing is followed any more: no other way is looked for. */
	if (error != EPERM && error != ECANCELED)
		wy_rendezvous_open(&f->rendezvous, f->session);
	slot->error = error;
	wy_tracee_answer(slot, WY_EXEC_REFUSED);
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
	return (struct wy_inject_program){
		.flags = WY_BOOT_EXEC | (slot->region ? WY_BOOT_FILTERED : 0),
		.region = slot->region,
		.mask = slot->mask,
		.ignored = slot->ignored & WY_SIGNALS_RESET,
	};
}

/*
 * Is another thread of the same process traced?  An exec waits until all other
 * threads are gone, those that we trace until we have taken their end; and
 * PTRACE_SEIZE of one more waits until that exec is over.  So we would both
 * wait for ever: threads of one process are traced one after the other.
 */
static bool process_is_busy(const struct wy_follow *f, const struct wy_exec_slot *slot)
{
	const struct wy_tracee *t = f->tracees;

	while (t && t->process != slot->pid)
		t = t->next;
	return t;
}

static void seize(struct wy_follow *f, struct wy_exec_slot *slot)
{
	/* A copy: what was looked at must stay as it is, and programs can write to the slot. */
	const struct wy_exec_slot asked = *slot;
	pid_t tid = wy_find_thread(&asked);
	struct wy_tracee *t;

	if (tid < 0) {
		refuse(f, slot, tid == -EPERM ? refine(asked.tid, EPERM) : -tid);
		return;
	}
	t = wy_tracee_add(f, tid, WY_TRACEE_SEIZED);
	if (!t) {
		refuse(f, slot, ENOMEM);
		return;
	}
	if (ptrace(PTRACE_SEIZE, tid, 0, WY_TRACEE_OPTIONS) < 0) {
		int error = errno;

		wy_tracee_drop(f, t);
		refuse(f, slot, refine(tid, error));
		return;
	}
	t->slot = slot;
	t->process = asked.pid;
	t->program = program_of(&asked);
	wy_tracee_answer(slot, WY_EXEC_SEIZED);
}

/* The exec did not happen: the thread waits at its slot to be let go. */
static void leave(struct wy_follow *f, struct wy_exec_slot *slot)
{
	struct wy_tracee *t = f->tracees;

	while (t && t->slot != slot)
		t = t->next;
	if (!t) {
		wy_tracee_answer(slot, WY_EXEC_FREE);
	} else if (t->state == WY_TRACEE_SEIZED) {
		t->state = WY_TRACEE_LEAVING;
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
		struct wy_exec_slot asked;
		unsigned int state = __atomic_load_n(&slot->state, __ATOMIC_SEQ_CST);

		if (state != WY_EXEC_REFUSED && state != WY_EXEC_CLAIMED)
			continue;
		asked = *slot;
		if (asked.tid > 0 && wy_find_thread(&asked) == -ESRCH && kill(asked.tid, 0) < 0 &&
		    errno == ESRCH)
			wy_tracee_answer(slot, WY_EXEC_FREE);
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
			if (s->flags & WY_NO_FOLLOW)
				refuse(f, slot, ECANCELED);
			else if (!process_is_busy(f, slot))
				seize(f, slot);
			break;
		case WY_EXEC_FAILED: leave(f, slot); break;
		case WY_EXEC_REFUSED:
		case WY_EXEC_CLAIMED: stuck++; break;
		}
	}
	wy_rendezvous_serve(&f->rendezvous, f->session);
	if (stuck > WY_EXEC_SLOTS / 2)
		reclaim(s);
}

void wy_follow_take_over(struct wy_follow *f)
{
	struct wy_session *s = f->session->mem;

	for (int i = 0; i < WY_EXEC_SLOTS; i++) {
		struct wy_exec_slot *slot = &s->exec[i];
		struct wy_exec_slot asked;
		struct wy_tracee *t;
		pid_t tid;

		if (__atomic_load_n(&slot->state, __ATOMIC_SEQ_CST) != WY_EXEC_SEIZED)
			continue;
		asked = *slot;
		tid = wy_find_thread(&asked);
		if (tid == -ESRCH) /* its exec came in between, or its end */
			wy_tracee_answer(slot, WY_EXEC_FREE);
		t = tid < 0 ? NULL : wy_tracee_add(f, tid, WY_TRACEE_SEIZED);
		if (!t)
			continue;
		t->process = asked.pid;
		t->program = program_of(&asked);
		if (ptrace(PTRACE_SEIZE, tid, 0, WY_TRACEE_OPTIONS) == 0)
			t->slot = slot;
		else
			wy_tracee_drop(f, t);
	}
}
