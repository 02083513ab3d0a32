/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp that the program puts on itself: it binds the program, and only as it says.
 *
 * torture: notes=may
 */
#include "torture.h"
#include <asm/prctl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <ucontext.h>

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

/* A call from a place that is known: known_call(number, arguments). */
long known_call(long nr, ...);
extern const char known_site[];
__asm__(".text\n.globl known_call, known_site\nknown_call:\n\tmov %rdi, %rax\n\tmov %rsi, %rdi\n"
	"\tmov %rdx, %rsi\n\tmov %rcx, %rdx\n\tmov %r8, %r10\n\tmov %r9, %r8\nknown_site:\n"
	"\tsyscall\n\tret\n");

static void on_known_trap(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	hits++;
	nr_seen = info->si_syscall;
	addr_right = (const char *)info->si_call_addr == known_site + 2 &&
		     uc->uc_mcontext.gregs[REG_RIP] == (greg_t)(known_site + 2) &&
		     uc->uc_mcontext.gregs[REG_RAX] == nr_seen;
	if (nr_seen == SYS_sigaltstack)
		uc->uc_mcontext.gregs[REG_RAX] = 4321;
}

/* Calls that an engine is likely to answer or to make itself. */
static void trap_ours(void)
{
	static char *const args[] = { "true", NULL };
	static const int calls[] = {
		SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_sigaltstack, SYS_rt_sigpending, SYS_clone,
		SYS_fork, SYS_vfork, SYS_clone3, SYS_execve, SYS_prctl, SYS_arch_prctl, SYS_ptrace,
		SYS_munmap, SYS_seccomp, SYS_close,
	};
	struct sock_filter f[2 * COUNT_OF(calls) + 2] = { NR };
	size_t n = 1;
	unsigned long set = 0;

	on_signal(SIGSYS, on_known_trap, 0);
	for (size_t i = 0; i < COUNT_OF(calls); i++) {
		f[n++] = (struct sock_filter)IS((unsigned)calls[i], 1);
		f[n++] = (struct sock_filter)RET(SECCOMP_RET_TRAP);
	}
	f[n++] = (struct sock_filter)ALLOW;
	must(install(f, n, 0) == 0);
	for (int round = 0; round < 6; round++) {
		for (size_t i = 0; i < COUNT_OF(calls); i++) {
			long ret;

			addr_right = 0;
			if (calls[i] == SYS_execve)
				ret = known_call(SYS_execve, "/bin/true", args, args + 1);
			else
				ret = known_call(calls[i], calls[i] == SYS_rt_sigaction ? SIGUSR1 : 0L,
						 0L, &set, 8L, 0L);
			if (round == 0)
				say("%d: %d, number %d, %s", calls[i], (int)ret, nr_seen,
				    addr_right ? "right" : "wrong");
			else if (!addr_right)
				die("round %d, call %d", round, calls[i]);
		}
	}
	say("%d", hits);
	if (sc(SYS_getpid) <= 0 || sc(SYS_read, -1, &set, 1) != -EBADF)
		die("calls do not work any more");
}

