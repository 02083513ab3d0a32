/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec.c - being followed into the next image.
 *
 * Nothing of the agent survives an exec.  So the thread asks the host, through
 * the session, to be traced for a moment: the host seizes it, it executes, the
 * host finds it stopped at the start of the new image, puts the agent in and
 * lets go.  All signals are blocked meanwhile (the host sets the program's
 * mask in the new image), so the program has no part in it.
 *
 * Where the host is not allowed to trace, the thread brings the agent along itself (uexec.c).
 *
 * Not followed, and said so once: what would lose privileges by being traced,
 * what another tracer has, and everything when the host is gone.
 */
#include "agent/exe.h"
#include "agent/op.h"
#include "agent/seccomp.h"
#include "agent/session.h"
#include "agent/signal.h"
#include "agent/sys.h"
#include "agent/uexec.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/stat.h>
#include <linux/time_types.h>

#define SET_GROUP_ID (S_ISGID | S_IXGRP) /* without group execute the bit means something else */

static struct wy_exec_slot *claim(void)
{
	for (unsigned int turn = 0; wy_session_host_alive(); turn++) {
		for (int i = 0; i < WY_EXEC_SLOTS; i++) {
			struct wy_exec_slot *slot = &wy_session->exec[i];
			unsigned int free = WY_EXEC_FREE;

			if (__atomic_compare_exchange_n(&slot->state, &free, WY_EXEC_CLAIMED, false,
							__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
				return slot;
		}
		sys0(__NR_sched_yield);
	}
	return NULL;
}

/* Waits while the slot is in this state.  False: the host died first. */
static bool wait_while(struct wy_exec_slot *slot, unsigned int state)
{
	struct __kernel_timespec tick = { .tv_nsec = 50000000 };

	while (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == state) {
		if (!wy_session_host_alive())
			return false;
		sys4(__NR_futex, &slot->state, FUTEX_WAIT, state, &tick);
	}
	return true;
}

static void ring_with(struct wy_exec_slot *slot, unsigned int state)
{
	__atomic_store_n(&slot->state, state, __ATOMIC_RELEASE);
	wy_session_ring();
}

/* Asks to be traced.  Returns the slot, or NULL with the reason (0: nothing to say). */
static struct wy_exec_slot *ask_host(struct wy_thread *t, int *ret_why, int *ret_error)
{
	struct wy_exec_slot *slot;

	*ret_why = *ret_error = 0;
	if (wy_session->flags & (WY_NO_FOLLOW | WY_FOLLOW_USERLAND))
		return NULL;
	*ret_why = WY_UNFOLLOWED_NO_HOST;
	slot = claim();
	if (!slot)
		return NULL;
	t->exec_cookie = (unsigned long)t ^ ((unsigned long)t->tid << 32) ^ wy_session->doorbell;
	slot->tid = t->tid;
	slot->pid = t->pid;
	slot->mask = wy_signal_mask(t);
	slot->ignored = wy_signal_ignored(t);
	slot->cookie_addr = (unsigned long)&t->exec_cookie;
	slot->cookie = t->exec_cookie;
	slot->region = wy_seccomp_region();
	ring_with(slot, WY_EXEC_WANT);
	if (!wait_while(slot, WY_EXEC_WANT))
		return NULL;
	if (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == WY_EXEC_SEIZED)
		return slot;
	*ret_error = slot->error;
	*ret_why = slot->error == EPERM     ? WY_UNFOLLOWED_TRACED :
		   slot->error == ECANCELED ? 0 /* the host is leaving us all */ :
					      WY_UNFOLLOWED_REFUSED;
	__atomic_store_n(&slot->state, WY_EXEC_FREE, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * A look at the file before it is executed.  Returns 0 (ask the host), -errno
 * (the exec will fail: no need to trouble the host) or 1 (it gains privileges).
 */
static int look_at(int dir, unsigned long path, int flags)
{
	struct stat st;
	long ret = sys4(__NR_newfstatat, dir, path, &st,
			flags & (AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));

	if (ret < 0)
		return (int)ret;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	if (wy_session->flags & WY_HOST_PRIVILEGED)
		return 0;
	if ((st.st_mode & S_ISUID) && st.st_uid != (unsigned int)sys0(__NR_geteuid))
		return 1;
	if ((st.st_mode & SET_GROUP_ID) == SET_GROUP_ID &&
	    st.st_gid != (unsigned int)sys0(__NR_getegid))
		return 1;
	/* File capabilities; of a path that starts at another directory they are not looked for. */
	if (dir == AT_FDCWD && sys4(__NR_getxattr, path, "security.capability", NULL, 0) > 0)
		return 1;
	return 0;
}

static void note_unfollowed(int why, int error, unsigned long path)
{
	char text[WY_NOTE_TEXT];
	long len = copy_string_from_program(text, path, sizeof(text));

	if (len < 0)
		text[len == -ENAMETOOLONG ? sizeof(text) - 1 : 0] = 0;
	wy_session_note(WY_NOTE_UNFOLLOWED, why, error, text);
}

/* Where nobody may trace: into the launcher. */
static void try_userland(struct wy_call *call, int dir, unsigned long path, int flags, int *why,
			 int *error)
{
	bool at = call->nr == __NR_execveat;

	if (wy_session->flags & WY_NO_FOLLOW)
		return;
	if (wy_session->flags & WY_FOLLOW_USERLAND)
		*why = WY_UNFOLLOWED_REFUSED;
	if (*why == WY_UNFOLLOWED_REFUSED)
		wy_uexec(call->thread, dir, path, (unsigned long)call->arg[at ? 2 : 1],
			 (unsigned long)call->arg[at ? 3 : 2], flags, why, error);
}

/* The program's own link to its file may not be what the kernel has there. */
static unsigned long true_path(struct wy_call *call, unsigned long path)
{
	const char *own = wy_exe_instead(path);

	if (!own)
		return path;
	wy_call_record(call);
	call->arg[call->nr == __NR_execveat] = (long)own;
	return (unsigned long)own;
}

/* Still here: it failed. */
static void leave_exec(struct wy_call *call)
{
	wy_signal_take_back(call->thread);
}

static enum wy_verdict execute(struct wy_call *call, int dir, unsigned long named, int flags)
{
	unsigned long path = true_path(call, named);
	struct wy_thread *t = call->thread;
	struct wy_exec_slot *slot;
	int why, error;
	int look = look_at(dir, path, flags);
	long ret;

	if (look < 0)
		return WY_PASS;
	wy_thread_block_signals(t);
	if (look == 1 || !wy_seccomp_lets_follow(t)) {
		slot = NULL;
		why = look == 1 ? WY_UNFOLLOWED_SETID : WY_UNFOLLOWED_FILTER;
		error = 0;
	} else {
		slot = ask_host(t, &why, &error);
		if (!slot)
			try_userland(call, dir, named, flags, &why, &error);
	}
	if (!slot) {
		if (why)
			note_unfollowed(why, error, path);
		/* The program executes it itself, from its stub, with its own signal mask. */
		if (wy_signal_hand_over(t))
			wy_call_record(call)->op_leave = leave_exec;
		return WY_PASS;
	}
	/* What this thread counted is not to be lost with this image. */
	wy_session_put_slot(t);
	if (call->nr == __NR_execve)
		ret = wy_call_as_program(__NR_execve, call->arg[0], call->arg[1], call->arg[2], 0,
					 0, 0);
	else
		ret = wy_call_as_program(__NR_execveat, call->arg[0], call->arg[1], call->arg[2],
					 call->arg[3], call->arg[4], 0);
	ring_with(slot, WY_EXEC_FAILED);
	wait_while(slot, WY_EXEC_FAILED);
	wy_session_take_slot(t);
	return wy_answer(call, ret);
}

static enum wy_verdict op_execve(struct wy_call *call)
{
	return execute(call, AT_FDCWD, (unsigned long)call->arg[0], 0);
}

static enum wy_verdict op_execveat(struct wy_call *call)
{
	return execute(call, (int)call->arg[0], (unsigned long)call->arg[1], (int)call->arg[4]);
}

void wy_exec_ops(void)
{
	wy_gate_op(__NR_execve, op_execve);
	wy_gate_op(__NR_execveat, op_execveat);
}
