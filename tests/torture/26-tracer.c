/* SPDX-License-Identifier: Apache-2.0 */
/* torture: notes=may */
/* A program that traces its child with ptrace: it sees the child's calls and signals. */
#include "torture.h"
#include <sys/ptrace.h>
#include <sys/user.h>

static void traced_exec(void)
{
	pid_t pid = fork();
	int status, execs = 0, writes = 0, stops = 0;
	int in = 0;

	if (pid == 0) {
		must(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
		raise(SIGSTOP);
		execl("/bin/echo", "echo", "traced", NULL);
		_exit(99);
	}
	must(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	must(ptrace(PTRACE_SETOPTIONS, pid, NULL,
		    (void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC)) == 0);
	for (;;) {
		must(ptrace(PTRACE_SYSCALL, pid, NULL, NULL) == 0);
		must(waitpid(pid, &status, 0) == pid);
		if (!WIFSTOPPED(status))
			break;
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
			execs++;
		} else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			struct user_regs_struct r;

			must(ptrace(PTRACE_GETREGS, pid, NULL, &r) == 0);
			in = !in;
			if (execs && in && r.orig_rax == SYS_write)
				writes++;
		} else {
			stops++;
		}
	}
	say("exec %d, writes %d, other stops %d, %s", execs, writes, stops, status_name(status));
}

static void attached(void)
{
	pid_t pid = fork();
	int status;
	struct user_regs_struct r;

	if (pid == 0) {
		for (;;)
			pause();
	}
	wait_until_in(pid, pid, SYS_pause);
	must(ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0);
	must(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0);
	must(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	must(ptrace(PTRACE_GETREGS, pid, NULL, &r) == 0);
	say("the child waits in call %lld", (long long)r.orig_rax);
	must(ptrace(PTRACE_DETACH, pid, NULL, NULL) == 0);
	must(kill(pid, SIGTERM) == 0);
	say("afterwards: %s", status_name(wait_for(pid)));
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "traced-exec", traced_exec }, { "attached", attached },
	};

	return RUN_CASES(cases, argc, argv);
}
