/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ways WAY PROGRAM [ARG...] - executes a program in one of the ways there are.
 *
 * Its exit status is the program's, where it has to wait for it.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

extern char **environ;
static char **words;

static void ended(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		err(99, "a child was lost");
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void *execute(void *unused)
{
	(void)unused;
	execv(words[0], words);
	err(99, "execv");
}

static void *wait_for_ever(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

static void from_thread(int bystanders)
{
	pthread_t t;

	for (int i = 0; i < bystanders; i++)
		pthread_create(&t, NULL, wait_for_ever, NULL);
	pthread_create(&t, NULL, execute, NULL);
	wait_for_ever(NULL);
}

/* Two threads execute at the same time: one of them wins. */
static void race(void)
{
	pthread_t t;

	for (int i = 0; i < 4; i++)
		pthread_create(&t, NULL, execute, NULL);
	execute(NULL);
}

static void from_memfd(void)
{
	int in = open(words[0], O_RDONLY | O_CLOEXEC), out = memfd_create("copy", MFD_CLOEXEC);
	char buf[65536];
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, n) != n)
			err(99, "write");
	fexecve(out, words, environ);
	err(99, "fexecve");
}

static void at_empty_path(void)
{
	int fd = open(words[0], O_PATH | O_CLOEXEC);

	syscall(SYS_execveat, fd, "", words, environ, AT_EMPTY_PATH);
	err(99, "execveat");
}

static void failing_first(void)
{
	char *none[] = { (char *)"none", NULL };

	for (int i = 0; i < 20; i++) {
		execv("/does/not/exist", none);
		execv("/etc/passwd", none);
		execv("/", none);
		syscall(SYS_execve, words[0], (char **)8, environ);
	}
	execute(NULL);
}

static void all_blocked(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	execute(NULL);
}

int main(int argc, char **argv)
{
	const char *way = argc > 2 ? argv[1] : "";
	pid_t pid = -1;

	words = argv + 2;
	if (strcmp(way, "execv") == 0)
		execute(NULL);
	else if (strcmp(way, "thread") == 0)
		from_thread(0);
	else if (strcmp(way, "threads") == 0)
		from_thread(7);
	else if (strcmp(way, "race") == 0)
		race();
	else if (strcmp(way, "memfd") == 0)
		from_memfd();
	else if (strcmp(way, "execveat") == 0)
		at_empty_path();
	else if (strcmp(way, "failing") == 0)
		failing_first();
	else if (strcmp(way, "blocked") == 0)
		all_blocked();
	else if (strcmp(way, "no-env") == 0)
		execve(words[0], words, (char *[]) { NULL });
	else if (strcmp(way, "spawn") == 0)
		errno = posix_spawn(&pid, words[0], NULL, NULL, words, environ);
	else if (strcmp(way, "vfork") == 0) {
		pid = vfork();
		if (pid == 0) {
			execv(words[0], words);
			_exit(99);
		}
	} else if (strcmp(way, "vfork-failing") == 0) {
		pid = vfork();
		if (pid == 0) {
			execv("/does/not/exist", words);
			execv(words[0], words);
			_exit(99);
		}
	} else if (strcmp(way, "undumpable") == 0) {
		syscall(SYS_prctl, 4 /* PR_SET_DUMPABLE */, 0, 0, 0, 0);
		execute(NULL);
	} else {
		errx(2, "usage: ways WAY PROGRAM [ARG...]");
	}
	ended(pid);
}
