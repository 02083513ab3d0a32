/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of two pid namespaces in one memory: a vfork child has numbers that mean nobody to its
 * parent, and the parent's mean nobody to it.  What the kernel keeps for each thread, here the
 * alternate stack, stays its own while the others begin threads and processes.
 */
#include "torture.h"
#include <pthread.h>

#define THREADS 8
#define TRIES   5000

static char stacks[THREADS + 1][16384];
static volatile int inner, go, stop;
static int ready;

static void set_stack(int i)
{
	stack_t ss = { .ss_sp = stacks[i], .ss_size = sizeof(stacks[i]) };

	must(sc(SYS_sigaltstack, &ss, NULL) == 0);
}

static int has_stack(int i)
{
	stack_t ss;

	must(sc(SYS_sigaltstack, NULL, &ss) == 0);
	return ss.ss_sp == stacks[i] && ss.ss_size == sizeof(stacks[i]) && !ss.ss_flags;
}

static void *thread(void *arg)
{
	int i = (int)(intptr_t)arg;

	set_stack(i);
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (!stop)
		sched_yield();
	if (!has_stack(i))
		die("a thread has lost its alternate stack");
	return NULL;
}

/* Begins threads while the child runs whose number nobody has here. */
static void *helper(void *arg)
{
	pthread_t threads[THREADS];

	while (!go) {
		if (!inner)
			sched_yield();
		else if (kill(inner, 0) == 0 || errno != ESRCH)
			go = -1;
		else
			break;
		while (go < 0)
			sched_yield();
	}
	for (int i = 0; i < THREADS; i++)
		must(pthread_create(&threads[i], NULL, thread, (void *)(intptr_t)i) == 0);
	while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < THREADS)
		sched_yield();
	go = 1;
	while (!stop)
		sched_yield();
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return arg;
}

/* In a vfork child: 1 if its number does not serve. */
__attribute__((noinline, noreturn)) static void inside(void)
{
	set_stack(THREADS);
	inner = (int)sc(SYS_getpid);
	while (!go)
		sc(SYS_sched_yield);
	if (go < 0)
		_exit(1);
	if (!has_stack(THREADS))
		_exit(2);
	for (int i = 0; i < 3; i++) {
		if (vfork() == 0)
			_exit(0);
	}
	_exit(has_stack(THREADS) ? 5 : 3);
}

int main(void)
{
	int status = 0x100;
	pid_t first, pid;
	pthread_t t;

	if (geteuid() != 0)
		unshare(CLONE_NEWUSER);
	must(pthread_create(&t, NULL, helper, NULL) == 0);
	if (unshare(CLONE_NEWPID) < 0)
		skip("no pid namespaces here: %s", err_name(errno));
	first = fork();
	must(first >= 0);
	if (first == 0) {
		must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0);
		for (;;)
			pause();
	}
	for (int i = 0; i < TRIES && status == 0x100; i++) {
		inner = 0;
		go = 0;
		pid = vfork();
		if (pid == 0)
			inside();
		must(pid > 0);
		status = wait_for(pid);
	}
	say("the child: %s", status_name(status));
	stop = 1;
	pthread_join(t, NULL);
	kill(first, SIGKILL);
	wait_for(first);
	return 0;
}
