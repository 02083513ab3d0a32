/* SPDX-License-Identifier: Apache-2.0 */
/* Threads are made while signals rain on the process; some handlers jump away in the new thread. */
#include "torture.h"
#include <pthread.h>
#include <setjmp.h>

static __thread sigjmp_buf back;
static __thread volatile int armed, jumps;
static volatile unsigned handled, made;
static volatile int stop_now;

static void handler(int sig, siginfo_t *info, void *context)
{
	handled++;
	sc(SYS_getppid);
	if (armed) {
		armed = 0;
		jumps++;
		siglongjmp(back, 1);
	}
}

static void *thread(void *arg)
{
	for (volatile int i = 0; i < 20; i++) {
		if (sigsetjmp(back, 1) == 0) {
			armed = 1;
			for (int k = 0; k < 10; k++)
				if (sc(SYS_getpid) != getpid())
					die("getpid");
			armed = 0;
		}
		armed = 0;
	}
	__atomic_add_fetch(&made, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *spammer(void *arg)
{
	while (!stop_now) {
		kill(getpid(), SIGUSR1);
		kill(getpid(), SIGUSR2);
		for (volatile int i = 0; i < 200; i++)
			;
	}
	return NULL;
}

int main(void)
{
	struct itimerval timer = { { 0, 100 }, { 0, 100 } };
	long count = rounds(100, 10000);
	pthread_t s;
	sigset_t set, old;

	on_signal(SIGUSR1, handler, SA_RESTART);
	on_signal(SIGUSR2, handler, SA_RESTART);
	on_signal(SIGALRM, handler, SA_RESTART);
	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, &old);
	must(pthread_create(&s, NULL, spammer, NULL) == 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (long i = 0; i < count; i++) {
		pthread_t t[3];
		pid_t pid;

		for (int k = 0; k < 3; k++)
			must(pthread_create(&t[k], NULL, thread, NULL) == 0);
		if (i % 10 == 0) {
			pid = fork();
			if (pid == 0)
				_exit(7);
			if (wait_for(pid) != 7 << 8)
				die("a fork in the rain");
		}
		for (int k = 0; k < 3; k++)
			pthread_join(t[k], NULL);
	}
	stop_now = 1;
	pthread_join(s, NULL);
	must(handled > 0);
	say("%u threads made in the rain", made);
	return 0;
}
