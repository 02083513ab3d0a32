/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets: addresses, messages, options.
 */
#include "host/trace/decode_part.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* ---- addresses ---- */

static void put_unix_path(struct decoder *d, struct wy_bytes path)
{
	if (!path.len)
		return;
	put_text(d, ", sun_path=");
	if (path.at[0] == 0 && path.len > 1) {
		put_char(d, '@');
		put_quoted(d, (struct wy_bytes){ path.at + 1, path.len - 1 }, false);
	} else {
		put_quoted_text(d, path, false);
	}
}

static void put_inet(struct decoder *d, const struct sockaddr_in *in)
{
	char text[INET_ADDRSTRLEN] = "";

	inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
	put_format(d, ", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")", ntohs(in->sin_port),
		   text);
}

static void put_inet6(struct decoder *d, const struct sockaddr_in6 *in6)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
	put_format(d, ", sin6_port=htons(%u), sin6_flowinfo=htonl(%u)", ntohs(in6->sin6_port),
		   ntohl(in6->sin6_flowinfo));
	put_format(d, ", inet_pton(AF_INET6, \"%s\", &sin6_addr), sin6_scope_id=%u", text,
		   in6->sin6_scope_id);
}

static void put_sockaddr(struct decoder *d, struct wy_bytes bytes)
{
	unsigned short family;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	unsigned int nl[3];

	if (!take(bytes, 0, &family, sizeof(family)))
		return;
	put_text(d, "{sa_family=");
	put_flags(d, &wy_domains, family);
	if (family == AF_UNIX) {
		put_unix_path(d, (struct wy_bytes){ bytes.at + 2, bytes.len - 2 });
	} else if (family == AF_INET && take(bytes, 0, &in, sizeof(in))) {
		put_inet(d, &in);
	} else if (family == AF_INET6 && take(bytes, 0, &in6, sizeof(in6))) {
		put_inet6(d, &in6);
	} else if (family == AF_NETLINK && take(bytes, 0, nl, sizeof(nl))) {
		put_format(d, ", nl_pid=%u, nl_groups=%#010x", nl[1], nl[2]);
	} else if (bytes.len > 2) {
		put_text(d, ", sa_data=");
		put_quoted(d, (struct wy_bytes){ bytes.at + 2, bytes.len - 2 }, false);
	}
	put_char(d, '}');
}

static void put_sockaddr_in(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;

	if (d->args[i] && item_of(d, WY_ITEM_IN, i, &item) && item.bytes.len >= 2)
		put_sockaddr(d, item.bytes);
	else
		put_address(d, d->args[i]);
}

/* No more than the program had room for. */
static void put_sockaddr_out(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;
	unsigned int room;

	if (!d->args[i] || !item_of(d, WY_ITEM_OUT, i, &item)) {
		put_address(d, d->args[i]);
		return;
	}
	if (arg_in(d, i + 1, &room, sizeof(room)) && room < item.bytes.len)
		item.bytes.len = room;
	if (item.bytes.len >= 2)
		put_sockaddr(d, item.bytes);
	else
		put_address(d, d->args[i]);
}

static void put_socklen(struct decoder *d, unsigned int i)
{
	int before, after;

	if (!d->args[i] || !arg_in(d, i, &before, sizeof(before)))
		put_address(d, d->args[i]);
	else if (arg_out(d, i, &after, sizeof(after)) && after != before)
		put_format(d, "[%d => %d]", before, after);
	else
		put_format(d, "[%d]", before);
}

/* ---- socket(2) ---- */

static void put_socket_type(struct decoder *d, unsigned int i)
{
	unsigned int type = (unsigned int)d->args[i], left = type & ~0xfu;
	const struct wy_flags *flags = wy_flags_of(WY_ARG_SOCK_FLAGS);
	const char *name = wy_flag_name(&wy_socket_types, type & 0xf);

	if (!name && !(left & 0x80800)) {
		if (type)
			put_flags(d, &wy_socket_types, type);
		else
			put_char(d, '0');
		return;
	}
	if (!name) {
		put_flags(d, flags, type);
		return;
	}
	put_text(d, name);
	for (const struct wy_flag *f = flags->table; f->name; f++) {
		if (!(left & f->value))
			continue;
		put_char(d, '|');
		put_text(d, f->name);
		left &= ~(unsigned int)f->value;
	}
	if (left)
		put_format(d, "|%#x /* SOCK_??? */", left);
}

