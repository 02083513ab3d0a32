/* SPDX-License-Identifier: Apache-2.0 */
/* Protection keys: the register that denies is the program's over calls, signals and threads. */
#include "torture.h"
#include <pthread.h>
#include <setjmp.h>

#define DENY_ACCESS 1u

static int key;
static char *page;
static sigjmp_buf out;
static volatile int hits;

static unsigned rdpkru(void)
{
	unsigned value, high;

	__asm__ volatile("rdpkru" : "=a"(value), "=d"(high) : "c"(0));
	return value;
}

static void wrpkru(unsigned value)
{
	__asm__ volatile("wrpkru" : : "a"(value), "c"(0), "d"(0) : "memory");
}

/* What the register denies of our key; the number of the key may differ from run to run. */
static unsigned denied(void)
{
	return rdpkru() >> (2 * key) & 3;
}

static void deny(unsigned what)
{
	wrpkru((rdpkru() & ~(3u << (2 * key))) | what << (2 * key));
}

static void count(int sig, siginfo_t *info, void *context)
{
	hits++;
	sc(SYS_getppid);
	/* the kernel gives a handler a register of its own */
	deny(0);
}

static void fault(int sig, siginfo_t *info, void *context)
{
	say("%s code %d, %s, of our key: %d", sig_name(sig), info->si_code,
	    info->si_addr == page ? "at the page" : "elsewhere", (int)info->si_pkey == key);
	siglongjmp(out, 1);
}

static void *thread(void *arg)
{
	say("denied in a new thread: %u", denied());
	sc(SYS_getppid);
	deny(0);
	return NULL;
}

int main(void)
{
	pthread_t other;
	int fd[2];

	key = (int)sc(SYS_pkey_alloc, 0, 0);
	if (key < 0)
		skip("no protection keys here: %s", err_name(key));
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(page != MAP_FAILED && pipe(fd) == 0);
	strcpy(page, "text");
	must(sc(SYS_pkey_mprotect, page, 4096, PROT_READ | PROT_WRITE, key) == 0);

	for (unsigned what = 0; what < 4; what++) {
		deny(what);
		sc(SYS_getppid);
		must(denied() == what);
		say("denying %u: write %s", what, outcome(sc(SYS_write, fd[1], page, 4)));
		say("denying %u: uname %s", what, outcome(sc(SYS_uname, page)));
	}

	on_signal(SIGUSR1, count, 0);
	on_signal(SIGSEGV, fault, 0);
	deny(DENY_ACCESS);
	for (long i = 0; i < rounds(1000, 100000); i++) {
		tell(gettid_raw(), SIGUSR1);
		must(denied() == DENY_ACCESS);
	}
	say("%s", hits == rounds(1000, 100000) ? "a handler for each signal" : "signals are lost");

	if (!sigsetjmp(out, 1))
		*(volatile char *)page = 'x';
	deny(DENY_ACCESS);
	must(pthread_create(&other, NULL, thread, NULL) == 0 && pthread_join(other, NULL) == 0);
	say("denied after the thread: %u", denied());
	deny(0);
	page[0] = 'y';
	say("free: %s", outcome(sc(SYS_pkey_free, key)));
	return 0;
}
