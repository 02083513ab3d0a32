/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocked.c - threads that wait in every way there is, while somebody attaches and detaches.
 *
 *	blocked [KIND...]	until its stdin ends; all kinds if none is named
 *
 * Each kind is a loop in a thread of its own that checks what each call returns: nothing may be
 * seen of a stop, no EINTR where no handler ran, no lost byte, no lost signal.  Prints "ready" when
 * all have begun, each mistake as it is seen, and at the end "KIND rounds" for each.  Exit status 1
 * after a mistake.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000l

static volatile bool ending;
static volatile bool failed;
static const struct timespec some = { 0, 15 * MS };

static void mistake(const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text) - 1, fmt, ap);
	va_end(ap);
	text[n++] = '\n';
	failed = true;
	if (write(STDOUT_FILENO, text, (size_t)n) < 0)
		abort();
}

#define EXPECT(what, got, wanted)                                                                 \
	do {                                                                                      \
		long got_ = (got), wanted_ = (wanted);                                            \
		if (got_ != wanted_)                                                              \
			mistake("%s: %ld, expected %ld (errno %d)", what, got_, wanted_, errno);  \
	} while (0)

/* ---- waits that end by themselves ---- */

static void nanosleep_once(void)
{
	EXPECT("nanosleep", nanosleep(&some, NULL), 0);
}

static void sleep_until_once(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += some.tv_nsec;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	EXPECT("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), 0);
}

/* Longer than the time between two attaches: it ends only if it does not begin anew each time. */
static void long_sleep_once(void)
{
	struct timespec t = { 1, 0 };

	EXPECT("long nanosleep", nanosleep(&t, NULL), 0);
}

static void long_poll_once(void)
{
	EXPECT("long poll", poll(NULL, 0, 1000), 0);
}

static void long_futex_once(void)
{
	static unsigned int word;
	struct timespec t = { 1, 0 };

	EXPECT("long futex", syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0), -1);
	EXPECT("long futex", errno, ETIMEDOUT);
}

static void poll_once(void)
{
	static int pair[2] = { -1 };
	struct pollfd p;

	if (pair[0] < 0 && pipe(pair) < 0)
		abort();
	p = (struct pollfd){ .fd = pair[0], .events = POLLIN };
	EXPECT("poll", poll(&p, 1, 15), 0);
}

static void ppoll_once(void)
{
	sigset_t all;

	sigfillset(&all);
	EXPECT("ppoll", ppoll(NULL, 0, &some, &all), 0);
	EXPECT("ppoll", ppoll(NULL, 0, &some, NULL), 0);
}

static void select_once(void)
{
	struct timeval t = { 0, 15000 };
	sigset_t all;

	sigfillset(&all);
	EXPECT("select", select(0, NULL, NULL, NULL, &t), 0);
	EXPECT("pselect", pselect(0, NULL, NULL, NULL, &some, &all), 0);
}

static void futex_once(void)
{
	static unsigned int word;

	EXPECT("futex", syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &some, NULL, 0), -1);
	EXPECT("futex", errno, ETIMEDOUT);
}

static void cond_once(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec = (t.tv_nsec + some.tv_nsec) % 1000000000;
	pthread_mutex_lock(&mutex);
	EXPECT("cond", pthread_cond_timedwait(&cond, &mutex, &t), ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
}

static void epoll_once(void)
{
	static int ep = -1;
	struct epoll_event e;
	sigset_t all;

	if (ep < 0)
		ep = epoll_create1(EPOLL_CLOEXEC);
	sigfillset(&all);
	EXPECT("epoll_wait", epoll_wait(ep, &e, 1, 15), 0);
	EXPECT("epoll_pwait", epoll_pwait(ep, &e, 1, 15, &all), 0);
}

static void recv_once(void)
{
	static int pair[2] = { -1 };
	struct timeval t = { 0, 15000 };
	char c;

	if (pair[0] < 0 && (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
			    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) < 0))
		abort();
	EXPECT("recv", recv(pair[0], &c, 1, 0), -1);
	EXPECT("recv", errno, EAGAIN);
	EXPECT("read of a socket", read(pair[0], &c, 1), -1);
	EXPECT("read of a socket", errno, EAGAIN);
}

static void sigtimedwait_once(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 5);
	EXPECT("sigtimedwait", sigtimedwait(&set, NULL, &some), -1);
	EXPECT("sigtimedwait", errno, EAGAIN);
}

/* ---- waits that another thread ends ---- */

static int stream[2] = { -1, -1 };

static void write_once(void)
{
	static unsigned long next;

	EXPECT("write", write(stream[1], &next, sizeof(next)), sizeof(next));
	next++;
	if (next % 16 == 0)
		nanosleep(&some, NULL);
}

static void read_once(void)
{
	static unsigned long next;
	unsigned long got = -1ul;

	if (read(stream[0], &got, sizeof(got)) == 0 && ending)
		return;
	EXPECT("read's number", (long)got, (long)next);
	next++;
}

static pthread_t suspended;
static volatile bool is_suspended;
static volatile int handled, sent;

static void on_usr1(int sig)
{
	(void)sig;
	handled++;
}

static void suspend_once(void)
{
	sigset_t usr1, open;
	int before = handled;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, &open);
	sigdelset(&open, SIGUSR1);
	suspended = pthread_self();
	is_suspended = true;
	EXPECT("sigsuspend", sigsuspend(&open), -1);
	EXPECT("sigsuspend", errno, EINTR);
	EXPECT("handlers run", handled, before + 1);
}

