/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: changed in the handler (where it goes on, registers, mask), nested,
 * made by hand, left for ever and come back to.
 */
#include "torture.h"
#include <ucontext.h>

static volatile int hits, landed;
static char stack[65536] __attribute__((aligned(16)));

/* A handler moves the program on: over the faulting instruction, with a result in rax. */
static void step_over(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	r[REG_RIP] += 2;		/* ud2 */
	r[REG_RAX] = 0x1234;
	r[REG_RBX] += 1;
	r[REG_R15] = 0x5678;
}

static void changed_rip(void)
{
	on_signal(SIGILL, step_over, 0);
	for (long i = 0; i < rounds(2000, 100000); i++) {
		long a = 0, b = i, c = 0;

		__asm__ volatile("mov %1, %%rbx\n\txor %%r15d, %%r15d\n\tud2\n\tmov %%rbx, %1\n\t"
				 "mov %%r15, %2" : "=a"(a), "+r"(b), "=r"(c) : : "rbx", "r15");
		if (a != 0x1234 || b != i + 1 || c != 0x5678)
			die("registers %#lx %ld %#lx", a, b, c);
	}
	say("registers changed in the frame are changed");
}

/* A handler turns a blocked call's frame to other code and another stack. */
extern const char blocked_site[];
static void elsewhere(void)
{
	landed = 1;
	say("landed elsewhere, result of a call there: %s", err_name(sc(SYS_close, -1)));
	_exit(5);
}

static void redirect(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	r[REG_RIP] = (greg_t)elsewhere;
	r[REG_RSP] = (greg_t)(stack + sizeof(stack) - 8);
}

static void redirect_blocked(void)
{
	int p[2];
	char c;
	pid_t self = getpid();

	must(pipe(p) == 0);
	on_signal(SIGUSR1, redirect, SA_RESTART);
	if (fork_helper() == 0) {
		wait_until_in(self, self, SYS_read);
		kill(self, SIGUSR1);
		_exit(0);
	}
	read(p[0], &c, 1);
	die("the read ended");
}

/* The frame of a call that waits and is restarted: the handler reads and changes the arguments. */
static int pipe_a[2], pipe_b[2];
static char buffer_b[8];
static void other_pipe(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	hits++;
	say("rax %lld, descriptor %s, length %lld, at a syscall instruction: %s",
	    (long long)r[REG_RAX], r[REG_RDI] == pipe_a[0] ? "right" : "wrong",
	    (long long)r[REG_RDX],
	    r[REG_RIP] == (greg_t)blocked_site ? "yes" : "no");
	r[REG_RDI] = pipe_b[0];
	r[REG_RSI] = (greg_t)buffer_b;
	r[REG_RDX] = 3;
}

static void changed_arguments(void)
{
	char buffer_a[8] = "";
	long ret;
	pid_t self = getpid();

	must(pipe(pipe_a) == 0 && pipe(pipe_b) == 0 && write(pipe_b[1], "other", 5) == 5);
	on_signal(SIGUSR1, other_pipe, SA_RESTART);
	if (fork_helper() == 0) {
		wait_until_in(self, self, SYS_read);
		kill(self, SIGUSR1);
		_exit(0);
	}
	__asm__ volatile(".globl blocked_site\nblocked_site:\n\tsyscall"
			 : "=a"(ret) : "0"(SYS_read), "D"(pipe_a[0]), "S"(buffer_a), "d"(8L)
			 : "rcx", "r11", "memory");
	say("read %ld bytes: \"%s\" here, \"%s\" there", ret, buffer_a, buffer_b);
}

static void depth_handler(int sig, siginfo_t *info, void *context)
{
	unsigned long mask = 0;

	hits++;
	if (hits < 10)
		raise(SIGUSR1);
	sc(SYS_rt_sigprocmask, 0, 0, &mask, 8);
	if (mask)
		die("mask %#lx", mask);
}

static void nested(void)
{
	on_signal(SIGUSR1, depth_handler, SA_NODEFER);
	raise(SIGUSR1);
	say("nested %d deep", hits);
}

/* The mask in the frame decides what is blocked afterwards. */
static void set_mask(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	unsigned long *mask = (unsigned long *)&uc->uc_sigmask;

	say("mask in the frame %#lx", *mask);
	*mask = 1ul << (SIGUSR2 - 1) | 1ul << (SIGSYS - 1) | 1ul << (SIGSEGV - 1) |
		1ul << (SIGKILL - 1);
}

static void frame_mask(void)
{
	unsigned long mask = 1ul << (SIGHUP - 1) | 1ul << (SIGSYS - 1);

	must(sc(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, 8) == 0);
	on_signal(SIGUSR1, set_mask, 0);
	raise(SIGUSR1);
	sc(SYS_rt_sigprocmask, 0, 0, &mask, 8);
	say("mask afterwards %#lx", mask);
}

