/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torture.h - what the torture programs share.
 *
 * A torture program prints what it saw in lines that are the same in every
 * native run, and checks itself where there is an absolute truth: a line on
 * stderr and an exit status that is not 0.  The runner (torture.py) compares
 * its output natively and under waylay, byte for byte.
 *
 * Output goes through raw write(2), one call for each line: nothing is
 * buffered over fork, and lines of several processes do not mix.
 */
#ifndef WY_TEST_TORTURE_H
#define WY_TEST_TORTURE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* A system call without libc: the result is -errno, as the kernel says it. */
static inline long sc6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#define SC_PICK(nr, a, b, c, d, e, f, ...) \
	sc6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define sc(...) SC_PICK(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/* The first lines of <string.h> that musl and glibc do not agree about. */
static inline const char *err_name(long err)
{
	static __thread char number[32];

	switch (err < 0 ? -err : err) {
#define ERR(e) case e: return #e;
	case 0: return "0";
	ERR(EPERM) ERR(ENOENT) ERR(ESRCH) ERR(EINTR) ERR(EIO) ERR(ENXIO) ERR(E2BIG) ERR(ENOEXEC)
	ERR(EBADF) ERR(ECHILD) ERR(EAGAIN) ERR(ENOMEM) ERR(EACCES) ERR(EFAULT) ERR(EBUSY)
	ERR(EEXIST) ERR(ENODEV) ERR(ENOTDIR) ERR(EISDIR) ERR(EINVAL) ERR(ENFILE) ERR(EMFILE)
	ERR(ENOTTY) ERR(ETXTBSY) ERR(EFBIG) ERR(ENOSPC) ERR(ESPIPE) ERR(EROFS) ERR(EPIPE)
	ERR(ERANGE) ERR(EDEADLK) ERR(ENAMETOOLONG) ERR(ENOSYS) ERR(ELOOP) ERR(EOVERFLOW)
	ERR(ELIBBAD) ERR(EOPNOTSUPP) ERR(ETIMEDOUT) ERR(ECONNREFUSED) ERR(EINPROGRESS)
	ERR(ENOTSOCK) ERR(EADDRINUSE) ERR(ENOTCONN) ERR(ECANCELED) ERR(EOWNERDEAD) ERR(ENOPROTOOPT)
#undef ERR
	}
	snprintf(number, sizeof(number), "errno %ld", err < 0 ? -err : err);
	return number;
}

static inline const char *sig_name(int sig)
{
	static __thread char number[32];

	switch (sig) {
#define SIG(s) case s: return #s;
	SIG(SIGHUP) SIG(SIGINT) SIG(SIGQUIT) SIG(SIGILL) SIG(SIGTRAP) SIG(SIGABRT) SIG(SIGBUS)
	SIG(SIGFPE) SIG(SIGKILL) SIG(SIGUSR1) SIG(SIGSEGV) SIG(SIGUSR2) SIG(SIGPIPE) SIG(SIGALRM)
	SIG(SIGTERM) SIG(SIGCHLD) SIG(SIGCONT) SIG(SIGSTOP) SIG(SIGTSTP) SIG(SIGSYS) SIG(SIGPROF)
	SIG(SIGVTALRM) SIG(SIGXCPU) SIG(SIGXFSZ) SIG(SIGURG) SIG(SIGIO) SIG(SIGWINCH)
#undef SIG
	}
	snprintf(number, sizeof(number), "signal %d", sig);
	return number;
}

/* "fine" for 0 or more, else the name of the error. */
static inline const char *outcome(long ret)
{
	return ret < 0 ? err_name(ret) : "fine";
}

static inline void write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		long n = sc(SYS_write, fd, text, len);

		if (n == -EINTR || n == -EAGAIN)
			continue;
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static inline void say_to(int fd, const char *format, va_list args)
{
	char line[1024];
	int n = vsnprintf(line, sizeof(line) - 1, format, args);

	if (n < 0)
		return;
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n++] = '\n';
	write_all(1 == fd ? 1 : 2, line, (size_t)n);
}

/* One line on stdout: a part of what must not change. */
__attribute__((format(printf, 1, 2))) static inline void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_to(1, format, args);
	va_end(args);
}

