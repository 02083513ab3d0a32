/* SPDX-License-Identifier: Apache-2.0 */
#include "host/signals.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define QUEUE_LEN 64u

static unsigned int *the_bell;
static bool own_group, noted;
static struct sigaction inherited[NSIG];
static unsigned long inherited_mask;

/* Written by the handler only, which no signal interrupts; read by the main thread. */
static struct wy_signal queue[QUEUE_LEN];
static volatile unsigned int queue_in, queue_out;

static void ring(void)
{
	__atomic_fetch_add(the_bell, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, the_bell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Has the program got it as well?  The kernel sends these to the whole foreground group. */
static bool is_for_group(int nr, const siginfo_t *info)
{
	if (own_group || info->si_code != SI_KERNEL)
		return false;
	switch (nr) {
	case SIGINT:
	case SIGQUIT:
	case SIGTSTP:
	case SIGWINCH:
	case SIGCONT: return true;
	case SIGHUP: return getsid(0) != getpid();
	}
	return false;
}

static void handle(int nr, siginfo_t *info, void *context)
{
	struct wy_signal *s = &queue[queue_in % QUEUE_LEN];

	(void)context;
	if (nr != SIGCHLD && !is_for_group(nr, info) && info->si_pid != getpid() &&
	    queue_in - queue_out < QUEUE_LEN) {
		s->nr = nr;
		s->queued = info->si_code == SI_QUEUE;
		s->value = info->si_value;
		__atomic_store_n(&queue_in, queue_in + 1, __ATOMIC_SEQ_CST);
	}
	ring();
}

/* Signals by which the kernel tells waylay of faults of its own. */
static bool is_own_fault(int nr)
{
	return nr == SIGSEGV || nr == SIGBUS || nr == SIGILL || nr == SIGFPE || nr == SIGABRT ||
	       nr == SIGTRAP || nr == SIGSYS;
}

/* The C library keeps its own signals to itself. */
static bool is_usable(int nr)
{
	return nr != SIGKILL && nr != SIGSTOP && (nr < 32 || nr >= SIGRTMIN);
}

/* Sets the action of a signal; the one it had when waylay was started is noted. */
static void set_action(int nr, const struct sigaction *act)
{
	if (act || !noted)
		sigaction(nr, act, noted ? NULL : &inherited[nr]);
}

static void note_mask(void)
{
	if (!noted)
		syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &inherited_mask,
			sizeof(inherited_mask));
	noted = true;
}

void wy_signals_note(void)
{
	for (int nr = 1; nr < NSIG; nr++) {
		if (is_usable(nr))
			set_action(nr, NULL);
	}
	note_mask();
}

void wy_signals_take(unsigned int *bell)
{
	struct sigaction act = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	unsigned long none = 0;

	the_bell = bell;
	sigfillset(&act.sa_mask);
	for (int nr = 1; nr < NSIG; nr++) {
		if (!is_usable(nr))
			continue;
		/* A line of ours may go to the terminal at any time. */
		set_action(nr, is_own_fault(nr)               ? NULL :
			       nr == SIGTTOU || nr == SIGTTIN ? &ignore :
								&act);
	}
	note_mask();
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

void wy_signals_own_group(void)
{
	own_group = true;
}

void wy_signals_set_bell(unsigned int *bell)
{
	the_bell = bell;
}

void wy_signals_give_back(void)
{
	struct sigaction act = { .sa_handler = SIG_DFL };

	for (int nr = 1; nr < NSIG; nr++) {
		if (!is_usable(nr))
			continue;
		if (inherited[nr].sa_handler == SIG_IGN)
			sigaction(nr, &inherited[nr], NULL);
		else if (!is_own_fault(nr))
			sigaction(nr, &act, NULL);
	}
}

unsigned long wy_signals_inherited_mask(void)
{
	return inherited_mask;
}

bool wy_signals_inherited_ignored(int nr)
{
	return inherited[nr].sa_handler == SIG_IGN;
}

void wy_signals_plain(unsigned int *bell)
{
	struct sigaction act = { .sa_handler = SIG_DFL };

	the_bell = bell;
	for (int nr = 1; nr < NSIG; nr++) {
		if (is_usable(nr) && !is_own_fault(nr) && nr != SIGCHLD)
			sigaction(nr, &act, NULL);
	}
	queue_in = queue_out = 0;
}

bool wy_signals_next(struct wy_signal *ret)
{
	if (queue_out == __atomic_load_n(&queue_in, __ATOMIC_SEQ_CST))
		return false;
	*ret = queue[queue_out % QUEUE_LEN];
	__atomic_store_n(&queue_out, queue_out + 1, __ATOMIC_SEQ_CST);
	return true;
}