static void trap_blocked(void)
{
	sigset_t set;

	on_signal(SIGSYS, on_trap, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	INSTALL(NR, IS(SYS_rt_sigpending, 1), RET(SECCOMP_RET_TRAP), ALLOW);
	must(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	sc(SYS_rt_sigpending, &set, 8);
	die("it lives");
}

static void trap_ignored(void)
{
	sigset_t set;

	signal(SIGSYS, SIG_IGN);
	INSTALL(NR, IS(SYS_rt_sigpending, 1), RET(SECCOMP_RET_TRAP), ALLOW);
	sc(SYS_rt_sigpending, &set, 8);
	die("it lives");
}

static void nothing(int sig)
{
	(void)sig;
}

static void kills_sigreturn(void)
{
	INSTALL(NR, IS(SYS_rt_sigreturn, 1), RET(SECCOMP_RET_KILL_PROCESS), ALLOW);
	work();
	signal(SIGUSR1, nothing);
	raise(SIGUSR1);
	die("it lives");
}

#define ARG(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8 * (n))

static void by_argument(void)
{
	struct sigaction sa = { .sa_handler = nothing };
	sigset_t set;

	INSTALL(NR, IS(SYS_rt_sigaction, 3), ARG(0), IS(SIGUSR2, 1), RET(SECCOMP_RET_ERRNO | EPERM),
		NR, IS(SYS_rt_sigprocmask, 3), ARG(0), IS(SIG_UNBLOCK, 1),
		RET(SECCOMP_RET_ERRNO | ENOTDIR),
		NR, IS(SYS_prctl, 3), ARG(0), IS(PR_GET_DUMPABLE, 1),
		RET(SECCOMP_RET_ERRNO | ELOOP), ALLOW);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	for (int i = 0; i < 3; i++) {
		say("SIGUSR1: %s", sigaction(SIGUSR1, &sa, NULL) ? err_name(errno) : "fine");
		say("SIGUSR2: %s", sigaction(SIGUSR2, &sa, NULL) ? err_name(errno) : "fine");
		say("block: %s", sigprocmask(SIG_BLOCK, &set, NULL) ? err_name(errno) : "fine");
		say("unblock: %s", sigprocmask(SIG_UNBLOCK, &set, NULL) ? err_name(errno) : "fine");
		say("prctl: %s", outcome(sc(SYS_prctl, PR_GET_DUMPABLE)));
		say("prctl: %s", outcome(sc(SYS_prctl, PR_GET_NO_NEW_PRIVS)));
	}
}

/* The filter says "done" and nothing is done. */
static void pretends(void)
{
	struct sigaction sa = { .sa_handler = nothing };

	INSTALL(NR, IS(SYS_rt_sigaction, 1), RET(SECCOMP_RET_ERRNO | 0), ALLOW);
	say("sigaction: %d", sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	die("it lives");
}

/* The way of a network daemon's unprivileged child. */
static void only_few(void)
{
	char text[64];
	int p[2];

	must(pipe(p) == 0);
	INSTALL(NR, IS(SYS_read, 1), ALLOW, IS(SYS_write, 1), ALLOW, IS(SYS_exit, 1), ALLOW,
		RET(SECCOMP_RET_KILL_PROCESS));
	for (int i = 0; i < 200; i++) {
		if (sc(SYS_write, p[1], "0123456789", 10) != 10 ||
		    sc(SYS_read, p[0], text, sizeof(text)) != 10)
			sc(SYS_exit, 98);
	}
	sc(SYS_write, 1, "still there\n", 12);
	sc(SYS_exit, 5);
}

static void verdict_in_a(void)
{
	INSTALL(NR, IS(SYS_getppid, 2), BPF_STMT(BPF_LD | BPF_IMM, SECCOMP_RET_ERRNO | 21),
		BPF_STMT(BPF_RET | BPF_A, 0), BPF_STMT(BPF_LD | BPF_IMM, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_A, 0));
	say("getppid: %ld", sc(SYS_getppid));
	work();
}

/* A, X start as 0; cells keep what was stored. */
static void registers(void)
{
	INSTALL(IS(0, 3), BPF_STMT(BPF_MISC | BPF_TXA, 0), IS(0, 1),
		BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), RET(SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_IMM, 31), BPF_STMT(BPF_ST, 15), NR, IS(SYS_getppid, 3),
		BPF_STMT(BPF_LD | BPF_MEM, 15),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_A, 0), ALLOW);
	say("getppid: %ld", sc(SYS_getppid));
	work();
}

static void long_ones(void)
{
	static const unsigned lengths[] = { 4000, 4060, 4096, 4097, 65535 };
	static struct sock_filter f[65536];

	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		unsigned len = lengths[i];

		f[0] = (struct sock_filter)NR;
		f[1] = (struct sock_filter)IS(SYS_getppid, 1);
		f[2] = (struct sock_filter)RET(SECCOMP_RET_ERRNO | (unsigned)(50 + i));
		for (unsigned k = 3; k < len; k++)
			f[k] = (struct sock_filter)ALLOW;
		say("%u: %s", len, err_name(install(f, len, 0)));
		say("getppid: %ld", sc(SYS_getppid));
		work();
	}
}

