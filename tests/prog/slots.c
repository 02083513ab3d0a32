/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slots.c - makes, copies, passes and closes descriptors at random, in threads and processes.
 *
 *	slots REPORT SEED ROUNDS [rude]
 *
 * Four threads do some things each, meet at a barrier, and there one of them makes the call
 * getpriority(BARRIER, n) and appends to REPORT what stands in /proc/self/fd: the process and n,
 * and a line " FD DEVICE INODE 0 NAME" for each.  Children do the same alone, with n from 1000 on.
 *
 * As long as it is not rude, a thread closes and replaces its own descriptors only.  A rude one
 * takes numbers at random, as a program with a bug does: then closing and using, opening and
 * replacing run into each other.  All sockets are made so that nobody waits for ever in one that
 * has come under his number.
 *
 * The random numbers are the same for a seed; how threads run is not.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define BARRIER	 0x5107
#define THREADS	 4
#define OWN	 24   /* descriptors of a thread */
#define HIGH	 300  /* thread n has HIGH + n * HIGHS and up for itself */
#define HIGHS	 40
#define HIGHEST	 1400 /* one that is beyond all of these */
#define REPORT	 2000
#define RUDE_MAX 40

struct actor {
	unsigned long random;
	int index, own[OWN], nr;
	bool alone; /* the process has this thread only */
};

static const char *self;
static bool rude;
static pthread_barrier_t barrier;

#define must(truth)                                                                          \
	do {                                                                                 \
		if (!(truth)) {                                                              \
			dprintf(2, "slots: line %d: %s: %s\n", __LINE__, #truth, strerror(errno)); \
			_exit(99);                                                           \
		}                                                                            \
	} while (0)

static unsigned int pick(struct actor *a, unsigned int below)
{
	a->random ^= a->random << 13;
	a->random ^= a->random >> 7;
	a->random ^= a->random << 17;
	return (unsigned int)(a->random >> 20) % below;
}

/* ---- a report ---- */

struct dirent64 {
	unsigned long ino, off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

static char *add_one(char *at, char *end, int fd)
{
	char path[40], link[300];
	struct stat st;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0 || fstat(fd, &st) < 0)
		return at;
	link[len] = '\0';
	return at + snprintf(at, (size_t)(end - at), " %d %lx %lu 0 %s\n", fd, st.st_dev, st.st_ino,
			     link);
}

/* Nothing of libc that takes a lock: a fork's child may be here while another thread held it. */
static void report(int n)
{
	static _Thread_local char text[1 << 16], entries[1 << 15];
	char *at = text, *end = text + sizeof(text);
	int dir;
	long len;

	must(syscall(SYS_getpriority, BARRIER, n) == -1);
	at += snprintf(at, (size_t)(end - at), "%d %d\n", getpid(), n);
	must((dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY)) >= 0);
	while ((len = syscall(SYS_getdents64, dir, entries, sizeof(entries))) > 0) {
		for (long i = 0; i < len;) {
			struct dirent64 *d = (struct dirent64 *)(entries + i);
			int fd = atoi(d->name);

			if (d->name[0] != '.' && fd != dir)
				at = add_one(at, end, fd);
			i += d->reclen;
		}
	}
	close(dir);
	must(write(REPORT, text, (size_t)(at - text)) == at - text);
}

/* ---- what one does ---- */

static void keep(struct actor *a, int fd)
{
	if (fd < 0)
		return;
	if (a->nr < OWN)
		a->own[a->nr++] = fd;
	else
		close(fd);
}

/* One of its own, -1: it has none.  take: it is not its own any more. */
static int one(struct actor *a, bool take)
{
	unsigned int i;
	int fd;

	if (!a->nr)
		return -1;
	i = pick(a, (unsigned int)a->nr);
	fd = a->own[i];
	if (take)
		a->own[i] = a->own[--a->nr];
	return fd;
}

static int target(struct actor *a)
{
	if (rude && pick(a, 3) == 0)
		return 3 + (int)pick(a, RUDE_MAX);
	return HIGH + a->index * HIGHS + (int)pick(a, HIGHS);
}

