/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many functions of libc, each often enough that its system call site is
 * rewritten: in a static program, and in musl's libc, that takes tables of
 * functions which the agent makes itself.  Each call gives what it must give,
 * its errors too, while a timer interrupts it, in threads, and in a fork.
 * tests/e2e/sites.bats looks at what became of the sites.
 */
#include "torture.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/uio.h>

static const char here[] = "/dev/null";
static int fd;
static volatile sig_atomic_t ticks;

static void on_tick(int sig)
{
	ticks++;
}

/* Every line is a function with a site of its own. */
static void calls(void)
{
	struct iovec io = { .iov_base = (void *)here, .iov_len = 1 };
	struct rlimit limit;
	struct statfs fs;
	struct stat st;
	char buf[64];
	int copy;

	must(getppid() > 0 && getpgrp() > 0 && getsid(0) > 0);
	must(getuid() == geteuid() && getgid() == getegid());
	must(read(fd, buf, 1) == 0 && write(fd, here, 1) == 1);
	must(pread(fd, buf, 1, 0) == 0 && pwrite(fd, here, 1, 0) == 1);
	must(readv(fd, &io, 0) == 0 && writev(fd, &io, 1) == 1);
	must(lseek(fd, 5, SEEK_SET) == 0 && lseek(-1, 0, SEEK_SET) == -1 && errno == EBADF);
	must(access(here, R_OK) == 0 && access("/nonesuch", R_OK) == -1 && errno == ENOENT);
	must(stat(here, &st) == 0 && S_ISCHR(st.st_mode) && fstat(fd, &st) == 0);
	must(statfs(here, &fs) == 0 && fstatfs(-1, &fs) == -1 && errno == EBADF);
	must(readlink("/proc/self", buf, sizeof(buf)) > 0);
	must(readlink(here, buf, sizeof(buf)) == -1 && errno == EINVAL);
	must(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > 2);
	must(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(-1, F_GETFD) == -1 && errno == EBADF);
	copy = dup(fd);
	must(copy > fd && dup2(copy, copy) == copy && close(copy) == 0);
	must(sched_yield() == 0 && getpriority(PRIO_PROCESS, 0) != 99);
	must(chdir("/nonesuch") == -1 && errno == ENOENT);
	must(mkdir("/", 0) == -1 && errno == EEXIST && rmdir("/nonesuch") == -1 && errno == ENOENT);
	must(unlink("/nonesuch") == -1 && rename("/nonesuch", "/other") == -1 && errno == ENOENT);
	must(listen(fd, 1) == -1 && errno == ENOTSOCK && shutdown(-1, 0) == -1 && errno == EBADF);
	must(kill(getpid(), 0) == 0 && kill(getpid(), 1000) == -1 && errno == EINVAL);
	must(msync((void *)1, 1, 0) == -1 && errno == EINVAL);
	must(madvise((void *)1, 1, 0) == -1 && errno == EINVAL);
}

static void *thread(void *arg)
{
	for (long i = 0; i < rounds(50, 2000); i++)
		calls();
	return NULL;
}

int main(void)
{
	struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction sa = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	pthread_t threads[3];
	pid_t child;

	fd = open(here, O_RDWR | O_CLOEXEC);
	must(fd >= 0 && sigaction(SIGALRM, &sa, NULL) == 0);
	must(setitimer(ITIMER_REAL, &often, NULL) == 0);
	for (long i = 0; i < rounds(500, 5000); i++)
		calls();
	for (unsigned i = 0; i < COUNT_OF(threads); i++)
		must(pthread_create(&threads[i], NULL, thread, NULL) == 0);
	for (unsigned i = 0; i < COUNT_OF(threads); i++)
		must(pthread_join(threads[i], NULL) == 0);
	child = fork();
	must(child >= 0);
	if (child == 0) {
		thread(NULL);
		_exit(3);
	}
	say("child: %s", status_name(wait_for(child)));
	must(setitimer(ITIMER_REAL, &never, NULL) == 0 && ticks > 0);
	say("all calls gave what they must");
	return 0;
}
