/* SPDX-License-Identifier: Apache-2.0 */
/* SIGSYS is the program's as every signal is: handled, sent, blocked, ignored, default. */
#include "torture.h"
#include <pthread.h>
#include <setjmp.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

static volatile int hits, last_code, last_pid_is_self, last_value;
static sigjmp_buf back;

static void handler(int sig, siginfo_t *info, void *context)
{
	hits++;
	last_code = info->si_code;
	last_pid_is_self = info->si_pid == getpid();
	last_value = info->si_value.sival_int;
	if (sc(SYS_close, -1) != -EBADF)
		die("a call in the handler of SIGSYS");
}

static void show(const char *what)
{
	say("%s: %d handled, code %d, from self %d, value %d", what, hits, last_code,
	    last_pid_is_self, last_value);
	hits = 0;
	last_value = 0;
}

static void handled(void)
{
	pid_t pid, self = getpid();

	on_signal(SIGSYS, handler, 0);
	raise(SIGSYS);
	show("raise");
	kill(self, SIGSYS);
	show("kill");
	sigqueue(self, SIGSYS, (union sigval){ .sival_int = 7 });
	show("sigqueue");
	pid = fork_helper();
	if (pid == 0) {
		kill(self, SIGSYS);
		_exit(0);
	}
	wait_for(pid);
	show("from outside");
	for (int i = 0; i < 1000; i++)
		raise(SIGSYS);
	show("a thousand");
}

static void blocked(void)
{
	sigset_t set;

	on_signal(SIGSYS, handler, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGSYS);
	raise(SIGSYS);
	show("blocked");
	sigpending(&set);
	say("pending: %d", sigismember(&set, SIGSYS));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	show("opened");
}

static void other_ends(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGSYS, SIG_IGN);
		raise(SIGSYS);
		kill(getpid(), SIGSYS);
		_exit(3);
	}
	say("ignored: %s", status_name(wait_for(pid)));
	pid = fork();
	if (pid == 0) {
		raise(SIGSYS);
		_exit(3);
	}
	say("default: %s", status_name(wait_for(pid)));
	pid = fork();
	if (pid == 0) {
		on_signal(SIGSYS, handler, SA_RESETHAND);
		raise(SIGSYS);
		raise(SIGSYS);
		_exit(3);
	}
	say("handled once: %s", status_name(wait_for(pid)));
}

static void jump(int sig, siginfo_t *info, void *context)
{
	siglongjmp(back, 1);
}

static void jumping(void)
{
	volatile int times = 0;

	on_signal(SIGSYS, jump, 0);
	while (times < 2000) {
		if (sigsetjmp(back, 1) == 0)
			raise(SIGSYS);
		times++;
	}
	say("jumped %d times", times);
}

/* A new place of call in each round: discovery inside a handler of SIGSYS, nested. */
#define FRESH(nr) \
	({ long r_; __asm__ volatile("syscall" : "=a"(r_) : "0"((long)(nr)) : "rcx", "r11", "memory"); r_; })
static volatile int depth;
static void nest(int sig, siginfo_t *info, void *context)
{
	int d = ++depth;
	long pid;

	switch (d) {
	case 1: pid = FRESH(SYS_getpid); raise(SIGSYS); pid -= FRESH(SYS_getpid); break;
	case 2: pid = FRESH(SYS_getpid); raise(SIGSYS); pid -= FRESH(SYS_getpid); break;
	case 3: pid = FRESH(SYS_getpid); raise(SIGSYS); pid -= FRESH(SYS_getpid); break;
	default: pid = FRESH(SYS_getpid); pid -= FRESH(SYS_getpid); break;
	}
	if (pid)
		die("getpid at depth %d", d);
}

static void nested(void)
{
	on_signal(SIGSYS, nest, SA_NODEFER);
	raise(SIGSYS);
	say("nested %d deep", depth);
}

static void *thread(void *arg)
{
	raise(SIGSYS);
	return NULL;
}

static void threads(void)
{
	pthread_t t[4];

	on_signal(SIGSYS, handler, 0);
	for (int k = 0; k < 100; k++) {
		for (int i = 0; i < 4; i++)
			must(pthread_create(&t[i], NULL, thread, NULL) == 0);
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
	}
	say("threads: %s", hits > 0 ? "handled" : "none");
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "handled", handled }, { "blocked", blocked }, { "other-ends", other_ends },
		{ "jumping", jumping }, { "nested", nested }, { "threads", threads },
	};

	return RUN_CASES(cases, argc, argv);
}
