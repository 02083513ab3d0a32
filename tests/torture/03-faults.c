/* SPDX-License-Identifier: Apache-2.0 */
/* SIGSEGV, SIGBUS and their like in the program's own hands: garbage collectors live from this. */
#include "torture.h"
#include <setjmp.h>
#include <ucontext.h>

static char *area;
static volatile int hits;
static sigjmp_buf back;

static void open_page(int sig, siginfo_t *info, void *context)
{
	char *page = (char *)((unsigned long)info->si_addr & ~4095ul);
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	if (sig != SIGSEGV || info->si_code != SEGV_ACCERR || page < area || page >= area + (1 << 20))
		die("signal %d code %d at %p", sig, info->si_code, info->si_addr);
	if (r[REG_TRAPNO] != 14 || !(r[REG_ERR] & 2) || r[REG_CR2] != (greg_t)info->si_addr)
		die("trap %lld error %#llx", (long long)r[REG_TRAPNO], (long long)r[REG_ERR]);
	hits++;
	must(sc(SYS_mprotect, page, 4096, PROT_READ | PROT_WRITE) == 0);
}

/* Write barriers: each first write to a page faults, the handler opens it, the write goes on. */
static void barrier(void)
{
	area = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(area != MAP_FAILED);
	on_signal(SIGSEGV, open_page, 0);
	for (int round = 0; round < 10; round++) {
		must(mprotect(area, 1 << 20, PROT_READ) == 0);
		for (int i = 0; i < 1 << 20; i += 2048)
			area[i]++;
	}
	say("%d write barriers, value %d", hits, area[0]);
	hits = 0;
	must(mprotect(area, 1 << 20, PROT_READ) == 0);
	say("a call does not fault: %s, %d handled", err_name(sc(SYS_read, open("/dev/zero", O_RDONLY),
								 area, 4096)), hits);
}

static void jump(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	say("  %s code %d address %s trap %lld", sig_name(sig), info->si_code,
	    info->si_addr == NULL ? "0" : info->si_addr == (void *)8 ? "8" : "other",
	    (long long)r[REG_TRAPNO]);
	siglongjmp(back, 1);
}

#define CATCH(what, ...) \
	do { \
		say("%s:", what); \
		if (sigsetjmp(back, 1) == 0) { \
			__VA_ARGS__; \
			say("  nothing"); \
		} \
	} while (0)

static void kinds(void)
{
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
	volatile long eight = 8;
	char *file;
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (size_t i = 0; i < COUNT_OF(sigs); i++)
		on_signal(sigs[i], jump, 0);
	CATCH("read at 8", (void)*(volatile char *)eight);
	CATCH("write at 8", *(volatile char *)eight = 1);
	CATCH("not canonical", (void)*(volatile char *)(eight << 57));
	CATCH("jump to 8", ((void (*)(void))eight)());
	CATCH("division by 0", __asm__ volatile("idivl %0" : : "r"(0), "a"(1), "d"(0)));
	CATCH("ud2", __asm__ volatile("ud2"));
	CATCH("int3", __asm__ volatile("int3"));
	CATCH("hlt", __asm__ volatile("hlt"));
	CATCH("int 0x81", __asm__ volatile("int $0x81"));
	must(ftruncate(fd, 4096) == 0);
	file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(file != MAP_FAILED);
	CATCH("behind the end of a file", (void)*(volatile char *)(file + 4096));
	CATCH("a call there", must(sc(SYS_write, 1, file + 4096, 1) == -EFAULT));
}

static void blocked_kinds(void)
{
	sigset_t all;

	sigfillset(&all);
	on_signal(SIGFPE, jump, 0);
	on_signal(SIGBUS, jump, 0);
	must(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			if (i == 0)
				__asm__ volatile("idivl %0" : : "r"(0), "a"(1), "d"(0));
			else if (i == 1)
				__asm__ volatile("ud2");
			else
				__asm__ volatile("int3");
			_exit(1);
		}
		say("fault %d with all blocked: %s", i, status_name(wait_for(pid)));
	}
}

/* Faults in a loop with jumps out, a hundred thousand times in all. */
static void quiet_jump(int sig, siginfo_t *info, void *context)
{
	sc(SYS_getpid);
	siglongjmp(back, 1);
}

static void often(void)
{
	volatile long done = 0, eight = 8;

	on_signal(SIGSEGV, quiet_jump, 0);
	while (done < rounds(5000, 100000)) {
		if (sigsetjmp(back, 1) == 0)
			*(volatile char *)eight = 1;
		done++;
	}
	say("%ld faults jumped out of", done);
}

/* A fault in the handler of a fault, with and without SA_NODEFER. */
static void fault_again(int sig, siginfo_t *info, void *context)
{
	volatile long eight = 8;

	if (++hits < 5)
		*(volatile char *)eight = 1;
	siglongjmp(back, 1);
}

static void nested(void)
{
	volatile long eight = 8;
	pid_t pid;

	on_signal(SIGSEGV, fault_again, SA_NODEFER);
	if (sigsetjmp(back, 1) == 0)
		*(volatile char *)eight = 1;
	say("nested faults: %d", hits);
	pid = fork();
	if (pid == 0) {
		hits = 0;
		on_signal(SIGSEGV, fault_again, 0);
		*(volatile char *)eight = 1;
		_exit(1);
	}
	say("nested without SA_NODEFER: %s", status_name(wait_for(pid)));
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "barrier", barrier }, { "kinds", kinds }, { "blocked", blocked_kinds },
		{ "often", often }, { "nested", nested },
	};

	return RUN_CASES(cases, argc, argv);
}
