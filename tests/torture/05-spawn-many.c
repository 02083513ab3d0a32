/* SPDX-License-Identifier: Apache-2.0 */
/* Several threads start programs by posix_spawn at the same time. */
#include "torture.h"
#include <pthread.h>
#include <spawn.h>

extern char **environ;

static void *starter(void *arg)
{
	char *argv[] = { "true", NULL };
	long n = rounds(20, 300);

	for (long i = 0; i < n; i++) {
		pid_t pid;

		if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) != 0)
			die("posix_spawn");
		if (wait_for(pid) != 0)
			die("/bin/true did not end with 0");
	}
	return NULL;
}

int main(void)
{
	pthread_t t[4];

	for (size_t i = 0; i < COUNT_OF(t); i++)
		must(pthread_create(&t[i], NULL, starter, NULL) == 0);
	for (size_t i = 0; i < COUNT_OF(t); i++)
		pthread_join(t[i], NULL);
	say("all started and ended");
	return 0;
}
