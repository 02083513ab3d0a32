/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frozen.h - a hundred megabytes had in all the ways that programs get memory,
 * and what allocators and programs do with it later.
 *
 * frozen_prepare() builds it up, frozen_checks() takes it apart again, and must
 * find the same whatever happened to the process in between: each case checks
 * itself against what the kernel promises for anonymous memory.
 */
#ifndef WY_TEST_FROZEN_H
#define WY_TEST_FROZEN_H

#include "../harness/torture.h"
#include <malloc.h>
#include <pthread.h>

#define FROZEN_PAGE   4096ul
#define FROZEN_MB     (1ul << 20)
#define FROZEN_BLOCKS 400
#define FROZEN_BIG    (20 * FROZEN_MB)
#define FROZEN_FREE_  8   /* MADV_FREE */
#define FROZEN_GUARD  102 /* MADV_GUARD_INSTALL; REMOVE is one more */

static struct frozen {
	unsigned char *map;      /* 40 MB */
	unsigned char *reserve;  /* 64 GB, of which 8 MB are used, in two places */
	unsigned char *none;     /* 1 GB without rights, in the middle 8 MB with */
	unsigned char *zeros;    /* 16 MB written with zeros, then 16 MB only read */
	unsigned char *third;    /* 8 MB, every third page used */
	unsigned char *constant; /* 4 MB that can no longer be written */
	unsigned char *shared;   /* 4 MB that copies share */
	unsigned char *locked, *not_in_child, *wiped; /* 2 MB each */
	unsigned char *big;                           /* 20 MB of malloc(3) */
	unsigned char *block[FROZEN_BLOCKS], *other[FROZEN_BLOCKS];
	size_t block_len[FROZEN_BLOCKS];
	unsigned char *heap; /* where the heap begins */
} fz;

static inline void frozen_fill(unsigned char *at, size_t len, unsigned int seed)
{
	for (size_t i = 0; i + 8 <= len; i += 8)
		*(uint64_t *)(at + i) = (i + 1) * 0x9e3779b97f4a7c15ul + seed;
}

static inline int frozen_holds(const unsigned char *at, size_t len, size_t from, unsigned int seed)
{
	for (size_t i = 0; i + 8 <= len; i += 8) {
		if (*(const uint64_t *)(at + i) != (from + i + 1) * 0x9e3779b97f4a7c15ul + seed)
			return 0;
	}
	return 1;
}

static inline int frozen_zero(const unsigned char *at, size_t len)
{
	for (size_t i = 0; i + 8 <= len; i += 8) {
		if (*(const uint64_t *)(at + i))
			return 0;
	}
	return 1;
}

static inline unsigned char *frozen_map(size_t len, int prot, int flags)
{
	unsigned char *at = mmap(NULL, len, prot, MAP_ANONYMOUS | flags, -1, 0);

	must(at != MAP_FAILED);
	return at;
}

/* malloc(3) in another thread: glibc gives it an arena of its own, which is not the heap. */
static inline void *frozen_arena(void *arg)
{
	(void)arg;
	for (int i = 0; i < FROZEN_BLOCKS; i++) {
		fz.other[i] = malloc(fz.block_len[i]);
		must(fz.other[i]);
		frozen_fill(fz.other[i], fz.block_len[i], 1000 + (unsigned)i);
	}
	return NULL;
}

