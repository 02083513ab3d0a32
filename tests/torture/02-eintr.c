/* SPDX-License-Identifier: Apache-2.0 */
/* What each waiting call says when a signal comes while it waits, with and without SA_RESTART. */
#include "torture.h"
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/un.h>

static volatile int *hits;	/* shared with the child that sends */
static pid_t sleeper;
static int lock_fd;
static int pipe_fd[2], full_fd[2], pair[2], listener, event, ep, msq, sem;
#define word (((volatile unsigned *)hits)[1])
static struct timespec long_time = { 20, 0 };

static void count(int sig, siginfo_t *info, void *context)
{
	++*hits;
}

/* A child sends `times` signals, each when the call waits; then it ends the wait for good. */
static pid_t poker(long nr, int times, void (*release)(void))
{
	pid_t self = getpid(), pid = fork_helper();

	if (pid)
		return pid;
	for (int i = 0; i < times; i++) {
		wait_until_in(self, self, nr);
		kill(self, SIGUSR1);
		/* asleep, for the scheduler may go on for milliseconds with one who yields */
		while (*hits == i)
			usleep(20);
	}
	if (release) {
		wait_until_in(self, self, nr);
		release();
	}
	_exit(0);
}

static long do_read(void) { char c; return sc(SYS_read, pipe_fd[0], &c, 1); }
static long do_readv(void)
{
	char c;
	struct { void *p; size_t n; } v = { &c, 1 };
	return sc(SYS_readv, pipe_fd[0], &v, 1);
}
static long do_write(void)
{
	static char block[65536];
	return sc(SYS_write, full_fd[1], block, sizeof(block));
}
static long do_recv(void) { char c; return sc(SYS_recvfrom, pair[0], &c, 1, 0, 0, 0); }
static long do_accept(void) { return sc(SYS_accept, listener, 0, 0); }
static long do_poll(void)
{
	struct pollfd p = { .fd = pipe_fd[0], .events = POLLIN };
	return sc(SYS_poll, &p, 1, -1);
}
static long do_poll_timed(void)
{
	struct pollfd p = { .fd = pipe_fd[0], .events = POLLIN };
	return sc(SYS_poll, &p, 1, 20000);
}
static long do_ppoll(void)
{
	struct pollfd p = { .fd = pipe_fd[0], .events = POLLIN };
	struct timespec t = long_time;
	return sc(SYS_ppoll, &p, 1, &t, 0, 8);
}
static long do_select(void)
{
	fd_set set;
	struct timeval t = { 20, 0 };
	FD_ZERO(&set);
	FD_SET(pipe_fd[0], &set);
	return sc(SYS_select, pipe_fd[0] + 1, &set, 0, 0, &t);
}
static long do_pselect(void)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(pipe_fd[0], &set);
	return sc(SYS_pselect6, pipe_fd[0] + 1, &set, 0, 0, 0, 0);
}
static long do_epoll(void)
{
	struct epoll_event e;
	return sc(SYS_epoll_wait, ep, &e, 1, -1);
}
static long do_epoll_pwait2(void)
{
	struct epoll_event e;
	return sc(441, ep, &e, 1, &long_time, 0, 8);
}
static long do_pause(void) { return sc(SYS_pause); }
static long do_nanosleep(void)
{
	struct timespec rest = { -1, -1 };
	long ret = sc(SYS_nanosleep, &long_time, &rest);

	if (ret == -EINTR && (rest.tv_sec < 10 || rest.tv_sec > 20))
		die("the rest of nanosleep is %ld", (long)rest.tv_sec);
	return ret;
}
static long do_clock_nanosleep(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now.tv_sec += long_time.tv_sec;
	return sc(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &now, 0);
}
static long do_futex(void) { return sc(SYS_futex, &word, FUTEX_WAIT, 0, 0); }
static long do_futex_timed(void)
{
	return sc(SYS_futex, &word, FUTEX_WAIT, 0, &long_time);
}
static long do_futex_bitset(void)
{
	return sc(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, 0, 0, 0xffffffff);
}
static long do_wait4(void)
{
	return sc(SYS_wait4, sleeper, 0, 0, 0);
}
static long do_waitid(void)
{
	return sc(SYS_waitid, P_PID, sleeper, 0, WEXITED, 0);
}
static long do_flock(void)
{
	return sc(SYS_flock, lock_fd, LOCK_EX);
}
static long do_setlkw(void)
{
	struct flock l = { .l_type = F_WRLCK };
	return sc(SYS_fcntl, lock_fd, F_SETLKW, &l);
}
static long do_msgrcv(void)
{
	struct { long type; char text[8]; } m;
	return sc(SYS_msgrcv, msq, &m, 8, 0, 0);
}
static long do_semop(void)
{
	struct sembuf op = { .sem_op = -1 };
	return sc(SYS_semop, sem, &op, 1);
}
static long do_semtimedop(void)
{
	struct sembuf op = { .sem_op = -1 };
	return sc(SYS_semtimedop, sem, &op, 1, &long_time);
}
static long do_eventfd(void) { uint64_t v; return sc(SYS_read, event, &v, 8); }
static long do_fifo(void) { return sc(SYS_open, "fifo", O_RDONLY, 0); }
static long do_rcvtimeo(void)
{
	struct timeval t = { 20, 0 };
	char c;
	long ret;

	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	ret = sc(SYS_recvfrom, pair[0], &c, 1, 0, 0, 0);
	t.tv_sec = 0;
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	return ret;
}
static long do_sigwait(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sc(SYS_rt_sigtimedwait, &set, 0, &long_time, 8);
}

