/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets the alternate stack: a fork and a vfork do; a thread, an exec and CLONE_VM do not. */
#include "torture.h"
#include <pthread.h>

static char stack[65536], clone_stack[65536] __attribute__((aligned(16)));

static void show(const char *who)
{
	stack_t s = { (void *)1, 2, 3 };
	long ret = sc(SYS_sigaltstack, 0, &s);

	say("%s: %s %s size %zu flags %#x", who, outcome(ret), s.ss_sp == stack ? "stack" :
	    s.ss_sp ? "?" : "null", s.ss_size, s.ss_flags);
}

static void *thread(void *arg)
{
	static char mine[65536];
	stack_t s = { .ss_sp = mine, .ss_size = sizeof(mine) };

	show("thread");
	must(sc(SYS_sigaltstack, &s, 0) == 0);
	must(sc(SYS_sigaltstack, 0, &s) == 0);
	say("thread's own: %s", s.ss_sp == mine && s.ss_size == sizeof(mine) ? "right" : "wrong");
	return NULL;
}

static int shares_memory(void *arg)
{
	show("clone with CLONE_VM");
	return 0;
}

static void in_handler(int sig, siginfo_t *info, void *context)
{
	pid_t pid = fork();

	if (pid == 0) {
		show("fork in a handler on it");
		return;		/* through the copy of the frame */
	}
	wait_for(pid);
}

int main(int argc, char **argv)
{
	stack_t s = { .ss_sp = stack, .ss_size = sizeof(stack) };
	pthread_t t;
	pid_t pid, self = getpid();

	if (argc > 1) {
		show("exec");
		return 0;
	}
	must(sc(SYS_sigaltstack, &s, 0) == 0);
	show("here");
	must(pthread_create(&t, NULL, thread, NULL) == 0);
	pthread_join(t, NULL);
	pid = fork();
	if (pid == 0) {
		show("fork");
		_exit(0);
	}
	wait_for(pid);
	pid = vfork();
	if (pid == 0) {
		show("vfork");
		_exit(0);
	}
	wait_for(pid);
	pid = clone(shares_memory, clone_stack + sizeof(clone_stack), CLONE_VM | SIGCHLD, NULL);
	must(pid > 0);
	wait_for(pid);
	on_signal(SIGUSR1, in_handler, SA_ONSTACK);
	raise(SIGUSR1);
	if (getpid() != self) {
		show("back from the handler in the fork");
		_exit(0);
	}
	show("back from the handler");
	execl("/proc/self/exe", argv[0], "again", NULL);
	die("exec: %s", err_name(errno));
}