static void put_protocol(struct decoder *d, unsigned int i)
{
	unsigned int protocol = (unsigned int)d->args[i];

	/* strace gives a name to socket(2)'s only. */
	switch (d->nr == SYS_socket ? (unsigned int)d->args[0] : 0) {
	case AF_INET:
	case AF_INET6: put_flags(d, &wy_ip_protocols, protocol); break;
	case AF_NETLINK: put_flags(d, &wy_netlink_protocols, protocol); break;
	case AF_PACKET:
		if (ntohs((unsigned short)protocol) == 3)
			put_text(d, "htons(ETH_P_ALL)");
		else
			put_format(d, "htons(%#x)", ntohs((unsigned short)protocol));
		break;
	default: put_ulong(d, protocol);
	}
}

/* ---- messages ---- */

struct msghdr64 {
	unsigned long name;
	unsigned int name_len, pad;
	unsigned long iov, iov_len, control, control_len;
	unsigned int flags, pad2;
};

/* The first item of this kind among those of one message. */
static bool part_of(struct wy_bytes items, enum wy_item_what what, struct wy_item_view *ret)
{
	while (wy_item_next(&items, ret) && ret->what != WY_ITEM_MESSAGE) {
		if (ret->what == what)
			return true;
	}
	return false;
}

static void put_control_data(struct decoder *d, int level, int type, struct wy_bytes data)
{
	unsigned int creds[3];
	int fd;

	if (!data.len)
		return;
	put_text(d, ", cmsg_data=");
	if (level == SOL_SOCKET && type == SCM_RIGHTS && data.len >= sizeof(fd)) {
		put_char(d, '[');
		for (size_t at = 0; take(data, at, &fd, sizeof(fd)); at += sizeof(fd)) {
			put_text(d, at ? ", " : "");
			put_fd_of(d, fd);
		}
		put_char(d, ']');
	} else if (level == SOL_SOCKET && type == SCM_CREDENTIALS &&
		   take(data, 0, creds, sizeof(creds))) {
		put_format(d, "{pid=%d, uid=%u, gid=%u}", (int)creds[0], creds[1], creds[2]);
	} else {
		put_quoted(d, data, false);
	}
}

static void put_control(struct decoder *d, struct wy_bytes bytes)
{
	struct {
		unsigned long len;
		int level, type;
	} c;
	bool first = true;

	put_char(d, '[');
	while (take(bytes, 0, &c, sizeof(c))) {
		unsigned long len = c.len < sizeof(c) ? sizeof(c) :
				    c.len < bytes.len ? c.len :
							bytes.len;
		unsigned long step = (len + 7) & ~7ul;

		put_format(d, first ? "{cmsg_len=%lu, cmsg_level=" : ", {cmsg_len=%lu, cmsg_level=",
			   c.len);
		first = false;
		put_flags(d, &wy_levels, (unsigned int)c.level);
		put_text(d, ", cmsg_type=");
		if (c.level == SOL_SOCKET)
			put_flags(d, &wy_scm_types, (unsigned int)c.type);
		else
			put_format(d, "%#x", c.type);
		put_control_data(d, c.level, c.type,
				 (struct wy_bytes){ bytes.at + sizeof(c), len - sizeof(c) });
		put_char(d, '}');
		if (step > bytes.len)
			step = bytes.len;
		bytes.at += step;
		bytes.len -= step;
	}
	put_char(d, ']');
}

/* before: msg_namelen as it was; ~0: it is the same. */
static void put_message(struct decoder *d, const struct msghdr64 *hdr, unsigned int before,
			struct wy_bytes items)
{
	struct wy_item_view item;

	put_text(d, "{msg_name=");
	if (hdr->name && part_of(items, WY_ITEM_NAME, &item) && item.bytes.len >= 2)
		put_sockaddr(d, item.bytes);
	else
		put_address(d, hdr->name);
	put_text(d, ", msg_namelen=");
	if (before != ~0u && before != hdr->name_len)
		put_format(d, "%d => ", (int)before);
	put_format(d, "%d, msg_iov=", (int)hdr->name_len);
	if (hdr->iov && part_of(items, WY_ITEM_IOV, &item))
		put_iov(d, item.bytes, item.flags & WY_ITEM_CUT, ~0ul, items);
	else
		put_address(d, hdr->iov);
	put_format(d, ", msg_iovlen=%lu", hdr->iov_len);
	if (hdr->control_len) {
		put_text(d, ", msg_control=");
		if (hdr->control && part_of(items, WY_ITEM_CONTROL, &item))
			put_control(d, item.bytes);
		else
			put_address(d, hdr->control);
	}
	put_format(d, ", msg_controllen=%lu, msg_flags=", hdr->control_len);
	put_flags(d, &wy_msg_flags, hdr->flags);
	put_char(d, '}');
}