static void end_wait(void)
{
	uint64_t one = 1;
	struct { long type; char text[8]; } m = { 1, "m" };
	struct sembuf op = { .sem_op = 1 };
	struct sockaddr_un where;
	socklen_t where_len = sizeof(where);
	char many[65536];
	int fd;

	must(getsockname(listener, (struct sockaddr *)&where, &where_len) == 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	must(connect(fd, (struct sockaddr *)&where, where_len) == 0);

	word = 1;
	sc(SYS_futex, &word, FUTEX_WAKE, 100);
	must(write(pipe_fd[1], "e", 1) == 1);
	must(write(pair[1], "e", 1) == 1);
	must(write(event, &one, 8) == 8);
	/* gone when the last wait has ended before this */
	must(msgsnd(msq, &m, 8, 0) == 0 || errno == EINVAL || errno == EIDRM);
	must(semop(sem, &op, 1) == 0 || errno == EINVAL || errno == EIDRM);
	if (read(full_fd[0], many, sizeof(many)) < 0)
		must(errno == EAGAIN);
	fd = open("fifo", O_WRONLY | O_NONBLOCK);
	if (fd >= 0)
		close(fd);
	if (sleeper > 0)
		kill(sleeper, SIGKILL);
}

/* ends: what SA_RESTART makes of it: 'r' goes on until it gets what it waits for, 'e' is EINTR. */
static const struct {
	const char *name;
	long nr;
	long (*call)(void);
	char ends;
} waits[] = {
	{ "read", SYS_read, do_read, 'r' }, { "readv", SYS_readv, do_readv, 'r' },
	{ "write", SYS_write, do_write, 'r' }, { "recvfrom", SYS_recvfrom, do_recv, 'r' },
	{ "accept", SYS_accept, do_accept, 'r' }, { "poll", SYS_poll, do_poll, 'e' },
	{ "poll timed", SYS_poll, do_poll_timed, 'e' }, { "ppoll", SYS_ppoll, do_ppoll, 'e' },
	{ "select", SYS_select, do_select, 'e' }, { "pselect6", SYS_pselect6, do_pselect, 'e' },
	{ "epoll_wait", SYS_epoll_wait, do_epoll, 'e' },
	{ "epoll_pwait2", 441, do_epoll_pwait2, 'e' },
	{ "pause", SYS_pause, do_pause, 'e' }, { "nanosleep", SYS_nanosleep, do_nanosleep, 'e' },
	{ "clock_nanosleep", SYS_clock_nanosleep, do_clock_nanosleep, 'e' },
	{ "futex", SYS_futex, do_futex, 'r' }, { "futex timed", SYS_futex, do_futex_timed, 'e' },
	{ "futex bitset", SYS_futex, do_futex_bitset, 'r' },
	{ "wait4", SYS_wait4, do_wait4, 'r' }, { "waitid", SYS_waitid, do_waitid, 'r' },
	{ "flock", SYS_flock, do_flock, 'r' }, { "F_SETLKW", SYS_fcntl, do_setlkw, 'r' },
	{ "msgrcv", SYS_msgrcv, do_msgrcv, 'e' }, { "semop", SYS_semop, do_semop, 'e' },
	{ "semtimedop", SYS_semtimedop, do_semtimedop, 'e' },
	{ "eventfd", SYS_read, do_eventfd, 'r' }, { "open fifo", SYS_open, do_fifo, 'r' },
	{ "recvfrom SO_RCVTIMEO", SYS_recvfrom, do_rcvtimeo, 'e' },
	{ "rt_sigtimedwait", SYS_rt_sigtimedwait, do_sigwait, 'e' },
};

/* A process that holds the locks and lives until it is killed. */
static void start_sleeper(void)
{
	int ready[2];
	char c;

	must(pipe(ready) == 0);
	sleeper = fork();
	must(sleeper >= 0);
	if (sleeper == 0) {
		struct flock l = { .l_type = F_WRLCK };
		int fd = open("lock", O_RDWR | O_CREAT, 0600);

		must(fd >= 0 && flock(fd, LOCK_EX) == 0 && fcntl(fd, F_SETLK, &l) == 0);
		must(write(ready[1], "r", 1) == 1);
		for (;;)
			pause();
	}
	must(read(ready[0], &c, 1) == 1);
	close(ready[0]);
	close(ready[1]);
	lock_fd = open("lock", O_RDWR);
	must(lock_fd >= 0);
}

static void prepare(void)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	struct epoll_event e = { .events = EPOLLIN };

	must(pipe(pipe_fd) == 0 && pipe(full_fd) == 0);
	must(fcntl(full_fd[1], F_SETPIPE_SZ, 65536) == 65536);
	fcntl(full_fd[0], F_SETFL, O_NONBLOCK);
	{
		static char block[65536];
		must(write(full_fd[1], block, sizeof(block)) == sizeof(block));
	}
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	must(bind(listener, (struct sockaddr *)&where, sizeof(sa_family_t)) == 0);
	must(listen(listener, 1) == 0);
	ep = epoll_create1(0);
	must(epoll_ctl(ep, EPOLL_CTL_ADD, pipe_fd[0], &e) == 0);
	event = eventfd(0, 0);
	msq = msgget(IPC_PRIVATE, 0600);
	sem = semget(IPC_PRIVATE, 1, 0600);
	must(event >= 0 && msq >= 0 && sem >= 0);
	must(mkfifo("fifo", 0600) == 0 || errno == EEXIST);
}

