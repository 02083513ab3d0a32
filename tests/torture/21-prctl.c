/* SPDX-License-Identifier: Apache-2.0 */
/* torture: modes=run,no-patch,stats,userland */
/* What a program says about itself with prctl and arch_prctl, and what it reads back. */
#include "torture.h"
#include <asm/prctl.h>
#include <pthread.h>
#include <sys/ptrace.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

#define FRESH(nr) \
	({ long r_; __asm__ volatile("syscall" : "=a"(r_) : "0"((long)(nr)) : "rcx", "r11", "memory"); r_; })

static void *thread(void *arg)
{
	must(FRESH(SYS_getpid) == getpid());
	return NULL;
}

static void go_on(void)
{
	pthread_t t;
	pid_t pid;

	must(FRESH(SYS_getpid) == getpid());
	must(pthread_create(&t, NULL, thread, NULL) == 0);
	pthread_join(t, NULL);
	pid = fork();
	if (pid == 0) {
		must(FRESH(SYS_getpid) == getpid());
		execl("/bin/sh", "sh", "-c", "echo executed; true | cat", NULL);
		_exit(99);
	}
	say("goes on: %s", status_name(wait_for(pid)));
}

static void mdwe(void)
{
	say("PR_SET_MDWE: %s", err_name(sc(SYS_prctl, PR_SET_MDWE, 1, 0, 0, 0)));
	say("PR_GET_MDWE: %ld", sc(SYS_prctl, PR_GET_MDWE, 0, 0, 0, 0));
	say("writable and executable: %s",
	    outcome(sc(SYS_mmap, 0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) > 0 ? 0 : -EACCES));
	go_on();
}