/* shared: also memory that a server's copies could not have in common. */
static inline void frozen_prepare(int shared)
{
	const int rw = PROT_READ | PROT_WRITE;
	pthread_t thread;
	unsigned char any = 0;

	fz.heap = sbrk(0);
	fz.map = frozen_map(40 * FROZEN_MB, rw, MAP_PRIVATE);
	frozen_fill(fz.map, 40 * FROZEN_MB, 1);
	fz.reserve = frozen_map(64ul << 30, rw, MAP_PRIVATE | MAP_NORESERVE);
	frozen_fill(fz.reserve + FROZEN_MB / 2, 4 * FROZEN_MB, 2);
	frozen_fill(fz.reserve + (32ul << 30), 4 * FROZEN_MB, 3);
	fz.none = frozen_map(1ul << 30, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE);
	must(mprotect(fz.none + 512 * FROZEN_MB, 8 * FROZEN_MB, rw) == 0);
	frozen_fill(fz.none + 512 * FROZEN_MB, 8 * FROZEN_MB, 4);
	fz.zeros = frozen_map(32 * FROZEN_MB, rw, MAP_PRIVATE);
	memset(fz.zeros, 0, 16 * FROZEN_MB);
	for (size_t i = 16 * FROZEN_MB; i < 32 * FROZEN_MB; i += FROZEN_PAGE)
		any |= *(volatile unsigned char *)(fz.zeros + i);
	must(!any);
	fz.third = frozen_map(8 * FROZEN_MB, rw, MAP_PRIVATE);
	for (size_t i = 0; i < 8 * FROZEN_MB; i += 3 * FROZEN_PAGE)
		frozen_fill(fz.third + i, 64, 5);
	fz.constant = frozen_map(4 * FROZEN_MB, rw, MAP_PRIVATE);
	frozen_fill(fz.constant, 4 * FROZEN_MB, 6);
	must(mprotect(fz.constant, 4 * FROZEN_MB, PROT_READ) == 0);
	fz.shared = frozen_map(4 * FROZEN_MB, rw, shared ? MAP_SHARED : MAP_PRIVATE);
	frozen_fill(fz.shared, 4 * FROZEN_MB, 7);
	fz.locked = frozen_map(2 * FROZEN_MB, rw, MAP_PRIVATE);
	frozen_fill(fz.locked, 2 * FROZEN_MB, 8);
	mlock(fz.locked, 2 * FROZEN_MB); /* a limit may forbid it */
	fz.not_in_child = frozen_map(2 * FROZEN_MB, rw, MAP_PRIVATE);
	frozen_fill(fz.not_in_child, 2 * FROZEN_MB, 9);
	must(madvise(fz.not_in_child, 2 * FROZEN_MB, MADV_DONTFORK) == 0);
	fz.wiped = frozen_map(2 * FROZEN_MB, rw, MAP_PRIVATE);
	frozen_fill(fz.wiped, 2 * FROZEN_MB, 10);
	must(madvise(fz.wiped, 2 * FROZEN_MB, MADV_WIPEONFORK) == 0);
	fz.big = malloc(FROZEN_BIG);
	must(fz.big);
	frozen_fill(fz.big, FROZEN_BIG, 11);
	for (int i = 0; i < FROZEN_BLOCKS; i++) {
		fz.block_len[i] = 1000 + (size_t)i * 997 % 90000;
		fz.block[i] = malloc(fz.block_len[i]);
		must(fz.block[i]);
		frozen_fill(fz.block[i], fz.block_len[i], 100 + (unsigned)i);
	}
	must(pthread_create(&thread, NULL, frozen_arena, NULL) == 0);
	must(pthread_join(thread, NULL) == 0);
}

/* ---- checks ---- */

static inline void frozen_contents(void)
{
	must(frozen_holds(fz.map, 40 * FROZEN_MB, 0, 1));
	must(frozen_zero(fz.reserve, FROZEN_MB / 2));
	must(frozen_holds(fz.reserve + FROZEN_MB / 2, 4 * FROZEN_MB, 0, 2));
	must(frozen_zero(fz.reserve + FROZEN_MB / 2 + 4 * FROZEN_MB, FROZEN_MB));
	must(frozen_holds(fz.reserve + (32ul << 30), 4 * FROZEN_MB, 0, 3));
	must(frozen_holds(fz.none + 512 * FROZEN_MB, 8 * FROZEN_MB, 0, 4));
	must(frozen_zero(fz.zeros, 32 * FROZEN_MB));
	for (size_t i = 0; i < 8 * FROZEN_MB; i += FROZEN_PAGE) {
		if (i % (3 * FROZEN_PAGE) == 0)
			must(frozen_holds(fz.third + i, 64, 0, 5));
		else
			must(frozen_zero(fz.third + i, FROZEN_PAGE));
	}
	must(frozen_holds(fz.constant, 4 * FROZEN_MB, 0, 6));
	must(frozen_holds(fz.shared, 4 * FROZEN_MB, 0, 7));
	must(frozen_holds(fz.locked, 2 * FROZEN_MB, 0, 8));
	must(frozen_holds(fz.big, FROZEN_BIG, 0, 11));
	for (int i = 0; i < FROZEN_BLOCKS; i++) {
		must(frozen_holds(fz.block[i], fz.block_len[i], 0, 100 + (unsigned)i));
		must(frozen_holds(fz.other[i], fz.block_len[i], 0, 1000 + (unsigned)i));
	}
}

