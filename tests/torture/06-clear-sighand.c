/* SPDX-License-Identifier: Apache-2.0 */
/* CLONE_CLEAR_SIGHAND: the child's handlers are default (ignored stay ignored), and it goes on. */
#include "torture.h"
#include <linux/sched.h>

static volatile int hits;
static void handler(int sig, siginfo_t *info, void *context)
{
	hits++;
}

static void show(const char *who)
{
	static const int sigs[] = { SIGUSR1, SIGUSR2, SIGSYS, SIGSEGV, SIGTERM };

	for (size_t i = 0; i < COUNT_OF(sigs); i++) {
		struct sigaction sa;

		must(sigaction(sigs[i], NULL, &sa) == 0);
		say("%s: %s is %s", who, sig_name(sigs[i]), sa.sa_handler == SIG_DFL ? "default" :
		    sa.sa_handler == SIG_IGN ? "ignored" : sa.sa_sigaction == handler ? "handled" :
		    "?");
	}
}

static void child_of(unsigned long long flags, const char *who)
{
	struct clone_args a = { .flags = flags, .exit_signal = SIGCHLD };
	long pid = sc(435, &a, sizeof(a));

	if (pid < 0)
		die("clone3: %s", err_name(pid));
	if (pid == 0) {
		show(who);
		hits = 0;
		on_signal(SIGUSR1, handler, 0);
		for (int i = 0; i < 50; i++)
			kill((pid_t)sc(SYS_getpid), SIGUSR1);
		say("%s: %d handled", who, hits);
		kill((pid_t)sc(SYS_getpid), SIGSYS);
		_exit(2);
	}
	say("%s: %s", who, status_name(wait_for((pid_t)pid)));
}

int main(void)
{
	on_signal(SIGUSR1, handler, 0);
	on_signal(SIGSYS, handler, 0);
	on_signal(SIGSEGV, handler, 0);
	signal(SIGUSR2, SIG_IGN);
	child_of(0x100000000ull, "cleared");
	child_of(0x100000000ull | CLONE_VFORK, "cleared with VFORK");
	{
		struct clone_args a = { .flags = 0x100000000ull | CLONE_SIGHAND | CLONE_VM,
					.exit_signal = SIGCHLD };

		say("with SIGHAND: %s", outcome(sc(435, &a, sizeof(a))));
	}
	show("parent");
	return 0;
}
