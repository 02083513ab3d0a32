/* SPDX-License-Identifier: Apache-2.0 */
/* kill-at-seal PID: kills the process when it seals a file against writing. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
	pid_t pid = argc == 2 ? atoi(argv[1]) : 0;
	int status;

	if (pid <= 0 || ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) < 0 ||
	    ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0) {
		perror("kill-at-seal");
		return 1;
	}
	while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status)) {
		struct user_regs_struct regs;
		int sig = WSTOPSIG(status);

		if (sig == (SIGTRAP | 0x80)) {
			if (ptrace(PTRACE_GETREGS, pid, 0, &regs) == 0 && regs.orig_rax == SYS_fcntl &&
			    regs.rsi == F_ADD_SEALS && regs.rdx & F_SEAL_WRITE)
				return kill(pid, SIGKILL) < 0;
			sig = 0;
		} else if (status >> 16) {
			sig = 0; /* a stop of ptrace's own */
		}
		ptrace(PTRACE_SYSCALL, pid, 0, sig);
	}
	fputs("kill-at-seal: it ended by itself\n", stderr);
	return 1;
}
