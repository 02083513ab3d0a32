/* SPDX-License-Identifier: Apache-2.0 */
/* Seccomp that the program puts on itself: it binds the program, and only as it says. */
#include "torture.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>

#define ALLOW	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define RET(v)	BPF_STMT(BPF_RET | BPF_K, (v))
#define NR	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define IS(n, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (n), 0, (skip))

static long install(struct sock_filter *filter, size_t len, unsigned flags)
{
	struct sock_fprog prog = { .len = (unsigned short)len, .filter = filter };

	must(sc(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	return sc(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}
#define INSTALL(...) \
	do { \
		struct sock_filter f_[] = { __VA_ARGS__ }; \
		long r_ = install(f_, COUNT_OF(f_), 0); \
		if (r_ != 0) \
			die("seccomp: %s", err_name(r_)); \
	} while (0)

static void work(void)
{
	char c;

	for (int i = 0; i < 200; i++) {
		if (sc(SYS_getpid) <= 0 || sc(SYS_close, -1) != -EBADF)
			die("a call under the filter");
		if (sc(SYS_read, -1, &c, 1) != -EBADF)
			die("read");
	}
}

static void error(void)
{
	INSTALL(NR, IS(SYS_getppid, 1), RET(SECCOMP_RET_ERRNO | 123), ALLOW);
	say("getppid: %ld", sc(SYS_getppid));
	work();
	say("in a child: %s", status_name(system("exit 4")));
}

static void error_for_ours(void)
{
	/* calls that an engine may lean on are refused to the program */
	INSTALL(NR, IS(SYS_prctl, 1), RET(SECCOMP_RET_ERRNO | EPERM),
		IS(SYS_rt_sigprocmask, 1), RET(SECCOMP_RET_ERRNO | EPERM),
		IS(SYS_mmap, 1), RET(SECCOMP_RET_ERRNO | ENOMEM),
		IS(SYS_sigaltstack, 1), RET(SECCOMP_RET_ERRNO | EPERM),
		IS(SYS_gettid, 1), RET(SECCOMP_RET_ERRNO | EPERM),
		IS(SYS_futex, 1), RET(SECCOMP_RET_ERRNO | EPERM), ALLOW);
	work();
	say("prctl: %s", err_name(sc(SYS_prctl, PR_GET_DUMPABLE)));
	say("rt_sigprocmask: %s", err_name(sc(SYS_rt_sigprocmask, 0, 0, 0, 8)));
	say("mmap: %s", err_name(sc(SYS_mmap, 0, 4096, 3, 0x22, -1, 0)));
	say("sigaltstack: %s", err_name(sc(SYS_sigaltstack, 0, 0)));
	say("futex: %s", err_name(sc(SYS_futex, 0, 0)));
	work();
}

static void kills(void)
{
	INSTALL(NR, IS(SYS_getppid, 1), RET(SECCOMP_RET_KILL_PROCESS), ALLOW);
	work();
	sc(SYS_getppid);
	die("it lives");
}

static void kills_ours(void)
{
	/* what the program never calls from here on must not be called for it */
	INSTALL(NR, IS(SYS_prctl, 1), RET(SECCOMP_RET_KILL_PROCESS),
		IS(SYS_mmap, 1), RET(SECCOMP_RET_KILL_PROCESS),
		IS(SYS_openat, 1), RET(SECCOMP_RET_KILL_PROCESS),
		IS(SYS_open, 1), RET(SECCOMP_RET_KILL_PROCESS),
		IS(SYS_pwrite64, 1), RET(SECCOMP_RET_KILL_PROCESS),
		IS(SYS_mprotect, 1), RET(SECCOMP_RET_KILL_PROCESS),
		IS(SYS_membarrier, 1), RET(SECCOMP_RET_KILL_PROCESS),
		IS(SYS_rt_sigprocmask, 1), RET(SECCOMP_RET_KILL_PROCESS),
		IS(SYS_rt_sigaction, 1), RET(SECCOMP_RET_KILL_PROCESS),
		IS(SYS_rt_tgsigqueueinfo, 1), RET(SECCOMP_RET_KILL_PROCESS), ALLOW);
	work();
	say("alive");
}

static volatile int hits, code, nr_seen, addr_right;
extern const char trap_site[];
static void on_trap(int sig, siginfo_t *info, void *context)
{
	hits++;
	code = info->si_code;
	nr_seen = info->si_syscall;
	addr_right = (const char *)info->si_call_addr == trap_site + 2 && info->si_errno == 55 &&
		     info->si_arch == AUDIT_ARCH_X86_64;
}

static void trap(void)
{
	long ret;

	on_signal(SIGSYS, on_trap, 0);
	INSTALL(NR, IS(SYS_getppid, 1), RET(SECCOMP_RET_TRAP | 55), ALLOW);
	for (int i = 0; i < 10; i++)
		__asm__ volatile(".ifndef trap_site\n.globl trap_site\ntrap_site:\n.endif\n\tsyscall"
				 : "=a"(ret) : "0"((long)SYS_getppid) : "rcx", "r11", "memory");
	say("%d trapped, code %d, number %d, address and rest %s, rax %ld", hits, code, nr_seen,
	    addr_right ? "right" : "wrong", ret);
	work();
}

static void trap_default(void)
{
	INSTALL(NR, IS(SYS_getppid, 1), RET(SECCOMP_RET_TRAP), ALLOW);
	sc(SYS_getppid);
	die("it lives");
}

static void pointer(void)
{
	/* only calls from the program's own text are allowed to ask for the parent */
	extern const char __executable_start[] __attribute__((weak));
	unsigned long low = (unsigned long)__executable_start & ~0xffful;

	if (!low)
		skip("no symbols for the text");
	INSTALL(NR, IS(SYS_getppid, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, instruction_pointer) + 4),
		IS((unsigned)(low >> 32), 1), ALLOW, RET(SECCOMP_RET_ERRNO | 77), ALLOW);
	say("by instruction pointer: %s", outcome(sc(SYS_getppid)));
	work();
}

static void strict(void)
{
	static const char text[] = "in strict mode\n";

	must(sc(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) == 0);
	sc(SYS_write, 1, text, sizeof(text) - 1);
	sc(SYS_exit, 6);
}

static void strict_dies(void)
{
	must(sc(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) == 0);
	sc(SYS_getpid);
	sc(SYS_exit, 6);
}

static void refused(void)
{
	struct sock_filter bad[] = { BPF_STMT(0xffff, 0) };

	say("bad filter: %s", err_name(install(bad, 1, 0)));
	say("bad flags: %s", err_name(install(bad, 1, 0x8000)));
	say("bad pointer: %s", err_name(sc(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, 8)));
	say("empty: %s", err_name(install(bad, 0, 0)));
	say("mode 99: %s", err_name(sc(SYS_seccomp, 99, 0, 0)));
	{
		unsigned action = SECCOMP_RET_TRAP;

		say("TRAP available: %s", outcome(sc(SYS_seccomp, 2, 0, &action)));
	}
	say("get: %ld", sc(SYS_prctl, PR_GET_SECCOMP));
	work();
}

static void *thread(void *arg)
{
	pthread_barrier_t *b = arg;

	pthread_barrier_wait(b);
	pthread_barrier_wait(b);
	say("in another thread: %ld", sc(SYS_getppid));
	work();
	return NULL;
}

static void all_threads(void)
{
	struct sock_filter f[] = { NR, IS(SYS_getppid, 1), RET(SECCOMP_RET_ERRNO | 44), ALLOW };
	pthread_barrier_t b;
	pthread_t t;

	pthread_barrier_init(&b, NULL, 2);
	must(pthread_create(&t, NULL, thread, &b) == 0);
	pthread_barrier_wait(&b);
	must(install(f, COUNT_OF(f), SECCOMP_FILTER_FLAG_TSYNC) == 0);
	pthread_barrier_wait(&b);
	pthread_join(t, NULL);
}

static void over_exec(void)
{
	INSTALL(NR, IS(SYS_getppid, 1), RET(SECCOMP_RET_ERRNO | 33), ALLOW);
	execl("/bin/sh", "sh", "-c", "echo started; grep ^Seccomp: /proc/self/status; true | cat",
	      NULL);
}

static void stacked(void)
{
	for (int i = 0; i < 5; i++)
		INSTALL(NR, IS(SYS_getppid, 1), RET(SECCOMP_RET_ERRNO | (unsigned)(10 + i)), ALLOW);
	say("five filters: %ld", sc(SYS_getppid));
	work();
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "error", error }, { "error-for-ours", error_for_ours }, { "kills", kills },
		{ "kills-ours", kills_ours }, { "trap", trap }, { "trap-default", trap_default },
		{ "pointer", pointer }, { "strict", strict }, { "strict-dies", strict_dies },
		{ "refused", refused }, { "all-threads", all_threads }, { "over-exec", over_exec },
		{ "stacked", stacked },
	};

	RUN_CASES(cases, argc, argv);
	return 0;
}
