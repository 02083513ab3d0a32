/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code in a file that is mapped, run, unmapped and replaced by a changed file
 * at the same address: what dlopen and dlclose do, without a loader, so that
 * every variant can show it.  And a program that looks at its own text.
 */
#include "torture.h"

static size_t emit(unsigned char *at, int nr, int pad)
{
	size_t n = 0;

	memset(at + n, 0x90, (size_t)pad);
	n += (size_t)pad;
	at[n++] = 0xb8;
	memcpy(at + n, &nr, 4);
	n += 4;
	at[n++] = 0x0f;
	at[n++] = 0x05;
	at[n++] = 0xc3;
	memset(at + n, 0xcc, 8);
	return n;
}

static unsigned char *load(const char *path, void *where)
{
	int fd = open(path, O_RDONLY);
	unsigned char *p = mmap(where, 8192, PROT_READ | PROT_EXEC,
				MAP_PRIVATE | (where ? MAP_FIXED : 0), fd, 0);

	must(fd >= 0 && p != MAP_FAILED);
	close(fd);
	return p;
}

static void store(const char *path, int nr, int pad)
{
	unsigned char page[8192];
	int fd;

	memset(page, 0xcc, sizeof(page));
	emit(page, nr, pad);
	emit(page + 4096, nr, pad);
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0755);
	must(fd >= 0 && write(fd, page, sizeof(page)) == (ssize_t)sizeof(page));
	close(fd);
}

static void check(unsigned char *p, long want, const char *what)
{
	for (int i = 0; i < 20; i++) {
		if (((long (*)(void))(uintptr_t)p)() != want)
			die("%s, first page", what);
		if (((long (*)(void))(uintptr_t)(p + 4096))() != want)
			die("%s, second page", what);
	}
}

static void reload(void)
{
	long pid = getpid(), parent = getppid();
	unsigned char *p;

	store("a", SYS_getpid, 0);
	store("b", SYS_getppid, 0);
	store("c", SYS_getppid, 3);
	p = load("a", NULL);
	for (long i = 0; i < rounds(200, 5000); i++) {
		check(p, pid, "a");
		load("b", p);
		check(p, parent, "b over a");
		must(munmap(p, 8192) == 0);
		load("c", p);
		check(p, parent, "c where b was");
		load("a", p);
	}
	say("replaced");
}

static void protect(void)
{
	unsigned char *p;
	long pid = getpid();

	store("a", SYS_getpid, 1);
	p = load("a", NULL);
	for (int i = 0; i < 100; i++) {
		check(p, pid, "before");
		/* a debugger's or a relocator's way: writable, executable again */
		must(mprotect(p, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
		check(p, pid, "writable");
		memset(p + 2048, i, 16);
		must(mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0);
		check(p, pid, "executable again");
		must(p[2048] == (unsigned char)i);
		must(mprotect(p, 8192, PROT_NONE) == 0);
		must(mprotect(p, 8192, PROT_READ | PROT_EXEC) == 0);
		check(p, pid, "after nothing was allowed");
		/* dropped pages come back from the file */
		must(madvise(p, 8192, MADV_DONTNEED) == 0);
		check(p, pid, "dropped");
	}
	say("protected and opened");
}

/* The file under the program is what it was, whatever the memory is. */
static void own_file(void)
{
	char path[4096];
	unsigned char block[65536];
	unsigned long sum = 0;
	int fd = open("/proc/self/exe", O_RDONLY);
	struct stat st;
	ssize_t n;

	must(fd >= 0 && fstat(fd, &st) == 0);
	while ((n = read(fd, block, sizeof(block))) > 0)
		for (ssize_t i = 0; i < n; i++)
			sum = sum * 31 + block[i];
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	must(n > 0);
	path[n] = 0;
	say("the program's file: %lld bytes, sum %lx", (long long)st.st_size, sum);
	say("its name ends in %s", strstr(path, "15-library") ? "15-library" : path);
}

/* A breakpoint over a call site, as a debugger sets it. */
static volatile int traps;
static unsigned char *site;
static void trapped(int sig, siginfo_t *info, void *context)
{
	traps++;
	must(mprotect(site, 8192, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	emit(site, SYS_getppid, 0);
	must(mprotect(site, 8192, PROT_READ | PROT_EXEC) == 0);
}

static void breakpoint(void)
{
	store("a", SYS_getpid, 0);
	site = load("a", NULL);
	check(site, getpid(), "before the breakpoint");
	on_signal(SIGTRAP, trapped, 0);
	must(mprotect(site, 8192, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	memset(site, 0x90, 16);
	site[4] = 0xcc;
	site[15] = 0xc3;
	must(mprotect(site, 8192, PROT_READ | PROT_EXEC) == 0);
	((void (*)(void))(uintptr_t)site)();
	must(((long (*)(void))(uintptr_t)site)() == getppid());
	say("%d trap", traps);
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "reload", reload }, { "protect", protect }, { "own-file", own_file },
		{ "breakpoint", breakpoint },
	};

	return RUN_CASES(cases, argc, argv);
}
