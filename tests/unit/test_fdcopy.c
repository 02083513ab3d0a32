/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the descriptors of a process are, and a copy's own of them: every test makes some,
 * forks by hand, and looks from both sides at what must not be shared.
 */
#include "agent/fdcopy.h"
#include "agent/fdtab.h"
#include "agent/layer.h"
#include "agent/own.h"
#include "agent/usermem.h"
#include "proto/serve.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/kcmp.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- what the agent has otherwise ---- */

unsigned char wy_faults_may_be_blocked;

void wy_own_add(unsigned long start, unsigned long len)
{
}

long wy_usermem_move(unsigned long to, unsigned long from, size_t len)
{
	memcpy((void *)to, (const void *)from, len);
	return 0;
}

long copy_string_from_program(char *to, unsigned long from, size_t size)
{
	size_t len = strlen((const char *)from);

	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(to, (const char *)from, len + 1);
	return (long)len;
}

/* ---- the test bench ---- */

#define GIVEN 2u

static char directory[] = "/tmp/test_fdcopy.XXXXXX";
static struct wy_fdtab table;

/* In a copy, which has no cmocka. */
#define want(truth)                                                                     \
	do {                                                                            \
		if (!(truth)) {                                                         \
			fprintf(stderr, "line %d: not so: %s (%s)\n", __LINE__, #truth, \
				strerror(errno));                                       \
			_exit(1);                                                       \
		}                                                                       \
	} while (0)

static void mark(int fd, unsigned int marks)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_true(wy_fdtab_mark(&table, st.st_dev, st.st_ino, marks) > 0);
}

static void look(void)
{
	assert_int_equal(wy_fdtab_read(&table), 0);
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			mark(fd, WY_FD_MARK_INHERITED);
}

/* The kind of the refusal, or 0. */
static int refusal(int *ret_fd)
{
	look();
	return wy_fdtab_can_copy(&table, ret_fd);
}

static void assert_refused(int kind, int fd)
{
	int at = -1;

	assert_int_equal(refusal(&at), kind);
	assert_int_equal(at, fd);
}

static void assert_fine(void)
{
	int at;

	assert_int_equal(refusal(&at), 0);
	wy_fdtab_drop();
}

/* In a child: gets its own, and then run() looks. */
static void copy_with(void (*before)(void), void (*run)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int at = -1;
		long ret;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (before)
			before();
		ret = wy_fdtab_copy(&at);
		if (ret) {
			fprintf(stderr, "no copy of %d: %s\n", at, strerror((int)-ret));
			_exit(1);
		}
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	wy_fdtab_drop();
}

static void copy(void (*run)(void))
{
	int at;

	assert_int_equal(refusal(&at), 0);
	copy_with(NULL, run);
}

static bool is_same_file(pid_t pid, int fd)
{
	return syscall(SYS_kcmp, getpid(), pid, KCMP_FILE, fd, fd) == 0;
}

static int nr_open(void)
{
	DIR *d = opendir("/proc/self/fd");
	int nr = -1; /* itself */
	struct dirent *e;

	while ((e = readdir(d)))
		nr += e->d_name[0] != '.';
	closedir(d);
	return nr;
}

static int make_file(const char *name, const char *text, int flags)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	fd = open(name, flags);
	assert_true(fd >= 0);
	return fd;
}

static int close_all(void **state)
{
	return close_range(3, ~0u, 0);
}

static const struct wy_fd_file *file_of(int fd)
{
	const struct wy_fd_slot *s = wy_fdtab_find(&table, fd);

	return s ? &table.file[s->file] : NULL;
}

/* ---- the table ---- */

