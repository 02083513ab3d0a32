/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.c - what files are, in words (world.h).
 */
#include "base/addr.h"
#include "host/trace/world.h"

#include <stddef.h>
#include <string.h>
#include <sys/un.h>

const char *wy_class_word(unsigned int class)
{
	static const char *const words[WY_FD_CLASSES] = {
		[WY_FD_DISK] = "disk", [WY_FD_DIR] = "dir",     [WY_FD_PIPE] = "pipe",
		[WY_FD_UNIX] = "unix", [WY_FD_NET] = "net",     [WY_FD_TTY] = "tty",
		[WY_FD_DEV] = "dev",   [WY_FD_EVENT] = "event", [WY_FD_ANON] = "anon",
		[WY_FD_PATH] = "path",
	};

	return class < WY_FD_CLASSES ? words[class] : "?";
}

const char *wy_sub_word(unsigned int sub)
{
	static const char *const words[WY_FD_KINDS] = {
		[WY_FD_PLAIN] = "",
		[WY_FD_MEMORY] = "memfd",
		[WY_FD_NAMESPACE] = "ns",
		[WY_FD_FIFO] = "fifo",
		[WY_FD_PTY_MASTER] = "ptmx",
		[WY_FD_STATELESS] = "stateless",
		[WY_FD_EPOLL] = "epoll",
		[WY_FD_EVENTFD] = "eventfd",
		[WY_FD_TIMERFD] = "timerfd",
		[WY_FD_SIGNALFD] = "signalfd",
		[WY_FD_INOTIFY] = "inotify",
		[WY_FD_PIDFD] = "pidfd",
		[WY_FD_URING] = "io_uring",
		[WY_FD_PROCFS] = "procfs",
		[WY_FD_MQUEUE] = "mq",
		[WY_FD_FANOTIFY] = "fanotify",
		[WY_FD_USERFAULT] = "userfaultfd",
		[WY_FD_PERF] = "perf",
		[WY_FD_BPF] = "bpf",
		[WY_FD_FSCONTEXT] = "fscontext",
		[WY_FD_LANDLOCK] = "landlock",
		[WY_FD_TCP] = "tcp",
		[WY_FD_UDP] = "udp",
		[WY_FD_RAW] = "raw",
		[WY_FD_NETLINK] = "netlink",
		[WY_FD_PACKET] = "packet",
		[WY_FD_STREAM] = "stream",
		[WY_FD_DATAGRAM] = "dgram",
		[WY_FD_SEQPACKET] = "seqpacket",
		[WY_FD_TUN] = "tun",
	};

	return sub < WY_FD_KINDS ? words[sub] : "?";
}

void wy_address_print(FILE *out, const void *sock, socklen_t len)
{
	const struct sockaddr_un *un = sock;
	char text[ADDR_TEXT_MAX];
	size_t path_len;

	if (len < sizeof(sa_family_t))
		return;
	if (un->sun_family == AF_INET || un->sun_family == AF_INET6) {
		addr_print(text, sock, len);
		fputs(text, out);
		return;
	}
	if (un->sun_family != AF_UNIX || len <= offsetof(struct sockaddr_un, sun_path))
		return;
	path_len = len - offsetof(struct sockaddr_un, sun_path);
	if (path_len > sizeof(un->sun_path))
		path_len = sizeof(un->sun_path);
	if (un->sun_path[0]) {
		fprintf(out, "%.*s", (int)path_len, un->sun_path);
		return;
	}
	/* Abstract: all bytes count, also a 0. */
	if (path_len > 1)
		putc('@', out);
	for (size_t i = 1; i < path_len; i++) {
		unsigned char c = (unsigned char)un->sun_path[i];

		if (c < ' ' || c > '~')
			fprintf(out, "\\%o", c);
		else
			putc(c, out);
	}
}

static bool has_address(const struct sockaddr_storage *sock, socklen_t len)
{
	if (sock->ss_family == AF_UNIX)
		return len > offsetof(struct sockaddr_un, sun_path);
	return sock->ss_family == AF_INET || sock->ss_family == AF_INET6;
}

static void print_socket(FILE *out, const struct wy_file *f)
{
	bool local = has_address(&f->local, f->local_len),
	     peer = has_address(&f->peer, f->peer_len);
	/* accept(2), accept4(2) */
	bool accepted = f->made_by == 43 || f->made_by == 288;

	if (f->class == WY_FD_UNIX)
		fputs("unix", out);
	else
		fputs(f->sub ? wy_sub_word(f->sub) : "socket", out);
	if (!local && !peer) {
		if (f->ino)
			fprintf(out, ":[%lu]", f->ino);
		return;
	}
	putc(' ', out);
	wy_address_print(out, &f->local, f->local_len);
	if (accepted)
		fputs("<-", out);
	else if (peer)
		fputs("->", out);
	if (peer)
		wy_address_print(out, &f->peer, f->peer_len);
}

void wy_text_print(FILE *out, const char *text, const char *more)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		const char *letter = strchr("\tt\nn\vv\ff\rr", c);

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < ' ' && letter && letter[1])
			fprintf(out, "\\%c", letter[1]);
		else if (c < ' ' || c == 0x7f || strchr(more, c))
			fprintf(out, "\\%o", c);
		else
			putc(c, out);
	}
}

void wy_file_print(FILE *out, const struct wy_file *f)
{
	if (f->class == WY_FD_NET || f->class == WY_FD_UNIX)
		print_socket(out, f);
	else if (f->class == WY_FD_PIPE && f->sub != WY_FD_FIFO)
		fprintf(out, "pipe:[%lu]", f->ino);
	else if (f->class == WY_FD_EVENT && f->sub)
		fputs(wy_sub_word(f->sub), out);
	else if (f->path)
		wy_text_print(out, f->path, "<>");
	else if (f->sub)
		fputs(wy_sub_word(f->sub), out);
	else
		fputs(wy_class_word(f->class), out);
}