static void unsound(void)
{
	struct sock_filter beyond[] = { NR, IS(SYS_getppid, 3), ALLOW, ALLOW };
	struct sock_filter far_jump[] = { BPF_JUMP(BPF_JMP | BPF_JA, 2, 0, 0), ALLOW, ALLOW };
	struct sock_filter no_end[] = { ALLOW, NR };
	struct sock_filter unwritten[] = { BPF_STMT(BPF_LD | BPF_MEM, 3), ALLOW };
	struct sock_filter way_around[] = { NR, IS(1, 1), BPF_STMT(BPF_ST, 2),
					    BPF_STMT(BPF_LD | BPF_MEM, 2), ALLOW };
	struct sock_filter after_return[] = { BPF_STMT(BPF_ST, 2), NR, IS(1, 1), ALLOW,
					      BPF_STMT(BPF_LD | BPF_MEM, 2), ALLOW };
	struct sock_fprog nowhere = { 3, (void *)8 };
	struct sock_filter odd_load[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), ALLOW };

	say("a branch beyond the end: %s", err_name(install(beyond, COUNT_OF(beyond), 0)));
	say("a jump beyond the end: %s", err_name(install(far_jump, COUNT_OF(far_jump), 0)));
	say("no return at the end: %s", err_name(install(no_end, COUNT_OF(no_end), 0)));
	say("an unwritten cell: %s", err_name(install(unwritten, COUNT_OF(unwritten), 0)));
	say("unwritten on one way: %s", err_name(install(way_around, COUNT_OF(way_around), 0)));
	say("written on all: %s", err_name(install(after_return, COUNT_OF(after_return), 0)));
	say("a load off its place: %s", err_name(install(odd_load, COUNT_OF(odd_load), 0)));
	say("without the instructions: %s",
	    err_name(sc(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &nowhere)));
	work();
}

/* The filters of an image are there for the next one, which is not what they were made for. */
static void over_exec_kills(void)
{
	INSTALL(NR, IS(SYS_socketpair, 1), RET(SECCOMP_RET_KILL_PROCESS),
		IS(SYS_recvmsg, 1), RET(SECCOMP_RET_KILL_PROCESS),
		IS(SYS_sigaltstack, 1), RET(SECCOMP_RET_KILL_PROCESS),
		IS(SYS_pwrite64, 1), RET(SECCOMP_RET_KILL_PROCESS),
		IS(SYS_membarrier, 1), RET(SECCOMP_RET_KILL_PROCESS),
		IS(SYS_rt_sigaction, 1), RET(SECCOMP_RET_KILL_PROCESS),
		IS(SYS_mmap, 5), ARG(2), IS(PROT_READ | PROT_EXEC, 3), ARG(4), IS(-1u, 1),
		RET(SECCOMP_RET_KILL_PROCESS), ALLOW);
	execl("/proc/self/exe", "again", "say-fine", NULL);
	die("exec: %s", err_name(errno));
}

static void say_fine(void)
{
	work();
	say("seccomp: %ld", sc(SYS_prctl, PR_GET_SECCOMP));
}

/* Filters on filters, each exec under more of them. */
static void over_execs(void)
{
	char depth[16];
	const char *now = getenv("TORTURE_DEPTH");
	int n = now ? atoi(now) : 0;

	INSTALL(NR, IS(SYS_getppid, 1), RET(SECCOMP_RET_ERRNO | (unsigned)(60 + n)), ALLOW);
	say("depth %d: %ld", n, sc(SYS_getppid));
	if (n == 4) {
		say("a shell: %s", status_name(system("exit 3")));
		return;
	}
	snprintf(depth, sizeof(depth), "%d", n + 1);
	setenv("TORTURE_DEPTH", depth, 1);
	execl("/proc/self/exe", "again", "over-execs", NULL);
	die("exec: %s", err_name(errno));
}

static volatile int strict_tid;
static void *strict_and_out(void *arg)
{
	(void)arg;
	strict_tid = gettid_raw();
	must(sc(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) == 0);
	sc(SYS_getpid);
	say("the thread lives");
	return NULL;
}

static void strict_thread(void)
{
	pthread_t t;

	must(pthread_create(&t, NULL, strict_and_out, NULL) == 0);
	/* The C library does not know of its end. */
	while (!strict_tid || thread_state(getpid(), strict_tid) != 'X')
		sched_yield();
	say("it is gone");
	work();
}

static void on_strict_signal(int sig)
{
	(void)sig;
	sc(SYS_write, 1, "a signal\n", 9);
}

