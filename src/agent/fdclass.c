/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdclass.c - see fdclass.h.
 *
 * fstat(2) tells files, directories, pipes, sockets and devices apart; of a
 * device the number tells which, of a socket getsockopt(2).  Objects of the
 * kernel that have no inode of their own share one: what they are stands in
 * the text of their link in /proc.  An O_PATH descriptor looks to fstat(2) like
 * the file that it names, so its flags are looked at first.
 */
#include "agent/fdclass.h"
#include "agent/fdpass.h"
#include "agent/fdtab.h"
#include "agent/sys.h"
#include <asm/fcntl.h>
#include <asm/stat.h>
#include <linux/stat.h>

#define SOL_SOCKET_  1
#define SO_TYPE_     3
#define SO_PROTOCOL_ 38
#define SO_DOMAIN_   39
#define TYPE_MASK    0xf /* what is above are flags: SOCK_CLOEXEC, SOCK_NONBLOCK */

static struct wy_fd_type plain(enum wy_fd_class class, enum wy_fd_kind kind)
{
	return (struct wy_fd_type){ .class = (unsigned char)class, .kind = (unsigned char)kind };
}

/* <bits/socket.h>: domains and types; <linux/in.h>: protocols */
enum { INET = 2, INET6 = 10, NETLINK = 16, PACKET = 17 };
enum { STREAM = 1, DATAGRAM = 2, RAW = 3, SEQPACKET = 5 };
enum { UDP = 17 };

struct wy_fd_type wy_fd_socket_type(int domain, int type, int protocol)
{
	struct wy_fd_type t = { .class = domain == WY_AF_UNIX ? WY_FD_UNIX : WY_FD_NET,
				.domain = (unsigned char)domain,
				.type = (unsigned char)(type & TYPE_MASK),
				.protocol = (unsigned short)protocol };

	switch (domain) {
	case WY_AF_UNIX:
		t.kind = t.type == STREAM   ? WY_FD_STREAM :
			 t.type == DATAGRAM ? WY_FD_DATAGRAM :
					      WY_FD_SEQPACKET;
		break;
	case INET:
	case INET6:
		if (t.type == STREAM)
			t.kind = WY_FD_TCP;
		else if (t.type == DATAGRAM && (protocol == 0 || protocol == UDP))
			t.kind = WY_FD_UDP;
		else if (t.type == RAW)
			t.kind = WY_FD_RAW;
		break;
	case NETLINK: t.kind = WY_FD_NETLINK; break;
	case PACKET: t.kind = WY_FD_PACKET; break;
	}
	return t;
}

static struct wy_fd_type socket_type(int fd)
{
	int domain = 0, type = 0, protocol = 0, len = sizeof(int);

	sys6(__NR_getsockopt, fd, SOL_SOCKET_, SO_DOMAIN_, &domain, &len, 0);
	sys6(__NR_getsockopt, fd, SOL_SOCKET_, SO_TYPE_, &type, &len, 0);
	sys6(__NR_getsockopt, fd, SOL_SOCKET_, SO_PROTOCOL_, &protocol, &len, 0);
	return wy_fd_socket_type(domain, type, protocol);
}

static struct wy_fd_type device_type(unsigned long rdev)
{
	/* null, zero, full, random, urandom */
	const unsigned long stateless = 1 << 3 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9;
	unsigned long major = rdev >> 8 & 0xfff, minor = (rdev & 0xff) | (rdev >> 12 & 0xfff00);

	if (major == 5 && minor == 2)
		return plain(WY_FD_TTY, WY_FD_PTY_MASTER);
	if (major == 4 || major == 5 || (major >= 136 && major <= 143))
		return plain(WY_FD_TTY, WY_FD_PLAIN);
	if (major == 10 && minor == 200)
		return plain(WY_FD_DEV, WY_FD_TUN);
	return plain(WY_FD_DEV, major == 1 && minor < 16 && stateless >> minor & 1 ?
					WY_FD_STATELESS :
					WY_FD_PLAIN);
}

static struct wy_fd_type anonymous_type(const char *name)
{
	static const struct {
		char name[20];
		unsigned char class, kind;
	} known[] = {
		{ "[eventpoll]", WY_FD_EVENT, WY_FD_EPOLL },
		{ "[eventfd]", WY_FD_EVENT, WY_FD_EVENTFD },
		{ "[timerfd]", WY_FD_EVENT, WY_FD_TIMERFD },
		{ "[signalfd]", WY_FD_EVENT, WY_FD_SIGNALFD },
		{ "inotify", WY_FD_EVENT, WY_FD_INOTIFY },
		{ "[fanotify]", WY_FD_EVENT, WY_FD_FANOTIFY },
		{ "[userfaultfd]", WY_FD_EVENT, WY_FD_USERFAULT },
		{ "[perf_event]", WY_FD_EVENT, WY_FD_PERF },
		{ "[pidfd]", WY_FD_ANON, WY_FD_PIDFD },
		{ "[io_uring]", WY_FD_ANON, WY_FD_URING },
		{ "[landlock-ruleset]", WY_FD_ANON, WY_FD_LANDLOCK },
		{ "[fscontext]", WY_FD_ANON, WY_FD_FSCONTEXT },
		{ "bpf-", WY_FD_ANON, WY_FD_BPF },
	};

	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (wy_text_after(name, known[i].name))
			return plain((enum wy_fd_class)known[i].class,
				     (enum wy_fd_kind)known[i].kind);
	}
	return plain(WY_FD_ANON, WY_FD_PLAIN);
}

static struct wy_fd_type regular_type(const char *link)
{
	if (wy_text_after(link, "/memfd:") || wy_text_after(link, "/secretmem"))
		return plain(WY_FD_DISK, WY_FD_MEMORY);
	if (wy_text_after(link, "/proc/") || wy_text_after(link, "/sys/"))
		return plain(WY_FD_DISK, WY_FD_PROCFS);
	return plain(WY_FD_DISK, link[0] == '/' ? WY_FD_PLAIN : WY_FD_NAMESPACE);
}

int wy_fd_told_by_mode(const struct stat *st, struct wy_fd_type *ret)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
	case S_IFBLK: *ret = plain(WY_FD_DISK, WY_FD_PLAIN); return 1;
	case S_IFDIR: *ret = plain(WY_FD_DIR, WY_FD_PLAIN); return 1;
	case S_IFCHR: *ret = device_type(st->st_rdev); return 1;
	}
	return 0;
}

struct wy_fd_type wy_fd_classify(int fd, int flags, const struct stat *st, const char *link)
{
	const char *anonymous = wy_text_after(link, "anon_inode:");
	struct wy_fd_type type;

	if (flags & O_PATH)
		return plain(WY_FD_PATH, WY_FD_PLAIN);
	/* A pidfd has an inode since Linux 6.9, and is still called so. */
	if (anonymous)
		return anonymous_type(anonymous);
	switch (st->st_mode & S_IFMT) {
	case S_IFSOCK: return socket_type(fd);
	case S_IFIFO:
		return plain(WY_FD_PIPE, wy_text_after(link, "pipe:[") ? WY_FD_PLAIN : WY_FD_FIFO);
	case S_IFREG: return regular_type(link);
	}
	return wy_fd_told_by_mode(st, &type) ? type : plain(WY_FD_ANON, WY_FD_PLAIN);
}