static void check_table(void)
{
	int a, b, c, d, e, f, g, h, p[2];

	a = make_file("a", "text", O_RDONLY);
	b = dup(a);
	c = open("a", O_RDONLY | O_CLOEXEC);
	d = eventfd(0, 0);
	e = eventfd(0, 0);
	f = fcntl(d, F_DUPFD_CLOEXEC, 700);
	g = open("/dev/null", O_RDWR);
	h = open("a", O_PATH);
	assert_int_equal(pipe(p), 0);
	look();
	assert_ptr_equal(file_of(a), file_of(b));
	assert_ptr_not_equal(file_of(a), file_of(c));
	assert_int_equal(file_of(a)->ino, file_of(c)->ino);
	assert_ptr_not_equal(file_of(d), file_of(e));
	assert_ptr_equal(file_of(d), file_of(f));
	assert_null(file_of(500));
	assert_null(wy_fdtab_find(&table, 701));
	assert_false(wy_fdtab_find(&table, a)->close_on_exec);
	assert_true(wy_fdtab_find(&table, c)->close_on_exec);
	assert_true(wy_fdtab_find(&table, f)->close_on_exec);
	assert_int_equal(table.slot[wy_fdtab_find(&table, a)->next].fd, b);
	assert_int_equal(wy_fdtab_find(&table, b)->next, -1);
	assert_int_equal(table.slot[file_of(f)->first].fd, d);
	assert_int_equal(file_of(a)->class, WY_FD_DISK);
	assert_int_equal(file_of(d)->class, WY_FD_EVENT);
	assert_int_equal(file_of(d)->kind, WY_FD_EVENTFD);
	assert_int_equal(file_of(g)->class, WY_FD_DEV);
	assert_int_equal(file_of(g)->kind, WY_FD_STATELESS);
	assert_int_equal(file_of(h)->class, WY_FD_PATH);
	assert_int_equal(file_of(p[0])->class, WY_FD_PIPE);
	assert_int_equal(file_of(p[0])->ino, file_of(p[1])->ino);
	assert_int_equal(table.nr_slots, nr_open());
	assert_false(fcntl(a, F_GETFL) & O_NONBLOCK);
	assert_false(fcntl(d, F_GETFL) & O_NONBLOCK);
}

static void test_table(void **state)
{
	check_table();
}