/* Handlers run and return in strict mode. */
static void strict_signal(void)
{
	int in[2], out[2], status;
	char c;
	pid_t pid;

	must(pipe(in) == 0 && pipe(out) == 0);
	pid = fork_helper();
	if (pid == 0) {
		signal(SIGUSR1, on_strict_signal);
		must(sc(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, 0) == 0);
		sc(SYS_write, out[1], "r", 1);
		for (int i = 0; i < 3; i++) {
			while (sc(SYS_read, in[0], &c, 1) == -EINTR)
				;
			sc(SYS_write, out[1], "r", 1);
		}
		sc(SYS_exit, 7);
	}
	for (int i = 0; i < 3; i++) {
		must(read(out[0], &c, 1) == 1);
		wait_until_in(pid, pid, SYS_read);
		must(kill(pid, SIGUSR1) == 0);
		must(write(in[1], "x", 1) == 1);
	}
	status = wait_for(pid);
	say("%s", status_name(status));
}

static void strict_refused(void)
{
	INSTALL(ALLOW);
	say("strict after a filter: %s",
	    outcome(sc(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT)));
	say("strict with flags: %s", outcome(sc(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, 0)));
	say("strict with an argument: %s", outcome(sc(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, 8)));
	say("get: %ld", sc(SYS_prctl, PR_GET_SECCOMP));
}

static int listener;
static void *answer(void *arg)
{
	pthread_barrier_wait(arg);
	for (int i = 0; i < 10; i++) {
		struct seccomp_notif req = { 0 };
		struct seccomp_notif_resp resp = { 0 };

		must(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req) == 0);
		resp.id = req.id;
		if (req.data.nr == SYS_getppid)
			resp.val = 1000 + i;
		else
			resp.error = -ENOTTY;
		must(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) == 0);
	}
	return NULL;
}

static void notifies(void)
{
	struct sock_filter f[] = { NR, IS(SYS_getppid, 1), RET(SECCOMP_RET_USER_NOTIF),
				   IS(SYS_sigaltstack, 1), RET(SECCOMP_RET_USER_NOTIF), ALLOW };
	pthread_barrier_t b;
	pthread_t t;

	pthread_barrier_init(&b, NULL, 2);
	must(pthread_create(&t, NULL, answer, &b) == 0);
	listener = (int)install(f, COUNT_OF(f), SECCOMP_FILTER_FLAG_NEW_LISTENER);
	must(listener >= 0);
	say("listener: %d", listener);
	pthread_barrier_wait(&b);
	for (int i = 0; i < 5; i++) {
		say("getppid: %ld", sc(SYS_getppid));
		say("sigaltstack: %s", outcome(sc(SYS_sigaltstack, 0, 0)));
	}
	pthread_join(t, NULL);
}

/* Of one number, only the calls from the place that is known. */
#define POINTER(half) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
			       offsetof(struct seccomp_data, instruction_pointer) + 4 * (half))
#define AT_KNOWN_SITE(number, verdict) \
	NR, IS(number, 5), POINTER(0), IS((unsigned)(uintptr_t)(known_site + 2), 3), POINTER(1), \
		IS((unsigned)((uintptr_t)(known_site + 2) >> 32), 1), RET(verdict)

static void *known_in_thread(void *arg)
{
	say("in a new thread: %ld, elsewhere %s", known_call(SYS_getppid),
	    outcome(sc(SYS_getppid)));
	return NULL;
}

static void pointer_exact(void)
{
	pthread_t t;
	pid_t pid;

	on_signal(SIGSYS, on_known_trap, 0);
	INSTALL(AT_KNOWN_SITE(SYS_getppid, SECCOMP_RET_ERRNO | 17),
		AT_KNOWN_SITE(SYS_getuid, SECCOMP_RET_TRAP | 3),
		AT_KNOWN_SITE(SYS_sigaltstack, SECCOMP_RET_TRAP), ALLOW);
	INSTALL(NR, IS(SYS_getgid, 1), RET(SECCOMP_RET_ERRNO | 18), ALLOW);
	for (int i = 0; i < 10; i++) {
		if (known_call(SYS_getppid) != -17 || sc(SYS_getppid) < 0)
			die("getppid, round %d", i);
		if (known_call(SYS_getgid) != -18 || sc(SYS_getgid) != -18)
			die("getgid, round %d", i);
		addr_right = 0;
		if (known_call(SYS_getuid) != SYS_getuid || !addr_right || hits != 2 * i + 1)
			die("getuid, round %d", i);
		if (known_call(SYS_sigaltstack, 0L, 0L) != 4321 || sc(SYS_sigaltstack, 0, 0) != 0)
			die("sigaltstack, round %d", i);
		work();
	}
	must(pthread_create(&t, NULL, known_in_thread, NULL) == 0);
	pthread_join(t, NULL);
	pid = fork();
	must(pid >= 0);
	if (pid == 0)
		_exit(known_call(SYS_getppid) == -17 ? 21 : 22);
	say("in a child: %s", status_name(wait_for(pid)));
	say("a program: %s", status_name(system("exit 5")));
}

