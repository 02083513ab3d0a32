/* SPDX-License-Identifier: Apache-2.0 */
/* The program's alternate signal stack is its own: what it sets is what it reads and runs on. */
#include "torture.h"
#include <setjmp.h>
#include <sys/auxv.h>
#include <ucontext.h>

static char stack[65536] __attribute__((aligned(4096))), other[65536];
static sigjmp_buf back;
static int depth;

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static const char *where(const void *p)
{
	if ((const char *)p >= stack && (const char *)p < stack + sizeof(stack))
		return "on the alternate stack";
	if ((const char *)p >= other && (const char *)p < other + sizeof(other))
		return "on the other stack";
	return "on the plain stack";
}

static const char *which(const void *p)
{
	return p == stack ? "stack" : p == other ? "other" : p == NULL ? "null" : "?";
}

static void show(const char *when)
{
	stack_t s = { (void *)1, 2, 3 };
	long ret = sc(SYS_sigaltstack, 0, &s);

	say("%s: %s sp %s size %zu flags %#x", when, outcome(ret), which(s.ss_sp), s.ss_size,
	    s.ss_flags);
}

static long set(void *sp, size_t size, int flags)
{
	stack_t s = { .ss_sp = sp, .ss_size = size, .ss_flags = flags };

	return sc(SYS_sigaltstack, &s, 0);
}

static void handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	int here;

	say("handler of %s %s", sig_name(sig), where(&here));
	say("frame: sp %s size %zu flags %#x", which(uc->uc_stack.ss_sp), uc->uc_stack.ss_size,
	    uc->uc_stack.ss_flags);
	show("in the handler");
	say("set in the handler: %s", outcome(set(other, sizeof(other), 0)));
	say("disable in the handler: %s", outcome(set(NULL, 0, SS_DISABLE)));
	if (sig == SIGUSR1 && depth++ == 0)
		raise(SIGUSR2);
}

static void queries(void)
{
	show("at start");
	say("disable with rubbish: %s", outcome(set((void *)5, 7, SS_DISABLE)));
	show("after it");
	say("size 1: %s", outcome(set(stack, 1, 0)));
	say("size 2047: %s", outcome(set(stack, 2047, 0)));
	say("flags 77: %s", outcome(set(stack, sizeof(stack), 77)));
	say("flags SS_ONSTACK: %s", outcome(set(stack, sizeof(stack), SS_ONSTACK)));
	show("after it");
	say("bad pointer: %s", outcome(sc(SYS_sigaltstack, 8, 0)));
	say("bad old pointer: %s", outcome(sc(SYS_sigaltstack, 0, 8)));
	{
		stack_t a = { .ss_sp = other, .ss_size = 8192 };

		say("set and read at once through one pointer: %s",
		    outcome(sc(SYS_sigaltstack, &a, &a)));
		say("  it was sp %s size %zu flags %#x", which(a.ss_sp), a.ss_size, a.ss_flags);
		a.ss_sp = stack;
		say("set with a bad old pointer: %s", outcome(sc(SYS_sigaltstack, &a, 8)));
	}
	show("after it");
}

static void use(void)
{
	on_signal(SIGUSR1, handler, SA_ONSTACK);
	on_signal(SIGUSR2, handler, SA_ONSTACK);
	must(set(stack, sizeof(stack), 0) == 0);
	raise(SIGUSR1);
	show("afterwards");
	on_signal(SIGUSR2, handler, 0);
	depth = 1;
	raise(SIGUSR2);
	show("afterwards");
}

static void autodisarm(void)
{
	on_signal(SIGUSR1, handler, SA_ONSTACK);
	on_signal(SIGUSR2, handler, SA_ONSTACK);
	say("set: %s", outcome(set(stack, sizeof(stack), (int)SS_AUTODISARM)));
	show("at start");
	raise(SIGUSR1);
	show("afterwards");
}

static void tiny_handler(int sig, siginfo_t *info, void *context)
{
	int here;

	say("small stack: %s", where(&here));
	_exit(0);
}

/* A stack of MINSIGSTKSZ as old programs have it; with AVX-512 the frame may not fit: SIGSEGV. */
static void small(void)
{
	long ret = set(stack, 2048, 0);

	say("2048 bytes: %s", outcome(ret));
	if (ret == 0) {
		on_signal(SIGUSR1, tiny_handler, SA_ONSTACK);
		raise(SIGUSR1);
	}
}

static void fitting(void)
{
	unsigned long need = getauxval(51 /* AT_MINSIGSTKSZ */);

	say("at AT_MINSIGSTKSZ + 2048: %s", outcome(set(stack, (need ? need : 2048) + 2048, 0)));
	on_signal(SIGUSR1, tiny_handler, SA_ONSTACK);
	raise(SIGUSR1);
}

static void overflow_handler(int sig, siginfo_t *info, void *context)
{
	int here;

	if (strcmp(where(&here), "on the alternate stack") != 0)
		die("the handler runs %s", where(&here));
	if (sig != SIGSEGV || (info->si_code != SEGV_MAPERR && info->si_code != SEGV_ACCERR))
		die("signal %d code %d", sig, info->si_code);
	siglongjmp(back, 1);
}

static volatile char sink;
__attribute__((noinline)) static int eat(int n)
{
	volatile char page[4096];

	page[0] = (char)n;
	sc(SYS_getppid);
	sink = page[0];
	return n ? eat(n + 1) + page[0] : 0;
}

/* The stack overflows, the handler runs elsewhere and jumps back: again and again. */
static void overflow(void)
{
	struct rlimit small_stack = { 256 << 10, RLIM_INFINITY };
	volatile int times = 0;

	getrlimit(RLIMIT_STACK, &small_stack);
	small_stack.rlim_cur = 256 << 10;
	must(setrlimit(RLIMIT_STACK, &small_stack) == 0);
	must(set(stack, sizeof(stack), 0) == 0);
	on_signal(SIGSEGV, overflow_handler, SA_ONSTACK);
	while (times < 100) {
		if (sigsetjmp(back, 1) == 0)
			eat(1);
		times++;
	}
	say("%d overflows survived", times);
}

/* No alternate stack: the overflow kills, as it must. */
static void overflow_plain(void)
{
	struct rlimit small_stack;
	pid_t pid;

	getrlimit(RLIMIT_STACK, &small_stack);
	small_stack.rlim_cur = 256 << 10;
	must(setrlimit(RLIMIT_STACK, &small_stack) == 0);
	on_signal(SIGSEGV, overflow_handler, 0);
	pid = fork();
	if (pid == 0)
		_exit(eat(1));
	say("without an alternate stack: %s", status_name(wait_for(pid)));
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "queries", queries }, { "use", use }, { "autodisarm", autodisarm },
		{ "fitting", fitting }, { "overflow", overflow }, { "overflow-plain", overflow_plain },
	};

	if (argc == 1) {
		pid_t pid = fork();

		/* its end differs from machine to machine, but not under waylay */
		if (pid == 0) {
			small();
			_exit(0);
		}
		say("small: %s", status_name(wait_for(pid)));
	}
	return RUN_CASES(cases, argc, argv);
}