static void forget(void)
{
	if (msq > 0)
		msgctl(msq, IPC_RMID, NULL);
	if (sem > 0)
		semctl(sem, 0, IPC_RMID);
}

/* Whether the process that holds the locks is still to be waited for. */
static int sleeper_left(size_t i, long ret)
{
	return ret < 0 || strncmp(waits[i].name, "wait", 4) != 0;
}

static void each(size_t i, int flags)
{
	pid_t pid;
	long ret;
	int again = (flags & SA_RESTART) && waits[i].ends == 'r';

	prepare();
	start_sleeper();
	*hits = 0;
	word = 0;
	long_time = (struct timespec){ again ? 1 : 20, 0 };
	on_signal(SIGUSR1, count, flags);
	pid = poker(waits[i].nr, again ? 3 : 1, again ? end_wait : NULL);
	ret = waits[i].call();
	if (*hits != (again ? 3 : 1))
		die("%s: %d signals", waits[i].name, *hits);
	if (ret != -EINTR && !again)
		die("%s: %s", waits[i].name, outcome(ret));
	say("%s: %s", waits[i].name, outcome(ret));
	if (sleeper_left(i, ret)) {
		kill(sleeper, SIGKILL);
		wait_for(sleeper);
	}
	must(wait_for(pid) == 0);
	forget();
}

