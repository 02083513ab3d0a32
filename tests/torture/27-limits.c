/* SPDX-License-Identifier: Apache-2.0 */
/* torture: notes=may */
/* Little memory, locked memory, many threads: errors are the native ones, and nobody dies of them. */
#include "torture.h"
#include <pthread.h>

#define FRESH(nr) \
	({ long r_; __asm__ volatile("syscall" : "=a"(r_) : "0"((long)(nr)) : "rcx", "r11", "memory"); r_; })

static void limit(int what, rlim_t value)
{
	struct rlimit r = { value, value };

	must(setrlimit(what, &r) == 0);
}

static void *thread(void *arg)
{
	for (int i = 0; i < 10; i++)
		must(FRESH(SYS_getpid) == getpid());
	return arg;
}

static void go_on(void)
{
	pthread_t t;
	pid_t pid;
	int err;

	for (int i = 0; i < 20; i++)
		must(FRESH(SYS_getpid) == getpid());
	pid = fork();
	if (pid == 0) {
		must(FRESH(SYS_getpid) == getpid());
		_exit(5);
	}
	say("  fork: %s", status_name(wait_for(pid)));
	err = pthread_create(&t, NULL, thread, NULL);
	if (err == 0)
		pthread_join(t, NULL);
	say("  thread: %s", err_name(err));
}

/* No new memory at all: what runs goes on running, from places never called before. */
static void address_space(void)
{
	limit(RLIMIT_AS, 0);
	say("mmap: %s", err_name(sc(SYS_mmap, 0, 4096, 3, 0x22, -1, 0)));
	say("brk: %s", sc(SYS_brk, sc(SYS_brk, 0) + (1 << 20)) == sc(SYS_brk, 0) ? "refused" : "?");
	go_on();
}

static void data(void)
{
	limit(RLIMIT_DATA, 0);
	go_on();
}

static void file_size(void)
{
	struct rlimit none = { 0, RLIM_INFINITY }, all = { RLIM_INFINITY, RLIM_INFINITY };
	pthread_t t;
	pid_t pid;
	long ret;
	int fd, status;

	/* nothing may be said while the limit holds: stdout may be a file */
	signal(SIGXFSZ, SIG_IGN);
	fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	must(setrlimit(RLIMIT_FSIZE, &none) == 0);
	ret = sc(SYS_write, fd, "x", 1);
	for (int i = 0; i < 20; i++)
		must(FRESH(SYS_getpid) == getpid());
	pid = fork();
	if (pid == 0)
		execl("/proc/self/exe", "27-limits", "@hello", NULL);
	status = wait_for(pid);
	must(pthread_create(&t, NULL, thread, NULL) == 0 && pthread_join(t, NULL) == 0);
	must(setrlimit(RLIMIT_FSIZE, &all) == 0);
	say("write: %s, program: %s", err_name(ret), status_name(status));
}

static void locked(void)
{
	say("mlockall: %s", outcome(sc(SYS_mlockall, MCL_CURRENT | MCL_FUTURE)));
	go_on();
	say("munlockall: %s", outcome(sc(SYS_munlockall)));
}

static void pending(void)
{
	limit(RLIMIT_SIGPENDING, 0);
	say("sigqueue: %s", err_name(sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }) ? errno : 0));
	go_on();
}

static volatile int hits;
static void handler(int sig, siginfo_t *info, void *context)
{
	hits++;
}

static void pending_signals(void)
{
	struct itimerval timer = { { 0, 100 }, { 0, 100 } };

	on_signal(SIGUSR1, handler, 0);
	on_signal(SIGALRM, handler, 0);
	limit(RLIMIT_SIGPENDING, 0);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (int i = 0; i < 5000; i++) {
		int before = hits;

		kill(getpid(), SIGUSR1);
		must(hits > before);
		must(sc(SYS_getpid) == getpid());
	}
	say("5000 signals without a queue");
}

static pthread_barrier_t barrier;
static void *waiting(void *arg)
{
	must(sc(SYS_getpid) == getpid());
	pthread_barrier_wait(&barrier);
	must(sc(SYS_getpid) == getpid());
	return NULL;
}

static void many_threads(void)
{
	long count = rounds(1000, 5000);
	pthread_t *t = calloc((size_t)count, sizeof(*t));
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	pthread_barrier_init(&barrier, NULL, (unsigned)count + 1);
	for (long i = 0; i < count; i++) {
		int err = pthread_create(&t[i], &attr, waiting, NULL);

		if (err)
			die("thread %ld: %s", i, err_name(err));
	}
	pthread_barrier_wait(&barrier);
	for (long i = 0; i < count; i++)
		pthread_join(t[i], NULL);
	say("%ld threads at once", count);
}

/* exec with limits too small for anything else than what is there. */
static void small_exec(void)
{
	static const long megabytes[] = { 64, 16, 8, 4 };

	for (size_t i = 0; i < COUNT_OF(megabytes); i++) {
		pid_t pid = fork();

		if (pid == 0) {
			struct rlimit r = { (rlim_t)megabytes[i] << 20, RLIM_INFINITY };

			must(setrlimit(RLIMIT_AS, &r) == 0);
			execl("/proc/self/exe", "27-limits", "@hello", NULL);
			_exit(98);
		}
		say("%ld MB for a program: %s", megabytes[i], status_name(wait_for(pid)));
	}
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "address-space", address_space }, { "data", data }, { "file-size", file_size },
		{ "locked", locked }, { "pending", pending }, { "pending-signals", pending_signals },
		{ "many-threads", many_threads }, { "small-exec", small_exec },
	};

	if (argc > 1 && strcmp(argv[1], "@hello") == 0)
		return 61;
	return RUN_CASES(cases, argc, argv);
}
