/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/packet.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

bool wy_endpoint_of(struct wy_endpoint *ret, const struct sockaddr_storage *sock, socklen_t len)
{
	const struct sockaddr_in *in = (const void *)sock;
	const struct sockaddr_in6 *in6 = (const void *)sock;

	*ret = (struct wy_endpoint){ 0 };
	if (len >= sizeof(*in) && sock->ss_family == AF_INET) {
		memcpy(ret->address, &in->sin_addr, 4);
		ret->port = ntohs(in->sin_port);
		return true;
	}
	if (len < sizeof(*in6) || sock->ss_family != AF_INET6)
		return false;
	ret->port = ntohs(in6->sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		memcpy(ret->address, in6->sin6_addr.s6_addr + 12, 4);
		return true;
	}
	ret->v6 = true;
	memcpy(ret->address, &in6->sin6_addr, 16);
	return true;
}

/* ---- headers; all numbers in the order of the network ---- */

static unsigned char *put8(unsigned char *to, unsigned int value)
{
	*to = (unsigned char)value;
	return to + 1;
}

static unsigned char *put16(unsigned char *to, unsigned int value)
{
	return put8(put8(to, value >> 8), value);
}

static unsigned char *put32(unsigned char *to, unsigned int value)
{
	return put16(put16(to, value >> 16), value);
}

static unsigned char *put_bytes(unsigned char *to, const void *bytes, size_t len)
{
	memcpy(to, bytes, len);
	return to + len;
}

/* The sum of the internet, RFC 1071, not yet folded; odd lengths only at the end. */
static uint64_t sum16(uint64_t sum, const unsigned char *bytes, size_t len)
{
	for (; len > 1; bytes += 2, len -= 2)
		sum += (unsigned int)bytes[0] << 8 | bytes[1];
	return len ? sum + ((unsigned int)bytes[0] << 8) : sum;
}

static unsigned int fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (unsigned int)~sum & 0xffff;
}

static unsigned char *put_ip(unsigned char *to, const struct wy_endpoint *from,
			     const struct wy_endpoint *dest, unsigned int protocol,
			     unsigned short id, size_t len)
{
	unsigned char *head = to;

	if (from->v6) {
		to = put32(to, 0x60000000);
		to = put16(to, (unsigned int)len);
		to = put8(to, protocol);
		to = put8(to, 64);
		to = put_bytes(to, from->address, 16);
		return put_bytes(to, dest->address, 16);
	}
	to = put16(to, 0x4500);
	to = put16(to, (unsigned int)len + 20);
	to = put16(to, id);
	to = put16(to, 0x4000); /* not to be divided */
	to = put8(to, 64);
	to = put8(to, protocol);
	to = put16(to, 0);
	to = put_bytes(to, from->address, 4);
	to = put_bytes(to, dest->address, 4);
	put16(head + 10, fold(sum16(0, head, 20)));
	return to;
}

/* The sum over the pseudo header, the header (whose own sum is 0 yet) and the bytes. */
static unsigned int sum_of(const struct wy_endpoint *from, const struct wy_endpoint *to,
			   unsigned int protocol, const unsigned char *head, size_t head_len,
			   struct wy_bytes bytes)
{
	size_t address = from->v6 ? 16 : 4;
	uint64_t sum = sum16(0, from->address, address);

	sum = sum16(sum, to->address, address) + protocol + head_len + bytes.len;
	sum = sum16(sum, head, head_len);
	return fold(sum16(sum, bytes.at, bytes.len));
}

size_t wy_packet_tcp(unsigned char head[WY_HEADERS_MAX], const struct wy_tcp *tcp,
		     struct wy_bytes bytes, size_t len)
{
	size_t tcp_len = tcp->flags & WY_TCP_SYN ? 28 : 20;
	unsigned char *start, *to;

	start = put_ip(head, tcp->from, tcp->to, IPPROTO_TCP, tcp->id, tcp_len + len);
	to = put16(start, tcp->from->port);
	to = put16(to, tcp->to->port);
	to = put32(to, tcp->seq);
	to = put32(to, tcp->flags & WY_TCP_ACK ? tcp->ack : 0);
	to = put16(to, (unsigned int)tcp_len / 4 << 12 | tcp->flags);
	to = put16(to, 65535);
	to = put32(to, 0); /* sum, urgent pointer */
	if (tcp->flags & WY_TCP_SYN) {
		to = put32(to, 0x0204ffd7); /* the longest segment: 65495 */
		to = put32(to, 0x0103030e); /* windows count 2^14 times */
	}
	put16(start + 16, sum_of(tcp->from, tcp->to, IPPROTO_TCP, start, tcp_len, bytes));
	return (size_t)(to - head);
}

