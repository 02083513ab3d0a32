/* SPDX-License-Identifier: Apache-2.0 */
/* A timer every 50 us; its handler makes calls while the program makes calls. */
#include "torture.h"

static volatile long signals;
static int pipe_fd[2];
static pid_t parent;

static void handler(int sig, siginfo_t *info, void *context)
{
	char c = 'x';
	int saved = errno;

	if (sig != SIGALRM || info->si_code != SI_KERNEL)
		die("signal %d with code %d", sig, info->si_code);
	if (getppid() != parent)
		die("getppid in the handler");
	if (write(pipe_fd[1], &c, 1) != 1 || read(pipe_fd[0], &c, 1) != 1 || c != 'x')
		die("pipe in the handler");
	if (read(-1, &c, 1) != -1 || errno != EBADF)
		die("read of a bad descriptor in the handler");
	errno = saved;
	signals++;
}

int main(void)
{
	struct itimerval timer = { { 0, 50 }, { 0, 50 } };
	long wanted = rounds(3000, 100000), calls = 0;
	int zero = open("/dev/zero", O_RDONLY), self = getpid();

	parent = getppid();
	must(zero >= 0 && pipe(pipe_fd) == 0);
	on_signal(SIGALRM, handler, 0);
	must(setitimer(ITIMER_REAL, &timer, NULL) == 0);
	while (signals < wanted) {
		char bytes[16] = "abcdefghijklmno";

		if (getppid() != parent)
			die("getppid");
		if (read(zero, bytes, sizeof(bytes)) != sizeof(bytes) || bytes[0] || bytes[15])
			die("read of zeros");
		errno = 0;
		if (close(-1) != -1 || errno != EBADF)
			die("close of a bad descriptor");
		if (sc(SYS_getpid) != self)
			die("getpid");
		calls += 4;
	}
	memset(&timer, 0, sizeof(timer));
	must(setitimer(ITIMER_REAL, &timer, NULL) == 0);
	must(calls > 0);
	say("at least %ld signals, every call right", wanted);
	return 0;
}