/* A container's filter refuses kcmp(2). */
static void test_table_without_kcmp(void **state)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_kcmp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, code };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int ep, d, at;
		struct epoll_event ev = { EPOLLIN, { .u64 = 7 } };

		want(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
		want(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
		check_table(); /* an assertion that fails ends the child, too: not with 42 */
		close_range(3, ~0u, 0);
		ep = epoll_create1(0);
		d = eventfd(1, 0);
		want(epoll_ctl(ep, EPOLL_CTL_ADD, d, &ev) == 0);
		want(refusal(&at) == 0);
		want(wy_fdtab_copy(&at) == 0);
		want(epoll_wait(ep, &ev, 1, 0) == 1 && ev.data.u64 == 7);
		_exit(42);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

static void test_many(void **state)
{
	struct rlimit r;
	int first, nr_before, at;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	if (r.rlim_max < 4200)
		skip();
	r.rlim_cur = 4200;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
	look();
	nr_before = (int)table.nr_files;
	first = eventfd(5, 0);
	for (int i = 0; i < 3000; i++)
		assert_true(eventfd(1, 0) >= 0);
	for (int i = 0; i < 1000; i++)
		assert_true(dup(first) >= 0);
	close(first + 1);
	look();
	assert_int_equal(table.nr_slots, nr_open());
	assert_int_equal(table.nr_files, nr_before + 3000);
	assert_ptr_equal(file_of(first), file_of(first + 4000));
	assert_int_equal(wy_fdtab_can_copy(&table, &at), 0);
	assert_int_equal(wy_fdtab_copy(&at), 0);
	assert_int_equal(nr_open(), (int)table.nr_slots);
}

static void test_too_many(void **state)
{
	struct rlimit r, low;
	int high;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	high = fcntl(0, F_DUPFD, 200);
	low = (struct rlimit){ 100, r.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_refused(WY_SERVE_TOO_MANY, high);
	close(high);
	assert_fine();
	low.rlim_cur = 8;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_refused(WY_SERVE_TOO_MANY, 2);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
}

/* ---- files ---- */

static int x, y, z;
static int ends[2];
static pid_t parent;

static void file_in_copy(void)
{
	char text[4];

	want(!is_same_file(parent, x) && !is_same_file(parent, y) && !is_same_file(parent, z));
	want(lseek(x, 0, SEEK_CUR) == 3 && lseek(y, 0, SEEK_CUR) == 3);
	want(read(x, text, 2) == 2 && memcmp(text, "de", 2) == 0);
	want(lseek(y, 0, SEEK_CUR) == 5); /* the same open file */
	want(fcntl(y, F_GETFD) == FD_CLOEXEC && fcntl(x, F_GETFD) == 0);
	want(lseek(z, 0, SEEK_CUR) == 1);
	want(write(z, "ZZ", 2) == 2);
	want((fcntl(z, F_GETFL) & O_ACCMODE) == O_RDWR);
	want(nr_open() == (int)table.nr_slots);
}

static void test_files(void **state)
{
	x = make_file("x", "abcdefgh", O_RDONLY);
	assert_int_equal(lseek(x, 3, SEEK_SET), 3);
	y = fcntl(x, F_DUPFD_CLOEXEC, 100);
	z = make_file("z", "123456", O_RDWR);
	assert_int_equal(lseek(z, 1, SEEK_SET), 1);
	copy(file_in_copy);
	assert_int_equal(lseek(x, 0, SEEK_CUR), 3);
	assert_int_equal(lseek(z, 0, SEEK_CUR), 1);
	copy(file_in_copy);
}

static void unnamed_in_copy(void)
{
	char text[4];

	want(!is_same_file(parent, x));
	want(read(x, text, 4) == 4 && memcmp(text, "cdef", 4) == 0);
	want(lseek(y, 0, SEEK_CUR) == 2);
}

static void test_unnamed_files(void **state)
{
	char path[64];

	x = make_file("x", "abcdefgh", O_RDONLY);
	assert_int_equal(unlink("x"), 0);
	lseek(x, 2, SEEK_SET);
	z = open(".", O_TMPFILE | O_RDWR, 0600);
	assert_true(z >= 0);
	assert_int_equal(write(z, "1234", 4), 4);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", z);
	y = open(path, O_RDONLY | O_NOATIME);
	lseek(y, 2, SEEK_SET);
	assert_refused(WY_SERVE_REOPEN, z); /* it can be written to */
	close(z);
	copy(unnamed_in_copy);
	assert_int_equal(lseek(x, 0, SEEK_CUR), 2);
}

static void shared_in_copy(void)
{
	want(is_same_file(parent, x) && is_same_file(parent, y) && is_same_file(parent, z));
}

static void test_shared(void **state)
{
	make_file("x", "", O_RDONLY);
	close_all(NULL);
	x = open("x", O_WRONLY | O_APPEND);
	y = open("/dev/null", O_RDWR);
	z = open("x", O_PATH);
	copy(shared_in_copy);
	close_all(NULL);
	/* Inherited, and written to: whoever is started shares its position. */
	x = open("x", O_WRONLY);
	assert_int_equal(pipe(ends), 0);
	y = ends[1];
	z = open("/dev/zero", O_RDONLY);
	close(ends[0]);
	look();
	mark(x, WY_FD_MARK_INHERITED);
	mark(y, WY_FD_MARK_INHERITED);
	assert_int_equal(wy_fdtab_can_copy(&table, ends), 0);
	copy_with(NULL, shared_in_copy);
	assert_refused(WY_SERVE_PIPE, y);
}

static void dir_in_copy(void)
{
	char names[4096];

	want(!is_same_file(parent, x));
	want(syscall(SYS_getdents64, x, names, sizeof(names)) == 0); /* it was at the end */
	want(fchdir(x) == 0 && fchdir(y) == 0);
	want(syscall(SYS_getdents64, y, names, sizeof(names)) > 0);
}

static void test_directories(void **state)
{
	char names[4096];

	x = open(".", O_RDONLY | O_DIRECTORY);
	y = open(".", O_RDONLY | O_DIRECTORY);
	while (syscall(SYS_getdents64, x, names, sizeof(names)) > 0)
		;
	copy(dir_in_copy);
	copy(dir_in_copy);
}

static void proc_in_copy(void)
{
	char text[32] = "";

	want(pread(x, text, sizeof(text) - 1, 0) > 0);
	want(atoi(text) == getpid());
	want(openat(y, "stat", O_RDONLY) >= 0);
	want(readlinkat(y, "../self", text, sizeof(text)) > 0);
}

static void test_proc(void **state)
{
	x = open("/proc/self/stat", O_RDONLY);
	y = open("/proc/self", O_RDONLY | O_DIRECTORY);
	copy(proc_in_copy);
	z = open("/proc/thread-self/stat", O_RDONLY);
	assert_refused(WY_SERVE_REOPEN, z);
}

static void test_cannot_reopen(void **state)
{
	pid_t pid;
	int status;

	if (geteuid() != 0)
		skip();
	x = make_file("x", "abc", O_RDONLY);
	assert_int_equal(fchmod(x, 0), 0);
	pid = fork();
	if (pid == 0) {
		int at = -1;

		want(setresuid(65534, 65534, 65534) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
		want(refusal(&at) == WY_SERVE_REOPEN && at == x);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_locks(void **state)
{
	struct flock l = { .l_type = F_WRLCK, .l_len = 1 };

	x = make_file("x", "abc", O_RDWR);
	assert_fine();
	assert_int_equal(fcntl(x, F_SETLK, &l), 0);
	assert_refused(WY_SERVE_LOCK, x);
	l.l_type = F_UNLCK;
	assert_int_equal(fcntl(x, F_SETLK, &l), 0);
	assert_fine();
	assert_int_equal(flock(x, LOCK_SH), 0);
	assert_refused(WY_SERVE_LOCK, x);
}

static void test_memory_files(void **state)
{
	x = memfd_create("x", MFD_ALLOW_SEALING);
	assert_int_equal(write(x, "abc", 3), 3);
	assert_refused(WY_SERVE_KERNEL_OBJECT, x);
	assert_int_equal(fcntl(x, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_fine();
	look();
	assert_int_equal(file_of(x)->kind, WY_FD_MEMORY);
}

/* ---- pipes and sockets ---- */

static void pipe_in_copy(void)
{
	char text[16];

	want(!is_same_file(parent, ends[0]) && !is_same_file(parent, ends[1]));
	want(fcntl(ends[0], F_GETPIPE_SZ) == 8192);
	want(fcntl(ends[0], F_GETFL) == (O_RDONLY | O_NONBLOCK));
	want(fcntl(ends[1], F_GETFL) == O_WRONLY);
	want(write(x, "more", 4) == 4);
	want(read(ends[0], text, sizeof(text)) == 11 && memcmp(text, "contentmore", 11) == 0);
	want(read(ends[0], text, sizeof(text)) == -1 && errno == EAGAIN);
	close(x);
	close(ends[1]);
	close(y);
	want(read(ends[0], text, sizeof(text)) == 0);
}

static void test_pipe(void **state)
{
	char path[64], text[16];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[0], F_SETPIPE_SZ, 8192), 8192);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(write(ends[1], "content", 7), 7);
	x = dup(ends[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	y = open(path, O_RDWR);
	assert_true(y >= 0);
	copy(pipe_in_copy);
	copy(pipe_in_copy);
	assert_int_equal(read(ends[0], text, sizeof(text)), 7);
	close(y);
	close(ends[0]);
	assert_refused(WY_SERVE_PIPE, ends[1]);
}

static void packets_in_copy(void)
{
	char text[16];

	want(read(ends[0], text, sizeof(text)) == 3);
	want(read(ends[0], text, sizeof(text)) == 2);
	want(write(ends[1], "1", 1) == 1 && write(ends[1], "2", 1) == 1);
	want(read(ends[0], text, sizeof(text)) == 1);
}

static void test_packets(void **state)
{
	assert_int_equal(pipe2(ends, O_DIRECT), 0);
	assert_int_equal(write(ends[1], "abc", 3), 3);
	assert_int_equal(write(ends[1], "de", 2), 2);
	copy(packets_in_copy);
	copy(packets_in_copy);
}

static void pair_in_copy(void)
{
	char text[8];

	want(!is_same_file(parent, ends[0]) && !is_same_file(parent, ends[1]));
	want(write(ends[0], "one", 3) == 3 && write(x, "two", 3) == 3);
	want(recv(ends[1], text, 8, 0) == 3 && recv(ends[1], text, 8, 0) == 3);
	want(write(ends[1], "back", 4) == 4 && read(x, text, 8) == 4);
	want(recv(ends[1], text, 8, 0) == -1 && errno == EAGAIN);
}

static void test_pair(void **state)
{
	struct pollfd p;
	int one = 1;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	x = dup(ends[0]);
	copy(pair_in_copy);
	copy(pair_in_copy);
	p = (struct pollfd){ ends[1], POLLIN, 0 };
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(send(ends[0], "", 0, 0), 0); /* nothing, but a message */
	assert_refused(WY_SERVE_SOCKET, ends[0]);
	close_all(NULL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_fine();
	assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), 0);
	assert_refused(WY_SERVE_SOCKET, ends[0]);
	close(ends[1]);
	assert_refused(WY_SERVE_SOCKET, ends[0]);
}

static void test_sockets(void **state)
{
	x = socket(AF_INET, SOCK_STREAM, 0);
	assert_refused(WY_SERVE_SOCKET, x);
	look();
	assert_int_equal(file_of(x)->class, WY_FD_NET);
	mark(x, WY_FD_MARK_INHERITED);
	assert_int_equal(wy_fdtab_can_copy(&table, &y), 0);
	wy_fdtab_drop();
	close(x);
	x = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_refused(WY_SERVE_SOCKET, x);
}

/* ---- what is waited for ---- */

static uint64_t take(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, 8) == 8 ? n : 0;
}

static void eventfd_in_copy(void)
{
	want(!is_same_file(parent, x));
	want(fcntl(x, F_GETFL) == (O_RDWR | O_NONBLOCK));
	want(take(x) == 1 && take(x) == 1 && take(x) == 1 && take(x) == 0 && errno == EAGAIN);
	want(take(y) == 0x123456789aull);
	want(write(z, &(uint64_t){ 4 }, 8) == 8 && take(z) == 4);
	want(take(ends[0]) == 1 && take(ends[0]) == 0);
	want(take(ends[1]) == 1 && take(ends[1]) == 0);
}

static void test_eventfd(void **state)
{
	uint64_t large = 0x123456789aull;

	x = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
	y = eventfd(0, 0);
	z = eventfd(0, 0);
	ends[0] = eventfd(1, EFD_SEMAPHORE | EFD_NONBLOCK);
	ends[1] = eventfd(1, EFD_NONBLOCK);
	assert_int_equal(write(y, &large, 8), 8);
	copy(eventfd_in_copy);
	copy(eventfd_in_copy);
	assert_int_equal(take(y), large);
	assert_int_equal(take(x), 1);
	assert_int_equal(take(ends[1]), 1);
	assert_int_equal(take(ends[0]), 1);
	assert_int_equal(take(ends[0]), 0);
}

static bool keeps_ticks; /* the kernel lets them be set */

static void timers_in_copy(void)
{
	struct itimerspec t;

	want(!is_same_file(parent, x) && !is_same_file(parent, y) && !is_same_file(parent, z));
	want(timerfd_gettime(x, &t) == 0);
	want(t.it_value.tv_sec >= 4990 && t.it_value.tv_sec <= 5000 && t.it_interval.tv_nsec == 7);
	want(timerfd_gettime(y, &t) == 0);
	want(t.it_value.tv_sec >= 990 && t.it_value.tv_sec <= 1000);
	want(fcntl(y, F_GETFL) == (O_RDWR | O_NONBLOCK) && take(y) == 0);
	want(take(z) == 1); /* it has expired, and is not armed any more */
	want(timerfd_gettime(z, &t) == 0);
	want(!t.it_value.tv_sec && !t.it_value.tv_nsec);
	want(take(ends[0]) >= (keeps_ticks ? 5 : 1));
	want(timerfd_gettime(ends[1], &t) == 0);
	want(!t.it_value.tv_sec && !t.it_value.tv_nsec);
}

static void test_timerfd(void **state)
{
	struct itimerspec t = { { 0, 7 }, { 5000, 0 } };
	struct pollfd p;

	x = timerfd_create(CLOCK_BOOTTIME, 0);
	assert_int_equal(timerfd_settime(x, 0, &t, NULL), 0);
	y = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	clock_gettime(CLOCK_REALTIME, &t.it_value);
	t.it_value.tv_sec += 1000;
	assert_int_equal(timerfd_settime(y, TFD_TIMER_ABSTIME, &t, NULL), 0);
	z = timerfd_create(CLOCK_MONOTONIC, 0);
	t = (struct itimerspec){ { 0, 0 }, { 0, 1 } };
	assert_int_equal(timerfd_settime(z, 0, &t, NULL), 0);
	p = (struct pollfd){ z, POLLIN, 0 };
	assert_int_equal(poll(&p, 1, -1), 1);
	ends[0] = timerfd_create(CLOCK_MONOTONIC, 0);
	t = (struct itimerspec){ { 0, 1000000 }, { 0, 1 } };
	assert_int_equal(timerfd_settime(ends[0], 0, &t, NULL), 0);
	nanosleep(&(struct timespec){ 0, 6000000 }, NULL); /* what is waited for is time */
	ends[1] = timerfd_create(CLOCK_MONOTONIC, 0);
	keeps_ticks = ioctl(ends[1], _IOW('T', 0, uint64_t), &(uint64_t){ 1 }) == 0;
	take(ends[1]);
	copy(timers_in_copy);
	copy(timers_in_copy);
	assert_int_equal(take(z), 1);
}

static void signalfd_in_copy(void)
{
	struct signalfd_siginfo si;
	sigset_t all;

	want(!is_same_file(parent, x));
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	raise(SIGUSR2);
	raise(SIGRTMAX);
	raise(SIGUSR1);
	want(read(x, &si, sizeof(si)) == sizeof(si) && si.ssi_signo == SIGUSR1);
	want(read(x, &si, sizeof(si)) == sizeof(si) && (int)si.ssi_signo == SIGRTMAX);
	want(read(x, &si, sizeof(si)) == -1 && errno == EAGAIN);
}

static void test_signalfd(void **state)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMAX);
	x = signalfd(-1, &set, SFD_NONBLOCK);
	copy(signalfd_in_copy);
}

static int watch(int fd, const char *path, unsigned int mask)
{
	struct wy_call call = { .nr = SYS_inotify_add_watch, .arg = { fd, (long)path, mask } };

	wy_fdtab_look(&call);
	return inotify_add_watch(fd, path, mask);
}

static void inotify_in_copy(void)
{
	union {
		struct inotify_event event;
		char room[256];
	} e;

	want(!is_same_file(parent, x));
	want(read(x, &e, sizeof(e)) == -1 && errno == EAGAIN);
	want(creat("sub/new", 0600) >= 0);
	want(read(x, &e, sizeof(e)) > 0 && e.event.wd == 5 && e.event.mask == IN_CREATE);
	want(unlink("sub/new") == 0);
	want(read(x, &e, sizeof(e)) == -1 && errno == EAGAIN);
	want(chmod("w", 0640) == 0);
	want(read(x, &e, sizeof(e)) > 0 && e.event.wd == 2 && e.event.mask == IN_ATTRIB);
	want(inotify_rm_watch(x, 5) == 0);
}

static void test_inotify(void **state)
{
	char ignored[256];

	make_file("w", "", O_RDONLY);
	mkdir("sub", 0700);
	close_all(NULL);
	x = inotify_init1(IN_NONBLOCK);
	assert_int_equal(watch(x, "/", IN_CREATE), 1);
	assert_int_equal(watch(x, "w", IN_ATTRIB | IN_OPEN), 2);
	assert_int_equal(watch(x, "/tmp", IN_CREATE), 3);
	assert_int_equal(watch(x, "/dev", IN_CREATE), 4);
	assert_int_equal(watch(x, "sub", IN_CREATE), 5);
	for (int wd = 1; wd < 5; wd += wd == 1 ? 2 : 1)
		assert_int_equal(inotify_rm_watch(x, wd), 0);
	assert_refused(WY_SERVE_KERNEL_OBJECT, x); /* the program has not read that yet */
	assert_true(read(x, ignored, sizeof(ignored)) > 0);
	y = open("w", O_RDONLY); /* a copy opens it again, which is nothing to be told about */
	z = dup2(x, 100);
	close(x);
	x = z;
	assert_true(read(x, ignored, sizeof(ignored)) > 0);
	copy(inotify_in_copy);
	assert_true(read(x, ignored, sizeof(ignored)) > 0); /* this one has seen that, too */
	copy(inotify_in_copy);
	assert_true(read(x, ignored, sizeof(ignored)) > 0);
	assert_int_equal(inotify_add_watch(x, "/usr", IN_CREATE), 6);
	assert_refused(WY_SERVE_KERNEL_OBJECT, x); /* nobody knows its path */
}

static int ep, inner, given;

static void given_before_copy(void)
{
	int other[2];

	want(socketpair(AF_UNIX, SOCK_STREAM, 0, other) == 0);
	want(dup2(other[0], given) == given && write(other[1], "x", 1) == 1);
	close(other[0]);
	want(dup2(other[1], 900) == 900);
	close(other[1]);
}

static bool has_event(int fd, unsigned int events, uint64_t data)
{
	struct epoll_event e[16];
	int n = epoll_wait(fd, e, 16, 0);

	for (int i = 0; i < n; i++)
		if (e[i].data.u64 == data)
			return e[i].events == events;
	return false;
}

static void epoll_in_copy(void)
{
	struct epoll_event e[16];
	uint64_t one = 1;

	want(!is_same_file(parent, ep) && !is_same_file(parent, inner));
	want(has_event(ep, EPOLLIN, 0xdeadbeefcafe0001ull)); /* the client that was put there */
	want(has_event(ep, EPOLLIN, 2));                     /* the count that was in it */
	want(take(x) == 1);
	want(!has_event(ep, EPOLLIN, 2));
	want(!has_event(ep, EPOLLIN, 3));
	want(write(y, &one, 8) == 8);
	want(has_event(ep, EPOLLIN, 3)); /* through the inner one */
	want(has_event(inner, EPOLLIN, 9));
	want(!has_event(inner, EPOLLIN, 9)); /* once */
	want(take(y) == 1);
	/* What had fired once stays quiet, until it is asked for again. */
	want(write(z, &one, 8) == 8);
	want(!has_event(ep, EPOLLIN, 4));
	want(epoll_ctl(ep, EPOLL_CTL_MOD, z,
		       &(struct epoll_event){ EPOLLIN | EPOLLONESHOT, { .u64 = 4 } }) == 0);
	want(has_event(ep, EPOLLIN, 4));
	want(epoll_wait(ep, e, 16, 0) == 1); /* the client is all that there is left */
	want(epoll_ctl(ep, EPOLL_CTL_DEL, given, NULL) == 0);
	want(epoll_ctl(ep, EPOLL_CTL_DEL, x, NULL) == 0);
	want(epoll_ctl(ep, EPOLL_CTL_DEL, inner, NULL) == 0);
	want(nr_open() == (int)table.nr_slots + 1);
}

static void test_epoll(void **state)
{
	struct epoll_event e;
	int pair[2], at;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	given = pair[0];
	ep = epoll_create1(EPOLL_CLOEXEC);
	inner = epoll_create1(0);
	x = eventfd(1, 0);
	y = eventfd(0, 0);
	z = eventfd(0, 0);
#define ADD(to, fd, ev, value)                                                     \
	assert_int_equal(epoll_ctl(to, EPOLL_CTL_ADD, fd,                          \
				   &(struct epoll_event){ ev, { .u64 = value } }), \
			 0)
	ADD(ep, given, EPOLLIN, 0xdeadbeefcafe0001ull);
	ADD(ep, x, EPOLLIN, 2);
	ADD(ep, inner, EPOLLIN, 3);
	ADD(ep, z, EPOLLOUT | EPOLLONESHOT, 4);
	ADD(inner, y, EPOLLIN | EPOLLET, 9);
	assert_true(epoll_wait(ep, &e, 1, 0) == 1);
	while (e.data.u64 != 4)
		assert_true(epoll_wait(ep, &e, 1, 0) == 1);
	for (int i = 0; i < 2; i++) {
		look();
		mark(pair[0], GIVEN);
		mark(pair[1], GIVEN);
		assert_int_equal(wy_fdtab_can_copy(&table, &at), 0);
		copy_with(given_before_copy, epoll_in_copy);
	}
	assert_true(has_event(ep, EPOLLIN, 2)); /* nobody took it from here */
	/* A line that nobody could name again. */
	at = dup(z);
	close(z);
	assert_refused(WY_SERVE_KERNEL_OBJECT, ep);
	assert_int_equal(dup2(x, z), z);
	assert_refused(WY_SERVE_KERNEL_OBJECT, ep);
	assert_int_equal(dup2(at, z), z);
	close(at);
	look();
	mark(pair[0], GIVEN);
	mark(pair[1], GIVEN);
	assert_int_equal(wy_fdtab_can_copy(&table, &at), 0);
}

/* ---- the rest ---- */

static void pidfd_in_copy(void)
{
	char text[512], path[64];
	int fd;
	long len;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", x);
	fd = open(path, O_RDONLY);
	len = read(fd, text, sizeof(text) - 1);
	text[len > 0 ? len : 0] = 0;
	want(strstr(text, "Pid:") && atoi(strstr(text, "Pid:") + 4) == getpid());
	want(is_same_file(parent, y));
}

static void test_pidfd(void **state)
{
	x = (int)syscall(SYS_pidfd_open, getpid(), 0);
	y = (int)syscall(SYS_pidfd_open, getppid(), 0);
	copy(pidfd_in_copy);
}

static void owner_in_copy(void)
{
	struct f_owner_ex o;

	want(fcntl(ends[0], F_GETOWN_EX, &o) == 0 && o.type == F_OWNER_PID && o.pid == getpid());
	want(fcntl(ends[0], F_GETSIG) == SIGRTMIN + 3);
	want(fcntl(ends[0], F_GETFL) & O_ASYNC);
}

static void test_owner(void **state)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	signal(SIGRTMIN + 3, SIG_IGN);
	assert_int_equal(fcntl(ends[0], F_SETOWN, getpid()), 0);
	assert_int_equal(fcntl(ends[0], F_SETSIG, SIGRTMIN + 3), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_ASYNC), 0);
	copy(owner_in_copy);
}

static void test_refused_objects(void **state)
{
	char params[120] = { 0 };

	x = (int)syscall(SYS_io_uring_setup, 1, params);
	if (x >= 0) {
		assert_refused(WY_SERVE_URING, x);
		close(x);
	}
	x = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (x >= 0) {
		assert_refused(WY_SERVE_KERNEL_OBJECT, x);
		close(x);
	}
	x = (int)syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */);
	if (x >= 0) {
		assert_refused(WY_SERVE_KERNEL_OBJECT, x);
		close(x);
	}
}

static int set_up(void **state)
{
	parent = getpid();
	return close_range(3, ~0u, 0) || !mkdtemp(directory) || chdir(directory);
}

static int tear_down(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return chdir("/") || system(command);
}

#define CASE(name) cmocka_unit_test_teardown(name, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_table),    CASE(test_table_without_kcmp),
		CASE(test_many),     CASE(test_too_many),
		CASE(test_files),    CASE(test_unnamed_files),
		CASE(test_shared),   CASE(test_directories),
		CASE(test_proc),     CASE(test_cannot_reopen),
		CASE(test_locks),    CASE(test_memory_files),
		CASE(test_pipe),     CASE(test_packets),
		CASE(test_pair),     CASE(test_sockets),
		CASE(test_eventfd),  CASE(test_timerfd),
		CASE(test_signalfd), CASE(test_inotify),
		CASE(test_epoll),    CASE(test_pidfd),
		CASE(test_owner),    CASE(test_refused_objects),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
