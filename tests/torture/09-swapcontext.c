/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coroutines on stacks of their own, switched in the middle of handlers: a
 * handler is left by a switch and come back to later, or never.  The switch is
 * this program's own, because musl has no swapcontext.
 */
#include "torture.h"

struct coroutine {
	void *sp;
	char *stack;
};

void switch_to(void **save_sp, void *sp);
__asm__(".text\n.globl switch_to\n.type switch_to, @function\nswitch_to:\n"
	"	push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
	"	ret\n"
	".size switch_to, . - switch_to\n");

#define MANY 16
static struct coroutine each[MANY];
static void *main_sp;
static int current;
static volatile long handled, turns;
static long wanted;

static void yield_to_main(void)
{
	switch_to(&each[current].sp, main_sp);
}

/* The handler is left in the middle: its frame stays on the coroutine's stack. */
static void handler(int sig, siginfo_t *info, void *context)
{
	sigset_t set;
	int me = current;

	handled++;
	sc(SYS_getppid);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	yield_to_main();
	if (current != me)
		die("a handler came back in another coroutine");
	sc(SYS_getppid);
}

static void body(void)
{
	int me = current;

	for (;;) {
		unsigned long word = 0x1111111111111111ul * (unsigned long)me;

		for (int i = 0; i < 3; i++) {
			if (sc(SYS_getpid) != getpid())
				die("getpid");
			yield_to_main();
		}
		raise(SIGUSR1);
		if (word != 0x1111111111111111ul * (unsigned long)me || current != me)
			die("locals of a coroutine");
		turns++;
	}
}

static void start(int i)
{
	void **top;

	if (!each[i].stack)
		each[i].stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(each[i].stack != MAP_FAILED);
	top = (void **)(each[i].stack + 65536 - 64);
	*--top = NULL;
	*--top = (void *)body;
	top -= 6;
	each[i].sp = top;
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	unsigned noise = 1;
	long abandoned = 0;

	wanted = rounds(20000, 500000);
	must(sigaction(SIGUSR1, &sa, NULL) == 0);
	for (int i = 0; i < MANY; i++)
		start(i);
	for (long i = 0; i < wanted; i++) {
		noise = noise * 1103515245 + 12345;
		current = (noise >> 16) % MANY;
		switch_to(&main_sp, each[current].sp);
		if (i % 1000 == 999) {		/* wherever it is, perhaps in a handler: begin again */
			start(current);
			abandoned++;
		}
	}
	say("%ld handlers, %ld turns, %ld abandoned", handled, turns, abandoned);
	return 0;
}
