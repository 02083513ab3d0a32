/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.c - makes one system call, getppid, many times, in the way that its argument says.
 *
 *	plain	as it is; what is measured may be around it (waylay, strace, LD_PRELOAD)
 *	armed	with Syscall User Dispatch armed and everything allowed
 *	sigsys	with Syscall User Dispatch: each call is a SIGSYS, whose handler makes it
 *	trap	the same with a seccomp filter that returns RET_TRAP
 *
 * It lives as long as its stdin and does one round for each line that it is given there:
 * "libc N" calls the function of libc N times, "inline N" a system call instruction of its
 * own.  The answer is a line "NANOSECONDS VALUE REWRITTEN HANDLED": the time of the whole
 * loop, what the last call returned, whether the bytes of the system call instruction are
 * other ones than at the start (1 or 0), and how many getppid calls a handler of ours, or
 * the library of override.c, has seen until now.
 *
 * So several of these can be alive at once and be measured in turn.
 */
#include <dlfcn.h>
#include <err.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH	59
#define PR_SYS_DISPATCH_ON		1
#endif

#define NEAR 24		/* bytes around a system call instruction in which a rewrite shows */

static unsigned long handled;

/* ---- the only code whose calls are not caught in the modes sigsys and trap ---- */

extern const char allowed_begin[], allowed_end[];
long allowed_call(long nr, long a, long b, long c, long d, long e, long f);
void allowed_restorer(void);

__asm__(".pushsection .text.allowed, \"ax\", @progbits\n"
	".balign 4096\n"
	"allowed_begin:\n"
	"allowed_call:\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	mov %rdx, %rsi\n"
	"	mov %rcx, %rdx\n"
	"	mov %r8, %r10\n"
	"	mov %r9, %r8\n"
	"	mov 8(%rsp), %r9\n"
	"	syscall\n"
	"	ret\n"
	"allowed_restorer:\n"
	"	mov $15, %eax\n"
	"	syscall\n"
	".balign 4096\n"
	"allowed_end:\n"
	".popsection\n");

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	handled += info->si_syscall == SYS_getppid;
	r[REG_RAX] = allowed_call(info->si_syscall, r[REG_RDI], r[REG_RSI], r[REG_RDX],
				  r[REG_R10], r[REG_R8], r[REG_R9]);
}

/* libc's own sigaction() would put a restorer outside the allowed code. */
static void catch_sigsys(void)
{
	struct {
		void (*handler)(int, siginfo_t *, void *);
		unsigned long flags;
		void (*restorer)(void);
		unsigned long mask;
	} act = { on_sigsys, SA_SIGINFO | SA_NODEFER | 0x04000000 /* SA_RESTORER */,
		  allowed_restorer, 0 };

	if (syscall(SYS_rt_sigaction, SIGSYS, &act, NULL, 8) < 0)
		err(1, "rt_sigaction");
}

static void arm_dispatch(unsigned long start, unsigned long len)
{
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, start, len, 0) < 0)
		err(1, "Syscall User Dispatch");
}

static void install_filter(void)
{
	unsigned long at = (unsigned long)allowed_begin;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 3),
		/* The page is less than 4 GB long, so its low half tells enough here. */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xfffff000),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)at, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		err(1, "seccomp");
}

/* ---- what is measured ---- */

/* Not inlined, so that its one instruction is the one place that is looked at. */
__attribute__((noinline)) static long inline_getppid(void)
{
	long ret;

	__asm__ volatile("mov %[nr], %%eax\n"
			 "syscall\n"
			 : "=a"(ret) : [nr] "i"(SYS_getppid) : "rcx", "r11", "memory");
	return ret;
}

struct site {
	const unsigned char *at;
	unsigned char before[2 * NEAR];
};

static void remember(struct site *site, unsigned long at)
{
	site->at = (const unsigned char *)(at - NEAR);
	memcpy(site->before, site->at, sizeof(site->before));
}

static bool rewritten(const struct site *site)
{
	return memcmp(site->before, site->at, sizeof(site->before)) != 0;
}

/* The system call instruction of a function. */
static unsigned long find_call(const void *function)
{
	const unsigned char *p = function;

	for (int i = 0; i < 64; i++) {
		if (p[i] == 0x0f && p[i + 1] == 0x05)
			return (unsigned long)(p + i);
	}
	errx(1, "where is the system call of getppid?");
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	const char *mode = argc == 2 ? argv[1] : "";
	unsigned long *seen_by_override = dlsym(RTLD_DEFAULT, "override_calls");
	void *libc = dlopen("libc.so.6", RTLD_LAZY);
	struct site in_libc, in_here;
	char line[64], how[16];
	unsigned long n;

	if (!libc)
		errx(1, "%s", dlerror());
	remember(&in_libc, find_call(dlsym(libc, "getppid")));
	remember(&in_here, find_call((const void *)inline_getppid));
	setvbuf(stdout, NULL, _IOLBF, 0);

	if (!strcmp(mode, "armed")) {
		arm_dispatch(4096, (1ul << 47) - 8192);
	} else if (!strcmp(mode, "sigsys")) {
		catch_sigsys();
		arm_dispatch((unsigned long)allowed_begin,
			     (unsigned long)(allowed_end - allowed_begin));
	} else if (!strcmp(mode, "trap")) {
		catch_sigsys();
		install_filter();
	} else if (strcmp(mode, "plain") != 0) {
		errx(2, "usage: loop plain|armed|sigsys|trap");
	}

	while (fgets(line, sizeof(line), stdin) && sscanf(line, "%15s %lu", how, &n) == 2) {
		bool by_libc = !strcmp(how, "libc");
		double begin, end;
		long value = 0;

		begin = now();
		if (by_libc) {
			for (unsigned long i = 0; i < n; i++)
				value = getppid();
		} else {
			for (unsigned long i = 0; i < n; i++)
				value = inline_getppid();
		}
		end = now();
		printf("%.0f %ld %d %lu\n", end - begin, value,
		       rewritten(by_libc ? &in_libc : &in_here),
		       seen_by_override ? *seen_by_override : handled);
	}
	return 0;
}