/* Something is wrong in itself: a line on stderr, and the end. */
__attribute__((format(printf, 1, 2), noreturn)) static inline void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_to(2, format, args);
	va_end(args);
	_exit(99);
}

#define must(truth) \
	do { \
		if (!(truth)) \
			die("%s:%d: not so: %s (errno %s)", __FILE__, __LINE__, #truth, \
			    err_name(errno)); \
	} while (0)

/* This machine cannot show it: the runner prints the reason. */
__attribute__((format(printf, 1, 2), noreturn)) static inline void skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_to(2, format, args);
	va_end(args);
	_exit(77);
}

/* How often: the gate runs `reduced` rounds, WAYLAY_TEST_COUNT=full runs `full`. */
static inline long rounds(long reduced, long full)
{
	const char *count = getenv("WAYLAY_TEST_COUNT");

	return count && strcmp(count, "full") == 0 ? full : reduced;
}

/* A wait status in words. */
static inline const char *status_name(int status)
{
	static __thread char text[64];

	if (WIFEXITED(status))
		snprintf(text, sizeof(text), "exit %d", WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "killed by %s", sig_name(WTERMSIG(status)));
	else if (WIFSTOPPED(status))
		snprintf(text, sizeof(text), "stopped by %s", sig_name(WSTOPSIG(status)));
	else
		snprintf(text, sizeof(text), "status %#x", (unsigned)status);
	return text;
}

static inline int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		must(errno == EINTR);
	return status;
}

/* A child that helps a test and must not outlive it. */
static inline pid_t fork_helper(void)
{
	pid_t parent = getpid(), pid = fork();

	must(pid >= 0);
	if (pid == 0) {
		must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0);
		if (getppid() != parent)
			_exit(0);
	}
	return pid;
}

static inline int gettid_raw(void)
{
	return (int)sc(SYS_gettid);
}

/* Reads a small file of /proc: its length, or -1. */
static inline long slurp(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long n;

	if (fd < 0)
		return -1;
	n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	return n;
}

/* The state letter of a thread as /proc says it, 'X' if it is gone. */
static inline char thread_state(pid_t pid, pid_t tid)
{
	char path[64], text[512], *at;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	if (slurp(path, text, sizeof(text)) <= 0)
		return 'X';
	at = strrchr(text, ')');
	return at && at[1] ? at[2] : 'X';
}

/*
 * Waits until the thread sleeps in call `nr` (-1: in any call), or is dead.
 * This is how a test knows that a signal will find the call blocked.
 */
static inline void wait_until_in(pid_t pid, pid_t tid, long nr)
{
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	for (;;) {
		char state;

		if (slurp(path, line, sizeof(line)) > 0 && line[0] >= '0' && line[0] <= '9' &&
		    (nr < 0 || atol(line) == nr))
			return;
		state = thread_state(pid, tid);
		if (state == 'X' || state == 'Z')
			return;
		sched_yield();
	}
}

static inline void on_signal(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	must(sigaction(sig, &sa, NULL) == 0);
}

static inline void tell(pid_t tid, int sig)
{
	must(sc(SYS_tgkill, getpid(), tid, sig) == 0);
}

/* A named part of a program. */
struct torture_case {
	const char *name;
	void (*run)(void);
};

/*
 * Without an argument: every case in a child of its own, so that one crash
 * does not hide the others.  With the name of a case: only that, right here.
 */
static inline int run_cases(const struct torture_case *cases, size_t count, int argc, char **argv)
{
	int bad = 0;

	for (size_t i = 0; i < count; i++) {
		pid_t pid;
		int status;

		if (argc > 1) {
			if (strcmp(argv[1], cases[i].name) != 0)
				continue;
			cases[i].run();
			return 0;
		}
		say("== %s", cases[i].name);
		pid = fork();
		must(pid >= 0);
		if (pid == 0) {
			cases[i].run();
			_exit(0);
		}
		status = wait_for(pid);
		if (status != 0) {
			say("== %s: %s", cases[i].name, status_name(status));
			if (!(WIFEXITED(status) && WEXITSTATUS(status) == 77))
				bad = 1;
		}
	}
	if (argc > 1)
		die("there is no case %s", argv[1]);
	return bad;
}
#define RUN_CASES(cases, argc, argv) run_cases(cases, COUNT_OF(cases), argc, argv)

#endif
