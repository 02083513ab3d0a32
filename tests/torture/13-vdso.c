/* SPDX-License-Identifier: Apache-2.0 */
/* Time comes by the vDSO, by real calls and by the vsyscall page, and all agree. */
#include "torture.h"
#include <sys/auxv.h>

static double seconds(const struct timespec *t)
{
	return (double)t->tv_sec + (double)t->tv_nsec / 1e9;
}

int main(void)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_TAI, CLOCK_MONOTONIC_RAW };
	unsigned long vdso = getauxval(AT_SYSINFO_EHDR);
	unsigned cpu = 99, node = 99;
	struct timeval tv;

	say("vDSO: %s", vdso && memcmp((void *)vdso, "\177ELF", 4) == 0 ? "there" : "not there");
	for (size_t i = 0; i < COUNT_OF(clocks); i++) {
		struct timespec a, b, c;

		must(clock_gettime(clocks[i], &a) == 0);
		must(sc(SYS_clock_gettime, clocks[i], &b) == 0);
		must(clock_gettime(clocks[i], &c) == 0);
		if (seconds(&b) < seconds(&a) - 0.011 || seconds(&c) < seconds(&b) - 0.011)
			die("clock %d runs backwards", (int)clocks[i]);
	}
	{
		struct timespec t;
		clockid_t own;

		/* these go to the kernel from within the vDSO */
		must(clock_getcpuclockid(getpid(), &own) == 0);
		must(clock_gettime(own, &t) == 0);
		say("bad clock: %s", err_name(clock_gettime(77, &t) ? errno : 0));
		say("bad clock by a call: %s", err_name(sc(SYS_clock_gettime, 77, &t)));
		say("bad pointer by a call: %s", err_name(sc(SYS_clock_gettime, 0, 8)));
	}
	must(gettimeofday(&tv, NULL) == 0 && tv.tv_sec > 1600000000);
	must(sc(SYS_gettimeofday, &tv, 0) == 0);
	must(labs(time(NULL) - tv.tv_sec) <= 1 && labs(sc(SYS_time, 0) - tv.tv_sec) <= 1);
	must(sc(SYS_getcpu, &cpu, &node, 0) == 0 && cpu < 4096);
	must(sched_getcpu() >= 0);
	/* the vsyscall page: time(2) at a fixed address, emulated by the kernel, if there is one */
	{
		char maps[65536];

		if (slurp("/proc/self/maps", maps, sizeof(maps)) > 0 && strstr(maps, "[vsyscall]")) {
			long (*vtime)(long *) = (long (*)(long *))0xffffffffff600400ul;

			must(labs(vtime(NULL) - tv.tv_sec) <= 2);
		}
	}
	{
		unsigned a, d;

		__asm__ volatile("rdtsc" : "=a"(a), "=d"(d));
		must(a | d);
	}
	say("all clocks agree");
	return 0;
}
