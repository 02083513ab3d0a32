/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several threads run into the same new call site at the same moment, over
 * and over: sites in padding, sites behind a mov, sites over the border of a
 * cache line and of a page, in a private mapping of a file as a library's
 * text is.
 */
#include "torture.h"
#include <pthread.h>

#define THREADS 4
static unsigned char *code;
static volatile unsigned turn, arrived;
static long pid, parent, nr_sites;
static unsigned offsets[4096];

static size_t emit(unsigned char *at, int nr, int kind)
{
	size_t n = 0;

	switch (kind) {
	case 0:			/* mov imm32 just before */
		at[n++] = 0xb8;
		memcpy(at + n, &nr, 4);
		n += 4;
		break;
	case 1:			/* push imm8; pop rax: nothing of five bytes before */
		at[n++] = 0x6a;
		at[n++] = (unsigned char)nr;
		at[n++] = 0x58;
		break;
	case 2:			/* a long instruction before, not the mov */
		at[n++] = 0xb8;
		memcpy(at + n, &nr, 4);
		n += 4;
		memcpy(at + n, "\x49\xc7\xc2\x01\x00\x00\x00", 7);	/* mov $1, %r10 */
		n += 7;
		break;
	}
	at[n++] = 0x0f;
	at[n++] = 0x05;
	if (kind == 1) {	/* a compare and a branch behind, as libc has them */
		memcpy(at + n, "\x48\x3d\x00\xf0\xff\xff", 6);	/* cmp $-4096, %rax */
		n += 6;
	}
	at[n++] = 0xc3;
	return n;
}

static void *runner(void *arg)
{
	long wrong = 0;

	for (long i = 0; i < nr_sites; i++) {
		long want = i & 1 ? parent : pid;

		/* all meet, then all go at once */
		if (__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST) == THREADS) {
			__atomic_store_n(&arrived, 0, __ATOMIC_SEQ_CST);
			__atomic_store_n(&turn, (unsigned)i + 1, __ATOMIC_SEQ_CST);
		} else {
			for (unsigned k = 0; __atomic_load_n(&turn, __ATOMIC_SEQ_CST) != (unsigned)i + 1;
			     k++)
				if (k > 1000)
					sched_yield();
		}
		for (int k = 0; k < 50; k++)
			if (((long (*)(void))(uintptr_t)(code + offsets[i]))() != want)
				wrong++;
	}
	return (void *)wrong;
}

static void round_of(int round)
{
	static unsigned char page[65536];
	pthread_t t[THREADS];
	size_t at = (size_t)round % 64;
	int fd;

	memset(page, round & 1 ? 0xcc : 0x90, sizeof(page));
	nr_sites = 0;
	while (at < sizeof(page) - 64 && nr_sites < (long)COUNT_OF(offsets)) {
		offsets[nr_sites] = (unsigned)at;
		at += emit(page + at, nr_sites & 1 ? SYS_getppid : SYS_getpid,
			   (int)(nr_sites / 2 % 3));
		at += (size_t)(nr_sites % 23);
		nr_sites++;
	}
	unlink("code");
	fd = open("code", O_RDWR | O_CREAT | O_TRUNC, 0755);
	must(fd >= 0 && write(fd, page, sizeof(page)) == (ssize_t)sizeof(page));
	code = mmap(NULL, sizeof(page), PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	must(code != MAP_FAILED);
	close(fd);
	turn = 0;
	arrived = 0;
	for (int i = 0; i < THREADS; i++)
		must(pthread_create(&t[i], NULL, runner, NULL) == 0);
	for (int i = 0; i < THREADS; i++) {
		void *wrong;

		pthread_join(t[i], &wrong);
		if (wrong)
			die("round %d: %ld wrong results", round, (long)wrong);
	}
	must(munmap(code, sizeof(page)) == 0);
}

int main(void)
{
	pid = getpid();
	parent = getppid();
	for (int i = 0; i < rounds(2, 100); i++)
		round_of(i);
	say("every call right");
	return 0;
}
