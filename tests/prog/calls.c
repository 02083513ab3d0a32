/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes each of the calls that a trace decodes, with arguments of many kinds; what it does is
 * the same every time, but for addresses and process numbers.  Runs in a directory of its own.
 * (A sixth argument goes over the stack, so its type must have all its bits.)
 */
#include <arpa/inet.h>
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)

static char buf[8192];
static struct stat st;
static char *bad = (char *)0x10; /* points to nothing */

static void files(void)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
	struct iovec iov[2] = { { buf, 3 }, { buf + 100, 5 } };
	struct timespec times[2] = { { 1, 2 }, { 0, UTIME_NOW } };
	struct timeval tv[2] = { { 1, 2 }, { 3, 4 } };
	struct statx sx;
	struct statfs fs;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };
	char longname[6000];
	long offset = 1;
	int fd, fd2, dir, pipefd[2];

	CALL(open, "made", O_RDWR | O_CREAT | O_TRUNC, 0640);
	fd = 3;
	CALL(open, "made", O_RDONLY);
	CALL(open, "made", O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_SYNC);
	CALL(close, 5);
	CALL(close, 4);
	CALL(open, bad, O_RDONLY);
	CALL(open, NULL, 3);
	CALL(openat, AT_FDCWD, "none", O_RDONLY | O_DIRECTORY | O_PATH);
	CALL(openat, AT_FDCWD, ".", O_RDWR | O_TMPFILE | O_EXCL, 0600);
	CALL(close, 4);
	CALL(openat2, AT_FDCWD, "made", &how, sizeof(how));
	CALL(close, 4);
	CALL(openat2, AT_FDCWD, "made", bad, sizeof(how));
	CALL(creat, "made2", 0777);
	CALL(close, 4);
	memset(longname, 'l', sizeof(longname));
	longname[5999] = 0;
	CALL(open, longname, O_RDONLY);
	longname[300] = 0;
	CALL(open, longname, O_RDONLY);
	CALL(write, fd, "one\ntwo\tthree \"quoted\" back\\slash \1\0012\0\377", 40);
	CALL(write, fd, "0123456789012345678901234567890123456789", 32);
	CALL(write, fd, "0123456789012345678901234567890123456789", 33);
	CALL(write, fd, "a\0001b\033c\r\v\f", 9);
	CALL(write, fd, bad, 5);
	CALL(write, fd, buf, 0);
	CALL(write, -1, "x", 1);
	CALL(lseek, fd, 0, SEEK_SET);
	CALL(lseek, fd, -1, SEEK_SET);
	CALL(lseek, fd, 5, SEEK_DATA);
	CALL(lseek, fd, 0, 77);
	CALL(lseek, fd, 0, SEEK_SET);
	CALL(read, fd, buf, 20);
	CALL(read, fd, buf, 8192);
	CALL(read, fd, buf, 8192);
	CALL(read, fd, bad, 1);
	CALL(read, 99, buf, 1);
	CALL(pread64, fd, buf, 4, 2);
	CALL(pwrite64, fd, buf, 4, 1000000000000);
	CALL(lseek, fd, 0, SEEK_SET);
	CALL(readv, fd, iov, 2);
	CALL(writev, fd, iov, 2);
	CALL(writev, fd, iov, 0);
	CALL(writev, fd, bad, 2);
	CALL(readv, 99, iov, 2);
	CALL(preadv, fd, iov, 2, 3, 0);
	CALL(pwritev, fd, iov, 1, 3, 0);
	CALL(preadv2, fd, iov, 2, 3, 0, RWF_HIPRI);
	CALL(pwritev2, fd, iov, 2, -1, -1, RWF_DSYNC | RWF_APPEND);
	CALL(ftruncate, fd, 100);
	CALL(truncate, "made2", 5);
	CALL(fsync, fd);
	CALL(fdatasync, fd);
	CALL(fallocate, fd, 0, 0, 10);
	CALL(fallocate, fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 5, 10);
	CALL(fadvise64, fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	CALL(readahead, fd, 0, 100);
	CALL(sync_file_range, fd, 0, 10, SYNC_FILE_RANGE_WRITE);
	CALL(flock, fd, LOCK_EX | LOCK_NB);
	CALL(flock, fd, LOCK_UN);
	CALL(stat, "none", &st);
	CALL(stat, "/dev/null", &st);
	CALL(lstat, "/proc/self/exe", &st);
	CALL(fstat, 99, &st);
	CALL(fstat, fd, bad);
	CALL(newfstatat, AT_FDCWD, "/dev/zero", &st, AT_SYMLINK_NOFOLLOW);
	CALL(newfstatat, fd, "", &st, 0x1001);
	CALL(newfstatat, AT_FDCWD, "/", NULL, 0);
	CALL(statx, AT_FDCWD, "/dev/null", AT_STATX_SYNC_AS_STAT, STATX_TYPE | STATX_MODE, &sx);
	CALL(statx, AT_FDCWD, "none", AT_SYMLINK_NOFOLLOW, STATX_ALL, &sx);
	CALL(statfs, "/proc", &fs);
	CALL(fstatfs, 99, &fs);
	CALL(access, "made", F_OK);
	CALL(access, "made", R_OK | X_OK);
	CALL(faccessat, AT_FDCWD, "made", W_OK);
	CALL(faccessat2, AT_FDCWD, "made", R_OK, AT_EACCESS);
	CALL(mkdir, "dir", 0755);
	CALL(mkdirat, AT_FDCWD, "dir", 01777);
	dir = CALL(open, "dir", O_RDONLY | O_DIRECTORY);
	CALL(getdents64, dir, buf, sizeof(buf));
	CALL(getdents64, dir, buf, sizeof(buf));
	CALL(getdents64, fd, buf, sizeof(buf));
	CALL(getdents, dir, buf, 4);
	CALL(fchdir, 99);
	CALL(chdir, "none");
	CALL(rename, "made2", "made3");
	CALL(renameat, AT_FDCWD, "made3", dir, "made4");
	CALL(renameat2, dir, "made4", AT_FDCWD, "made2", RENAME_NOREPLACE);
	CALL(link, "made", "linked");
	CALL(linkat, AT_FDCWD, "made", AT_FDCWD, "linked", AT_SYMLINK_FOLLOW);
	CALL(symlink, "target", "symlinked");
	CALL(symlinkat, "target", AT_FDCWD, "symlinked");
	CALL(readlink, "symlinked", buf, sizeof(buf));
	CALL(readlinkat, AT_FDCWD, "made", buf, 100);
	CALL(readlink, "symlinked", buf, 2);
	CALL(unlink, "symlinked");
	CALL(unlinkat, AT_FDCWD, "linked", 0);
	CALL(unlinkat, AT_FDCWD, "none", AT_REMOVEDIR);
	CALL(chmod, "made", 0600);
	CALL(fchmod, fd, 04755);
	CALL(fchmodat, AT_FDCWD, "made", 0644);
	CALL(chown, "none", -1, 0);
	CALL(fchown, 99, 1000, 1000);
	CALL(fchownat, AT_FDCWD, "none", 0, -1, AT_SYMLINK_NOFOLLOW);
	CALL(lchown, "none", 1, 2);
	CALL(umask, 022);
	CALL(umask, 077);
	CALL(utimensat, AT_FDCWD, "made", times, 0);
	CALL(utimensat, AT_FDCWD, "made", NULL, AT_SYMLINK_NOFOLLOW);
	CALL(utimensat, fd, NULL, times, 0);
	CALL(utimes, "made", tv);
	CALL(utime, "made", NULL);
	CALL(futimesat, AT_FDCWD, "made", tv);
	CALL(mknod, "fifo", S_IFIFO | 0600, 0);
	CALL(mknodat, AT_FDCWD, "fifo", S_IFCHR | 0600, 0x103);
	CALL(setxattr, "made", "user.name", "value", 5, XATTR_CREATE);
	CALL(getxattr, "made", "user.name", buf, 100);
	CALL(getxattr, "made", "user.name", NULL, 0);
	CALL(getxattr, "made", "user.none", buf, 100);
	CALL(listxattr, "made", buf, 100);
	CALL(flistxattr, 99, buf, 100);
	CALL(removexattr, "made", "user.name");
	CALL(fsetxattr, 99, "user.x", "y", 1, 0);
	CALL(pipe, pipefd);
	CALL(pipe2, pipefd, O_CLOEXEC | O_NONBLOCK);
	CALL(pipe2, bad, 0);
	CALL(fcntl, pipefd[0], F_GETFL);
	CALL(fcntl, pipefd[0], F_SETFL, O_RDONLY | O_NONBLOCK);
	CALL(fcntl, pipefd[0], F_GETFD);
	CALL(fcntl, pipefd[0], F_SETFD, FD_CLOEXEC);
	CALL(fcntl, pipefd[0], F_SETFD, 0);
	CALL(fcntl, pipefd[0], F_GETPIPE_SZ);
	CALL(fcntl, fd, F_DUPFD, 20);
	CALL(fcntl, fd, F_DUPFD_CLOEXEC, 20);
	CALL(fcntl, fd, F_SETLK, &lock);
	lock.l_type = F_RDLCK;
	CALL(fcntl, fd, F_GETLK, &lock);
	CALL(fcntl, fd, F_GETOWN);
	CALL(fcntl, fd, F_GETSIG);
	CALL(fcntl, fd, F_GET_SEALS);
	CALL(fcntl, fd, 99, 5);
	CALL(dup, fd);
	CALL(dup2, fd, 30);
	CALL(dup2, 99, 30);
	CALL(dup3, fd, 31, O_CLOEXEC);
	CALL(close_range, 20, 31, 0);
	CALL(close_range, 200, ~0U, CLOSE_RANGE_CLOEXEC);
	fd2 = CALL(memfd_create, "memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CALL(fcntl, fd2, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE);
	CALL(fcntl, fd2, F_GET_SEALS);
	CALL(sendfile, 99, fd, NULL, 10);
	CALL(sendfile, pipefd[1], fd, &offset, 10);
	CALL(sendfile, pipefd[1], fd, bad, 10);
	CALL(splice, fd, &offset, pipefd[1], NULL, 10, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	CALL(tee, pipefd[0], pipefd[1], 10, 0);
	CALL(vmsplice, pipefd[1], iov, 2, SPLICE_F_GIFT);
	CALL(copy_file_range, fd, &offset, fd, NULL, 0, 0);
	CALL(read, pipefd[0], buf, 100);
	CALL(read, pipefd[0], buf, 100);
	CALL(getcwd, buf, sizeof(buf));
	CALL(getcwd, buf, 1);
	CALL(chroot, "none");
	CALL(mount, "source", "/none", "ext4", MS_RDONLY | MS_NOSUID, "data");
	CALL(umount2, "/none", MNT_DETACH);
	CALL(inotify_init);
	CALL(inotify_init1, IN_NONBLOCK);
	CALL(inotify_add_watch, 99, "made", IN_MODIFY | IN_CREATE | IN_ONLYDIR);
	CALL(inotify_rm_watch, 99, 1);
	CALL(rmdir, "dir");
	CALL(close, 99);
	CALL(close_range, 3, ~0U, 0);
}

static void net(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(80) };
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "sock" };
	struct iovec iov[2] = { { buf, 3 }, { buf + 100, 5 } };
	char control[CMSG_SPACE(2 * sizeof(int))];
	struct msghdr hdr = { .msg_iov = iov, .msg_iovlen = 2 };
	struct mmsghdr many[2] = { { hdr, 0 }, { hdr, 0 } };
	struct linger linger = { 1, 5 };
	struct timeval tv = { 1, 500 };
	struct timespec ts = { 1, 0 };
	socklen_t len;
	int pair[2], none[2], one = 1, value, udp, tcp;
	struct cmsghdr *c;

	strcpy(buf, "message");
	inet_pton(AF_INET, "127.0.0.1", &in.sin_addr);
	inet_pton(AF_INET6, "::1", &in6.sin6_addr);
	tcp = CALL(socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_IP);
	udp = CALL(socket, AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP);
	CALL(socket, AF_INET, SOCK_STREAM, IPPROTO_TCP);
	CALL(socket, AF_UNIX, SOCK_SEQPACKET, 0);
	CALL(socket, AF_NETLINK, SOCK_RAW, 0);
	CALL(socket, 99, 99, 99);
	CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, pair);
	CALL(socketpair, AF_INET, SOCK_STREAM, 0, none);
	CALL(bind, udp, &in6, sizeof(in6));
	CALL(bind, 99, &in, sizeof(in));
	CALL(bind, 99, &un, sizeof(un));
	CALL(bind, 99, &un, 3);
	CALL(bind, 99, NULL, 0);
	CALL(bind, 99, bad, 16);
	un.sun_path[0] = 0;
	memcpy(un.sun_path, "\0abstract", 9);
	CALL(connect, 99, &un, 11);
	CALL(connect, tcp, &in, sizeof(in));
	CALL(listen, 99, 5);
	len = sizeof(in);
	CALL(accept, 99, &in, &len);
	CALL(accept4, 99, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	len = 100;
	CALL(getsockname, pair[0], &in, &len);
	len = 100;
	CALL(getpeername, tcp, &in, &len);
	in.sin_port = 0;
	in.sin_family = AF_INET;
	inet_pton(AF_INET, "127.0.0.1", &in.sin_addr);
	CALL(shutdown, 99, SHUT_RDWR);
	CALL(sendto, pair[0], "hello", 5, 0, NULL, 0);
	CALL(sendto, pair[0], "hello", 5, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
	CALL(sendto, 99, "hello", 5, 0, &in, sizeof(in));
	CALL(recvfrom, pair[1], buf, 4, 0, NULL, NULL);
	len = 16;
	CALL(recvfrom, pair[1], buf, 100, MSG_PEEK, &un, &len);
	CALL(recvfrom, 99, buf, 100, MSG_TRUNC | MSG_WAITALL, &un, &len);
	CALL(sendmsg, pair[0], &hdr, 0);
	hdr.msg_name = &in;
	hdr.msg_namelen = sizeof(in);
	CALL(sendmsg, 99, &hdr, MSG_MORE);
	CALL(sendmsg, 99, bad, 0);
	hdr.msg_name = NULL;
	hdr.msg_namelen = 0;
	memset(control, 0, sizeof(control));
	hdr.msg_control = control;
	hdr.msg_controllen = sizeof(control);
	c = CMSG_FIRSTHDR(&hdr);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(c), (int[]){ 1, 2 }, 2 * sizeof(int));
	CALL(sendmsg, pair[0], &hdr, 0);
	CALL(recvmsg, pair[1], &hdr, MSG_DONTWAIT);
	hdr.msg_controllen = sizeof(control);
	CALL(recvmsg, pair[1], &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	CALL(recvmsg, pair[1], &hdr, MSG_DONTWAIT);
	CALL(write, pair[0], "x", 1);
	CALL(sendmmsg, pair[0], many, 2, 0);
	CALL(recvmmsg, pair[1], many, 2, MSG_DONTWAIT, NULL);
	CALL(recvmmsg, pair[1], many, 2, MSG_DONTWAIT, &ts);
	CALL(sendmmsg, 99, many, 1, 0);
	CALL(setsockopt, tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	CALL(setsockopt, tcp, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	CALL(setsockopt, tcp, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	CALL(setsockopt, tcp, SOL_TCP, TCP_NODELAY, &one, sizeof(one));
	CALL(setsockopt, udp, SOL_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	CALL(setsockopt, tcp, SOL_IP, IP_TOS, &one, 1);
	CALL(setsockopt, tcp, SOL_SOCKET, 999, bad, sizeof(one));
	CALL(setsockopt, tcp, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3);
	len = sizeof(value);
	CALL(getsockopt, tcp, SOL_SOCKET, SO_TYPE, &value, &len);
	CALL(getsockopt, tcp, SOL_SOCKET, SO_ERROR, &value, &len);
	CALL(getsockopt, tcp, SOL_SOCKET, SO_PROTOCOL, &value, &len);
	CALL(getsockopt, tcp, SOL_SOCKET, SO_DOMAIN, &value, &len);
	CALL(getsockopt, tcp, SOL_TCP, TCP_NODELAY, &value, &len);
	len = sizeof(linger);
	CALL(getsockopt, tcp, SOL_SOCKET, SO_LINGER, &linger, &len);
	len = 12;
	CALL(getsockopt, pair[0], SOL_SOCKET, SO_PEERCRED, buf, &len);
	CALL(getsockopt, tcp, SOL_SOCKET, SO_TYPE, &value, NULL);
	CALL(close_range, 3, ~0U, 0);
}

/* Two ends of the machine's own network. */
static void loopback(void)
{
	struct sock_filter pass = { BPF_RET | BPF_K, 0, 0, 0x40000 };
	struct sock_fprog filter = { 1, &pass };
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct iovec iov = { buf, 100 };
	struct msghdr hdr = { .msg_name = &in, .msg_namelen = 64, .msg_iov = &iov, .msg_iovlen = 1 };
	socklen_t len = sizeof(in);
	int listener, client, server, udp, other;

	inet_pton(AF_INET, "127.0.0.1", &in.sin_addr);
	listener = CALL(socket, AF_INET, SOCK_STREAM, 0);
	CALL(bind, listener, &in, sizeof(in));
	CALL(listen, listener, 5);
	CALL(getsockname, listener, &in, &len);
	client = CALL(socket, AF_INET, SOCK_STREAM, 0);
	CALL(connect, client, &in, len);
	server = CALL(accept4, listener, &in, &len, SOCK_CLOEXEC);
	CALL(sendto, server, "hi", 2, 0, NULL, 0);
	CALL(recvfrom, client, buf, 100, 0, &in, &len);
	len = 16;
	CALL(getsockopt, client, SOL_TCP, TCP_CONGESTION, buf, &len);
	len = 16;
	CALL(getsockopt, client, SOL_SOCKET, SO_RCVTIMEO, buf, &len);
	CALL(setsockopt, client, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
	in.sin_port = 0;
	udp = CALL(socket, AF_INET, SOCK_DGRAM, 0);
	other = CALL(socket, AF_INET, SOCK_DGRAM, 0);
	len = sizeof(in);
	CALL(bind, udp, &in, len);
	CALL(getsockname, udp, &in, &len);
	CALL(sendto, other, "first", 5, 0, &in, len);
	CALL(sendto, other, "second", 6, 0, &in, len);
	len = 100;
	CALL(recvfrom, udp, buf, 100, 0, &in, &len);
	CALL(recvmsg, udp, &hdr, 0);
	CALL(close_range, 3, ~0U, 0);
}

static void waits(void)
{
	struct pollfd fds[2];
	struct timespec ts = { 0, 1000000 };
	struct timeval tv = { 0, 1000 };
	struct itimerspec its = { { 0, 0 }, { 1, 0 } };
	struct epoll_event ev = { EPOLLIN | EPOLLET, { .u64 = 7 } }, evs[4];
	sigset_t set;
	fd_set in, out;
	int p[2], ep;
	uint64_t eight = 8;
	struct {
		const sigset_t *set;
		size_t size;
	} six = { &set, 8 };

	CALL(pipe, p);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	fds[0] = (struct pollfd){ p[0], POLLIN, 0 };
	fds[1] = (struct pollfd){ p[1], POLLOUT | POLLERR, 0 };
	CALL(poll, fds, 1, 0);
	CALL(poll, fds, 2, -1);
	CALL(poll, NULL, 0, 1);
	CALL(poll, bad, 1, 0);
	CALL(ppoll, fds, 2, &ts, &set, 8);
	CALL(ppoll, fds, 1, &ts, NULL, 8);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(p[0], &in);
	FD_SET(p[1], &out);
	CALL(select, p[1] + 1, &in, &out, NULL, &tv);
	FD_SET(p[0], &in);
	CALL(select, p[0] + 1, &in, NULL, NULL, &tv);
	CALL(select, 0, NULL, NULL, NULL, &tv);
	FD_SET(p[0], &in);
	CALL(select, -1, &in, NULL, NULL, NULL);
	CALL(pselect6, p[1] + 1, NULL, &out, NULL, &ts, &six);
	CALL(pselect6, p[0] + 1, &in, NULL, NULL, &ts, NULL);
	ep = CALL(epoll_create1, EPOLL_CLOEXEC);
	CALL(epoll_create, 5);
	CALL(epoll_ctl, ep, EPOLL_CTL_ADD, p[0], &ev);
	ev.events = EPOLLOUT | EPOLLONESHOT;
	CALL(epoll_ctl, ep, EPOLL_CTL_ADD, p[1], &ev);
	CALL(epoll_ctl, ep, EPOLL_CTL_MOD, p[1], &ev);
	CALL(epoll_wait, ep, evs, 4, -1);
	CALL(epoll_wait, ep, evs, 4, 0);
	CALL(epoll_pwait, ep, evs, 4, 0, &set, 8L);
	CALL(epoll_pwait2, ep, evs, 4, &ts, NULL, 8L);
	CALL(epoll_ctl, ep, EPOLL_CTL_DEL, p[1], NULL);
	CALL(epoll_wait, 99, evs, 4, 0);
	CALL(eventfd, 5);
	CALL(eventfd2, 0, EFD_CLOEXEC | EFD_SEMAPHORE);
	CALL(timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	CALL(timerfd_settime, 9, 0, &its, NULL);
	its.it_value.tv_sec = 0;
	CALL(timerfd_settime, 99, TFD_TIMER_ABSTIME, &its, &its);
	CALL(timerfd_gettime, 99, &its);
	CALL(signalfd4, -1, &set, 8, SFD_CLOEXEC);
	CALL(write, 7, &eight, 8);
	CALL(close_range, 3, ~0U, 0);
}

struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

static void signals(void)
{
	struct kernel_sigaction act = { SIG_IGN, 0, 0, 0 }, old;
	sigset_t set;
	stack_t stack = { .ss_flags = SS_DISABLE };
	siginfo_t info;
	struct timespec ts = { 0, 1000 };
	unsigned long mask = 0;
	int me = getpid();

	CALL(rt_sigaction, SIGUSR1, &act, &old, 8);
	act.flags = SA_RESTART | SA_NODEFER;
	act.mask = 1ul << (SIGINT - 1) | 1ul << (SIGTERM - 1);
	CALL(rt_sigaction, SIGUSR1, &act, NULL, 8);
	CALL(rt_sigaction, SIGUSR1, NULL, &old, 8);
	CALL(rt_sigaction, SIGKILL, NULL, NULL, 8);
	CALL(rt_sigaction, 34, NULL, &old, 8);
	CALL(rt_sigaction, 99, NULL, &old, 8);
	sigfillset(&set);
	mask = ~0ul;
	CALL(rt_sigprocmask, SIG_BLOCK, &mask, NULL, 8);
	mask = 1ul << (SIGINT - 1) | 1ul << 33 | 1ul << 31;
	CALL(rt_sigprocmask, SIG_SETMASK, &mask, &set, 8);
	mask = 0;
	CALL(rt_sigprocmask, SIG_SETMASK, &mask, &set, 8);
	CALL(rt_sigprocmask, 99, NULL, &set, 8);
	CALL(rt_sigprocmask, SIG_UNBLOCK, bad, NULL, 8);
	CALL(rt_sigpending, &set, 8);
	mask = 1ul << (SIGUSR2 - 1);
	CALL(rt_sigtimedwait, &mask, &info, &ts, 8);
	CALL(sigaltstack, &stack, NULL);
	CALL(sigaltstack, NULL, &stack);
	CALL(kill, me, 0);
	CALL(kill, me, SIGUSR1);
	CALL(tgkill, me, me, SIGURG);
	CALL(tkill, me, 0);
	CALL(kill, 999999999, SIGTERM);
	CALL(kill, -999999, SIGRTMIN);
}

static void memory(void)
{
	unsigned char vec[1];
	char *p = (char *)CALL(mmap, NULL, 8192, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);

	CALL(mmap, NULL, 4096, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0L);
	CALL(mmap, p, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0L);
	CALL(mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, 99, 0x1000L);
	CALL(mprotect, p, 4096, PROT_READ | PROT_WRITE);
	CALL(mprotect, p, 4096, 0x1000000);
	CALL(madvise, p, 4096, MADV_DONTNEED);
	CALL(madvise, p, 4096, 999);
	CALL(msync, p, 4096, MS_SYNC);
	CALL(mincore, p, 4096, vec);
	CALL(mlock, p, 4096);
	CALL(munlock, p, 4096);
	CALL(mlock2, p, 4096, 1);
	CALL(mlockall, 99);
	p = (char *)CALL(mremap, p, 8192, 4096, 0);
	p = (char *)CALL(mremap, p, 4096, 8192, MREMAP_MAYMOVE);
	CALL(mremap, p, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, 0x1000);
	CALL(munmap, p, 8192);
	CALL(brk, NULL);
	CALL(pkey_free, 5);
	CALL(membarrier, 0, 0, 0);
}

static void times_(void)
{
	struct timespec ts = { 0, 1000 }, left;
	struct timeval tv;
	struct itimerval it = { { 0, 0 }, { 0, 0 } };
	struct itimerspec its = { { 0, 0 }, { 0, 0 } };
	timer_t timer;
	struct sigevent sev = { .sigev_notify = SIGEV_NONE };

	CALL(nanosleep, &ts, NULL);
	CALL(nanosleep, &ts, &left);
	ts.tv_nsec = -1;
	CALL(nanosleep, &ts, &left);
	CALL(nanosleep, bad, &left);
	ts.tv_nsec = 1;
	CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, NULL);
	CALL(clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &ts, &left);
	CALL(clock_getres, CLOCK_MONOTONIC, &ts);
	CALL(clock_gettime, 99, &ts);
	CALL(clock_settime, CLOCK_MONOTONIC, &ts);
	CALL(gettimeofday, NULL, NULL);
	CALL(gettimeofday, bad, NULL);
	CALL(getitimer, ITIMER_REAL, &it);
	CALL(setitimer, ITIMER_REAL, &it, NULL);
	CALL(setitimer, ITIMER_VIRTUAL, &it, &it);
	CALL(getitimer, 9, &it);
	CALL(alarm, 0);
	CALL(timer_create, CLOCK_MONOTONIC, &sev, &timer);
	CALL(timer_settime, 0, 0, &its, NULL);
	CALL(timer_gettime, 0, &its);
	CALL(timer_getoverrun, 0);
	CALL(timer_delete, 0);
	CALL(time, bad);
	(void)tv;
}

static void process(char **argv)
{
	struct rlimit lim;
	struct rusage ru;
	struct utsname uts;
	struct sched_param sp = { 0 };
	struct clone_args args = { .exit_signal = SIGCHLD };
	char *const none[] = { NULL };
	char *const some[] = { "one", "two \"x\"", NULL };
	siginfo_t info;
	unsigned long mask = 1;
	int status, word = 5, pid, group[3] = { 1, 2, 3 };
	struct timespec ts = { 0, 1000 };
	struct __user_cap_header_struct cap = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[2];
	unsigned int a, b, c;

	CALL(execve, "/none", some, none);
	CALL(execve, bad, NULL, NULL);
	CALL(execve, "/none", bad, some);
	CALL(execveat, AT_FDCWD, "none", some, some, AT_SYMLINK_NOFOLLOW);
	pid = CALL(fork);
	if (!pid)
		CALL(exit_group, 3);
	CALL(wait4, pid, &status, 0, NULL);
	pid = CALL(clone, SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		CALL(kill, getpid(), SIGKILL);
		CALL(exit, 0);
	}
	CALL(wait4, -1, &status, WUNTRACED, NULL);
	pid = CALL(clone3, &args, sizeof(args));
	if (!pid)
		CALL(exit_group, 300);
	CALL(waitid, P_PID, pid, &info, WEXITED | WNOWAIT, NULL);
	CALL(wait4, pid, NULL, __WALL, NULL);
	CALL(wait4, -1, &status, WNOHANG, &ru);
	CALL(waitid, P_ALL, 0, NULL, WEXITED | WNOHANG, NULL);
	CALL(clone3, bad, 5);
	CALL(getpid);
	CALL(gettid);
	CALL(getppid);
	CALL(getuid);
	CALL(getpgrp);
	CALL(getpgid, 0);
	CALL(getsid, 999999999);
	CALL(setpgid, 0, 999999999);
	CALL(setuid, 0);
	CALL(setresuid, -1, -1, 0);
	CALL(getresuid, &a, &b, &c);
	CALL(setgroups, 70000, group);
	CALL(getgroups, 0, NULL);
	CALL(prlimit64, 0, RLIMIT_STACK, NULL, &lim);
	CALL(prlimit64, 0, RLIMIT_NOFILE, &(struct rlimit){ 1024, 4096 }, NULL);
	CALL(getrlimit, RLIMIT_CORE, &lim);
	CALL(setrlimit, 99, &(struct rlimit){ 0, RLIM_INFINITY });
	CALL(getrusage, 5, &ru);
	CALL(uname, &uts);
	CALL(sysinfo, bad);
	CALL(times, bad);
	CALL(prctl, PR_SET_NAME, "calls");
	CALL(prctl, PR_GET_NAME, buf);
	CALL(prctl, PR_SET_PDEATHSIG, SIGKILL);
	CALL(prctl, PR_SET_DUMPABLE, 1);
	CALL(prctl, PR_GET_DUMPABLE);
	CALL(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	CALL(prctl, PR_CAPBSET_READ, 0);
	CALL(arch_prctl, ARCH_GET_GS, &mask);
	CALL(arch_prctl, 0x9999, 0);
	CALL(sched_yield);
	CALL(sched_getscheduler, 0);
	CALL(sched_setscheduler, 0, SCHED_OTHER, &sp);
	CALL(sched_getparam, 0, &sp);
	CALL(sched_get_priority_max, SCHED_FIFO);
	mask = 3;
	CALL(sched_setaffinity, 0, 8, &mask);
	CALL(sched_getaffinity, 0, 8, &mask);
	CALL(getpriority, PRIO_PROCESS, 0);
	CALL(setpriority, PRIO_PROCESS, 0, 5);
	CALL(futex, &word, FUTEX_WAKE_PRIVATE, 1);
	CALL(futex, &word, FUTEX_WAIT, 4, NULL);
	CALL(futex, &word, FUTEX_WAIT_PRIVATE, 5, &ts);
	CALL(futex, &word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 4, &ts, NULL, ~0);
	CALL(futex, &word, FUTEX_REQUEUE, 1, 2, &word);
	CALL(futex, &word, FUTEX_CMP_REQUEUE, 1, 2, &word, 5);
	CALL(getrandom, buf, 0, GRND_NONBLOCK);
	CALL(getrandom, bad, 5, 0);
	CALL(set_tid_address, &word);
	CALL(set_robust_list, bad, 5);
	CALL(rseq, bad, 5, 1, 2);
	CALL(personality, 0xffffffff);
	CALL(unshare, 0);
	CALL(setns, 99, CLONE_NEWNET);
	CALL(capget, NULL, NULL);
	CALL(capget, &cap, caps);
	CALL(capset, &cap, bad);
	CALL(sched_getattr, 0, buf, 48, 0);
	CALL(sched_setattr, 0, buf, 0);
	CALL(prctl, PR_SET_SECCOMP, 2, bad);
	CALL(seccomp, 99, 0, NULL);
	CALL(pidfd_open, 999999999, 0);
	CALL(pidfd_send_signal, 99, SIGINT, NULL, 0);
	CALL(kcmp, 999999999, 1, 0, 0, 0);
	CALL(process_vm_readv, 999999999, NULL, 0, NULL, 0, 0L);
	CALL(sethostname, bad, 5);
	CALL(syslog, 99, NULL, 0);
	CALL(ptrace, 0x4200, 999999999, 0, 0);
	CALL(ioprio_get, 1, 0);
	CALL(getcpu, NULL, NULL, NULL);
	CALL(sync);
}

static void devices(void)
{
	struct termios tio;
	struct winsize ws = { 24, 80, 0, 0 };
	struct ifreq ifr = { .ifr_name = "lo" };
	struct io_uring_params params = { 0 };
	int n = 1, fd;

	fd = CALL(open, "/dev/null", O_RDWR);
	CALL(ioctl, fd, TCGETS, &tio);
	CALL(ioctl, fd, TIOCGWINSZ, &ws);
	CALL(ioctl, fd, TIOCSWINSZ, &ws);
	CALL(ioctl, fd, FIONREAD, &n);
	CALL(ioctl, fd, FIOCLEX);
	CALL(ioctl, fd, FIONBIO, &n);
	CALL(ioctl, fd, 0x1234, 5);
	CALL(ioctl, fd, TIOCGPGRP, &n);
	CALL(ioctl, fd, TIOCSCTTY, 0);
	CALL(close, fd);
	fd = CALL(open, "/dev/ptmx", O_RDWR | O_NOCTTY);
	CALL(ioctl, fd, TCGETS, &tio);
	CALL(ioctl, fd, TCSETS, &tio);
	CALL(ioctl, fd, TIOCGWINSZ, &ws);
	ws.ws_row = 24;
	CALL(ioctl, fd, TIOCSWINSZ, &ws);
	CALL(ioctl, fd, TIOCSPTLCK, &n);
	CALL(ioctl, fd, FIONREAD, &n);
	CALL(ioctl, fd, TCSBRK, 1);
	CALL(ioctl, fd, TCFLSH, TCIFLUSH);
	CALL(close, fd);
	fd = CALL(socket, AF_INET, SOCK_DGRAM, 0);
	CALL(ioctl, fd, SIOCGIFINDEX, &ifr);
	CALL(ioctl, fd, SIOCGIFFLAGS, &ifr);
	CALL(ioctl, fd, FIONREAD, &n);
	CALL(close, fd);
	CALL(io_uring_setup, 0, &params);
	fd = CALL(io_uring_setup, 8, &params);
	CALL(close, fd);
	CALL(io_uring_enter, 99, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8L);
	CALL(io_uring_register, 99, IORING_UNREGISTER_BUFFERS, NULL, 0);
	CALL(semget, 0, 0, 0);
	CALL(shmget, 5, 4096, 0600);
	CALL(shmat, -1, NULL, SHM_RDONLY);
	CALL(shmdt, bad);
	CALL(semop, -1, NULL, 0);
	CALL(msgget, 5, 0);
}

int main(int argc, char **argv)
{
	CALL(chdir, "/calls begin");
	files();
	net();
	loopback();
	waits();
	signals();
	memory();
	times_();
	process(argv);
	devices();
	CALL(chdir, "/calls end");
	return 0;
}
