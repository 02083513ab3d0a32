/* SPDX-License-Identifier: Apache-2.0 */
/* torture: exit=SIGABRT */
/* Ends by a signal of its own, in a call, with threads: the status is the signal's. */
#include "torture.h"
#include <pthread.h>

static void *thread(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

int main(void)
{
	static const int sigs[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGQUIT,
				    SIGTERM, SIGKILL, SIGHUP, SIGINT, SIGPIPE, SIGALRM, SIGXCPU };
	pthread_t t;

	for (size_t i = 0; i < COUNT_OF(sigs); i++) {
		pid_t pid = fork();

		if (pid == 0) {
			must(pthread_create(&t, NULL, thread, NULL) == 0);
			if (i & 1)
				kill(getpid(), sigs[i]);
			raise(sigs[i]);
			_exit(1);
		}
		say("%s: %s", sig_name(sigs[i]), status_name(wait_for(pid)));
	}
	{
		pid_t pid = fork();

		if (pid == 0) {
			__asm__ volatile("ud2");
			_exit(1);
		}
		say("ud2: %s", status_name(wait_for(pid)));
		pid = fork();
		if (pid == 0) {
			__asm__ volatile("int3");
			_exit(1);
		}
		say("int3: %s", status_name(wait_for(pid)));
		pid = fork();
		if (pid == 0) {
			__asm__ volatile("hlt");
			_exit(1);
		}
		say("hlt: %s", status_name(wait_for(pid)));
		pid = fork();
		if (pid == 0) {
			__asm__ volatile("jmp *%0" : : "r"(0l));
			_exit(1);
		}
		say("jump to 0: %s", status_name(wait_for(pid)));
	}
	must(pthread_create(&t, NULL, thread, NULL) == 0);
	abort();
}
