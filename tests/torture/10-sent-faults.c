/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGSEGV and SIGBUS that another thread sends with kill(2), as Go's tests do: each must come, and
 * with the sender's code.  Both threads go in and out of calls meanwhile, so that the signal finds
 * the agent at every place.
 */
#include "torture.h"
#include <pthread.h>

static volatile int hits, wrong, alarms;
static int sent;

static void count(int sig, siginfo_t *info, void *context)
{
	if (info->si_code != SI_USER || info->si_pid != getpid())
		wrong++;
	hits++;
}

static void tick(int sig, siginfo_t *info, void *context)
{
	alarms++;
}

static void *sender(void *arg)
{
	struct timespec nap = { 0, 20000 };
	long times = rounds(400, 100000);

	for (long i = 0; i < times; i++) {
		int was = hits;

		must(kill(getpid(), sent) == 0);
		for (long naps = 0; hits == was; naps++) {
			if (naps > 200000)
				die("the %s of round %ld is lost", sig_name(sent), i);
			sc(SYS_nanosleep, &nap, 0);
		}
	}
	say("%d times %s, %d with a wrong code", hits, sig_name(sent), wrong);
	_exit(0);
}

static void run(int sig, void (*meanwhile)(void))
{
	pthread_t thread;

	sent = sig;
	on_signal(sig, count, SA_ONSTACK | SA_RESTART);
	must(pthread_create(&thread, NULL, sender, NULL) == 0);
	for (;;)
		meanwhile();
}

static void nothing(void)
{
}

static void call(void)
{
	sc(SYS_getppid);
}

static void alarm_and_call(void)
{
	static int armed;
	struct itimerval often = { { 0, 100 }, { 0, 100 } };

	if (!armed++) {
		on_signal(SIGALRM, tick, SA_RESTART);
		must(setitimer(ITIMER_REAL, &often, NULL) == 0);
	}
	sc(SYS_getppid);
}

static void segv_idle(void)
{
	run(SIGSEGV, nothing);
}

static void segv_calls(void)
{
	run(SIGSEGV, call);
}

static void segv_handlers(void)
{
	run(SIGSEGV, alarm_and_call);
}

static void bus_calls(void)
{
	run(SIGBUS, call);
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "segv, idle", segv_idle }, { "segv, calls", segv_calls },
		{ "segv, handlers", segv_handlers }, { "bus, calls", bus_calls },
	};

	return RUN_CASES(cases, argc, argv);
}