static void open_one(struct actor *a)
{
	static const char *const names[] = { "/dev/null", "/proc/self/status", "/etc/passwd", "/",
					     "/usr", "/dev/zero", "/etc/hostname" };
	const char *name = names[pick(a, 7)];

	switch (pick(a, 4)) {
	case 0: keep(a, open(name, O_RDONLY | O_CLOEXEC)); break;
	case 1: keep(a, open(name, O_PATH)); break;
	default: keep(a, openat(AT_FDCWD, name, O_RDONLY));
	}
}

static void event_one(struct actor *a)
{
	sigset_t none;

	sigemptyset(&none);
	switch (pick(a, 7)) {
	case 0: keep(a, eventfd(0, EFD_CLOEXEC)); break;
	case 1: keep(a, epoll_create1(0)); break;
	case 2: keep(a, timerfd_create(CLOCK_MONOTONIC, 0)); break;
	case 3: keep(a, signalfd(-1, &none, 0)); break;
	case 4: keep(a, inotify_init1(0)); break;
	case 5: keep(a, memfd_create("some", 0)); break;
	case 6: keep(a, (int)syscall(SYS_pidfd_open, getpid(), 0)); break;
	}
}

static void connect_one(struct actor *a)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(to);
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one, two;

	if (bind(listening, (struct sockaddr *)&to, len) == 0 && listen(listening, 1) == 0 &&
	    getsockname(listening, (struct sockaddr *)&to, &len) == 0) {
		one = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(one, (struct sockaddr *)&to, len) == 0 || errno == EINPROGRESS) {
			two = accept4(listening, NULL, NULL, pick(a, 2) ? SOCK_CLOEXEC : 0);
			keep(a, two);
		}
		keep(a, one);
	}
	close(listening);
}

/* Sends some of its own to itself. */
static void pass_some(struct actor *a)
{
	int pair[2], fds[3], nr = 1 + (int)pick(a, 3), got = 0;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fds))] = { 0 };
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *c;

	if (!a->nr || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		return;
	for (int i = 0; i < nr; i++)
		fds[i] = one(a, false);
	m.msg_controllen = CMSG_SPACE((size_t)nr * sizeof(int));
	c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN((size_t)nr * sizeof(int)),
			       .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(c), fds, (size_t)nr * sizeof(int));
	/* A rude thread may have closed the other end by now. */
	if (sendmsg(pair[0], &m, MSG_NOSIGNAL) == 1) {
		m.msg_controllen = sizeof(control);
		if (recvmsg(pair[1], &m, pick(a, 2) ? MSG_CMSG_CLOEXEC : 0) == 1 &&
		    (c = CMSG_FIRSTHDR(&m))) {
			got = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			memcpy(fds, CMSG_DATA(c), (size_t)got * sizeof(int));
		}
		for (int i = 0; i < got; i++)
			keep(a, fds[i]);
	}
	close(pair[0]);
	close(pair[1]);
}

static void forget_range(struct actor *a, int first, int last)
{
	for (int i = 0; i < a->nr;) {
		if (a->own[i] >= first && a->own[i] <= last)
			a->own[i] = a->own[--a->nr];
		else
			i++;
	}
}

static void close_some(struct actor *a)
{
	int first = HIGH + a->index * HIGHS + (int)pick(a, HIGHS / 2);
	int last = first + (int)pick(a, HIGHS / 2);

	if (rude && pick(a, 3) == 0) {
		first = 3 + (int)pick(a, RUDE_MAX);
		last = first + (int)pick(a, 5);
	}
	if (syscall(SYS_close_range, first, last, 0) == 0)
		forget_range(a, first, last);
}

static void replace(struct actor *a)
{
	int from = one(a, false), to = target(a);

	if (from < 0 || from == to)
		return;
	if (pick(a, 2) ? dup2(from, to) == to : dup3(from, to, O_CLOEXEC) == to) {
		forget_range(a, to, to);
		keep(a, to);
	}
}

static void use(struct actor *a)
{
	int fd = rude ? 3 + (int)pick(a, RUDE_MAX) : one(a, false);

	if (fd >= 0) {
		lseek(fd, 0, SEEK_CUR);
		fcntl(fd, F_GETFL);
	}
}

static void act(struct actor *a);

/* A child, with copies of all that there is. */
static void child_acts(struct actor *a, int n)
{
	a->alone = true;
	for (int i = 0; i < 12; i++)
		act(a);
	report(n);
}