/*
 * A frame made by hand: a copy of one that the kernel made is put somewhere
 * else, changed, and given to rt_sigreturn with rsp on it.
 */
static ucontext_t saved;
static void save(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	/* the kernel's ucontext ends behind the 8 bytes of the mask */
	memcpy(&saved, uc, offsetof(ucontext_t, uc_sigmask) + 8);
}

extern const char forged_target[];
static void forged(void)
{
	static char frame[8192] __attribute__((aligned(64)));
	long got = 0;

	on_signal(SIGUSR1, save, 0);
	raise(SIGUSR1);
	for (int i = 0; i < 100; i++) {
		ucontext_t *uc = (ucontext_t *)(frame + 4096);

		memcpy(uc, &saved, offsetof(ucontext_t, uc_sigmask) + 8);
		uc->uc_mcontext.fpregs = NULL;		/* then the state is made anew */
		uc->uc_mcontext.gregs[REG_RIP] = (greg_t)forged_target;
		uc->uc_mcontext.gregs[REG_RAX] = 77;
		uc->uc_mcontext.gregs[REG_RBX] = (greg_t)uc;
		uc->uc_mcontext.gregs[REG_R12] = 4711;
		got = 0;
		__asm__ volatile("mov %%rsp, %%r13\n\tmov %%rbp, %%r14\n\t"
				 "mov %%r13, %c[rsp](%[uc])\n\tmov %%r14, %c[rbp](%[uc])\n\t"
				 "mov %[uc], %%rsp\n\t"
				 "mov $15, %%eax\n\tsyscall\n\tud2\n"
				 ".globl forged_target\nforged_target:\n\t"
				 "lea (%%rax,%%r12), %%rax"
				 : "=&a"(got)
				 : [uc] "b"(uc),
				   [rsp] "i"(offsetof(ucontext_t, uc_mcontext.gregs[REG_RSP])),
				   [rbp] "i"(offsetof(ucontext_t, uc_mcontext.gregs[REG_RBP]))
				 : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
				   "r14", "r15", "memory", "cc");
		if (got != 77 + 4711)
			die("a frame made by hand gave %ld", got);
		if (sc(SYS_close, -1) != -EBADF)
			die("a call afterwards");
	}
	say("100 frames made by hand");
}

/* Nothing at rsp that the kernel could read: SIGSEGV. */
static void bad_frame(void)
{
	__asm__ volatile("mov $4096, %%esp\n\tmov $15, %%eax\n\tsyscall\n\tud2" : : : "memory");
}

static void bad_frame_handled_on(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	say("%s, code %s, rsp %#llx", sig_name(sig), info->si_code == SI_KERNEL ? "SI_KERNEL" : "?",
	    (long long)r[REG_RSP]);
	_exit(8);
}

static void bad_frame_handled(void)
{
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };

	must(sigaltstack(&alt, NULL) == 0);
	on_signal(SIGSEGV, bad_frame_handled_on, SA_ONSTACK);
	bad_frame();
}

/* No room for the frame on the stack: the kernel kills by SIGSEGV whatever is set. */
static void no_room(void)
{
	on_signal(SIGUSR1, save, 0);
	__asm__ volatile("mov $8192, %%esp\n\tmov %0, %%edi\n\tmov $10, %%esi\n\tmov $62, %%eax\n\t"
			 "syscall\n\tud2" : : "r"(getpid()) : "memory");
}

/* The x87 and SSE state in the frame is the program's: what a handler changes is changed. */
static void change_sse(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	unsigned *xmm = (unsigned *)((char *)uc->uc_mcontext.fpregs + 160);

	if (xmm[0] != 0x3f800000)
		die("xmm0 in the frame is %#x", xmm[0]);
	xmm[0] = 0x40000000;
	__asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n\tpcmpeqd %%xmm7, %%xmm7" : : : "xmm0", "xmm7");
}

static void sse(void)
{
	on_signal(SIGUSR1, change_sse, 0);
	for (int i = 0; i < 1000; i++) {
		float f = 1.0f;
		long ret;

		__asm__ volatile("movd %k1, %%xmm0\n\tsyscall\n\tmovd %%xmm0, %k1"
				 : "=a"(ret), "+b"(f)
				 : "0"(SYS_tgkill), "D"(getpid()), "S"(getpid()), "d"(SIGUSR1)
				 : "rcx", "r11", "memory", "xmm0", "xmm7");
		if (f != 2.0f || ret != 0)
			die("xmm0 is %f", (double)f);
	}
	say("state of SSE in the frame");
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "changed-rip", changed_rip }, { "redirect-blocked", redirect_blocked },
		{ "changed-arguments", changed_arguments }, { "nested", nested },
		{ "frame-mask", frame_mask }, { "forged", forged }, { "bad-frame", bad_frame },
		{ "bad-frame-handled", bad_frame_handled }, { "no-room", no_room }, { "sse", sse },
	};

	RUN_CASES(cases, argc, argv);
	return 0;
}
