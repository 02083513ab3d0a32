/* SPDX-License-Identifier: Apache-2.0 */
/* torture: modes=run,no-patch,stats,userland */
/* What /proc says of the process, where it must be as it is without; and memory where it wants it. */
#include "torture.h"
#include <sys/auxv.h>

static void identity(void)
{
	char text[8192], path[4096];
	static const char *const lines[] = { "Name:",   "TracerPid:",  "Threads:", "SigBlk:",
					     "SigIgn:", "NoNewPrivs:", "Seccomp:", "CapEff:",
					     "Uid:",    "FDSize:" };
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	must(n > 0);
	path[n] = 0;
	say("exe ends in %.7s", strrchr(path, '/') + 1);
	must(slurp("/proc/self/status", text, sizeof(text)) > 0);
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		char *at = strstr(text, lines[i]);

		must(at);
		at[strcspn(at, "\n")] = 0;
		say("%s", at);
		at[strlen(at)] = '\n';
	}
	must(slurp("/proc/self/comm", text, sizeof(text)) > 0);
	text[7] = 0;
	say("comm %s", text);
	n = slurp("/proc/self/cmdline", text, sizeof(text));
	must(n > 7);
	say("cmdline has %zd bytes behind the name", n - (ssize_t)strlen(text) - 1);
	say("secure %lu, page size %lu, uid right %d", getauxval(AT_SECURE), getauxval(AT_PAGESZ),
	    getauxval(AT_UID) == getuid());
	must(getauxval(AT_PHDR) && getauxval(AT_ENTRY) && getauxval(AT_RANDOM));
	say("platform %s", (char *)getauxval(AT_PLATFORM));
	say("AT_EXECFN ends in %.7s", strrchr((char *)getauxval(AT_EXECFN), '/') + 1);
}

/* The heap grows by brk as far as the program likes. */
static void heap(void)
{
	char *start = (char *)sc(SYS_brk, 0), *at = start;

	for (int i = 0; i < 1000; i++) {
		char *want = at + (1 << 20);

		if ((char *)sc(SYS_brk, want) != want)
			die("brk stops after %d MB", i);
		at = want;
		at[-1] = 1;
	}
	must((char *)sc(SYS_brk, start) == start);
	say("1000 MB by brk");
}

/* Memory at fixed places, big reservations, all as the kernel alone would give them. */
static void fixed(void)
{
	/* None in the first GB: a static program's heap is somewhere there, each time elsewhere. */
	static const unsigned long places[] = { 0x10000,        0x100000000,    0x700000000,
						0xc000000000,   0x10000000000,  0x200000000000,
						0x600000000000, 0x620000000000, 0x7e0000000000 };
	void *p;

	/* where an address sanitizer keeps its shadow */
	p = (void *)sc(SYS_mmap, 0x00007fff8000, 0x10007fff8000 - 0x00007fff8000, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
	say("a sanitizer's shadow: %s", p == (void *)0x7fff8000 ? "there" : err_name((long)p));
	if (p == (void *)0x7fff8000)
		must(sc(SYS_munmap, p, 0x10007fff8000 - 0x00007fff8000) == 0);
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		p = (void *)sc(SYS_mmap, places[i], 4 << 20, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE,
			       -1, 0);
		say("at %#lx: %s", places[i], p == (void *)places[i] ? "there" : err_name((long)p));
	}
	p = (void *)sc(SYS_mmap, 0, 1ul << 44, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	say("16 TB reserved: %s", (long)p > 0 ? "there" : err_name((long)p));
	p = (void *)sc(SYS_mmap, 0, 1ul << 45, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	say("32 TB reserved: %s", (long)p > 0 ? "there" : err_name((long)p));
}

/*
 * MAP_FIXED and munmap over whatever /proc/self/maps does not list as the
 * program's: over every hole there is at start.  Nothing of the engine may
 * be hit, or it must say so by an errno, and never die.
 */
static void over_holes(void)
{
	static char maps[1 << 20];
	char *line = maps;
	unsigned long last = 0x10000;
	int holes = 0;

	must(slurp("/proc/self/maps", maps, sizeof(maps)) > 0);
	while (*line) {
		unsigned long low = strtoul(line, NULL, 16), high;
		char *dash = strchr(line, '-');

		high = strtoul(dash + 1, NULL, 16);
		if (low > last && low < 0x800000000000 && low - last >= 0x20000) {
			void *p = (void *)sc(SYS_mmap, last + 0x8000, 4096, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

			if (p == (void *)(last + 0x8000)) {
				*(volatile int *)p = 1;
				must(sc(SYS_munmap, p, 4096) == 0);
				holes++;
			}
			must(sc(SYS_getpid) == getpid());
		}
		last = high;
		line = strchr(line, '\n');
		if (!line)
			break;
		line++;
	}
	must(holes > 0);
	say("holes used");
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "identity", identity },
		{ "heap", heap },
		{ "fixed", fixed },
		{ "over-holes", over_holes },
	};

	return RUN_CASES(cases, argc, argv);
}
