/* SPDX-License-Identifier: Apache-2.0 */
/* input.c - see input.h. */
#include "agent/input.h"
#include "agent/session.h"
#include "agent/sys.h"
#include "agent/usermem.h"
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/stat.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>

#define FD_SETSIZE_MAX 65536

static bool is_inode(const struct stat *st, unsigned long dev, unsigned long ino)
{
	return ino && st->st_dev == dev && st->st_ino == ino;
}

static bool is_input(int fd)
{
	const struct wy_serve_session *s = &wy_session->serve;
	struct stat st;

	return fd >= 0 && sys2(__NR_fstat, fd, &st) == 0 && is_inode(&st, s->in_dev, s->in_ino);
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

/* Where input is a regular file, what the file is like is a question about this input. */
static bool asks_for_file(const struct wy_call *call, int *fd)
{
	if (!(wy_session->serve.flags & WY_SERVE_FILE))
		return false;
	switch ((int)call->nr) {
	case __NR_fstat:
	case __NR_lseek:
	case __NR_statx: *fd = (int)call->arg[0]; return true;
	case __NR_newfstatat:
		*fd = (int)call->arg[3] & AT_EMPTY_PATH ? (int)call->arg[0] : -1;
		return true;
	case __NR_mmap: *fd = (int)call->arg[4]; return true;
	}
	return false;
}

int wy_input_of(const struct wy_call *call)
{
	int fd = (int)call->arg[0];

	switch ((int)call->nr) {
	case __NR_read:
	case __NR_readv:
	case __NR_pread64:
	case __NR_preadv:
	case __NR_preadv2:
	case __NR_recvfrom:
	case __NR_recvmsg:
	case __NR_recvmmsg:
	case __NR_splice:
	case __NR_tee:
	case __NR_copy_file_range:
	/* stdin of a server that inetd(8) starts is a connection in both directions */
	case __NR_write:
	case __NR_writev:
	case __NR_sendto:
	case __NR_sendmsg:
	case __NR_sendmmsg:
	case __NR_shutdown:
	/* getsockname and getsockopt are asked by runtimes at their start, to learn what it is */
	case __NR_getpeername: break;
	case __NR_poll:
	case __NR_ppoll:
		return polled_input((unsigned long)call->arg[0], (unsigned int)call->arg[1]);
	case __NR_select:
	case __NR_pselect6: return selected_input((unsigned long)call->arg[1], (int)call->arg[0]);
	case __NR_sendfile: fd = is_input(fd) ? fd : (int)call->arg[1]; break;
	case __NR_epoll_ctl:
		fd = (int)call->arg[1] == EPOLL_CTL_DEL ? -1 : (int)call->arg[2];
		break;
	case __NR_ioctl:
		if ((unsigned int)call->arg[1] != FIONREAD)
			return -1;
		break;
	default:
		if (!asks_for_file(call, &fd))
			return -1;
	}
	return is_input(fd) ? fd : -1;
}

void wy_input_watch(struct wy_callset *calls)
{
	/* clang-format off */
	static const unsigned short taking[] = {
		__NR_read, __NR_readv, __NR_pread64, __NR_preadv, __NR_preadv2,
		__NR_recvfrom, __NR_recvmsg, __NR_recvmmsg,
		__NR_splice, __NR_tee, __NR_sendfile, __NR_copy_file_range,
		__NR_write, __NR_writev, __NR_sendto, __NR_sendmsg, __NR_sendmmsg,
		__NR_shutdown, __NR_getpeername,
		__NR_poll, __NR_ppoll, __NR_select, __NR_pselect6, __NR_epoll_ctl, __NR_ioctl,
	}, of_file[] = { __NR_fstat, __NR_lseek, __NR_statx, __NR_newfstatat, __NR_mmap };
	/* clang-format on */

	for (unsigned int i = 0; i < sizeof(taking) / sizeof(taking[0]); i++)
		wy_callset_add(calls, taking[i]);
	for (unsigned int i = 0; i < sizeof(of_file) / sizeof(of_file[0]); i++) {
		if (wy_session->serve.flags & WY_SERVE_FILE)
			wy_callset_add(calls, of_file[i]);
	}
}