static void send_once(void)
{
	if (is_suspended && sent == handled && !ending) {
		sent++;
		pthread_kill(suspended, SIGUSR1);
	}
	sched_yield();
}

/* A handler that runs at any time, on a stack of its own, and makes calls. */
static volatile unsigned long alarms;
static pthread_t alarmed;

static void on_alarm(int sig)
{
	(void)sig;
	int saved = errno;

	EXPECT("a handler's thread", pthread_equal(pthread_self(), alarmed) != 0, 1);
	EXPECT("getppid in a handler", syscall(SYS_getppid) > 0, 1);
	nanosleep(&(struct timespec){ 0, MS }, NULL);
	alarms++;
	errno = saved;
}

static void alarm_once(void)
{
	static char stack[64 << 10];
	static bool started;
	struct itimerval t = { { 0, 3000 }, { 0, 3000 } };
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) }, now;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	if (!started) {
		started = true;
		alarmed = pthread_self();
		sigaltstack(&ss, NULL);
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
		setitimer(ITIMER_REAL, &t, NULL);
	}
	sigaltstack(NULL, &now);
	EXPECT("alternate stack", now.ss_sp == stack && now.ss_size == sizeof(stack), 1);
	sched_yield();
	if (ending) {
		pthread_sigmask(SIG_BLOCK, &set, NULL);
		setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);
	}
}

/* ---- no waits ---- */

static void run_once(void)
{
	for (int i = 0; i < 1000; i++)
		EXPECT("getppid", syscall(SYS_getppid) > 0, 1);
	EXPECT("a bad call", syscall(SYS_close, -1), -1);
	EXPECT("a bad call", errno, EBADF);
}

static void *nothing(void *arg)
{
	return arg;
}

static void thread_once(void)
{
	void *ret = NULL;
	pthread_t t;

	EXPECT("pthread_create", pthread_create(&t, NULL, nothing, &ret), 0);
	pthread_join(t, &ret);
	EXPECT("a thread's result", ret == &ret, 1);
	nanosleep(&(struct timespec){ 0, MS }, NULL);
}

static void fork_once(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(syscall(SYS_getppid) > 0 ? 7 : 8);
	EXPECT("waitpid", waitpid(pid, &status, 0), pid);
	EXPECT("a child's status", status, 7 << 8);
	nanosleep(&some, NULL);
}

static void spawn_once(void)
{
	extern char **environ;
	char *argv[] = { "true", NULL };
	int status = -1;
	pid_t pid = -1;

	EXPECT("posix_spawn", posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ), 0);
	EXPECT("waitpid", waitpid(pid, &status, 0), pid);
	EXPECT("a program's status", status, 0);
	nanosleep(&some, NULL);
}

static struct kind {
	const char *name;
	void (*once)(void);
	unsigned long rounds;
	bool wanted;
	pthread_t thread;
} kinds[] = {
	{ .name = "nanosleep", .once = nanosleep_once },
	{ .name = "sleep-until", .once = sleep_until_once },
	{ .name = "long-sleep", .once = long_sleep_once },
	{ .name = "long-poll", .once = long_poll_once },
	{ .name = "long-futex", .once = long_futex_once },
	{ .name = "poll", .once = poll_once },
	{ .name = "ppoll", .once = ppoll_once },
	{ .name = "select", .once = select_once },
	{ .name = "futex", .once = futex_once },
	{ .name = "cond", .once = cond_once },
	{ .name = "epoll", .once = epoll_once },
	{ .name = "recv", .once = recv_once },
	{ .name = "sigtimedwait", .once = sigtimedwait_once },
	{ .name = "write", .once = write_once },
	{ .name = "read", .once = read_once },
	{ .name = "suspend", .once = suspend_once },
	{ .name = "send", .once = send_once },
	{ .name = "alarm", .once = alarm_once },
	{ .name = "run", .once = run_once },
	{ .name = "thread", .once = thread_once },
	{ .name = "fork", .once = fork_once },
	{ .name = "spawn", .once = spawn_once },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void *work(void *arg)
{
	struct kind *k = arg;

	do {
		k->once();
		k->rounds++;
	} while (!ending);
	if (k->once == write_once)
		close(stream[1]);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sigaction usr1 = { .sa_handler = on_usr1 };
	struct sigaction alrm = { .sa_handler = on_alarm, .sa_flags = SA_ONSTACK | SA_RESTART };
	sigset_t set;
	char c;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGUSR1, &usr1, NULL);
	sigaction(SIGALRM, &alrm, NULL);
	signal(SIGTRAP, SIG_IGN);
	if (pipe(stream) < 0)
		abort();
	for (unsigned int i = 0; i < KINDS; i++) {
		kinds[i].wanted = argc == 1;
		for (int n = 1; n < argc; n++)
			kinds[i].wanted |= strcmp(argv[n], kinds[i].name) == 0;
		if (kinds[i].wanted && pthread_create(&kinds[i].thread, NULL, work, &kinds[i]))
			abort();
	}
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) != 0)
		;
	ending = true;
	for (unsigned int i = 0; i < KINDS; i++) {
		if (!kinds[i].wanted)
			continue;
		if (kinds[i].once == suspend_once)
			pthread_kill(kinds[i].thread, SIGUSR1);
		pthread_join(kinds[i].thread, NULL);
	}
	for (unsigned int i = 0; i < KINDS; i++) {
		if (kinds[i].wanted)
			printf("%s %lu\n", kinds[i].name, kinds[i].rounds);
	}
	return failed;
}
