/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGSEGV and SIGBUS that another process sends all the time, while threads with some pages of stack
 * come and go: room for a handler of the program's, and for no more.
 */
#include "torture.h"
#include <pthread.h>

#define PAGE  4096
#define STACK (4 * PAGE)

static int left; /* the kernel clears it when the thread is gone */
static char *stack;

/* Also of threads that have no libc. */
static void handler(int sig, siginfo_t *info, void *context)
{
}

static int thread(void *arg)
{
	return 0;
}

static void *run(void *arg)
{
	long n = rounds(25, 5000);

	for (long i = 0; i < n; i++) {
		__atomic_store_n(&left, 1, __ATOMIC_SEQ_CST);
		must(clone(thread, stack + STACK,
			   CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
				   CLONE_SYSVSEM | CLONE_CHILD_CLEARTID,
			   NULL, NULL, NULL, &left) > 0);
		while (__atomic_load_n(&left, __ATOMIC_SEQ_CST))
			sched_yield();
	}
	return arg;
}

static void storm(int sig)
{
	pid_t me = getpid(), sender;
	pthread_t t;
	sigset_t set;

	/* With nothing around it. */
	stack = mmap((void *)0x20001000, STACK, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	must(stack != MAP_FAILED);
	on_signal(sig, handler, SA_RESTART);
	sender = fork_helper();
	if (sender == 0) {
		while (kill(me, sig) == 0)
			;
		_exit(0);
	}
	must(pthread_create(&t, NULL, run, NULL) == 0);
	sigemptyset(&set);
	sigaddset(&set, sig);
	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	pthread_join(t, NULL);
	kill(sender, SIGKILL);
	say("%s: %s", sig_name(sig), status_name(wait_for(sender)));
}

static void segv(void)
{
	storm(SIGSEGV);
}

static void bus(void)
{
	storm(SIGBUS);
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = { { "segv", segv }, { "bus", bus } };

	return RUN_CASES(cases, argc, argv);
}