static void wait_for(pid_t pid)
{
	int status;

	must(pid > 0 && waitpid(pid, &status, 0) == pid);
	must(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void fork_one(struct actor *a)
{
	int n = 1000 + (int)pick(a, 100000);
	pid_t pid = fork();

	if (pid == 0) {
		report(n);
		child_acts(a, n + 100000);
		_exit(0);
	}
	wait_for(pid);
}

/* vfork, or what posix_spawn(3) does, and an exec of itself, as a child that acts. */
static void execute_one(struct actor *a)
{
	char seed[24], n[24];
	const char *argv[] = { self, "child", seed, n, rude ? "rude" : NULL, NULL };
	pid_t pid;

	snprintf(seed, sizeof(seed), "%lu", a->random);
	snprintf(n, sizeof(n), "%d", 1000 + (int)pick(a, 100000));
	if (pick(a, 2)) {
		pid = vfork();
		if (pid == 0) {
			syscall(SYS_close, HIGHEST); /* not there: an error, and nothing else */
			execv(self, (char **)argv);
			_exit(98);
		}
	} else {
		posix_spawn_file_actions_t actions;
		char *none[] = { NULL };
		int err;

		must(posix_spawn_file_actions_init(&actions) == 0);
		must(posix_spawn_file_actions_adddup2(&actions, 2, HIGHEST) == 0);
		err = posix_spawn(&pid, self, &actions, NULL, (char **)argv, none);
		must(err == 0);
		posix_spawn_file_actions_destroy(&actions);
	}
	wait_for(pid);
}

static void act(struct actor *a)
{
	int pair[2];

	/* For an exec waylay opens the program for a moment, which a rude thread may replace. */
	switch (pick(a, a->alone ? 18 : rude ? 19 : 20)) {
	case 0:
	case 1:
	case 2: open_one(a); break;
	case 3:
	case 4:
	case 5: {
		int fd = rude && pick(a, 3) == 0 ? 3 + (int)pick(a, RUDE_MAX) : one(a, true);

		if (fd >= 0)
			close(fd);
		break;
	}
	case 6: keep(a, dup(one(a, false))); break;
	case 7:
	case 8: replace(a); break;
	case 9: keep(a, fcntl(one(a, false), pick(a, 2) ? F_DUPFD : F_DUPFD_CLOEXEC, (int)pick(a, 200))); break;
	case 10:
		if (pipe2(pair, pick(a, 2) ? O_CLOEXEC : 0) == 0) {
			keep(a, pair[0]);
			keep(a, pair[1]);
		}
		break;
	case 11:
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0) {
			keep(a, pair[0]);
			keep(a, pair[1]);
		}
		break;
	case 12: connect_one(a); break;
	case 13: pass_some(a); break;
	case 14: close_some(a); break;
	case 15: event_one(a); break;
	case 16: use(a); break;
	case 17:
		if (a->alone)
			unshare(CLONE_FILES);
		else
			use(a);
		break;
	case 18: fork_one(a); break;
	case 19: execute_one(a); break;
	}
}

static int rounds;
static unsigned long seed;

static void *thread(void *arg)
{
	struct actor a = { .index = (int)(long)arg };

	a.random = (seed + 1) * 0x9e3779b97f4a7c15ul + (unsigned long)a.index * 0x1234567f3ul;
	for (int i = 0; i < rounds; i++) {
		for (int n = 0; n < 40; n++)
			act(&a);
		pthread_barrier_wait(&barrier);
		if (a.index == 0)
			report(i);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t[THREADS];
	int fd;

	must(argc >= 4);
	self = "/proc/self/exe";
	rude = argc > 4 && strcmp(argv[4], "rude") == 0;
	seed = strtoul(argv[2], NULL, 10);
	rounds = atoi(argv[3]);
	if (strcmp(argv[1], "child") == 0) {
		struct actor a = { .random = seed | 1 };

		report(rounds);
		child_acts(&a, rounds + 200000);
		return 0;
	}
	must(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 4096, 4096 }) == 0);
	must((fd = open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0666)) >= 0);
	must(dup2(fd, REPORT) == REPORT);
	close(fd);
	must(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
	for (long i = 1; i < THREADS; i++)
		must(pthread_create(&t[i], NULL, thread, (void *)i) == 0);
	thread(NULL);
	for (int i = 1; i < THREADS; i++)
		pthread_join(t[i], NULL);
	return 0;
}
