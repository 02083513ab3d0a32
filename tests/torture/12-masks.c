/* SPDX-License-Identifier: Apache-2.0 */
/* Everything blocked, and everything goes on; masks read back as they were set, SIGSYS included. */
#include "torture.h"
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>

static unsigned long mask_now(void)
{
	unsigned long mask = 0;

	must(sc(SYS_rt_sigprocmask, SIG_BLOCK, 0, &mask, 8) == 0);
	return mask;
}

static unsigned long proc_mask(const char *which)
{
	char text[4096], *at;

	must(slurp("/proc/self/status", text, sizeof(text)) > 0);
	at = strstr(text, which);
	must(at);
	return strtoul(at + strlen(which), NULL, 16);
}

static void set(int how, unsigned long mask)
{
	unsigned long old = 0;

	say("rt_sigprocmask %d %#lx: %s", how, mask,
	    outcome(sc(SYS_rt_sigprocmask, how, &mask, &old, 8)));
	say("  was %#lx, is %#lx, pointer kept %#lx", old, mask_now(), mask);
}

static void raw(void)
{
	set(SIG_SETMASK, ~0ul);
	set(SIG_UNBLOCK, 1ul << (SIGUSR1 - 1));
	set(SIG_UNBLOCK, 1ul << (SIGSYS - 1));
	set(SIG_BLOCK, 1ul << (SIGSYS - 1));
	set(SIG_SETMASK, 0);
	set(SIG_BLOCK, 1ul << (SIGSYS - 1) | 1ul << (SIGSEGV - 1) | 1ul << (SIGBUS - 1));
	set(7, 0);
	say("size 4: %s", outcome(sc(SYS_rt_sigprocmask, SIG_SETMASK, 0, 0, 4)));
	say("bad set: %s", outcome(sc(SYS_rt_sigprocmask, SIG_SETMASK, 8, 0, 8)));
	say("bad old: %s", outcome(sc(SYS_rt_sigprocmask, SIG_SETMASK, 0, 8, 8)));
	{
		unsigned long mask = 2;

		say("good set, bad old: %s", outcome(sc(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 8, 8)));
	}
	say("mask %#lx", mask_now());
	say("bad how without a set: %s", outcome(sc(SYS_rt_sigprocmask, 99, 0, 0, 8)));
}

static void *thread(void *arg)
{
	unsigned long all = ~0ul;

	/* libc opens its own signals, 32 to 34 */
	if ((mask_now() ^ *(unsigned long *)arg) & ~(7ul << 31))
		die("a thread begins with mask %#lx", mask_now());
	must(sc(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, 8) == 0);
	for (int i = 0; i < 300; i++) {
		if (sc(SYS_getpid) != getpid() || sc(SYS_close, -1) != -EBADF)
			die("a call with all blocked");
	}
	return NULL;
}

/* Fresh call sites, fork, exec, threads, all with everything blocked. */
static void blocked(void)
{
	unsigned long all = ~0ul;
	pthread_t t;
	pid_t pid;

	must(sc(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, 8) == 0);
	all = mask_now();
	must(pthread_create(&t, NULL, thread, &all) == 0);
	pthread_join(t, NULL);
	pid = fork();
	if (pid == 0) {
		if (mask_now() != all)
			die("the child's mask is %#lx", mask_now());
		execl("/bin/sh", "sh", "-c", "grep SigBlk /proc/self/status; true | cat", NULL);
		_exit(99);
	}
	say("child with all blocked: %s", status_name(wait_for(pid)));
	say("mask %#lx", mask_now());
}

static void handler_mask(int sig, siginfo_t *info, void *context)
{
	say("in the handler %#lx", mask_now());
}

static void handlers(void)
{
	struct sigaction sa = { .sa_sigaction = handler_mask, .sa_flags = SA_SIGINFO }, old;

	sigfillset(&sa.sa_mask);
	must(sigaction(SIGUSR1, &sa, NULL) == 0);
	must(sigaction(SIGUSR1, NULL, &old) == 0);
	say("sa_mask read back: SIGSYS %d SIGSEGV %d SIGKILL %d flags %#x",
	    sigismember(&old.sa_mask, SIGSYS), sigismember(&old.sa_mask, SIGSEGV),
	    sigismember(&old.sa_mask, SIGKILL), old.sa_flags & ~0x4000000);
	raise(SIGUSR1);
	say("afterwards %#lx", mask_now());
	sa.sa_flags |= SA_NODEFER | SA_RESETHAND;
	sigemptyset(&sa.sa_mask);
	sigaddset(&sa.sa_mask, SIGSYS);
	must(sigaction(SIGUSR1, &sa, NULL) == 0);
	raise(SIGUSR1);
	must(sigaction(SIGUSR1, NULL, &old) == 0);
	say("after SA_RESETHAND: %s", old.sa_handler == SIG_DFL ? "default" : "kept");
	for (int sig = 0; sig <= 66; sig += sig == 0 ? 9 : sig == 9 ? 10 : sig == 19 ? 46 : 1) {
		struct { void *h; long f; void *r; unsigned long m; } k = { SIG_IGN, 0, 0, 0 };

		say("sigaction %d: %s, read %s", sig, outcome(sc(SYS_rt_sigaction, sig, &k, 0, 8)),
		    outcome(sc(SYS_rt_sigaction, sig, 0, &k, 8)));
	}
	say("size 4: %s", outcome(sc(SYS_rt_sigaction, SIGUSR1, 0, 0, 4)));
	say("bad new: %s", outcome(sc(SYS_rt_sigaction, SIGUSR1, 8, 0, 8)));
	say("bad old: %s", outcome(sc(SYS_rt_sigaction, SIGUSR1, 0, 8, 8)));
	for (int sig = 1; sig < 65; sig++) {
		struct { void *h; unsigned long f; void *r; unsigned long m; } k = {
			(void *)0x123456789, 0xdeadf00d & ~0x400u, (void *)0x987654321, ~0ul }, b;

		if (sig == SIGKILL || sig == SIGSTOP || sig == 32 || sig == 33)
			continue;
		must(sc(SYS_rt_sigaction, sig, &k, 0, 8) == 0);
		must(sc(SYS_rt_sigaction, sig, 0, &b, 8) == 0);
		if (sig == 1 || b.h != k.h || b.m != 0xfffffffffffbfeff)
			say("table row %d: %p %#lx %p %#lx", sig, b.h, b.f, b.r, b.m);
	}
}

