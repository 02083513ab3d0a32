/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rewriting leaves behind in /proc/self/maps: with one thread, with several, in a child
 * of fork with one and with several, the program's code (not the agent's) lies in as many
 * mappings as at the start, and none is writable.  Meanwhile every descriptor has the number that it has natively.
 */
#include "torture.h"
#include <pthread.h>
#include <sys/socket.h>

#define TURNS 12 /* enough for each of the calls below to be rewritten */

static volatile int stop;
static int running;

/* Nothing of it may be rewritten while somebody looks: its one call is made by all, often. */
static void *run(void *arg)
{
	__atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
	while (!stop)
		sched_yield();
	return arg;
}

static void look(const char *when)
{
	static char text[1 << 16];
	size_t len = 0;
	ssize_t n;
	int fd = open("/proc/self/maps", O_RDONLY);
	int code = 0, writable = 0;

	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *flags = strchr(line, ' ') + 1;

		code += flags[2] == 'x' && strchr(line, '/') && !strstr(line, "/memfd:waylay");
		writable += flags[1] == 'w' && flags[2] == 'x';
	}
	say("%s: %d mappings of code, %d of them writable, descriptor %d", when, code, writable,
	    fd);
}

/* Sites all over libc. */
static void calls(void)
{
	char byte[1];
	struct stat st;

	for (int i = 0; i < TURNS; i++) {
		getppid();
		getuid();
		getegid();
		close(-1);
		read(-1, byte, 1);
		write(-1, byte, 1);
		lseek(-1, 0, SEEK_SET);
		dup(-1);
		access("/", F_OK);
		umask(022);
		fstat(-1, &st);
		socket(-1, 0, 0);
		readlink("/", byte, 1);
		getpriority(PRIO_PROCESS, 0);
		sched_yield();
	}
}

static void with_threads(void (*inside)(void), const char *when)
{
	pthread_t threads[2];

	stop = 0;
	running = 0;
	for (unsigned int i = 0; i < COUNT_OF(threads); i++)
		pthread_create(&threads[i], NULL, run, NULL);
	while (__atomic_load_n(&running, __ATOMIC_SEQ_CST) < (int)COUNT_OF(threads))
		sched_yield();
	inside();
	look(when);
	stop = 1;
	for (unsigned int i = 0; i < COUNT_OF(threads); i++)
		pthread_join(threads[i], NULL);
}

static void more_calls(void)
{
	for (int i = 0; i < TURNS; i++) {
		getsid(0);
		setpgid(-1, -1);
		unlink("");
		rmdir("");
		chdir("/");
		alarm(0);
	}
}

static void child(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		look("a child of fork");
		with_threads(more_calls, "with threads of its own");
		_exit(0);
	}
	waitpid(pid, &status, 0);
	say("it ended with %d", status);
}

int main(int argc, char **argv)
{
	(void)argv;
	look("at the start");
	if (argc == 1) {
		calls();
		look("one thread");
	}
	with_threads(calls, "several threads");
	with_threads(more_calls, "and other calls");
	child();
	return 0;
}
