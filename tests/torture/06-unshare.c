/* SPDX-License-Identifier: Apache-2.0 */
/* unshare(2) in a thread: the tables part; in a process: namespaces. */
#include "torture.h"
#include <pthread.h>
#include <sys/socket.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static pthread_barrier_t barrier;

static void *files(void *arg)
{
	say("thread unshares files: %s", outcome(sc(SYS_unshare, CLONE_FILES)));
	must(dup2(1, 70) == 70);
	pthread_barrier_wait(&barrier);		/* the main thread looks */
	pthread_barrier_wait(&barrier);
	say("descriptor 71 in the thread: %s", fcntl(71, F_GETFD) < 0 ? "not there" : "there");
	for (int i = 0; i < 200; i++) {
		if (sc(SYS_getpid) != getpid())
			die("getpid");
		must(close(70) == 0 && dup2(1, 70) == 70);
	}
	return NULL;
}

static void *fs(void *arg)
{
	say("thread unshares fs: %s", outcome(sc(SYS_unshare, CLONE_FS)));
	must(chdir("/") == 0);
	return NULL;
}

static void namespaces(void)
{
	static const struct { const char *name; unsigned long flag; } kinds[] = {
		{ "uts", CLONE_NEWUTS }, { "ipc", CLONE_NEWIPC }, { "net", CLONE_NEWNET },
		{ "mount", CLONE_NEWNS }, { "pid", CLONE_NEWPID }, { "cgroup", CLONE_NEWCGROUP },
		{ "user", CLONE_NEWUSER }, { "time", CLONE_NEWTIME },
	};

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		pid_t pid = fork();

		if (pid == 0) {
			long ret = sc(SYS_unshare, kinds[i].flag);
			pid_t inner;

			say("unshare %s: %s", kinds[i].name, outcome(ret));
			inner = fork();
			if (inner == 0) {
				if (kinds[i].flag == CLONE_NEWPID && ret == 0)
					say("pid inside is %ld", sc(SYS_getpid));
				execl("/bin/sh", "sh", "-c", "echo inside | cat; exec true", NULL);
				_exit(99);
			}
			say("program inside: %s", status_name(wait_for(inner)));
			_exit(0);
		}
		wait_for(pid);
	}
}

int main(void)
{
	char cwd[256], status[4096];
	pthread_t t;

	must(chdir("/tmp") == 0);
	pthread_barrier_init(&barrier, NULL, 2);
	must(pthread_create(&t, NULL, files, NULL) == 0);
	pthread_barrier_wait(&barrier);
	say("descriptor 70 here: %s", fcntl(70, F_GETFD) < 0 ? "not there" : "there");
	must(dup2(1, 71) == 71);
	pthread_barrier_wait(&barrier);
	pthread_join(t, NULL);
	must(pthread_create(&t, NULL, fs, NULL) == 0);
	pthread_join(t, NULL);
	must(getcwd(cwd, sizeof(cwd)) != NULL);
	say("directory here: %s", cwd);
	/* a thread that is joined may still be on its way out */
	do {
		must(slurp("/proc/self/status", status, sizeof(status)) > 0);
	} while (!strstr(status, "Threads:\t1\n"));
	say("a thread in unshare: %s", outcome(sc(SYS_unshare, CLONE_THREAD)));
	say("bad flag: %s", outcome(sc(SYS_unshare, 1)));
	namespaces();
	return 0;
}
