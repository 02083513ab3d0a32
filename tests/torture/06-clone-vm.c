/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that share memory but not threads, tables or handlers, in every combination. */
#include "torture.h"

static char stack[8][65536] __attribute__((aligned(16)));
static volatile int value, handled_in;

static void here(int sig, siginfo_t *info, void *context)
{
	handled_in = (int)sc(SYS_getpid);
}
static void there(int sig, siginfo_t *info, void *context)
{
	handled_in = -1;
}

static int child(void *arg)
{
	struct sigaction sa = { .sa_sigaction = there, .sa_flags = SA_SIGINFO };

	value++;
	sigaction(SIGUSR1, &sa, NULL);
	sc(SYS_dup2, 1, 50);
	sc(SYS_chdir, "/");
	sc(SYS_umask, 0777);
	return 5;
}

static void show(const char *name, unsigned long flags)
{
	char cwd[256] = "";
	struct sigaction sa;
	int status, umask_now;
	pid_t pid;

	value = 1;
	on_signal(SIGUSR1, here, 0);
	close(50);
	must(chdir("/tmp") == 0);
	umask(022);
	pid = clone(child, stack[0] + sizeof(stack[0]), (int)(flags | SIGCHLD), NULL);
	must(pid > 0);
	status = wait_for(pid);
	must(getcwd(cwd, sizeof(cwd)) != NULL);
	must(sigaction(SIGUSR1, NULL, &sa) == 0);
	umask_now = umask(022);
	say("%s: %s, memory %s, handler %s, descriptor %s, directory %s, umask %o", name,
	    status_name(status), value == 2 ? "shared" : "own",
	    sa.sa_sigaction == there ? "shared" : "own", fcntl(50, F_GETFD) >= 0 ? "shared" : "own",
	    strcmp(cwd, "/") == 0 ? "shared" : "own", umask_now);
	handled_in = 0;
	raise(SIGUSR1);
	say("  the handler that runs: %s", handled_in == getpid() ? "here" :
	    handled_in == -1 ? "there" : "none");
}

/* Many at once with all running calls and signals. */
static volatile int running;
static int worker(void *arg)
{
	int self = (int)sc(SYS_getpid);
	long me = (long)arg;
	struct sigaction sa = { .sa_sigaction = here, .sa_flags = SA_SIGINFO };

	for (int i = 0; i < 500; i++) {
		if (sc(SYS_getpid) != self || sc(SYS_gettid) != self)
			return 90;
		/* its own table: the other's handlers are not touched */
		sa.sa_sigaction = me & 1 ? here : there;
		sc(SYS_rt_sigaction, SIGUSR2, 0, &sa, 8);
		if (sc(SYS_dup2, 1, 60 + me) != 60 + me || sc(SYS_close, 60 + me) != 0)
			return 91;
		if (sc(SYS_close, 60 + me) != -EBADF)
			return 92;
	}
	return 11;
}

static void many(void)
{
	for (long round = 0; round < rounds(20, 500); round++) {
		pid_t pids[8];

		for (long i = 0; i < 8; i++) {
			pids[i] = clone(worker, stack[i] + sizeof(stack[i]), CLONE_VM | SIGCHLD,
					(void *)i);
			must(pids[i] > 0);
		}
		for (int i = 0; i < 8; i++) {
			int status = wait_for(pids[i]);

			if (status != 11 << 8)
				die("worker %d: %s", i, status_name(status));
		}
	}
	say("many at once");
}

static int dies(void *arg)
{
	if (arg)
		*(volatile int *)((uintptr_t)arg & 8) = 1;
	sc(SYS_kill, sc(SYS_getpid), SIGKILL);
	return 1;
}

int main(void)
{
	pid_t pid;

	show("VM", CLONE_VM);
	show("VM FILES", CLONE_VM | CLONE_FILES);
	show("VM SIGHAND", CLONE_VM | CLONE_SIGHAND);
	show("VM SIGHAND FILES FS", CLONE_VM | CLONE_SIGHAND | CLONE_FILES | CLONE_FS);
	show("FILES", CLONE_FILES);
	show("FS", CLONE_FS);
	show("none", 0);
	show("VM VFORK", CLONE_VM | CLONE_VFORK);
	show("VFORK", CLONE_VFORK);
	many();
	pid = clone(dies, stack[0] + sizeof(stack[0]), CLONE_VM | SIGCHLD, NULL);
	say("killed: %s", status_name(wait_for(pid)));
	pid = clone(dies, stack[0] + sizeof(stack[0]), CLONE_VM | SIGCHLD, (void *)8);
	say("faulted: %s", status_name(wait_for(pid)));
	show("VM again", CLONE_VM);
	return 0;
}
