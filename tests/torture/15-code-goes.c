/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code whose calls were rewritten is unmapped, and other code lies there: a signal that finds the
 * program where the jump to a stub stood is told of that very place, and the program goes on there.
 */
#include "torture.h"

#define PAGE 4096

static const unsigned char call[] = {
	0xb8, 0x27, 0, 0, 0, /* mov $SYS_getpid, %eax */
	0x0f, 0x05,          /* syscall */
	0xc3,                /* ret; and what is behind it is never executed */
	0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
	0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
};
static const unsigned char spin[] = {
	0xeb, 0xfe, /* jmp to itself */
	0xc3,
};
static unsigned char *code;
static volatile long expected, seen;

static void handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	seen = (unsigned char *)uc->uc_mcontext.gregs[REG_RIP] - code;
	if (seen != expected)
		die("the handler sees +%ld, the program is at +%ld", seen, expected);
	uc->uc_mcontext.gregs[REG_RIP] += 2;
}

/* Where something else stands now than in the file, behind the call: the jump's first byte. */
static long place_of_jump(void)
{
	for (long i = 8; i < (long)sizeof(call); i++) {
		if (code[i] != call[i])
			return i;
	}
	return 8;
}

static void one(long at)
{
	struct itimerval soon = { { 0, 0 }, { 0, 1000 } };

	code = mmap(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	must(code != MAP_FAILED);
	memset(code, 0xcc, PAGE);
	memcpy(code + at, spin, sizeof(spin));
	expected = at;
	seen = -1;
	must(setitimer(ITIMER_REAL, &soon, NULL) == 0);
	((void (*)(void))(uintptr_t)(code + at))();
	must(seen == at);
	must(munmap(code, PAGE) == 0);
}

int main(void)
{
	int fd = open("code", O_RDWR | O_CREAT | O_TRUNC, 0700);
	unsigned char page[PAGE];
	long at;

	memset(page, 0xcc, PAGE);
	memcpy(page, call, sizeof(call));
	must(fd >= 0 && write(fd, page, PAGE) == PAGE);
	code = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	must(code != MAP_FAILED);
	for (int i = 0; i < 200; i++)
		must(((int (*)(void))(uintptr_t)code)() == getpid());
	at = place_of_jump();
	must(munmap(code, PAGE) == 0);
	on_signal(SIGALRM, handler, 0);
	one(at);
	one(0);
	one(5);
	say("every signal found the place");
	return 0;
}