static void put_msghdr(struct decoder *d, unsigned int i)
{
	struct msghdr64 in, out;
	bool known = arg_in(d, i, &in, sizeof(in));

	if (!known)
		put_address(d, d->args[i]);
	else if (d->nr == SYS_sendmsg)
		put_message(d, &in, ~0u, d->v->items);
	else if (arg_out(d, i, &out, sizeof(out)))
		put_message(d, &out, in.name_len, d->v->items);
	else
		put_format(d, "{msg_namelen=%d}", (int)in.name_len);
}

static void put_messages(struct decoder *d, unsigned int i)
{
	struct wy_bytes items = d->v->items;
	struct wy_item_view item;
	struct {
		struct msghdr64 hdr;
		unsigned int len, pad;
	} m;
	bool first = true;

	if (!d->args[i] || (d->failed && d->nr == SYS_recvmmsg)) {
		put_address(d, d->args[i]);
		return;
	}
	while (wy_item_next(&items, &item)) {
		if (item.what != WY_ITEM_MESSAGE || !take(item.bytes, 0, &m, sizeof(m)))
			continue;
		put_text(d, first ? "[{msg_hdr=" : ", {msg_hdr=");
		first = false;
		put_message(d, &m.hdr, ~0u, items);
		if (!d->failed)
			put_format(d, ", msg_len=%u", m.len);
		put_char(d, '}');
	}
	if (first)
		put_address(d, d->args[i]);
	else
		put_char(d, ']');
}

/* ---- options ---- */

static const struct wy_flags *option_names(unsigned int level)
{
	switch (level) {
	case 0: return &wy_ip_names;
	case SOL_SOCKET: return &wy_so_names;
	case 6: return &wy_tcp_names;
	case 17: return &wy_udp_names;
	case 41: return &wy_ip6_names;
	default: return NULL;
	}
}

static void put_option_name(struct decoder *d, unsigned int i)
{
	const struct wy_flags *names = option_names((unsigned int)d->args[1]);

	if (names)
		put_flags(d, names, (unsigned int)d->args[i]);
	else
		put_hex(d, (unsigned int)d->args[i]);
}

static void put_option(struct decoder *d, unsigned int i)
{
	bool get = d->nr == SYS_getsockopt;
	unsigned int name = (unsigned int)d->args[2];
	bool socket = (unsigned int)d->args[1] == SOL_SOCKET;
	struct wy_item_view item;
	int two[3];

	if (!d->args[i] || !item_of(d, get ? WY_ITEM_OUT : WY_ITEM_IN, i, &item)) {
		put_address(d, d->args[i]);
		return;
	}
	if (socket && name == SO_LINGER && take(item.bytes, 0, two, 8))
		put_format(d, "{l_onoff=%d, l_linger=%d}", two[0], two[1]);
	else if (socket && name == SO_PEERCRED && get && take(item.bytes, 0, two, 12))
		put_format(d, "{pid=%d, uid=%u, gid=%u}", two[0], (unsigned int)two[1],
			   (unsigned int)two[2]);
	else if (item.bytes.len == 4 && !(item.flags & WY_ITEM_CUT) && take(item.bytes, 0, two, 4))
		put_format(d, "[%d]", two[0]);
	else if (socket && name == SO_ATTACH_FILTER && !get)
		put_filter_program(d, item.bytes);
	else if (item.bytes.len > d->how->string_max)
		put_quoted(d, (struct wy_bytes){ item.bytes.at, d->how->string_max }, true);
	else
		put_quoted(d, item.bytes, item.flags & WY_ITEM_CUT);
}

printer *wy_net_printer(enum wy_arg type)
{
	switch (type) {
	case WY_ARG_SOCKADDR_IN: return put_sockaddr_in;
	case WY_ARG_SOCKADDR_OUT: return put_sockaddr_out;
	case WY_ARG_SOCKLEN: return put_socklen;
	case WY_ARG_SOCK_TYPE: return put_socket_type;
	case WY_ARG_SOCK_PROTO: return put_protocol;
	case WY_ARG_MSGHDR:
	case WY_ARG_MSGHDR_IN: return put_msghdr;
	case WY_ARG_MMSG:
	case WY_ARG_MMSG_SENT: return put_messages;
	case WY_ARG_SO_NAME: return put_option_name;
	case WY_ARG_OPT_IN:
	case WY_ARG_OPT_OUT: return put_option;
	default: return NULL;
	}
}