static void pending(void)
{
	unsigned long all = ~0ul, pend = 0;
	siginfo_t info;
	sigset_t sigs;
	union sigval value = { .sival_int = 42 };
	struct timespec zero = { 0, 0 };
	int fd;
	struct signalfd_siginfo si;

	must(sc(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, 8) == 0);
	for (int sig = 1; sig < 32; sig++)
		/* SIGSYS: waylay(7), "What is different": it is not pending in the kernel */
		if (sig != SIGKILL && sig != SIGSTOP && sig != SIGCONT && sig != SIGSYS)
			must(sigqueue(getpid(), sig, value) == 0);
	must(sc(SYS_rt_sigpending, &pend, 8) == 0);
	say("pending %#lx, /proc says %#lx", pend, proc_mask("ShdPnd:"));
	sigfillset(&sigs);
	fd = signalfd(-1, &sigs, SFD_NONBLOCK | SFD_CLOEXEC);
	must(fd >= 0);
	for (int i = 0; i < 13; i++) {
		must(read(fd, &si, sizeof(si)) == sizeof(si));
		say("signalfd: %s code %d value %d", sig_name((int)si.ssi_signo), si.ssi_code,
		    si.ssi_int);
	}
	for (;;) {
		int sig = sigtimedwait(&sigs, &info, &zero);

		if (sig < 0) {
			say("sigtimedwait: %s", err_name(errno));
			break;
		}
		say("sigtimedwait: %s code %d value %d", sig_name(sig), info.si_code,
		    info.si_value.sival_int);
	}
	kill(getpid(), SIGSYS);
	sigemptyset(&sigs);
	sigaddset(&sigs, SIGSYS);
	say("sigwaitinfo for SIGSYS: %d", sigwaitinfo(&sigs, &info) == SIGSYS);
	must(sc(SYS_rt_sigpending, &pend, 8) == 0);
	say("pending %#lx", pend);
}

/* Calls that change the mask while they wait. */
static volatile int hits;
static unsigned long seen_in_handler;
static void seen(int sig, siginfo_t *info, void *context)
{
	hits++;
	seen_in_handler = mask_now();
}

static void waiting(void)
{
	unsigned long usr1 = 1ul << (SIGUSR1 - 1), open = ~usr1;
	struct { unsigned long *set; size_t len; } arg = { &open, 8 };
	struct timespec t = { 20, 0 };
	struct epoll_event e;
	int ep = epoll_create1(0);
	pid_t self = getpid();
	static const long nrs[] = { SYS_rt_sigsuspend, SYS_ppoll, SYS_pselect6, SYS_epoll_pwait, 441 };

	on_signal(SIGUSR1, seen, 0);
	must(sc(SYS_rt_sigprocmask, SIG_SETMASK, &usr1, 0, 8) == 0);
	for (size_t i = 0; i < COUNT_OF(nrs); i++) {
		/* once pending before the call, once while it waits */
		for (int late = 0; late < 2; late++) {
			pid_t helper = 0;
			long ret = 0;

			hits = 0;
			if (!late)
				kill(self, SIGUSR1);
			else if ((helper = fork_helper()) == 0) {
				wait_until_in(self, self, nrs[i]);
				kill(self, SIGUSR1);
				_exit(0);
			}
			switch (i) {
			case 0: ret = sc(SYS_rt_sigsuspend, &open, 8); break;
			case 1: ret = sc(SYS_ppoll, 0, 0, &t, &open, 8); break;
			case 2: ret = sc(SYS_pselect6, 0, 0, 0, 0, &t, &arg); break;
			case 3: ret = sc(SYS_epoll_pwait, ep, &e, 1, 20000, &open, 8); break;
			case 4: ret = sc(441, ep, &e, 1, &t, &open, 8); break;
			}
			say("call %ld: %s, %d handled, mask in the handler %#lx, after %#lx, set kept %d",
			    nrs[i], err_name(ret), hits, seen_in_handler, mask_now(),
			    open == ~(1ul << (SIGUSR1 - 1)));
			if (helper)
				wait_for(helper);
		}
	}
	say("sigsuspend bad pointer: %s", err_name(sc(SYS_rt_sigsuspend, 8, 8)));
	say("sigsuspend bad size: %s", err_name(sc(SYS_rt_sigsuspend, &open, 4)));
	say("ppoll bad mask: %s", err_name(sc(SYS_ppoll, 0, 0, &t, 8, 8)));
	say("ppoll bad size: %s", err_name(sc(SYS_ppoll, 0, 0, &t, &open, 7)));
	arg.len = 7;
	say("pselect6 bad size: %s", err_name(sc(SYS_pselect6, 0, 0, 0, 0, &t, &arg)));
	t.tv_sec = 0;
	say("ppoll times out: %s, mask %#lx", outcome(sc(SYS_ppoll, 0, 0, &t, &open, 8)),
	    mask_now());
	{
		/* a call whose mask blocks everything, SIGSYS too, then calls go on */
		unsigned long all = ~0ul;

		sc(SYS_ppoll, 0, 0, &t, &all, 8);
		say("mask %#lx", mask_now());
	}
}

