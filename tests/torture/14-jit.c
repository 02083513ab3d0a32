/* SPDX-License-Identifier: Apache-2.0 */
/* Code made at run time, with calls in it: written, run, rewritten, moved, unmapped, remapped. */
#include "torture.h"

/* Each piece: mov $nr,%eax; syscall; [pad]; ret.  `pad` shifts what stands around the call. */
static size_t emit(unsigned char *at, int nr, int pad)
{
	size_t n = 0;

	at[n++] = 0xb8;
	memcpy(at + n, &nr, 4);
	n += 4;
	for (int i = 0; i < pad; i++)
		at[n++] = 0x90;
	at[n++] = 0x0f;
	at[n++] = 0x05;
	for (int i = 0; i < pad; i++)
		at[n++] = 0x90;
	at[n++] = 0xc3;
	return n;
}

/* mov $value,%eax; ret: no call at all where there was one */
static void emit_constant(unsigned char *at, int value)
{
	at[0] = 0xb8;
	memcpy(at + 1, &value, 4);
	at[5] = 0xc3;
	memset(at + 6, 0xcc, 10);
}

typedef long (*fn)(void);

static void ask(const unsigned char *code, long want, const char *what)
{
	for (int i = 0; i < 50; i++) {
		long got = ((fn)(uintptr_t)code)();

		if (got != want)
			die("%s: %ld, not %ld (round %d)", what, got, want, i);
	}
}

static unsigned char *map(int prot, int flags)
{
	unsigned char *p = mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	must(p != MAP_FAILED);
	return p;
}

static void write_then_run(void)
{
	unsigned char *p = map(PROT_READ | PROT_WRITE, 0);
	long pid = getpid(), parent = getppid();

	for (long i = 0; i < rounds(100, 5000); i++) {
		int which = (int)(i % 3);

		if (which == 2)
			emit_constant(p, 4711);
		else
			emit(p, which ? SYS_getppid : SYS_getpid, (int)(i % 7));
		must(mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0);
		ask(p, which == 2 ? 4711 : which ? parent : pid, "write then run");
		must(mprotect(p, 4096, PROT_READ | PROT_WRITE) == 0);
	}
	say("written, run, written again");
}

static void writable_and_executable(void)
{
	unsigned char *p = map(PROT_READ | PROT_WRITE | PROT_EXEC, 0);
	long pid = getpid(), parent = getppid();

	for (long i = 0; i < rounds(2000, 50000); i++) {
		int which = (int)(i % 3);
		long got;

		if (which == 2)
			emit_constant(p, (int)i);
		else
			emit(p, which ? SYS_getppid : SYS_getpid, (int)(i % 5));
		got = ((fn)(uintptr_t)p)();
		if (got != (which == 2 ? i : which ? parent : pid))
			die("round %ld: %ld", i, got);
	}
	ask(p, (rounds(2000, 50000) - 1) % 3 == 2 ? rounds(2000, 50000) - 1 :
	    (rounds(2000, 50000) - 1) % 3 ? parent : pid, "writable");
	/* the program reads its own code back: it is what it wrote, on a page it may write */
	emit(p, SYS_getpid, 3);
	ask(p, pid, "read back");
	must(p[8] == 0x0f && p[9] == 0x05);
	say("writable and executable at once");
}

