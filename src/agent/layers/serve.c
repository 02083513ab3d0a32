/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.c - one process is started, and every connection gets a copy of it.
 *
 * The program's stdin is a socket of ours (proto/serve.h), known by its inode,
 * whatever numbers it has: a shell around the program may read other things,
 * and the program may have moved its input elsewhere.  The first call that
 * would take input from it, or ask whether there is any, never happens in this
 * process: it becomes the template, which stays inside enter() for the rest of
 * its life and only makes copies.  In a copy every descriptor of the two
 * sockets is the connection, and enter() returns: the call is made there, and
 * the program goes on as if it had been started for this client.
 *
 * A copy must be what a fresh start would have been, so a program is refused
 * when that cannot be: with other threads or live children, when another
 * process than the first one reads, when stdout was redirected, and when it
 * holds objects of the kernel that a copy would share with all others (epoll,
 * timers...).  Files that are open for reading are opened again in each copy,
 * or the copies would share one position.
 *
 * What a copy keeps of the template: memory, random numbers drawn before the
 * first read included.  A process id that was asked for before is stale, but
 * signals that a libc sends to its own thread by a remembered id arrive.
 */
#include "agent/fdpass.h"
#include "agent/gate.h"
#include "agent/layers/layers.h"
#include "agent/refork.h"
#include "agent/session.h"
#include "agent/sys.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/stat.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/kcmp.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <linux/wait.h>

#define FILES_MAX      128
#define FD_SETSIZE_MAX 65536
#define COPY_FAILED    125 /* exit status of a copy that could not be made whole */

enum what {
	SHARED,       /* left alone */
	INPUT,        /* the socket that is stdin */
	OUTPUT,       /* the one that is stdout */
	OWN_POSITION, /* a file that is opened again in a copy */
	SAME_AS,      /* another descriptor of such a file */
};

/* What must be done about a descriptor in a copy. */
struct file {
	long position; /* OWN_POSITION */
	int flags;     /* OWN_POSITION: as fcntl(2) has them */
	int same_as;   /* SAME_AS: the other descriptor */
	int fd;
	unsigned char what;
	bool close_on_exec;
};
static struct file files[FILES_MAX];
static unsigned int nr_files;

static unsigned long tid_address;      /* that the program gave to set_tid_address(2) */
static int template_pid, template_tid; /* in a copy: the ids that its libc may remember */
static int copy_pid;
static unsigned long connection_ino;

/* ---- is it about the input? ---- */

static bool is_socket(const struct stat *st, unsigned long dev, unsigned long ino)
{
	return st->st_dev == dev && st->st_ino == ino;
}

static bool is_input(int fd)
{
	struct stat st;

	return fd >= 0 && sys2(__NR_fstat, fd, &st) == 0 &&
	       is_socket(&st, wy_session->serve.in_dev, wy_session->serve.in_ino);
}

static int polled_input(unsigned long fds, unsigned long nr)
{
	for (unsigned long i = 0; i < nr; i++) {
		struct {
			int fd;
			short events, revents;
		} p;

		if (copy_from_program(&p, fds + i * sizeof(p), sizeof(p)) < 0)
			return -1;
		if ((p.events & (POLLIN | POLLRDNORM | POLLPRI)) && is_input(p.fd))
			return p.fd;
	}
	return -1;
}

static int selected_input(unsigned long set, long nr)
{
	unsigned long word = 0;

	for (int fd = 0; set && fd < nr && fd < FD_SETSIZE_MAX; fd++) {
		if (fd % 64 == 0 && copy_from_program(&word, set + (unsigned long)fd / 8, 8) < 0)
			return -1;
		if (word >> (fd % 64) & 1 && is_input(fd))
			return fd;
	}
	return -1;
}

/* The descriptor of the input that this call is about to take from or to wait for, or -1. */
static int input_of(const struct wy_call *call)
{
	int fd = (int)call->arg[0];

	switch ((int)call->nr) {
	case __NR_poll:
	case __NR_ppoll:
		return polled_input((unsigned long)call->arg[0], (unsigned int)call->arg[1]);
	case __NR_select:
	case __NR_pselect6: return selected_input((unsigned long)call->arg[1], (int)call->arg[0]);
	case __NR_sendfile: fd = (int)call->arg[1]; break;
	case __NR_epoll_ctl:
		fd = (int)call->arg[1] == EPOLL_CTL_DEL ? -1 : (int)call->arg[2];
		break;
	case __NR_ioctl:
		if ((unsigned int)call->arg[1] != FIONREAD)
			return -1;
		break;
	}
	return is_input(fd) ? fd : -1;
}