/* sigwait in one thread while others have all blocked, as servers do. */
static void *waiter(void *arg)
{
	sigset_t sigs;
	int sig, count = 0;

	sigfillset(&sigs);
	while (sigwait(&sigs, &sig) == 0 && sig != SIGTERM)
		count++;
	*(int *)arg = count;
	return NULL;
}

static void sigwait_thread(void)
{
	sigset_t all;
	pthread_t t;
	int count = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	must(pthread_create(&t, NULL, waiter, &count) == 0);
	for (int i = 0; i < 200; i++)
		must(sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ 0 }) == 0);
	/* the real-time ones are higher: SIGTERM must wait until they are taken */
	for (;;) {
		unsigned long pend = 0;

		sc(SYS_rt_sigpending, &pend, 8);
		if (!pend)
			break;
		sched_yield();
	}
	kill(getpid(), SIGTERM);
	pthread_join(t, NULL);
	say("sigwait took %d", count);
}

/* SIGSEGV blocked: a bad pointer in a call is EFAULT, a bad access kills. */
static void segv_blocked(void)
{
	unsigned long all = ~0ul;
	pid_t pid;

	must(sc(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, 8) == 0);
	say("write from nowhere: %s", err_name(sc(SYS_write, 1, 8, 10)));
	say("nanosleep at nowhere: %s", err_name(sc(SYS_nanosleep, 8, 0)));
	say("ppoll at nowhere: %s", err_name(sc(SYS_ppoll, 8, 1, 0, 0, 0)));
	say("sigaction at nowhere: %s", err_name(sc(SYS_rt_sigaction, SIGUSR1, 8, 0, 8)));
	say("sigaction to nowhere: %s", err_name(sc(SYS_rt_sigaction, SIGUSR1, 0, 8, 8)));
	say("sigprocmask at nowhere: %s", err_name(sc(SYS_rt_sigprocmask, SIG_BLOCK, 8, 0, 8)));
	say("sigprocmask to the kernel: %s",
	    err_name(sc(SYS_rt_sigprocmask, SIG_BLOCK, 0, 0xffffffff80000000ul, 8)));
	say("sigprocmask at a hole: %s",
	    err_name(sc(SYS_rt_sigprocmask, SIG_BLOCK, 0x800000000000ul, 0, 8)));
	say("sigaltstack at nowhere: %s", err_name(sc(SYS_sigaltstack, 8, 0)));
	say("clone3 at nowhere: %s", err_name(sc(435, 8, 88)));
	say("execve at nowhere: %s", err_name(sc(SYS_execve, 8, 8, 8)));
	pid = fork();
	if (pid == 0)
		*(volatile int *)(uintptr_t)(getppid() & 8) = 1;
	say("access to nowhere: %s", status_name(wait_for(pid)));
	signal(SIGSEGV, SIG_IGN);
	pid = fork();
	if (pid == 0)
		*(volatile int *)(uintptr_t)(getppid() & 8) = 1;
	say("ignored: %s", status_name(wait_for(pid)));
	on_signal(SIGSEGV, seen, 0);
	pid = fork();
	if (pid == 0)
		*(volatile int *)(uintptr_t)(getppid() & 8) = 1;
	say("blocked and handled: %s", status_name(wait_for(pid)));
	/* a SEGV from kill waits while it is blocked */
	hits = 0;
	kill(getpid(), SIGSEGV);
	say("sent while blocked: %d handled", hits);
	all = 0;
	must(sc(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, 8) == 0);
	say("opened: %d handled", hits);
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "raw", raw }, { "blocked", blocked }, { "handlers", handlers },
		{ "pending", pending }, { "waiting", waiting }, { "sigwait", sigwait_thread },
		{ "segv-blocked", segv_blocked },
	};

	return RUN_CASES(cases, argc, argv);
}
