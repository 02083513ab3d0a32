/* SPDX-License-Identifier: Apache-2.0 */
/* Restartable sequences: the thread's registration is its own, and critical sections restart. */
#include "torture.h"
#include <linux/rseq.h>
#include <pthread.h>

static __thread struct rseq area __attribute__((aligned(32)));
static volatile unsigned long counter_per_cpu[256];
#define SIG 0x53053053

/* Adds one to the counter of this processor by a restartable sequence; counts the restarts. */
static long add_one(struct rseq *rs, volatile unsigned long *counters)
{
	long restarts = 0;

	for (;;) {
		int again = 0;

		__asm__ volatile goto(
			".pushsection .data.rel.ro, \"aw\"\n\t.balign 32\n"
			"1:	.long 0, 0\n\t.quad 2f, 3f - 2f, 4f\n\t.popsection\n\t"
			"lea 1b(%%rip), %%rax\n\t"
			"mov %%rax, 8(%0)\n"
			"2:	mov 4(%0), %%eax\n\t"
			"lea (%1,%%rax,8), %%rcx\n\t"
			"mov (%%rcx), %%rdx\n\t"
			/* a while in the section, so that preemption hits it sometimes */
			"mov $40, %%eax\n5:\tdec %%eax\n\tjnz 5b\n\t"
			"inc %%rdx\n\t"
			"mov %%rdx, (%%rcx)\n"
			"3:\n\t"
			"jmp 6f\n\t"
			".long 0x53053053\n"
			"4:	jmp %l2\n"
			"6:\n"
			: : "r"(rs), "r"(counters)
			: "rax", "rcx", "rdx", "memory", "cc" : aborted);
		again = 1;
aborted:
		rs->rseq_cs = 0;
		if (again)
			return restarts;
		restarts++;
	}
}

static void *thread(void *arg)
{
	long count = rounds(200000, 20000000);
	unsigned long *made = arg;
	long ret = sc(SYS_rseq, &area, 32, 0, SIG);

	if (ret != 0)
		die("rseq: %s", err_name(ret));
	for (long i = 0; i < count; i++) {
		add_one(&area, counter_per_cpu);
		if (i % 1000 == 0 && sc(SYS_getpid) != getpid())
			die("getpid");
	}
	*made = (unsigned long)count;
	ret = sc(SYS_rseq, &area, 32, 1, SIG);
	if (ret != 0)
		die("unregister: %s", err_name(ret));
	return NULL;
}

int main(void)
{
	unsigned long made[4] = { 0 }, sum = 0, want = 0;
	pthread_t t[4];
	long ret;

	/* glibc has registered every thread: that must go first; musl has not */
	ret = sc(SYS_rseq, &area, 32, 0, SIG);
	if (ret == -EINVAL || ret == -EBUSY || ret == -EPERM) {
		setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
		if (getenv("RSEQ_AGAIN"))
			skip("rseq cannot be taken from libc");
		setenv("RSEQ_AGAIN", "1", 1);
		execl("/proc/self/exe", "19-rseq", NULL);
	}
	if (ret == -ENOSYS)
		skip("the kernel has no rseq");
	must(ret == 0);
	say("registered; again: %s", err_name(sc(SYS_rseq, &area, 32, 0, SIG)));
	say("other signature: %s", err_name(sc(SYS_rseq, &area, 32, 1, SIG + 1)));
	must((int)area.cpu_id >= 0);
	must(sc(SYS_rseq, &area, 32, 1, SIG) == 0);
	say("unregistered; again: %s", err_name(sc(SYS_rseq, &area, 32, 1, SIG)));
	for (int i = 0; i < 4; i++)
		must(pthread_create(&t[i], NULL, thread, &made[i]) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 256; i++)
		sum += counter_per_cpu[i];
	for (int i = 0; i < 4; i++)
		want += made[i];
	if (sum != want)
		die("%lu counted, %lu made", sum, want);
	say("no count was lost");
	return 0;
}