static void no_new_privs(void)
{
	say("before: %ld", sc(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	say("set: %ld", sc(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	say("after: %ld", sc(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	go_on();
}

static void dumpable(void)
{
	say("before: %ld", sc(SYS_prctl, PR_GET_DUMPABLE));
	say("set 0: %ld", sc(SYS_prctl, PR_SET_DUMPABLE, 0));
	say("after: %ld", sc(SYS_prctl, PR_GET_DUMPABLE));
	go_on();
	say("set 1: %ld", sc(SYS_prctl, PR_SET_DUMPABLE, 1));
	say("after: %ld", sc(SYS_prctl, PR_GET_DUMPABLE));
	go_on();
}

/* As another user without any capability, dumpable off: nobody may trace it or open its /proc. */
static void dumpable_unprivileged(void)
{
	if (geteuid() == 0)
		must(setgid(65534) == 0 && setuid(65534) == 0);
	say("dumpable after setuid: %ld", sc(SYS_prctl, PR_GET_DUMPABLE));
	go_on();
	say("set 0: %ld", sc(SYS_prctl, PR_SET_DUMPABLE, 0));
	go_on();
}

static void names(void)
{
	char name[17] = "", text[64];

	must(prctl(PR_GET_NAME, name) == 0);
	say("name: %s", name);
	must(prctl(PR_SET_NAME, "a name of 16 letters and more") == 0);
	must(prctl(PR_GET_NAME, name) == 0);
	must(slurp("/proc/self/comm", text, sizeof(text)) > 0);
	say("name: %s, comm: %.15s", name, text);
}

static void others(void)
{
	int sig = -1, sub = -1;
	unsigned long address = 0;

	say("PDEATHSIG: %ld", sc(SYS_prctl, PR_SET_PDEATHSIG, SIGHUP));
	sc(SYS_prctl, PR_GET_PDEATHSIG, &sig);
	say("  is %d", sig);
	sc(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1);
	sc(SYS_prctl, PR_GET_CHILD_SUBREAPER, &sub);
	say("subreaper %d", sub);
	say("keepcaps %ld", sc(SYS_prctl, PR_GET_KEEPCAPS));
	say("timerslack %ld", sc(SYS_prctl, PR_GET_TIMERSLACK));
	say("seccomp %ld", sc(SYS_prctl, PR_GET_SECCOMP));
	say("tsc %ld", sc(SYS_prctl, PR_GET_TSC, &sub));
	say("thp %ld", sc(SYS_prctl, 42, 0, 0, 0, 0));
	say("PTRACER %ld", sc(SYS_prctl, PR_SET_PTRACER, -1));
	say("unknown: %s", err_name(sc(SYS_prctl, 0x1234567)));
	say("tid address: %s", outcome(sc(SYS_prctl, PR_GET_TID_ADDRESS, &address)));
	say("SET_MM wrong: %s", err_name(sc(SYS_prctl, PR_SET_MM, 999, 0, 0, 0)));
	say("GET_FS right: %d", sc(SYS_arch_prctl, ARCH_GET_FS, &address) == 0 && address != 0);
	say("CPUID %ld", sc(SYS_arch_prctl, 0x1011));
	say("unknown: %s", err_name(sc(SYS_arch_prctl, 0x9999)));
}

/* The program's own %gs. */
static unsigned long gs_block[16];
static unsigned long read_gs(long offset)
{
	unsigned long v;

	__asm__ volatile("mov %%gs:(%1), %0" : "=r"(v) : "r"(offset));
	return v;
}

static volatile int hits;
static void handler(int sig, siginfo_t *info, void *context)
{
	if (read_gs(8) != 0xabcdef)
		die("%%gs in the handler");
	hits++;
}

static void *gs_thread(void *arg)
{
	unsigned long mine[4] = { 1, 2, 3, 4 }, got = 0;

	/* a new thread begins with the gs base of its maker, as the kernel copies it */
	must(sc(SYS_arch_prctl, ARCH_GET_GS, &got) == 0);
	if (got != (unsigned long)gs_block)
		die("a thread begins with %%gs at %#lx", got);
	must(sc(SYS_arch_prctl, ARCH_SET_GS, mine) == 0);
	for (int i = 0; i < 100; i++) {
		must(FRESH(SYS_getpid) == getpid());
		if (read_gs(8) != 2)
			die("%%gs in the thread");
	}
	return NULL;
}

static void own_gs(void)
{
	unsigned long got = 1;
	pthread_t t;
	pid_t pid;

	must(sc(SYS_arch_prctl, ARCH_GET_GS, &got) == 0);
	say("%%gs at start: %#lx", got);
	gs_block[1] = 0xabcdef;
	say("set: %s", outcome(sc(SYS_arch_prctl, ARCH_SET_GS, gs_block)));
	must(sc(SYS_arch_prctl, ARCH_GET_GS, &got) == 0);
	say("read back: %s", got == (unsigned long)gs_block ? "right" : "wrong");
	say("a value in it: %#lx", read_gs(8));
	for (int i = 0; i < 1000; i++) {
		must(FRESH(SYS_getpid) == getpid());
		if (read_gs(8) != 0xabcdef)
			die("%%gs after a call");
		gs_block[2] = (unsigned long)i;
		if (read_gs(16) != (unsigned long)i)
			die("%%gs is another block");
	}
	on_signal(SIGUSR1, handler, 0);
	for (int i = 0; i < 100; i++)
		raise(SIGUSR1);
	must(pthread_create(&t, NULL, gs_thread, NULL) == 0);
	pthread_join(t, NULL);
	pid = fork();
	if (pid == 0)
		_exit(read_gs(8) == 0xabcdef && FRESH(SYS_getpid) == getpid() ? 3 : 4);
	say("%d handlers, child %s", hits, status_name(wait_for(pid)));
	say("bad address: %s", err_name(sc(SYS_arch_prctl, ARCH_SET_GS, 0xffff800000000000ul)));
	go_on();
}

/* The selectors: fs and gs as they are, and read back. */
static void selectors(void)
{
	unsigned short cs, ds, es, fs, gs, ss;

	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	__asm__ volatile("mov %%ds, %0" : "=r"(ds));
	__asm__ volatile("mov %%es, %0" : "=r"(es));
	__asm__ volatile("mov %%fs, %0" : "=r"(fs));
	__asm__ volatile("mov %%gs, %0" : "=r"(gs));
	__asm__ volatile("mov %%ss, %0" : "=r"(ss));
	say("cs %#x ds %#x es %#x fs %#x gs %#x ss %#x", cs, ds, es, fs, gs, ss);
	go_on();
}

static void no_protection_keys(void)
{
	long key = sc(SYS_pkey_alloc, 0, 0);

	/* where there are keys, the default one is denied for a while and calls go on */
	if (key < 0) {
		say("protection keys: %s", err_name(key));
		return;
	}
	say("protection keys: there");
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "mdwe", mdwe }, { "no-new-privs", no_new_privs }, { "dumpable", dumpable },
		{ "dumpable-unprivileged", dumpable_unprivileged }, { "names", names },
		{ "others", others }, { "own-gs", own_gs }, { "selectors", selectors },
		{ "protection-keys", no_protection_keys },
	};

	return RUN_CASES(cases, argc, argv);
}
