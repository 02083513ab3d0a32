/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handler does what the interrupted call waits for.  The signal comes a
 * little before the call, at its door, or in it: if it were delivered after
 * the call, the call would never end.
 */
#include "torture.h"
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

static int pipe_fd[2];
static volatile sig_atomic_t hits;
static pid_t main_tid;
static unsigned go;
static int answer_fd;
static struct sockaddr_un where;
static socklen_t where_len;

static void write_one(int sig, siginfo_t *info, void *context)
{
	char c = 'w';

	hits++;
	if (sc(SYS_write, pipe_fd[1], &c, 1) != 1)
		die("write in the handler");
}

static void connect_one(int sig, siginfo_t *info, void *context)
{
	hits++;
	answer_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(answer_fd, (struct sockaddr *)&where, where_len) != 0)
		die("connect in the handler");
}

/* Sends one signal for each "go", after a pause that differs from round to round. */
static void *sender(void *arg)
{
	unsigned seen = 0, noise = 12345;

	for (;;) {
		unsigned now;

		while ((now = __atomic_load_n(&go, __ATOMIC_ACQUIRE)) == seen)
			sched_yield();
		seen = now;
		if (now == ~0u)
			return NULL;
		noise = noise * 1103515245 + 12345;
		for (volatile unsigned i = 0; i < (noise >> 16) % 3000; i++)
			;
		sc(SYS_tgkill, getpid(), main_tid, SIGUSR1);
	}
}

static void each(long count, int flags, void (*handler)(int, siginfo_t *, void *),
		 void (*one)(int restarts))
{
	pthread_t thread;

	main_tid = gettid_raw();
	on_signal(SIGUSR1, handler, flags);
	must(pthread_create(&thread, NULL, sender, NULL) == 0);
	for (long i = 0; i < count; i++) {
		int before = hits;

		__atomic_add_fetch(&go, 1, __ATOMIC_RELEASE);
		one(flags & SA_RESTART);
		while (hits == before)
			sched_yield();
	}
	__atomic_store_n(&go, ~0u, __ATOMIC_RELEASE);
	must(pthread_join(thread, NULL) == 0);
}

static void read_once(int restarts)
{
	char c = 0;
	ssize_t n;

	while ((n = read(pipe_fd[0], &c, 1)) < 0) {
		if (errno != EINTR || restarts)
			die("read: %s", err_name(errno));
	}
	if (n != 1 || c != 'w')
		die("read %zd bytes", n);
}

static void poll_once(int restarts)
{
	struct pollfd p = { .fd = pipe_fd[0], .events = POLLIN };
	int n;

	while ((n = poll(&p, 1, -1)) < 0)
		if (errno != EINTR)
			die("poll: %s", err_name(errno));
	if (n != 1 || p.revents != POLLIN)
		die("poll: %d", n);
	read_once(restarts);
}

static void epoll_once(int restarts)
{
	static int ep = -1;
	struct epoll_event e = { .events = EPOLLIN };
	int n;

	if (ep < 0) {
		ep = epoll_create1(0);
		must(epoll_ctl(ep, EPOLL_CTL_ADD, pipe_fd[0], &e) == 0);
	}
	while ((n = epoll_wait(ep, &e, 1, -1)) < 0)
		if (errno != EINTR)
			die("epoll_wait: %s", err_name(errno));
	if (n != 1)
		die("epoll_wait: %d", n);
	read_once(restarts);
}

static int listener;
static void accept_once(int restarts)
{
	int fd;

	while ((fd = accept(listener, NULL, NULL)) < 0)
		if (errno != EINTR || restarts)
			die("accept: %s", err_name(errno));
	close(fd);
	close(answer_fd);
}

static void plain_read(void)
{
	must(pipe(pipe_fd) == 0);
	each(rounds(4000, 200000), 0, write_one, read_once);
	say("read ends");
}

static void restarted_read(void)
{
	must(pipe(pipe_fd) == 0);
	each(rounds(4000, 200000), SA_RESTART, write_one, read_once);
	say("read with SA_RESTART ends and never says EINTR");
}

static void polls(void)
{
	must(pipe(pipe_fd) == 0);
	each(rounds(2000, 100000), SA_RESTART, write_one, poll_once);
	go = 0;
	each(rounds(2000, 100000), 0, write_one, epoll_once);
	say("poll and epoll_wait end");
}

static void accepts(void)
{
	where.sun_family = AF_UNIX;
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	where_len = sizeof(sa_family_t);
	must(bind(listener, (struct sockaddr *)&where, where_len) == 0);	/* the kernel names it */
	where_len = sizeof(where);
	must(getsockname(listener, (struct sockaddr *)&where, &where_len) == 0);
	must(listen(listener, 5) == 0);
	each(rounds(1000, 50000), SA_RESTART, connect_one, accept_once);
	say("accept ends");
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "read", plain_read }, { "read-restart", restarted_read }, { "poll", polls },
		{ "accept", accepts },
	};

	return RUN_CASES(cases, argc, argv);
}
