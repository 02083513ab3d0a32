/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers in handlers: each of 20 real-time signals sends the next, all make calls. */
#include "torture.h"

static volatile int depth, deepest;
static pid_t self;

static void handler(int sig, siginfo_t *info, void *context)
{
	int here = ++depth;

	if (here > deepest)
		deepest = here;
	if (sc(SYS_getpid) != self)
		die("getpid at depth %d", here);
	if (here < 20)
		tell(self, SIGRTMIN + here);
	if (sc(SYS_getpid) != self || depth != here)
		die("after depth %d", here);
	depth--;
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER };

	self = getpid();
	for (int i = 0; i < 20; i++)
		must(sigaction(SIGRTMIN + i, &sa, NULL) == 0);
	for (long i = 0; i < rounds(500, 20000); i++) {
		deepest = 0;
		tell(self, SIGRTMIN);
		if (deepest != 20 || depth != 0)
			die("depth %d, deepest %d", depth, deepest);
	}
	say("20 deep");
	return 0;
}