size_t wy_packet_udp(unsigned char head[WY_HEADERS_MAX], const struct wy_endpoint *from,
		     const struct wy_endpoint *to, unsigned short id, struct wy_bytes bytes,
		     size_t len)
{
	unsigned char *start = put_ip(head, from, to, IPPROTO_UDP, id, 8 + len), *end;
	unsigned int sum;

	end = put16(start, from->port);
	end = put16(end, to->port);
	end = put16(end, (unsigned int)len + 8);
	end = put16(end, 0);
	sum = sum_of(from, to, IPPROTO_UDP, start, 8, bytes);
	put16(start + 6, sum ? sum : 0xffff);
	return (size_t)(end - head);
}

/* ---- blocks; numbers as this machine has them ---- */

static void write32(FILE *out, unsigned int value)
{
	fwrite(&value, sizeof(value), 1, out);
}

static size_t filled(size_t len)
{
	return (len + 3) & ~3ul;
}

static void fill(FILE *out, size_t len)
{
	static const char zeros[4];

	fwrite(zeros, 1, filled(len) - len, out);
}

static size_t option_len(size_t len)
{
	return 4 + filled(len);
}

static void write_option(FILE *out, unsigned int code, const void *bytes, size_t len)
{
	write32(out, code | (unsigned int)len << 16);
	if (len)
		fwrite(bytes, 1, len, out);
	fill(out, len);
}

void wy_pcapng_section(FILE *out, const char *application)
{
	static const char os[] = "Linux";
	unsigned int len =
		(unsigned int)(28 + option_len(strlen(os)) + option_len(strlen(application)) + 4);

	write32(out, 0x0a0d0d0a);
	write32(out, len);
	write32(out, 0x1a2b3c4d);
	write32(out, 1);   /* version 1.0 */
	write32(out, ~0u); /* the section's length is not known */
	write32(out, ~0u);
	write_option(out, 3, os, strlen(os));
	write_option(out, 4, application, strlen(application));
	write_option(out, 0, NULL, 0);
	write32(out, len);
}

void wy_pcapng_interface(FILE *out, unsigned int link, const char *name)
{
	static const unsigned char nanoseconds = 9;
	unsigned int len = (unsigned int)(20 + option_len(strlen(name)) + option_len(1) + 4);

	write32(out, 1);
	write32(out, len);
	write32(out, link);
	write32(out, 0); /* no limit to a packet's length */
	write_option(out, 2, name, strlen(name));
	write_option(out, 9, &nanoseconds, 1);
	write_option(out, 0, NULL, 0);
	write32(out, len);
}

void wy_pcapng_packet(FILE *out, const struct wy_pcapng_packet *p)
{
	size_t known = p->head.len + p->bytes.len, comment_len = strlen(p->comment);
	unsigned int flags = p->outgoing ? 2 : 1, ids[2] = { (unsigned)p->pid, (unsigned)p->tid };
	unsigned int len = (unsigned int)(32 + filled(known) + option_len(4) + option_len(8) +
					  option_len(comment_len) + 4);

	write32(out, 6);
	write32(out, len);
	write32(out, p->interface);
	write32(out, (unsigned int)(p->ns >> 32));
	write32(out, (unsigned int)p->ns);
	write32(out, (unsigned int)known);
	write32(out, (unsigned int)(p->head.len + p->len));
	fwrite(p->head.at, 1, p->head.len, out);
	if (p->bytes.len)
		fwrite(p->bytes.at, 1, p->bytes.len, out);
	fill(out, known);
	write_option(out, 2, &flags, sizeof(flags));
	write_option(out, 8, ids, sizeof(ids));
	write_option(out, 1, p->comment, comment_len);
	write_option(out, 0, NULL, 0);
	write32(out, len);
}

void wy_pcapng_statistics(FILE *out, unsigned int interface, uint64_t ns, uint64_t lost)
{
	unsigned int len = 24 + 12 + 4;

	write32(out, 5);
	write32(out, len);
	write32(out, interface);
	write32(out, (unsigned int)(ns >> 32));
	write32(out, (unsigned int)ns);
	write_option(out, 5, &lost, sizeof(lost)); /* isb_ifdrop */
	write_option(out, 0, NULL, 0);
	write32(out, len);
}
