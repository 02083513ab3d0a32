/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ends.c - is ended by a signal that it has no handler for.
 *
 *	ends WAY
 *
 * Exit status 99: it was not.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void by_abort(void)
{
	abort();
}

static void by_kill(void)
{
	kill(getpid(), SIGTERM);
}

static void by_pipe(void)
{
	int both[2];

	if (pipe(both) == 0 && close(both[0]) == 0 && write(both[1], "x", 1) < 0)
		perror("write");
}

static void by_division(void)
{
	__asm__ volatile("xor %%edx, %%edx; mov $1, %%eax; div %%edx" : : : "rax", "rdx");
}

static void by_instruction(void)
{
	__asm__ volatile("ud2");
}

static void by_breakpoint(void)
{
	__asm__ volatile("int3");
}

static void by_address(void)
{
	volatile unsigned long address = 16;

	*(volatile int *)address = 1;
}

static void by_hole_in_file(void)
{
	FILE *file = tmpfile();

	*(volatile int *)mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fileno(file), 0) = 1;
}

static void by_timer(void)
{
	struct itimerval soon = { .it_value.tv_usec = 1000 };

	setitimer(ITIMER_REAL, &soon, NULL);
	while (1)
		pause();
}

static void by_queue(void)
{
	sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = 7 });
}

static void by_own_sigsys(void)
{
	raise(SIGSYS);
}

static void nothing(int sig)
{
	(void)sig;
}

static void after_a_handler(void)
{
	signal(SIGUSR1, nothing);
	raise(SIGUSR1);
	signal(SIGUSR1, SIG_DFL);
	raise(SIGUSR1);
}

static void after_the_only_handler(void)
{
	struct sigaction once = { .sa_handler = nothing, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGUSR1, &once, NULL);
	raise(SIGUSR1);
	raise(SIGUSR1);
}

static void when_unblocked(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGQUIT);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void by_too_much_time(void)
{
	struct rlimit none = { 1, 2 };

	setrlimit(RLIMIT_CPU, &none);
	while (1)
		;
}

static void by_its_child(void)
{
	int both[2];
	char byte;

	if (pipe(both) == 0 && fork() == 0) {
		kill(getppid(), SIGHUP);
		_exit(0);
	}
	if (read(both[0], &byte, 1) == 0)
		perror("read");
}

static void *fault(void *arg)
{
	by_address();
	return arg;
}

static void in_a_thread(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, fault, NULL) == 0)
		poll(NULL, 0, -1);
}

/* What it inherits, and what a child of vfork(2) shares with it. */
static void in_a_child(void)
{
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		kill(getpid(), SIGUSR2);
		_exit(1);
	}
	if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
		raise(WTERMSIG(status));
}

static const struct {
	const char *name;
	void (*end)(void);
} ways[] = {
	{ "abort", by_abort },
	{ "kill", by_kill },
	{ "pipe", by_pipe },
	{ "division", by_division },
	{ "instruction", by_instruction },
	{ "breakpoint", by_breakpoint },
	{ "address", by_address },
	{ "hole", by_hole_in_file },
	{ "timer", by_timer },
	{ "queue", by_queue },
	{ "sigsys", by_own_sigsys },
	{ "handled", after_a_handler },
	{ "once", after_the_only_handler },
	{ "unblocked", when_unblocked },
	{ "time", by_too_much_time },
	{ "child", by_its_child },
	{ "thread", in_a_thread },
	{ "vfork", in_a_child },
};

int main(int argc, char **argv)
{
	for (unsigned int i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (argc == 1)
			puts(ways[i].name);
		else if (strcmp(argv[1], ways[i].name) == 0)
			ways[i].end();
	}
	return argc == 1 ? 0 : 99;
}
