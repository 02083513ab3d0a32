/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens one of everything that processes share after a fork, reads its input, says what it
 * finds in each, and takes all of it.  Whoever does that second in a copy that shares
 * something says something else than a fresh run.
 */
#include "../harness/torture.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static int file, file_too, list, pipes[2], pair[2], count, sema, period, later, signals, seen,
	stat_of;
static int all, inner;

static void add(int ep, int fd, unsigned int events, uint64_t data)
{
	struct epoll_event e = { events, { .u64 = data } };

	must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == 0);
}

static void set_up(const char *self)
{
	struct itimerspec once = { { 0, 0 }, { 0, 1 } }, far = { { 7, 0 }, { 5000, 0 } };
	char names[8192];
	struct epoll_event e;
	struct pollfd p;
	sigset_t set;

	file = open(self, O_RDONLY);
	must(file >= 0 && lseek(file, 1, SEEK_SET) == 1);
	file_too = fcntl(file, F_DUPFD_CLOEXEC, 50);
	list = open("/", O_RDONLY | O_DIRECTORY);
	must(sc(SYS_getdents64, list, names, sizeof(names)) > 0);
	must(pipe2(pipes, O_NONBLOCK) == 0 && write(pipes[1], "in the pipe", 11) == 11);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	count = eventfd(5, EFD_NONBLOCK);
	sema = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	period = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	later = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	must(timerfd_settime(period, 0, &once, NULL) == 0);
	must(timerfd_settime(later, 0, &far, NULL) == 0);
	p = (struct pollfd){ period, POLLIN, 0 };
	must(poll(&p, 1, -1) == 1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	signals = signalfd(-1, &set, SFD_NONBLOCK);
	seen = inotify_init1(IN_NONBLOCK);
	must(inotify_add_watch(seen, "/", IN_DELETE_SELF) == 1);
	must(inotify_add_watch(seen, self, IN_OPEN) == 2);
	stat_of = open("/proc/self/stat", O_RDONLY);
	must(stat_of >= 0);
	all = epoll_create1(0);
	inner = epoll_create1(0);
	add(inner, pipes[0], EPOLLIN, 1);
	add(all, inner, EPOLLIN, 2);
	add(all, count, EPOLLIN, 3);
	add(all, pair[0], EPOLLIN, 4);
	add(all, sema, EPOLLIN | EPOLLONESHOT, 5);
	/* Once for all: the next one is quiet from here on. */
	do
		must(epoll_wait(all, &e, 1, 0) == 1);
	while (e.data.u64 != 5);
}

static void list_events(const char *when)
{
	struct epoll_event e[8];
	unsigned int bits = 0;
	int n = epoll_wait(all, e, 8, 0);

	for (int i = 0; i < n; i++)
		bits |= 1u << e[i].data.u64;
	say("%s: events %#x", when, bits);
}

static long long take(int fd)
{
	uint64_t n;

	return read(fd, &n, 8) == 8 ? (long long)n : -errno;
}

static void look(const char *self)
{
	struct signalfd_siginfo si;
	struct itimerspec t;
	char text[64] = "", events[512];
	long at;

	list_events("at first");
	say("file at %ld", (long)lseek(file, 0, SEEK_CUR));
	must(read(file_too, text, 3) == 3);
	say("file: %.3s, then at %ld", text, (long)lseek(file, 0, SEEK_CUR));
	at = sc(SYS_getdents64, list, events, sizeof(events));
	say("list: %ld more bytes", at);
	memset(text, 0, sizeof(text));
	at = read(pipes[0], text, sizeof(text));
	say("pipe: %ld %s", at, text);
	say("pair: %s", outcome(sc(SYS_read, pair[0], text, 8)));
	must(write(pair[1], "x", 1) == 1);
	list_events("pair written");
	say("pair: %ld", sc(SYS_read, pair[0], text, 8));
	say("count: %lld", take(count));
	say("count: %lld", take(count));
	for (int i = 0; i < 3; i++)
		say("semaphore: %lld", take(sema));
	say("period: %lld", take(period));
	must(timerfd_gettime(later, &t) == 0);
	say("later: %s, then each %ld s", t.it_value.tv_sec > 4000 ? "far" : "near",
	    (long)t.it_interval.tv_sec);
	memset(&t, 0, sizeof(t));
	must(timerfd_settime(later, 0, &t, NULL) == 0);
	must(kill(getpid(), SIGUSR1) == 0);
	must(read(signals, &si, sizeof(si)) == sizeof(si));
	say("signal: %s", sig_name((int)si.ssi_signo));
	while (read(seen, events, sizeof(events)) > 0)
		;
	close(open(self, O_RDONLY));
	at = read(seen, events, sizeof(events));
	say("watch: %d", at > 0 ? ((struct inotify_event *)events)->wd : -1);
	must(pread(stat_of, text, 16, 0) > 0);
	say("it is %s", atoi(text) == getpid() ? "this process" : "another process");
	list_events("at last");
}

int main(int argc, char **argv)
{
	char text[256];
	long n, total = 0;

	set_up(argv[0]);
	while ((n = read(0, text, sizeof(text))) > 0)
		total += n;
	say("input: %ld bytes", total);
	look(argv[0]);
	return 0;
}