static void remapped(void)
{
	unsigned char *p = map(PROT_READ | PROT_WRITE | PROT_EXEC, 0);
	long pid = getpid(), parent = getppid();

	for (long i = 0; i < rounds(200, 5000); i++) {
		unsigned char *q;

		emit(p, SYS_getpid, 0);
		ask(p, pid, "before");
		if (i & 1) {
			must(munmap(p, 4096) == 0);
			q = mmap(p, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		} else {
			q = mmap(p, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		}
		must(q == p && p[0] == 0);
		emit_constant(p, 99);
		ask(p, 99, "other code at the same address");
		emit(p, SYS_getppid, 0);
		ask(p, parent, "another call at the same address");
		q = map(PROT_READ | PROT_WRITE | PROT_EXEC, 0);
		emit(q, SYS_getpid, 0);
		ask(q, pid, "elsewhere");
		must(mremap(q, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p);
		ask(p, pid, "moved");
		must(madvise(p, 4096, MADV_DONTNEED) == 0 && p[0] == 0);
	}
	say("unmapped, replaced, moved, dropped");
}

/* One file, two addresses: written through one, run through the other. */
static void two_views(void)
{
	int fd = (int)sc(SYS_memfd_create, "jit", 0);
	unsigned char *w, *x;
	long pid = getpid(), parent = getppid();

	must(fd >= 0 && ftruncate(fd, 8192) == 0);
	w = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	x = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	must(w != MAP_FAILED && x != MAP_FAILED);
	for (long i = 0; i < rounds(500, 20000); i++) {
		emit(w, i & 1 ? SYS_getppid : SYS_getpid, (int)(i % 6));
		ask(x, i & 1 ? parent : pid, "second view");
		if (memcmp(w, x, 32) != 0)
			die("the views differ in round %ld", i);
	}
	say("two views of one memory");
}

/* Code in a private mapping of a file: the file is never touched. */
static void file_text(void)
{
	unsigned char page[4096], again[4096], *x, *s;
	int fd = open("code", O_RDWR | O_CREAT | O_TRUNC, 0755);

	memset(page, 0xcc, sizeof(page));
	emit(page, SYS_getpid, 0);
	emit(page + 64, SYS_getppid, 5);
	must(fd >= 0 && write(fd, page, 4096) == 4096);
	x = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	s = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	must(x != MAP_FAILED && s != MAP_FAILED);
	ask(x, getpid(), "private");
	ask(x + 64, getppid(), "private");
	ask(s, getpid(), "shared");
	ask(s + 64, getppid(), "shared");
	must(pread(fd, again, 4096, 0) == 4096);
	say("the file: %s", memcmp(page, again, 4096) ? "changed" : "as it was");
	/* the file changes under a page that nobody wrote to */
	emit(page, SYS_getppid, 0);
	must(pwrite(fd, page, 4096, 0) == 4096);
	ask(s, getppid(), "shared, file changed");
	say("shared code follows its file");
}

/* Many sites on one page, and sites over the border of two pages. */
static void borders(void)
{
	unsigned char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long pid = getpid();

	for (int at = 4096 - 24; at <= 4096; at++) {
		must(mprotect(p, 8192, PROT_READ | PROT_WRITE) == 0);
		memset(p, 0xcc, 8192);
		emit(p + at, SYS_getpid, 0);
		must(mprotect(p, 8192, PROT_READ | PROT_EXEC) == 0);
		ask(p + at, pid, "at the border");
	}
	must(mprotect(p, 8192, PROT_READ | PROT_WRITE) == 0);
	memset(p, 0xcc, 8192);
	for (int at = 0; at + 16 <= 8192; at += 16)
		emit(p + at, SYS_getpid, 0);
	must(mprotect(p, 8192, PROT_READ | PROT_EXEC) == 0);
	for (int at = 0; at + 16 <= 8192; at += 16)
		ask(p + at, pid, "dense");
	say("borders and dense code");
}

/* A jump right behind the first instruction: into the middle of what may have been rewritten. */
static void middle(void)
{
	enum { CALL = 5 };		/* behind the mov */
	unsigned char *p = map(PROT_READ | PROT_WRITE, 0);

	emit(p, SYS_getpid, 0);
	must(mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0);
	for (int i = 0; i < 500; i++) {
		long got = ((fn)(uintptr_t)p)();

		if (got != getpid())
			die("from the start: %ld", got);
		/* enter at the call itself with another number in eax */
		__asm__ volatile("call *%1" : "=a"(got) : "r"(p + CALL), "0"((long)SYS_getppid)
				 : "rcx", "r11", "memory");
		if (got != getppid())
			die("from the middle: %ld", got);
	}
	say("entered in the middle");
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "write-then-run", write_then_run }, { "writable", writable_and_executable },
		{ "remapped", remapped }, { "two-views", two_views }, { "file-text", file_text },
		{ "borders", borders }, { "middle", middle },
	};

	return RUN_CASES(cases, argc, argv);
}