/* ---- can it be copied? ---- */

static void report(int fd, int kind, int value)
{
	struct wy_serve_report r = { WY_SERVE_MAGIC, kind, value };

	sys6(__NR_sendto, fd, &r, sizeof(r), 0x4000 /* MSG_NOSIGNAL */, 0, 0);
}

/* The host ends the program when it has read this. */
static void refuse(int fd, int kind, int value) __attribute__((noreturn));
static void refuse(int fd, int kind, int value)
{
	int none[WY_FDPASS_MAX];

	report(fd, kind, value);
	while (wy_fdpass_receive(fd, none) == -EINTR)
		;
	for (;;)
		sys1(__NR_exit_group, COPY_FAILED);
}

static int threads(void)
{
	struct stat st;

	/* A directory for each thread, and the two that all directories have. */
	if (sys2(__NR_stat, "/proc/self/task", &st) == 0 && st.st_nlink > 2)
		return (int)st.st_nlink - 2;
	return wy_thread_alone() ? 1 : 2;
}

static bool has_children(void)
{
	/* WNOWAIT: what there is to be waited for stays the program's. */
	return sys6(__NR_waitid, P_ALL, 0, 0, WEXITED | WNOHANG | WNOWAIT | __WALL, 0, 0) !=
	       -ECHILD;
}

static char *put_number(char *at, unsigned int n)
{
	if (n > 9)
		at = put_number(at, n / 10);
	*at++ = (char)('0' + n % 10);
	return at;
}

static long open_again(const struct file *f)
{
	char path[32] = "/proc/self/fd/";
	char *end = put_number(path + 14, (unsigned int)f->fd);

	*end = 0;
	return sys4(__NR_open, path, (f->flags & ~(O_CREAT | O_EXCL | O_TRUNC)) | O_CLOEXEC, 0, 0);
}

/* Another descriptor, looked at before, of the same open file; or NULL. */
static const struct file *same_file(int fd)
{
	long pid = sys0(__NR_getpid);

	for (unsigned int i = 0; i < nr_files; i++) {
		if (files[i].what == OWN_POSITION &&
		    sys6(__NR_kcmp, pid, pid, KCMP_FILE, files[i].fd, fd, 0) == 0)
			return &files[i];
	}
	return NULL;
}

/* A file that the copies would read from one position.  0, or the kind of a refusal. */
static int look_at_file(struct file *f)
{
	const struct file *other;
	long fd;

	if ((f->flags & O_ACCMODE) != O_RDONLY || f->flags & O_PATH)
		return 0;
	f->position = sys3(__NR_lseek, f->fd, 0, 1 /* SEEK_CUR */);
	if (f->position < 0)
		return 0;
	other = same_file(f->fd);
	if (other) {
		f->what = SAME_AS;
		f->same_as = other->fd;
		return 0;
	}
	fd = open_again(f);
	if (fd < 0)
		return WY_SERVE_REOPEN;
	sys1(__NR_close, fd);
	f->what = OWN_POSITION;
	return 0;
}

/* Finds out what this descriptor needs.  0, or the kind of a refusal. */
static int look_at(int fd)
{
	const struct wy_serve_session *serve = &wy_session->serve;
	struct file f = { .fd = fd };
	struct stat st;
	int ret = 0;

	if (sys2(__NR_fstat, fd, &st) < 0)
		return 0;
	f.flags = (int)sys2(__NR_fcntl, fd, F_GETFL);
	f.close_on_exec = sys2(__NR_fcntl, fd, F_GETFD) & FD_CLOEXEC;
	if (is_socket(&st, serve->in_dev, serve->in_ino))
		f.what = INPUT;
	else if (is_socket(&st, serve->out_dev, serve->out_ino))
		f.what = OUTPUT;
	else if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		ret = look_at_file(&f);
	else if (!(st.st_mode & S_IFMT) && !(f.flags & O_PATH))
		ret = WY_SERVE_KERNEL_OBJECT; /* an anonymous inode */
	if (ret || f.what == SHARED)
		return ret;
	if (nr_files == FILES_MAX)
		return WY_SERVE_TOO_MANY;
	files[nr_files++] = f;
	return 0;
}

