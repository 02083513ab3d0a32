/* SPDX-License-Identifier: Apache-2.0 */
/* A handler unwinds the stack it interrupted, through calls that wait, as profilers do. */
#include "torture.h"
#include <dlfcn.h>
#include <execinfo.h>

static int pipe_fd[2];
static int depth_seen;
static volatile int done;

__attribute__((noinline, used)) static void handler(int sig, siginfo_t *info, void *context)
{
	void *at[64];
	int n = backtrace(at, 64);

	depth_seen = n;
	done = 1;
}

__attribute__((noinline)) static long blocking(int fd)
{
	char c;
	long ret = read(fd, &c, 1);

	__asm__ volatile("" : : "r"(ret) : "memory");
	return ret;
}

__attribute__((noinline)) static long nested(int fd, int depth)
{
	long ret = depth ? nested(fd, depth - 1) : blocking(fd);

	__asm__ volatile("" : : "r"(ret) : "memory");
	return ret + 1;
}

int main(void)
{
	pid_t self = getpid();
	void *warm[4];
	long ret;

	backtrace(warm, 4);		/* loads what it needs */
	must(pipe(pipe_fd) == 0);
	on_signal(SIGUSR1, handler, 0);
	for (int round = 0; round < 20; round++) {
		pid_t pid = fork_helper();

		if (pid == 0) {
			wait_until_in(self, self, SYS_read);
			kill(self, SIGUSR1);
			_exit(0);
		}
		done = 0;
		ret = nested(pipe_fd[0], round);
		wait_for(pid);
		if (!done || ret != -1 + round + 1)
			die("round %d: %ld", round, ret);
		/* handler, restorer, read, blocking, nested..., main, two of libc, _start */
		say("round %d: %d frames", round, depth_seen - round);
	}
	return 0;
}