static void pointer_kills(void)
{
	INSTALL(AT_KNOWN_SITE(SYS_getppid, SECCOMP_RET_KILL_PROCESS), ALLOW);
	sc(SYS_getppid);
	work();
	known_call(SYS_getppid);
	die("it lives");
}

/* All threads; and verdicts that are computed only elsewhere. */
static void *known_before(void *arg)
{
	pthread_barrier_wait(arg);
	pthread_barrier_wait(arg);
	return known_in_thread(NULL);
}

static void pointer_all(void)
{
	struct sock_filter f[] = { AT_KNOWN_SITE(SYS_getppid, SECCOMP_RET_ERRNO | 19), ALLOW };
	pthread_barrier_t b;
	pthread_t t;

	pthread_barrier_init(&b, NULL, 2);
	must(pthread_create(&t, NULL, known_before, &b) == 0);
	pthread_barrier_wait(&b);
	must(install(f, COUNT_OF(f), SECCOMP_FILTER_FLAG_TSYNC) == 0);
	pthread_barrier_wait(&b);
	pthread_join(t, NULL);
}

/* With a gs base of the program's own. */
static void own_gs(void)
{
	static unsigned long there[8] = { 77 };
	unsigned long at = 0, value;

	must(sc(SYS_arch_prctl, ARCH_SET_GS, there) == 0);
	on_signal(SIGSYS, on_known_trap, 0);
	INSTALL(NR, IS(SYS_getppid, 1), RET(SECCOMP_RET_TRAP | 55), IS(SYS_sigaltstack, 1),
		RET(SECCOMP_RET_TRAP), IS(SYS_arch_prctl, 1), RET(SECCOMP_RET_ERRNO | 9), ALLOW);
	for (int i = 0; i < 5; i++) {
		addr_right = 0;
		if (known_call(SYS_getppid) != SYS_getppid || !addr_right)
			die("getppid, round %d", i);
		addr_right = 0;
		if (known_call(SYS_sigaltstack, 0L, 0L) != 4321 || !addr_right)
			die("sigaltstack, round %d", i);
		work();
	}
	__asm__ volatile("mov %%gs:0, %0" : "=r"(value));
	say("gs: %lu, %s", value, outcome(sc(SYS_arch_prctl, ARCH_GET_GS, &at)));
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "error", error }, { "error-for-ours", error_for_ours }, { "kills", kills },
		{ "kills-ours", kills_ours }, { "trap", trap }, { "trap-default", trap_default },
		{ "pointer", pointer }, { "strict", strict }, { "strict-dies", strict_dies },
		{ "refused", refused }, { "all-threads", all_threads }, { "over-exec", over_exec },
		{ "stacked", stacked }, { "trap-ours", trap_ours },
		{ "trap-blocked", trap_blocked }, { "trap-ignored", trap_ignored }, { "kills-sigreturn", kills_sigreturn },
		{ "by-argument", by_argument }, { "pretends", pretends }, { "only-few", only_few },
		{ "verdict-in-a", verdict_in_a }, { "registers", registers },
		{ "long-ones", long_ones }, { "unsound", unsound },
		{ "over-exec-kills", over_exec_kills }, { "say-fine", say_fine },
		{ "over-execs", over_execs }, { "strict-thread", strict_thread },
		{ "strict-signal", strict_signal }, { "strict-refused", strict_refused },
		{ "notifies", notifies }, { "pointer-exact", pointer_exact },
		{ "pointer-kills", pointer_kills }, { "pointer-all", pointer_all },
		{ "own-gs", own_gs },
	};

	RUN_CASES(cases, argc, argv);
	return 0;
}
