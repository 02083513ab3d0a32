/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vfork child is killed while it sets signal actions, as posix_spawn's does, at any moment of
 * that: its parent goes on, and can set its own.
 */
#include "torture.h"

static volatile struct shared {
	pid_t child;
} *shared;

static void set_default(int sig)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };

	must(sigaction(sig, &sa, NULL) == 0);
}

/* Kills each child once, a while after it has said that it is there. */
__attribute__((noreturn)) static void killer(void)
{
	unsigned int random = 1;

	for (;;) {
		pid_t child = shared->child;

		if (!child)
			continue;
		random = random * 1103515245 + 12345;
		for (volatile unsigned int i = 0; i < (random >> 16) % 20000; i++)
			;
		kill(child, SIGKILL);
		while (shared->child == child)
			;
	}
}

int main(void)
{
	long n = rounds(200, 5000), killed = 0;
	pid_t helper, child;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared != MAP_FAILED);
	/* What a place does at its first calls is not what this is about. */
	for (int i = 0; i < 100; i++) {
		set_default(SIGUSR1);
		sc(SYS_getpid);
	}
	helper = fork_helper();
	if (helper == 0)
		killer();
	for (long i = 0; i < n; i++) {
		child = vfork();
		if (child == 0) {
			shared->child = (pid_t)sc(SYS_getpid);
			for (;;)
				set_default(SIGUSR1);
		}
		must(child > 0);
		shared->child = 0;
		killed += wait_for(child) == SIGKILL;
		set_default(SIGUSR2);
	}
	kill(helper, SIGKILL);
	wait_for(helper);
	say("%s were killed", killed == n ? "all" : "not all");
	return 0;
}