static int parse_number(const char *text)
{
	int n = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + *text - '0';
	return *text ? -1 : n;
}

/* Looks at every descriptor that is open.  0, or the kind of a refusal and its value. */
static int look_at_all(int *ret_value)
{
	struct entry { /* struct linux_dirent64 */
		unsigned long ino;
		long off;
		unsigned short len;
		unsigned char type;
		char name[];
	};
	_Alignas(8) char buf[1024];
	long dir = sys3(__NR_open, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	long len = dir;
	int kind = 0;

	nr_files = 0;
	while (!kind && len >= 0 && (len = sys3(__NR_getdents64, dir, buf, sizeof(buf))) > 0) {
		for (long at = 0; !kind && at < len; at += ((struct entry *)(buf + at))->len) {
			int fd = parse_number(((struct entry *)(buf + at))->name);

			if (fd < 0 || fd == dir)
				continue;
			kind = look_at(fd);
			*ret_value = fd;
		}
	}
	if (dir >= 0)
		sys1(__NR_close, dir);
	if (len < 0) {
		*ret_value = (int)len;
		return WY_SERVE_NO_LIST;
	}
	return kind;
}

static bool has_output(void)
{
	for (unsigned int i = 0; i < nr_files; i++) {
		if (files[i].what == OUTPUT && files[i].fd == 1)
			return true;
	}
	return false;
}

static void check(const struct wy_call *call, int fd)
{
	int nr, kind, value = 0;

	if (call->thread->pid != wy_session->serve.pid)
		refuse(fd, WY_SERVE_OTHER, call->thread->pid);
	nr = threads();
	if (nr > 1)
		refuse(fd, WY_SERVE_THREADS, nr);
	if (has_children())
		refuse(fd, WY_SERVE_CHILDREN, 0);
	if ((int)call->nr == __NR_epoll_ctl)
		refuse(fd, WY_SERVE_EPOLL, 0);
	kind = look_at_all(&value);
	if (kind)
		refuse(fd, kind, value);
	if (!has_output())
		refuse(fd, WY_SERVE_OUTPUT, 0);
}

/* ---- the copy ---- */

static void copy_failed(void) __attribute__((noreturn));
static void copy_failed(void)
{
	for (;;)
		sys1(__NR_exit_group, COPY_FAILED);
}

/* What the program had written before it first read: every client gets it. */
static void send_banner(int connection, int banner)
{
	long offset = 0, ret;

	do
		ret = sys4(__NR_sendfile, connection, banner, &offset, 1l << 20);
	while (ret > 0 || ret == -EINTR);
	/* A client that is gone is the program's to notice, at its own next write. */
	sys1(__NR_close, banner);
}

static void put(int from, const struct file *f)
{
	if (sys3(__NR_dup3, from, f->fd, f->close_on_exec ? O_CLOEXEC : 0) < 0)
		copy_failed();
}

static void give_own_position(const struct file *f)
{
	long fd = open_again(f);

	if (fd < 0 || sys3(__NR_lseek, fd, f->position, 0 /* SEEK_SET */) < 0)
		copy_failed();
	put((int)fd, f);
	sys1(__NR_close, fd);
}

static void become_copy(struct wy_thread *t, int connection, int banner)
{
	struct stat st;
	int nonblock = 0;

	copy_pid = t->pid;
	connection_ino = sys2(__NR_fstat, connection, &st) < 0 ? 0 : st.st_ino;
	if (banner >= 0)
		send_banner(connection, banner);
	for (unsigned int i = 0; i < nr_files; i++) {
		const struct file *f = &files[i];

		switch (f->what) {
		case INPUT:
		case OUTPUT:
			put(connection, f);
			nonblock |= f->flags & O_NONBLOCK;
			break;
		case OWN_POSITION: give_own_position(f); break;
		case SAME_AS: put(f->same_as, f); break;
		}
	}
	if (nonblock)
		sys3(__NR_fcntl, connection, F_SETFL,
		     sys2(__NR_fcntl, connection, F_GETFL) | nonblock);
	sys1(__NR_close, connection);
}

/*
 * The end of the output.  The host sends it when it has learnt of the copy's
 * end; a client need not wait for that when it can be sent from here.
 */
static void finish_output(void)
{
	struct stat st;

	for (unsigned int i = 0; i < nr_files; i++) {
		if (files[i].what != INPUT && files[i].what != OUTPUT)
			continue;
		if (sys2(__NR_fstat, files[i].fd, &st) < 0 || !S_ISSOCK(st.st_mode) ||
		    st.st_ino != connection_ino)
			continue;
		sys2(__NR_shutdown, files[i].fd, 1 /* SHUT_WR */);
		return;
	}
}

/* ---- the template ---- */

static void wait_readable(int fd)
{
	struct {
		int fd;
		short events, revents;
	} p = { fd, POLLIN, 0 };

	sys3(__NR_poll, &p, 1, -1);
}

/* Makes copies until the host goes away.  Returns in each copy. */
static void be_template(struct wy_thread *t, int control)
{
	struct wy_refork refork;
	int fd[WY_FDPASS_MAX];

	/* Nothing is delivered to the template; the host closes its end, or kills it. */
	wy_thread_block_signals(t);
	template_pid = t->pid;
	template_tid = t->tid;
	wy_refork_prepare(&refork, tid_address);
	__atomic_store_n(&wy_session->serve.frozen, 1, __ATOMIC_RELEASE);
	report(control, WY_SERVE_READY, 0);
	for (;;) {
		long ret = wy_fdpass_receive(control, fd);

		if (ret == -EINTR)
			continue;
		if (ret == -EAGAIN) { /* the program has made its input non-blocking */
			wait_readable(control);
			continue;
		}
		if (ret <= 0)
			sys1(__NR_exit_group, 0);
		ret = -EMFILE;
		if (fd[0] >= 0)
			ret = wy_refork(t, &refork, CLONE_PARENT);
		if (!ret) {
			become_copy(t, fd[0], fd[1]);
			return;
		}
		for (int i = 0; i < WY_FDPASS_MAX; i++) {
			if (fd[i] >= 0)
				sys1(__NR_close, fd[i]);
		}
		report(control, ret < 0 ? WY_SERVE_NO_COPY : WY_SERVE_COPY, (int)ret);
	}
}

/* ---- the calls ---- */

/* A libc that remembers its thread's id (musl) sends raise(3) to the template: not so. */
static void alias_ids(struct wy_call *call)
{
	bool has_group = (int)call->nr != __NR_tkill;
	int at = has_group ? 1 : 0;

	if (call->thread->pid != copy_pid || (int)call->arg[at] != template_tid)
		return;
	if (has_group && (int)call->arg[0] != template_pid && (int)call->arg[0] != copy_pid)
		return;
	wy_call_record(call);
	if (has_group)
		call->arg[0] = copy_pid;
	call->arg[at] = copy_pid; /* its first thread's */
}

static enum wy_verdict serve(struct wy_call *call)
{
	int fd;

	switch ((int)call->nr) {
	case __NR_set_tid_address: tid_address = (unsigned long)call->arg[0]; return WY_PASS;
	case __NR_io_uring_setup:
		/* As a kernel without it: programs fall back to calls that can be seen. */
		call->ret = -ENOSYS;
		return WY_DONE;
	case __NR_exit_group:
		if (call->thread->pid == copy_pid)
			finish_output();
		return WY_PASS;
	case __NR_tkill:
	case __NR_tgkill:
	case __NR_rt_tgsigqueueinfo: alias_ids(call); return WY_PASS;
	}
	if (__atomic_load_n(&wy_session->serve.frozen, __ATOMIC_ACQUIRE))
		return WY_PASS;
	fd = input_of(call);
	if (fd >= 0) {
		check(call, fd);
		be_template(call->thread, fd);
	}
	return WY_PASS;
}

static void start(struct wy_layer *layer)
{
	/* clang-format off */
	static const unsigned short wanted[] = {
		__NR_read, __NR_readv, __NR_pread64, __NR_preadv, __NR_preadv2,
		__NR_recvfrom, __NR_recvmsg, __NR_recvmmsg,
		__NR_splice, __NR_tee, __NR_sendfile, __NR_copy_file_range,
		__NR_poll, __NR_ppoll, __NR_select, __NR_pselect6, __NR_epoll_ctl, __NR_ioctl,
		__NR_io_uring_setup, __NR_set_tid_address, __NR_exit_group,
		__NR_tkill, __NR_tgkill, __NR_rt_tgsigqueueinfo,
	};
	/* clang-format on */

	for (unsigned int i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		wy_callset_add(&layer->calls, wanted[i]);
}

struct wy_layer wy_layer_serve = {
	.name = "serve",
	.start = start,
	.enter = serve,
};
