/* SPDX-License-Identifier: Apache-2.0 */
/* The first thread ends, another goes on, makes calls, forks, and ends the process. */
#include "torture.h"
#include <pthread.h>

static pid_t self;

static void *other(void *arg)
{
	char path[64], text[256];
	pid_t pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", self, self);
	do {
		sched_yield();
	} while (thread_state(self, self) != 'Z');
	must(slurp(path, text, sizeof(text)) > 0);
	for (int i = 0; i < 1000; i++)
		if (sc(SYS_getpid) != self)
			die("getpid");
	pid = fork();
	if (pid == 0)
		_exit(4);
	say("child of the thread: %s", status_name(wait_for(pid)));
	say("system: %d", system("exit 3") >> 8);
	_exit(6);
}

int main(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t t;

		self = getpid();
		must(pthread_create(&t, NULL, other, NULL) == 0);
		sc(SYS_exit, 0);
	}
	say("the process: %s", status_name(wait_for(pid)));
	return 0;
}
