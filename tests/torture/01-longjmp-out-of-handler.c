/* SPDX-License-Identifier: Apache-2.0 */
/* siglongjmp out of a handler, very often: sent by the program, by a timer, from within a call. */
#include "torture.h"
#include <setjmp.h>

static sigjmp_buf back;
static volatile sig_atomic_t armed;
static int pipe_fd[2];

static void jump(int sig, siginfo_t *info, void *context)
{
	sc(SYS_getppid);
	if (armed)
		siglongjmp(back, 1);
}

static void own(void)
{
	volatile long done = 0;
	long wanted = rounds(20000, 100000);
	pid_t pid = getpid();

	on_signal(SIGUSR1, jump, 0);
	armed = 1;
	while (done < wanted) {
		if (sigsetjmp(back, 1) == 0) {
			tell(pid, SIGUSR1);
			die("the signal did not come");
		}
		done++;
	}
	say("%ld jumps out of a signal of its own", done);
}

static void altstack(void)
{
	static char stack[65536];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) }, now;
	volatile long done = 0;
	long wanted = rounds(5000, 100000);

	must(sigaltstack(&alt, NULL) == 0);
	on_signal(SIGUSR1, jump, SA_ONSTACK);
	armed = 1;
	while (done < wanted) {
		if (sigsetjmp(back, 1) == 0) {
			raise(SIGUSR1);
			die("the signal did not come");
		}
		must(sigaltstack(NULL, &now) == 0);
		if (now.ss_flags != 0)
			die("flags of the alternate stack are %#x after a jump", now.ss_flags);
		done++;
	}
	say("%ld jumps off the alternate stack", done);
}

static void timer(void)
{
	struct itimerval every = { { 0, 60 }, { 0, 60 } }, off = { { 0, 0 }, { 0, 0 } };
	volatile long done = 0;
	long wanted = rounds(2000, 100000);
	pid_t parent = getppid();

	on_signal(SIGALRM, jump, 0);
	must(setitimer(ITIMER_REAL, &every, NULL) == 0);
	while (done < wanted) {
		if (sigsetjmp(back, 1) == 0) {
			armed = 1;
			for (;;) {
				if (getppid() != parent)
					die("getppid");
				close(-1);
			}
		}
		armed = 0;
		done++;
	}
	must(setitimer(ITIMER_REAL, &off, NULL) == 0);
	say("%ld jumps out of a timer", done);
}

/* Jumps out of a call that waits. */
static void blocked(void)
{
	volatile long done = 0;
	long wanted = rounds(300, 5000);
	pid_t self = getpid(), child;

	must(pipe(pipe_fd) == 0);
	on_signal(SIGUSR1, jump, SA_RESTART);
	armed = 1;
	while (done < wanted) {
		char c;

		child = -1;
		if (sigsetjmp(back, 1) == 0) {
			child = fork_helper();
			if (child == 0) {
				wait_until_in(self, self, SYS_read);
				kill(self, SIGUSR1);
				_exit(0);
			}
			read(pipe_fd[0], &c, 1);
			die("the read ended");
		}
		while (wait(NULL) < 0 && errno == EINTR)
			;
		done++;
	}
	say("%ld jumps out of a read that waits", done);
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "own", own }, { "altstack", altstack }, { "timer", timer }, { "blocked", blocked },
	};

	return RUN_CASES(cases, argc, argv);
}
