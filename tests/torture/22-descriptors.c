/* SPDX-License-Identifier: Apache-2.0 */
/* torture: notes=may; modes=run,no-patch,stats,userland */
/* The program's descriptors are all there are: closing every one, few allowed, lists, lowest first. */
#include "torture.h"
#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>

#define FRESH(nr) \
	({ long r_; __asm__ volatile("syscall" : "=a"(r_) : "0"((long)(nr)) : "rcx", "r11", "memory"); r_; })

static void list(const char *when)
{
	char text[512];
	size_t len = 0;
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	int fds[256], n = 0;

	text[0] = 0;
	if (!dir) {
		say("%s: no list: %s", when, err_name(errno));
		return;
	}
	while ((e = readdir(dir)) && n < 256)
		if (e->d_name[0] != '.')
			fds[n++] = atoi(e->d_name);
	for (int i = 0; i < n; i++)
		for (int k = i + 1; k < n; k++)
			if (fds[k] < fds[i]) {
				int t = fds[i];

				fds[i] = fds[k];
				fds[k] = t;
			}
	for (int i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, " %d", fds[i]);
	closedir(dir);
	say("%s:%s", when, text);
}

static void run(const char *when)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "ls /proc/self/fd | tr '\\n' ' '; echo; echo a | cat",
		      NULL);
		_exit(99);
	}
	say("%s: a program: %s", when, status_name(wait_for(pid)));
}

static void lists(void)
{
	list("at start");
	must(open("/dev/null", O_RDONLY) == 3);
	must(open("/dev/null", O_RDONLY) == 4);
	must(close(3) == 0);
	must(dup(0) == 3);
	list("with two more");
	run("with two more");
	must(fcntl(0, F_DUPFD, 100) == 100);
	must(fcntl(0, F_DUPFD_CLOEXEC, 1000) == 1000);
	list("with high ones");
	run("with high ones");
}

static void close_all(void)
{
	must(dup2(1, 19) == 19);
	say("close_range: %s", outcome(sc(SYS_close_range, 3, ~0u, 0)));
	list("after close_range");
	run("after close_range");
	for (int fd = 3; fd < 20000; fd++)
		if (sc(SYS_close, fd) != -EBADF)
			die("descriptor %d was open", fd);
	for (int fd = 3; fd < 300; fd++)
		if (dup2(1, fd) != fd)
			die("dup2 to %d", fd);
	say("close_range cloexec: %s", outcome(sc(SYS_close_range, 3, ~0u, 4)));
	say("flag of 200: %d", fcntl(200, F_GETFD));
	run("after cloexec");
	say("close_range unshare: %s", outcome(sc(SYS_close_range, 3, ~0u, 2)));
	list("after unshare");
	must(FRESH(SYS_getpid) == getpid());
	say("bad range: %s", outcome(sc(SYS_close_range, 5, 3, 0)));
	say("bad flags: %s", outcome(sc(SYS_close_range, 5, 8, 64)));
}

/* Nothing at all is open: it goes on; the exit status tells. */
static void nothing_open(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pid_t inner;
		int status;

		must(sc(SYS_close_range, 0, ~0u, 0) == 0);
		for (int i = 0; i < 100; i++)
			if (FRESH(SYS_getpid) != getpid())
				_exit(1);
		inner = fork();
		if (inner == 0) {
			execl("/bin/true", "true", NULL);
			_exit(2);
		}
		if (waitpid(inner, &status, 0) != inner || status != 0)
			_exit(3);
		if (open("/dev/null", O_RDWR) != 0)
			_exit(4);
		_exit(44);
	}
	say("nothing open: %s", status_name(wait_for(pid)));
}

/* Only so many are allowed. */
static void few(void)
{
	static const rlim_t limits[] = { 0, 1, 3, 4, 5 };

	for (size_t i = 0; i < COUNT_OF(limits); i++) {
		pid_t pid = fork();

		if (pid == 0) {
			struct rlimit r = { limits[i], limits[i] };
			int p[2];
			pid_t inner;

			must(setrlimit(RLIMIT_NOFILE, &r) == 0);
			say("limit %lu: open %s", (unsigned long)limits[i],
			    outcome(sc(SYS_open, "/dev/null", O_RDONLY, 0)));
			say("  pipe %s", outcome(sc(SYS_pipe, p)));
			must(FRESH(SYS_getpid) == getpid());
			inner = fork();
			if (inner == 0) {
				execl("/bin/true", "true", NULL);
				_exit(2);
			}
			say("  program: %s", status_name(wait_for(inner)));
			_exit(0);
		}
		wait_for(pid);
	}
}

/* Descriptors go over a socket and keep what they are. */
static void passed(void)
{
	int pair[2], got, p[2];
	char c = 'x', control[CMSG_SPACE(sizeof(int))];
	struct iovec v = { &c, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *h;

	must(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 && pipe(p) == 0);
	memset(control, 0, sizeof(control));
	h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &p[0], sizeof(int));
	must(sendmsg(pair[0], &m, 0) == 1);
	close(p[0]);
	m.msg_controllen = sizeof(control);
	must(recvmsg(pair[1], &m, 0) == 1);
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	must(write(p[1], "through", 7) == 7);
	{
		char text[8] = "";

		must(read(got, text, 7) == 7);
		say("descriptor %d says %s", got, text);
	}
}

/* A new file always gets the lowest free number, also while code runs for the first time. */
static void lowest(void)
{
	int spare = open("/dev/null", O_RDONLY);

	for (int i = 0; i < 300; i++) {
		int fd = (int)FRESH(SYS_getpid) ? open("/dev/null", O_RDONLY) : -1;

		if (fd != spare + 1)
			die("descriptor %d, not %d", fd, spare + 1);
		close(fd);
	}
	say("always the lowest");
}

/* No /proc, no /dev, nothing: in an empty directory as root. */
static void in_chroot(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		char path[4096];

		must(mkdir("empty", 0755) == 0 || errno == EEXIST);
		must(realpath("empty", path) != NULL);
		if (sc(SYS_chroot, path) != 0) {
			say("chroot is not allowed");
			_exit(0);
		}
		must(chdir("/") == 0);
		for (int i = 0; i < 100; i++)
			must(FRESH(SYS_getpid) == getpid());
		say("open /proc: %s", outcome(sc(SYS_open, "/proc", O_RDONLY, 0)));
		pid = fork();
		if (pid == 0) {
			must(FRESH(SYS_getpid) == getpid());
			_exit(3);
		}
		say("fork in it: %s", status_name(wait_for(pid)));
		_exit(0);
	}
	say("chroot: %s", status_name(wait_for(pid)));
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "lists", lists }, { "close-all", close_all }, { "nothing-open", nothing_open },
		{ "few", few }, { "passed", passed }, { "lowest", lowest }, { "chroot", in_chroot },
	};

	return RUN_CASES(cases, argc, argv);
}