/* Can the kernel write there for us? */
static inline int frozen_writable(void *at)
{
	int p[2];
	long n;

	must(pipe(p) == 0);
	must(write(p[1], "x", 1) == 1);
	n = sc(SYS_read, p[0], at, 1);
	close(p[0]);
	close(p[1]);
	return n == 1;
}

static inline void frozen_check_rights(void)
{
	must(!frozen_writable(fz.constant + FROZEN_MB));
	must(!frozen_writable(fz.none));
	must(!frozen_writable(fz.none + 520 * FROZEN_MB));
	must(frozen_writable(fz.none + 520 * FROZEN_MB - 1));
	frozen_fill(fz.none + 519 * FROZEN_MB, FROZEN_MB, 4);
	must(mprotect(fz.none + 512 * FROZEN_MB, FROZEN_PAGE, PROT_READ | PROT_EXEC) == 0);
	must(mprotect(fz.none + 512 * FROZEN_MB, FROZEN_PAGE, PROT_NONE) == 0);
	must(!frozen_writable(fz.none + 512 * FROZEN_MB));
	must(mprotect(fz.none + 512 * FROZEN_MB, FROZEN_PAGE, PROT_READ | PROT_WRITE) == 0);
	must(frozen_holds(fz.none + 512 * FROZEN_MB, FROZEN_MB, 0, 4));
}

static inline void frozen_check_writes(void)
{
	unsigned char *m = fz.map;

	for (size_t i = 0; i < 4 * FROZEN_MB; i += 7 * FROZEN_PAGE)
		*(uint64_t *)(m + i) = 1;
	for (size_t i = 0; i < 4 * FROZEN_MB; i += FROZEN_PAGE) {
		if (i % (7 * FROZEN_PAGE) == 0) {
			must(*(uint64_t *)(m + i) == 1);
			must(frozen_holds(m + i + 8, FROZEN_PAGE - 8, i + 8, 1));
		} else {
			must(frozen_holds(m + i, FROZEN_PAGE, i, 1));
		}
	}
	frozen_fill(m, 4 * FROZEN_MB, 1);
}

static inline void frozen_given_back(unsigned char *at, size_t len)
{
	must(madvise(at, len, MADV_DONTNEED) == 0);
	must(frozen_zero(at, len));
	frozen_fill(at, len, 77);
	must(frozen_holds(at, len, 0, 77));
	must(madvise(at, len, MADV_DONTNEED) == 0);
	must(frozen_zero(at, len));
}

