/* SPDX-License-Identifier: Apache-2.0 */
/* The mask is read and changed while signals arrive as fast as another process can send them. */
#include "torture.h"

static volatile long hits;
static void hit(int sig, siginfo_t *info, void *context)
{
	hits++;
}

static int has(int sig)
{
	unsigned long mask = 0;

	must(sc(SYS_rt_sigprocmask, SIG_BLOCK, 0, &mask, 8) == 0);
	if (mask & ~(1ul << (SIGUSR2 - 1)))
		die("the mask is %#lx", mask);
	return mask >> (sig - 1) & 1;
}

int main(void)
{
	unsigned long usr2 = 1ul << (SIGUSR2 - 1), old;
	long n = rounds(5000, 200000);
	pid_t self = getpid(), sender;

	on_signal(SIGUSR1, hit, SA_RESTART);
	sender = fork();
	must(sender >= 0);
	if (sender == 0) {
		while (kill(self, SIGUSR1) == 0)
			;
		_exit(0);
	}
	for (long i = 0; i < n; i++) {
		old = 1;
		must(sc(SYS_rt_sigprocmask, SIG_BLOCK, &usr2, &old, 8) == 0);
		if (old != 0)
			die("round %ld: the mask was %#lx", i, old);
		if (!has(SIGUSR2))
			die("round %ld: not blocked", i);
		must(sc(SYS_rt_sigprocmask, SIG_UNBLOCK, &usr2, 0, 8) == 0);
		if (has(SIGUSR2))
			die("round %ld: still blocked", i);
	}
	kill(sender, SIGKILL);
	wait_for(sender);
	say("every mask as it was set");
	return 0;
}