static void every(int flags)
{
	for (size_t i = 0; i < COUNT_OF(waits); i++) {
		pid_t child = fork();

		must(child >= 0);
		if (child == 0) {
			each(i, flags);
			_exit(0);
		}
		must(wait_for(child) == 0);
	}
}

static void plain(void)
{
	every(0);
}

static void restart(void)
{
	every(SA_RESTART);
}

/* The wait of that name. */
static size_t wait_named(const char *name)
{
	size_t i = 0;

	while (strcmp(waits[i].name, name) != 0)
		i++;
	return i;
}

/* In a child: one call that goes on after it was stopped.  Its error is the exit status. */
static void go_on(size_t i, int timed)
{
	struct timespec before, after;
	long wanted = rounds(100, 300), ms, ret;

	prepare();
	word = 0;
	long_time = (struct timespec){ 0, wanted * 1000000 };
	if (waits[i].nr == SYS_read || waits[i].nr == SYS_epoll_wait) {
		pid_t self = getpid();

		if (fork_helper() == 0) {
			wait_until_in(self, self, waits[i].nr);
			kill(self, SIGSTOP);
			kill(self, SIGCONT);
			/* epoll_wait says EINTR; read waits on */
			if (waits[i].nr == SYS_read) {
				wait_until_in(self, self, SYS_read);
				end_wait();
			}
			_exit(0);
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &before);
	if (waits[i].nr == SYS_poll) {
		struct pollfd p = { .fd = pipe_fd[0], .events = POLLIN };

		ret = sc(SYS_poll, &p, 1, wanted);
	} else if (waits[i].nr == SYS_clock_nanosleep) {
		ret = sc(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &long_time, 0);
	} else {
		ret = waits[i].call();
	}
	clock_gettime(CLOCK_MONOTONIC, &after);
	ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
	if (timed && waits[i].nr != SYS_semtimedop && ms < wanted - 1)
		die("%s took only %ld ms", waits[i].name, ms);
	forget();
	_exit(ret < 0 ? (int)-ret : 0);
}

/*
 * Stopped and continued without any handler: calls with a timeout go on by restart_syscall(2).
 * Their times pass beside each other.
 */
static void stopped(void)
{
	static const struct {
		const char *name;
		int timed;
	} calls[] = {
		{ "read", 0 }, { "epoll_wait", 0 },
		{ "poll timed", 1 }, { "nanosleep", 1 }, { "clock_nanosleep", 1 },
		{ "futex timed", 1 }, { "semtimedop", 1 },
	};
	pid_t child[COUNT_OF(calls)];
	int status[COUNT_OF(calls)];

	for (size_t n = 0; n < COUNT_OF(calls); n++) {
		size_t i = wait_named(calls[n].name);

		child[n] = fork();
		must(child[n] >= 0);
		if (child[n] == 0)
			go_on(i, calls[n].timed);
		if (!calls[n].timed) {
			status[n] = wait_for(child[n]);
			continue;
		}
		for (int k = 0; k < 3; k++) {
			siginfo_t info;

			wait_until_in(child[n], child[n], k == 0 ? waits[i].nr : -1);
			kill(child[n], SIGSTOP);
			/* its end is seen here, too, and fetched below */
			must(waitid(P_PID, child[n], &info, WSTOPPED | WEXITED | WNOWAIT) == 0);
			if (info.si_code != CLD_STOPPED)
				break;
			must(waitid(P_PID, child[n], &info, WSTOPPED) == 0);
			kill(child[n], SIGCONT);
		}
	}
	for (size_t n = 0; n < COUNT_OF(calls); n++) {
		if (calls[n].timed)
			status[n] = wait_for(child[n]);
		if (!WIFEXITED(status[n]) || WEXITSTATUS(status[n]) == 99)
			die("%s: %s", calls[n].name, status_name(status[n]));
		say("%s: %s", calls[n].name, outcome(-WEXITSTATUS(status[n])));
	}
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "plain", plain }, { "restart", restart }, { "stopped", stopped },
	};

	hits = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(hits != MAP_FAILED);
	return RUN_CASES(cases, argc, argv);
}