static inline void frozen_check_dontneed(void)
{
	unsigned char *m = fz.map + 4 * FROZEN_MB;

	m[0] = 1; /* a page of this process's own, too */
	must(madvise(m + 1, FROZEN_PAGE, MADV_DONTNEED) == -1 && errno == EINVAL);
	frozen_given_back(m, FROZEN_PAGE);
	frozen_given_back(m + 3 * FROZEN_PAGE, 5 * FROZEN_PAGE - 100);
	must(frozen_holds(m + FROZEN_PAGE, 2 * FROZEN_PAGE, 4 * FROZEN_MB + FROZEN_PAGE, 1));
	must(frozen_holds(m + 8 * FROZEN_PAGE, FROZEN_MB / 2, 4 * FROZEN_MB + 8 * FROZEN_PAGE, 1));
	frozen_given_back(m + FROZEN_MB, FROZEN_MB);
	frozen_given_back(m, 2 * FROZEN_MB); /* what is fresh and what is not */
	frozen_given_back(fz.third, 8 * FROZEN_MB);
	frozen_given_back(fz.zeros, 20 * FROZEN_MB);
	/* a reserve: from nothing over something to nothing */
	must(madvise(fz.reserve, 16ul << 30, MADV_DONTNEED) == 0);
	must(frozen_zero(fz.reserve, 8 * FROZEN_MB));
	/* while it cannot be written, or not even be read */
	must(madvise(fz.constant, 2 * FROZEN_PAGE, MADV_DONTNEED) == 0);
	must(madvise(fz.constant + FROZEN_MB, FROZEN_MB, MADV_DONTNEED) == 0);
	must(frozen_zero(fz.constant, 2 * FROZEN_PAGE));
	must(frozen_zero(fz.constant + FROZEN_MB, FROZEN_MB));
	must(frozen_holds(fz.constant + 2 * FROZEN_MB, FROZEN_MB, 2 * FROZEN_MB, 6));
	must(!frozen_writable(fz.constant));
	must(!frozen_writable(fz.constant + FROZEN_MB));
	must(mprotect(fz.none + 514 * FROZEN_MB, FROZEN_MB, PROT_NONE) == 0);
	must(madvise(fz.none + 513 * FROZEN_MB, 3 * FROZEN_MB, MADV_DONTNEED) == 0);
	must(!frozen_writable(fz.none + 514 * FROZEN_MB));
	must(mprotect(fz.none + 514 * FROZEN_MB, FROZEN_MB, PROT_READ | PROT_WRITE) == 0);
	must(frozen_zero(fz.none + 513 * FROZEN_MB, 3 * FROZEN_MB));
	must(frozen_holds(fz.none + 516 * FROZEN_MB, FROZEN_MB, 4 * FROZEN_MB, 4));
	/* a hole: the rest is done all the same */
	must(munmap(m + 2 * FROZEN_MB, FROZEN_PAGE) == 0);
	must(madvise(m + 2 * FROZEN_MB - FROZEN_PAGE, FROZEN_MB, MADV_DONTNEED) == -1 &&
	     errno == ENOMEM);
	must(frozen_zero(m + 2 * FROZEN_MB + FROZEN_PAGE, FROZEN_MB - 2 * FROZEN_PAGE));
	/* something else in its place */
	must(mmap(m + 2 * FROZEN_MB, FROZEN_MB, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == m + 2 * FROZEN_MB);
	frozen_fill(m + 2 * FROZEN_MB, FROZEN_MB, 78);
	must(madvise(m + 2 * FROZEN_MB, FROZEN_MB, MADV_DONTNEED) == 0);
	must(frozen_holds(m + 2 * FROZEN_MB, FROZEN_MB, 0, 78));
}

static inline void frozen_check_free(void)
{
	unsigned char *m = fz.map + 8 * FROZEN_MB;

	must(madvise(m, FROZEN_PAGE, FROZEN_FREE_) == 0);
	must(madvise(m + FROZEN_MB, FROZEN_MB, FROZEN_FREE_) == 0);
	for (size_t i = 0; i < FROZEN_MB; i += FROZEN_PAGE) {
		size_t at = 9 * FROZEN_MB + i;

		must(frozen_zero(fz.map + at, FROZEN_PAGE) ||
		     frozen_holds(fz.map + at, FROZEN_PAGE, at, 1));
	}
	frozen_fill(m, 2 * FROZEN_MB, 79);
	must(frozen_holds(m, 2 * FROZEN_MB, 0, 79));
}

static inline void frozen_check_others(void)
{
	unsigned char *m = fz.map + 11 * FROZEN_MB;
	struct iovec_like {
		void *base;
		size_t len;
	} iov[2] = { { m, FROZEN_PAGE }, { m + FROZEN_MB, FROZEN_MB } };
	long pidfd = sc(434 /* pidfd_open */, getpid(), 0), ret;

	/* Linux 6.13 */
	ret = sc(440 /* process_madvise */, pidfd, iov, 2, MADV_DONTNEED, 0);
	if (ret >= 0) {
		must(ret == (long)(FROZEN_PAGE + FROZEN_MB));
		must(frozen_zero(m, FROZEN_PAGE));
		must(frozen_zero(m + FROZEN_MB, FROZEN_MB));
	} else {
		must(frozen_holds(m + FROZEN_MB, FROZEN_MB, 12 * FROZEN_MB, 1));
	}
	must(frozen_holds(m + FROZEN_PAGE, FROZEN_MB - FROZEN_PAGE, 11 * FROZEN_MB + FROZEN_PAGE,
			  1));
	if (pidfd >= 0)
		sc(SYS_close, pidfd);
	if (sc(SYS_madvise, m, FROZEN_MB, FROZEN_GUARD) == 0) {
		must(!frozen_writable(m));
		must(sc(SYS_madvise, m, FROZEN_MB, FROZEN_GUARD + 1) == 0);
		must(frozen_zero(m, FROZEN_MB));
	}
	must(madvise(m, FROZEN_MB, MADV_WILLNEED) == 0);
	frozen_fill(m, 2 * FROZEN_MB, 80);
	must(frozen_holds(m, 2 * FROZEN_MB, 0, 80));
	must(mlock(m, 4 * FROZEN_PAGE) == 0 || errno == ENOMEM || errno == EPERM);
	munlock(m, 4 * FROZEN_PAGE);
}

static inline int frozen_mapped(void *at)
{
	unsigned char there;

	return mincore(at, FROZEN_PAGE, &there) == 0;
}

static inline void frozen_check_mremap(void)
{
	const size_t base = 16 * FROZEN_MB;
	unsigned char *m = fz.map + base, *to, *at;

	/* in the middle it cannot grow where it is */
	must(mremap(m, FROZEN_MB, 2 * FROZEN_MB, 0) == MAP_FAILED && errno == ENOMEM);
	m[0] ^= 1;
	to = mremap(m, FROZEN_MB + 3 * FROZEN_PAGE, 6 * FROZEN_MB, MREMAP_MAYMOVE);
	must(to != MAP_FAILED && to != m);
	must(!frozen_mapped(m));
	to[0] ^= 1;
	must(frozen_holds(to, FROZEN_MB + 3 * FROZEN_PAGE, base, 1));
	must(frozen_zero(to + FROZEN_MB + 3 * FROZEN_PAGE, 4 * FROZEN_MB));
	frozen_given_back(to, FROZEN_MB);
	must(mremap(to, 6 * FROZEN_MB, 12 * FROZEN_MB, MREMAP_MAYMOVE) != MAP_FAILED);
	/* over the hole */
	must(mremap(m - FROZEN_PAGE, FROZEN_MB, 2 * FROZEN_MB, MREMAP_MAYMOVE) == MAP_FAILED &&
	     errno == EFAULT);
	/* now it can */
	at = m - FROZEN_MB;
	must(mremap(at, FROZEN_MB, 2 * FROZEN_MB, 0) == at);
	must(frozen_holds(at, FROZEN_MB, base - FROZEN_MB, 1));
	must(frozen_zero(m, FROZEN_MB));
	/* and shrink */
	must(mremap(at, 2 * FROZEN_MB, FROZEN_MB / 2, MREMAP_MAYMOVE) == at);
	must(!frozen_mapped(at + FROZEN_MB / 2));
	must(frozen_holds(at, FROZEN_MB / 2, base - FROZEN_MB, 1));
	/* to a place, over what is there */
	m = fz.map + 20 * FROZEN_MB;
	at = frozen_map(4 * FROZEN_MB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	frozen_fill(at, 4 * FROZEN_MB, 81);
	must(mremap(m, 2 * FROZEN_MB, 2 * FROZEN_MB, MREMAP_MAYMOVE | MREMAP_FIXED,
		    m + FROZEN_MB) == MAP_FAILED &&
	     errno == EINVAL);
	to = mremap(m, 2 * FROZEN_MB, 2 * FROZEN_MB, MREMAP_MAYMOVE | MREMAP_FIXED, at + FROZEN_MB);
	must(to == at + FROZEN_MB);
	must(frozen_holds(to, 2 * FROZEN_MB, 20 * FROZEN_MB, 1));
	must(frozen_holds(at, FROZEN_MB, 0, 81));
	must(frozen_holds(at + 3 * FROZEN_MB, FROZEN_MB, 3 * FROZEN_MB, 81));
	must(!frozen_mapped(m));
	/* and leave zeros behind: Linux 5.7 */
	m = fz.map + 24 * FROZEN_MB;
	to = mremap(m, FROZEN_MB, FROZEN_MB, MREMAP_MAYMOVE | 4);
	if (to != MAP_FAILED) {
		must(frozen_holds(to, FROZEN_MB, 24 * FROZEN_MB, 1));
		must(frozen_zero(m, FROZEN_MB));
	}
	/* a reserve that is mostly not there */
	to = mremap(fz.reserve + (31ul << 30), 2ul << 30, 3ul << 30, MREMAP_MAYMOVE);
	must(to != MAP_FAILED);
	must(frozen_holds(to + (1ul << 30), 4 * FROZEN_MB, 0, 3));
	/* memory that cannot be written */
	to = mremap(fz.constant + 2 * FROZEN_MB, FROZEN_MB, 2 * FROZEN_MB, MREMAP_MAYMOVE);
	must(to != MAP_FAILED);
	must(frozen_holds(to, FROZEN_MB, 2 * FROZEN_MB, 6));
	must(!frozen_writable(to) && !frozen_writable(to + FROZEN_MB));
}

static inline void frozen_check_unmap(void)
{
	unsigned char *m = fz.map + 28 * FROZEN_MB;

	must(munmap(m, FROZEN_MB) == 0);
	must(mmap(m, FROZEN_MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		  0) == m);
	must(frozen_zero(m, FROZEN_MB));
	must(frozen_holds(m + FROZEN_MB, FROZEN_MB, 29 * FROZEN_MB, 1));
}

static inline void frozen_check_children(void)
{
	unsigned char *m = fz.map + 30 * FROZEN_MB;
	pid_t pid;

	m[0] ^= 1;
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		m[0] ^= 1;
		must(frozen_holds(m, 2 * FROZEN_MB, 30 * FROZEN_MB, 1));
		frozen_given_back(m, FROZEN_MB);
		_exit(0);
	}
	must(wait_for(pid) == 0);
	m[0] ^= 1;
	must(frozen_holds(m, 2 * FROZEN_MB, 30 * FROZEN_MB, 1));
}

static inline void frozen_check_malloc(void)
{
	static const size_t sizes[] = { 24, 64, 8, 30 };
	size_t known = FROZEN_BIG;
	unsigned char *fresh;

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		fz.big = realloc(fz.big, sizes[i] * FROZEN_MB);
		must(fz.big);
		if (known > sizes[i] * FROZEN_MB)
			known = sizes[i] * FROZEN_MB;
		must(frozen_holds(fz.big, known, 0, 11));
	}
	free(fz.big);
	for (int i = 0; i < FROZEN_BLOCKS; i += 2) {
		free(fz.block[i]);
		free(fz.other[i]);
	}
#ifdef __GLIBC__
	malloc_trim(0);
#endif
	for (int i = 1; i < FROZEN_BLOCKS; i += 2) {
		must(frozen_holds(fz.block[i], fz.block_len[i], 0, 100 + (unsigned)i));
		must(frozen_holds(fz.other[i], fz.block_len[i], 0, 1000 + (unsigned)i));
	}
	for (int i = 0; i < FROZEN_BLOCKS; i += 2) {
		fresh = calloc(1, fz.block_len[i]);
		must(fresh && frozen_zero(fresh, fz.block_len[i]));
		frozen_fill(fresh, fz.block_len[i], 82);
		fz.block[i] = fresh;
	}
	for (int i = 0; i < FROZEN_BLOCKS; i++)
		free(fz.block[i]);
	for (int i = 1; i < FROZEN_BLOCKS; i += 2)
		free(fz.other[i]);
#ifdef __GLIBC__
	malloc_trim(0);
#endif
	for (int i = 0; i < FROZEN_BLOCKS; i++) {
		fresh = calloc(1, fz.block_len[i]);
		must(fresh && frozen_zero(fresh, fz.block_len[i]));
		frozen_fill(fresh, fz.block_len[i], 83);
	}
}

