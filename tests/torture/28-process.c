/* SPDX-License-Identifier: Apache-2.0 */
/* torture: modes=run,no-patch,stats,userland */
/* The process among others: its children are its own, its sessions, its death signal, its times. */
#include "torture.h"
#include <linux/membarrier.h>
#include <pthread.h>

static volatile int hits;
static void handler(int sig, siginfo_t *info, void *context)
{
	hits++;
}

static void children(void)
{
	int status;
	pid_t pid;

	say("wait without children: %s", err_name(sc(SYS_wait4, -1, &status, __WALL, 0)));
	for (int i = 0; i < 10; i++)
		must((status = system("true")) == 0);
	say("wait afterwards: %s", err_name(sc(SYS_wait4, -1, &status, __WALL, 0)));
	pid = fork();
	if (pid == 0)
		execl("/bin/true", "true", NULL);
	must(waitpid(-1, &status, 0) == pid && status == 0);
	say("only its own child: %s", err_name(sc(SYS_wait4, -1, &status, __WALL | WNOHANG, 0)));
	on_signal(SIGCHLD, handler, SA_NOCLDSTOP);
	for (int i = 0; i < 20; i++) {
		pid = fork();
		if (pid == 0) {
			if (i & 1)
				execl("/bin/true", "true", NULL);
			_exit(0);
		}
		wait_for(pid);
		if (hits != i + 1)
			die("%d SIGCHLD after %d children", hits, i + 1);
	}
	say("%d SIGCHLD for 20 children", hits);
}

static void stop_and_go(void)
{
	int status, p[2];
	pid_t pid;

	must(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		must(dup2(p[0], 0) == 0 && close(p[1]) == 0);
		execl("/bin/sh", "sh", "-c", "kill -STOP $$; read line; exit 7", NULL);
		_exit(99);
	}
	must(waitpid(pid, &status, WUNTRACED) == pid);
	say("child: %s", status_name(status));
	must(kill(pid, SIGCONT) == 0);
	must(waitpid(pid, &status, WCONTINUED) == pid);
	say("child: %s", WIFCONTINUED(status) ? "continued" : status_name(status));
	/* Only now: a child that has ended is not found continued any more. */
	must(write(p[1], "\n", 1) == 1);
	say("child: %s", status_name(wait_for(pid)));
}

static void sessions(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		say("setsid: %s", sc(SYS_setsid) == getpid() ? "right" : "wrong");
		say("setpgid afterwards: %s", err_name(sc(SYS_setpgid, 0, 0)));
		say("getsid: %s", sc(SYS_getsid, 0) == getpid() ? "right" : "wrong");
		pid = fork();
		if (pid == 0) {
			say("child's group %s, session %s", getpgrp() == getppid() ? "right" : "wrong",
			    getsid(0) == getppid() ? "right" : "wrong");
			_exit(0);
		}
		wait_for(pid);
		_exit(0);
	}
	wait_for(pid);
}

static void death_signal(void)
{
	int p[2];
	char c = 0;
	pid_t pid;

	must(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		pid = fork();
		if (pid == 0) {
			on_signal(SIGUSR1, handler, 0);
			must(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0);
			must(write(p[1], "r", 1) == 1);
			while (!hits)
				sched_yield();
			must(write(p[1], "d", 1) == 1);
			_exit(0);
		}
		must(read(p[0], &c, 1) == 1);
		_exit(0);
	}
	wait_for(pid);
	close(p[1]);
	must(read(p[0], &c, 1) == 1 && c == 'd');
	say("the death of the parent is told");
}

static void barriers(void)
{
	long cmds = sc(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	say("commands %#lx", cmds);
	say("not registered: %s", err_name(sc(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0)));
	say("register: %s", err_name(sc(SYS_membarrier,
					MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0)));
	say("private: %s", err_name(sc(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0)));
}

static void *ticker(void *arg)
{
	*(int *)arg = gettid_raw();
	while (!hits)
		sc(SYS_getpid);
	return NULL;
}

/* Threads are listed, can be named, signalled and asked for their times: as many as there are. */
static void threads(void)
{
	char text[4096], *at;
	pthread_t t[3];
	int tids[3] = { 0 };
	struct rusage ru;

	for (int i = 0; i < 3; i++)
		must(pthread_create(&t[i], NULL, ticker, &tids[i]) == 0);
	for (int i = 0; i < 3; i++)
		while (!*(volatile int *)&tids[i])
			sched_yield();
	must(slurp("/proc/self/status", text, sizeof(text)) > 0);
	at = strstr(text, "Threads:");
	at[strcspn(at, "\n")] = 0;
	say("%s", at);
	for (int i = 0; i < 3; i++) {
		must(sc(SYS_tgkill, getpid(), tids[i], 0) == 0);
		must(sc(SYS_sched_setaffinity, tids[i], 8, &(unsigned long){ ~0ul }) == 0);
	}
	say("tgkill of another's thread: %s", err_name(sc(SYS_tgkill, getpid(), 1, 0)));
	say("kill of a thread's tid: %s", outcome(sc(SYS_kill, tids[0], 0)));
	must(sc(SYS_getrusage, RUSAGE_SELF, &ru) == 0 && sc(SYS_getrusage, RUSAGE_THREAD, &ru) == 0);
	hits = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	/* The join ends when the kernel clears the thread's id, a little before it is gone. */
	while (thread_state(getpid(), tids[0]) != 'X')
		sched_yield();
	say("gone: %s", err_name(sc(SYS_tgkill, getpid(), tids[0], 0)));
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "children", children }, { "stop-and-go", stop_and_go }, { "sessions", sessions },
		{ "death-signal", death_signal }, { "threads", threads }, { "barriers", barriers },
	};

	return RUN_CASES(cases, argc, argv);
}
