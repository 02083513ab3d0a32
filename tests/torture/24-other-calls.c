/* SPDX-License-Identifier: Apache-2.0 */
/* Calls by int 0x80, by the other numbers, and numbers that do not exist. */
#include "torture.h"

static long int80(long nr, long b, long c, long d)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "0"(nr), "b"(b), "c"(c), "d"(d)
			 : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

/* The same with everything else fixed: int 0x80 keeps all registers, rcx and r11 too. */
static int int80_registers(void)
{
	unsigned long r8 = 0, r11 = 0, rcx = 0;
	long ret;

	__asm__ volatile("mov $0x1234567812345678, %%r11\n\tmov $0x1111222233334444, %%r8\n\t"
			 "mov $20, %%eax\n\tmov $0x5555666677778888, %%rcx\n\t"
			 "int $0x80\n\t"
			 "mov %%r11, %0\n\tmov %%r8, %1\n\tmov %%rcx, %2"
			 : "=&m"(r11), "=&m"(r8), "=&m"(rcx), "=&a"(ret)
			 : : "rcx", "r8", "r9", "r10", "r11", "memory");
	return ret == getpid() && r11 == 0x1234567812345678 && r8 == 0x1111222233334444 &&
	       rcx == 0x5555666677778888;
}

static volatile int hits;
static void handler(int sig, siginfo_t *info, void *context)
{
	hits++;
}

int main(void)
{
	static const char text[] = "by int 0x80\n";
	void *low = mmap((void *)0x20000000, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	must(low == (void *)0x20000000);
	memcpy(low, text, sizeof(text));
	say("getpid by int 0x80: %s", int80(20, 0, 0, 0) == getpid() ? "right" : "wrong");
	say("write by int 0x80: %ld", int80(4, 1, 0x20000000, sizeof(text) - 1));
	say("registers: %s", int80_registers() ? "kept" : "changed");
	say("unknown by int 0x80: %s", err_name(int80(9999, 0, 0, 0)));
	say("close(-1) by int 0x80: %s", err_name(int80(6, -1, 0, 0)));
	say("exit by int 0x80:");
	{
		pid_t pid = fork();

		if (pid == 0) {
			int80(1, 21, 0, 0);
			_exit(1);
		}
		say("  %s", status_name(wait_for(pid)));
		/* fork (2), kill (37), pause (29), sigaction in the other table */
		pid = (pid_t)int80(2, 0, 0, 0);
		if (pid == 0) {
			must(sc(SYS_getpid) == getpid() || 1);
			sc(SYS_exit_group, 22);
		}
		say("  fork by int 0x80: %s", status_name(wait_for(pid)));
		on_signal(SIGUSR1, handler, 0);
		say("  kill by int 0x80: %s", outcome(int80(37, getpid(), SIGUSR1, 0)));
		say("  %d handled", hits);
	}
	for (int i = 0; i < 1000; i++)
		must(int80(20, 0, 0, 0) == getpid());
	say("x32 getpid: %s", err_name(sc(0x40000000 + SYS_getpid)));
	say("x32 high: %s", err_name(sc(0x40000000 + 520)));
	say("-1: %s", err_name(sc(-1)));
	say("1 << 62: %s", err_name(sc((1l << 62) + 9999)));
	for (long nr = 470; nr < 600; nr++) {
		long ret = sc(nr, -1, -1, -1, -1, -1, -1);

		if (ret != -ENOSYS && nr >= 512)
			die("call %ld: %s", nr, err_name(ret));
	}
	say("numbers beyond the table are ENOSYS");
	return 0;
}