/* Last: it takes the ground from under malloc(3). */
static inline void frozen_check_brk(void)
{
	unsigned char *top = (unsigned char *)sc(SYS_brk, 0), *low = fz.heap + FROZEN_PAGE;

	must((unsigned char *)sc(SYS_brk, top + 8 * FROZEN_MB) == top + 8 * FROZEN_MB);
	must(frozen_zero((unsigned char *)(((uintptr_t)top + 4095) & -4096ul), 7 * FROZEN_MB));
	low = (unsigned char *)(((uintptr_t)low + 4095) & -4096ul);
	must((unsigned char *)sc(SYS_brk, low) == low);
	must(!frozen_mapped(low));
	must((unsigned char *)sc(SYS_brk, low + 4 * FROZEN_MB) == low + 4 * FROZEN_MB);
	must(frozen_zero(low, 4 * FROZEN_MB));
	frozen_fill(low, 4 * FROZEN_MB, 84);
	must(frozen_holds(low, 4 * FROZEN_MB, 0, 84));
}

/* In the process that was prepared, or in a copy of it (in_copy). */
static inline void frozen_checks(int in_copy)
{
	static const struct torture_case cases[] = {
		{ "contents", frozen_contents },       { "rights", frozen_check_rights },
		{ "writes", frozen_check_writes },     { "dontneed", frozen_check_dontneed },
		{ "free", frozen_check_free },         { "others", frozen_check_others },
		{ "mremap", frozen_check_mremap },     { "unmap", frozen_check_unmap },
		{ "children", frozen_check_children }, { "malloc", frozen_check_malloc },
		{ "brk", frozen_check_brk },
	};

	if (in_copy) {
		must(!frozen_mapped(fz.not_in_child));
		must(frozen_zero(fz.wiped, 2 * FROZEN_MB));
	}
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		cases[i].run();
		say("%s: fine", cases[i].name);
	}
}

#endif
