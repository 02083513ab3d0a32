/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet.h - headers of packets, and blocks of pcapng files.
 *
 * https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/
 */
#ifndef WY_HOST_TRACE_PACKET_H
#define WY_HOST_TRACE_PACKET_H

#include "host/trace/event.h"

#include <stdio.h>
#include <sys/socket.h>

/* https://www.tcpdump.org/linktypes.html */
enum {
	WY_LINK_RAW = 101,       /* IPv4 or IPv6 */
	WY_LINK_UPPER_PDU = 252, /* what one layer has said, and which one it was */
	WY_LINK_NETLINK = 253,
};

#define WY_HEADERS_MAX 128 /* of any packet made here */

/* An end of a connection.  An IPv4 address in an IPv6 one is IPv4. */
struct wy_endpoint {
	bool v6;
	unsigned char address[16];
	unsigned short port;
};

/* False: it is no address of the internet. */
bool wy_endpoint_of(struct wy_endpoint *ret, const struct sockaddr_storage *sock, socklen_t len);

enum { WY_TCP_FIN = 1, WY_TCP_SYN = 2, WY_TCP_RST = 4, WY_TCP_PUSH = 8, WY_TCP_ACK = 16 };

struct wy_tcp {
	const struct wy_endpoint *from, *to; /* of one kind */
	unsigned int seq, ack, flags;
	unsigned short id; /* of the IP packet */
};

/*
 * Writes IP and TCP headers of a packet with len bytes, of which `bytes` are known; sums are
 * only right when these are all.  Returns the headers' length.
 */
size_t wy_packet_tcp(unsigned char head[WY_HEADERS_MAX], const struct wy_tcp *tcp,
		     struct wy_bytes bytes, size_t len);
size_t wy_packet_udp(unsigned char head[WY_HEADERS_MAX], const struct wy_endpoint *from,
		     const struct wy_endpoint *to, unsigned short id, struct wy_bytes bytes,
		     size_t len);

/* ---- blocks ---- */

void wy_pcapng_section(FILE *out, const char *application);

/* An interface; its number is how many were there before. */
void wy_pcapng_interface(FILE *out, unsigned int link, const char *name);

struct wy_pcapng_packet {
	unsigned int interface;
	uint64_t ns; /* since 1970 */
	bool outgoing;
	int pid, tid;
	const char *comment;
	struct wy_bytes head, bytes; /* what is known of it: both together */
	size_t len;                  /* of all of it */
};
void wy_pcapng_packet(FILE *out, const struct wy_pcapng_packet *p);

/* What was lost. */
void wy_pcapng_statistics(FILE *out, unsigned int interface, uint64_t ns, uint64_t lost);

#endif
