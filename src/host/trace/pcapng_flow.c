/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/pcapng_flow.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define SEGMENT_MAX 65483u /* bytes of data in a packet: less than both versions of IP allow */
#define PDU_MAX     262144u
/*
 * Packets of one call; of what is beyond, 64 MB, only the numbers go on, as if they had not been
 * captured.  A result is not to be believed so far that a line of a file fills a disk.
 */
#define PACKETS_MAX 1024u

bool wy_flow_was_accepted(const struct wy_file *f)
{
	return f->made_by == SYS_accept || f->made_by == SYS_accept4;
}

/* FNV-1a of an end of a connection, on top of another. */
static uint64_t hash_end(uint64_t hash, const struct wy_endpoint *e)
{
	for (unsigned int i = 0; i < 16; i++)
		hash = (hash ^ e->address[i]) * 0x100000001b3ul;
	hash = (hash ^ e->v6) * 0x100000001b3ul;
	return (hash ^ e->port) * 0x100000001b3ul;
}

uint64_t wy_flow_hash(const struct wy_endpoint *a, const struct wy_endpoint *b)
{
	return hash_end(hash_end(0xcbf29ce484222325ul, a), b);
}

/* ---- flows ---- */

static enum wy_flow_kind kind_of(const struct wy_file *f)
{
	if (f->class == WY_FD_UNIX || f->class == WY_FD_PIPE)
		return WY_FLOW_PDU;
	if (f->class != WY_FD_NET)
		return WY_FLOW_UNKNOWN;
	switch (f->sub) {
	case WY_FD_TCP: return WY_FLOW_TCP;
	case WY_FD_UDP: return WY_FLOW_UDP;
	case WY_FD_NETLINK: return WY_FLOW_NETLINK;
	}
	return WY_FLOW_UNKNOWN;
}

/* NULL: none is to be shown, or there is no memory. */
struct wy_flow *wy_flow_get(struct wy_pcapng *p, unsigned int file)
{
	struct wy_flow *flow = wy_table_find(&p->flow_of, file);
	const struct wy_file *f = wy_world_file(p->run->world, file);
	uint64_t value;

	if (flow || !f || kind_of(f) == WY_FLOW_UNKNOWN)
		return flow && !flow->skipped ? flow : NULL;
	flow = calloc(1, sizeof(*flow));
	if (!flow || wy_table_put(&p->flow_of, file, flow) < 0) {
		free(flow);
		return NULL;
	}
	flow->file = f;
	flow->kind = kind_of(f);
	flow->begun = f->made_by < 0;
	if (flow->kind == WY_FLOW_TCP && wy_flow_was_accepted(f) &&
	    wy_endpoint_of(&flow->us, &f->local, f->local_len) &&
	    wy_endpoint_of(&flow->them, &f->peer, f->peer_len))
		flow->skipped =
			wy_table_get(&p->connected, wy_flow_hash(&flow->them, &flow->us), &value);
	return flow->skipped ? NULL : flow;
}

/* Both ends, as far as they are known; an unknown one is 0.  False: neither is. */
bool wy_flow_update(struct wy_flow *flow)
{
	const struct wy_file *f = flow->file;
	bool us = wy_endpoint_of(&flow->us, &f->local, f->local_len);
	bool them = wy_endpoint_of(&flow->them, &f->peer, f->peer_len);

	if (us && !them)
		flow->them.v6 = flow->us.v6;
	else if (them && (!us || flow->us.v6 != flow->them.v6))
		flow->us.v6 = flow->them.v6;
	return us || them;
}

/* ---- packets ---- */

/* The interface of a process for packets of a kind; it is written when it is new. */
static unsigned int interface_of(struct wy_pcapng *p, int pid, unsigned int link)
{
	uint64_t key = (uint64_t)(unsigned int)pid << 32 | link, value;
	const struct wy_process *process = wy_world_process(p->run->world, pid);
	char name[64];

	if (wy_table_get(&p->interface_of, key, &value))
		return (unsigned int)value;
	snprintf(name, sizeof(name), "%s[%d]", process && *process->comm ? process->comm : "?",
		 pid);
	wy_pcapng_interface(p->out, link, name);
	value = p->interfaces++;
	/* Without memory there are more of them; each is right. */
	(void)wy_table_set(&p->interface_of, key, value);
	return (unsigned int)value;
}

static void put_packet(struct wy_pcapng *p, const struct wy_flow_cause *cause, unsigned int link,
		       bool out, uint64_t ns, struct wy_bytes head, struct wy_bytes bytes,
		       size_t len)
{
	struct wy_pcapng_packet packet = {
		.interface = interface_of(p, cause->v->pid, link),
		.ns = ns,
		.outgoing = out,
		.pid = cause->v->pid,
		.tid = cause->v->tid,
		.comment = cause->comment,
		.head = head,
		.bytes = bytes,
		.len = len,
	};

	wy_pcapng_packet(p->out, &packet);
}

/*
 * One TCP packet of len bytes, from us or from them.  What we send leaves as the call begins; what
 * is received, and what answers another packet of the call, is there when it is over.
 */
void wy_flow_put_tcp(struct wy_pcapng *p, struct wy_flow *flow, const struct wy_flow_cause *cause,
		     bool out, unsigned int flags, struct wy_bytes bytes, size_t len)
{
	struct wy_flow_cause with_figures;
	unsigned char head[WY_HEADERS_MAX];
	unsigned int *next = out ? &flow->out : &flow->in;
	bool answer = flags == WY_TCP_ACK || flags == (WY_TCP_SYN | WY_TCP_ACK);
	struct wy_tcp tcp = {
		.from = out ? &flow->us : &flow->them,
		.to = out ? &flow->them : &flow->us,
		.seq = *next,
		.ack = out ? flow->in : flow->out,
		.flags = flags,
		.id = flow->id++,
	};
	size_t head_len = wy_packet_tcp(head, &tcp, bytes, len);

	if (flow->figures) {
		with_figures = *cause;
		snprintf(with_figures.comment, sizeof(with_figures.comment), "%.150s; tcp %s",
			 cause->comment, flow->figures);
		cause = &with_figures;
		free(flow->figures);
		flow->figures = NULL;
	}
	put_packet(p, cause, WY_LINK_RAW, out, out && !answer ? cause->begun_ns : cause->over_ns,
		   (struct wy_bytes){ head, head_len }, bytes, len);
	*next += (unsigned int)len + !!(flags & (WY_TCP_SYN | WY_TCP_FIN));
}

static const struct wy_bytes nothing;

void wy_flow_handshake(struct wy_pcapng *p, struct wy_flow *flow, const struct wy_flow_cause *cause)
{
	bool ours = !wy_flow_was_accepted(flow->file);

	if (flow->begun)
		return;
	flow->begun = true;
	wy_flow_put_tcp(p, flow, cause, ours, WY_TCP_SYN, nothing, 0);
	wy_flow_put_tcp(p, flow, cause, !ours, WY_TCP_SYN | WY_TCP_ACK, nothing, 0);
	wy_flow_put_tcp(p, flow, cause, ours, WY_TCP_ACK, nothing, 0);
}

void wy_flow_fin(struct wy_pcapng *p, struct wy_flow *flow, const struct wy_flow_cause *cause,
		 bool out)
{
	bool *sent = out ? &flow->fin_out : &flow->fin_in;

	if (*sent || !flow->begun)
		return;
	*sent = true;
	wy_flow_put_tcp(p, flow, cause, out, WY_TCP_FIN | WY_TCP_ACK, nothing, 0);
	wy_flow_put_tcp(p, flow, cause, !out, WY_TCP_ACK, nothing, 0);
}

static struct wy_bytes piece_of(struct wy_bytes bytes, size_t from, size_t len)
{
	if (from >= bytes.len)
		return nothing;
	return (struct wy_bytes){ bytes.at + from,
				  len < bytes.len - from ? len : bytes.len - from };
}

static void put_stream(struct wy_pcapng *p, struct wy_flow *flow, const struct wy_flow_cause *cause,
		       bool out, struct wy_bytes bytes, size_t len)
{
	if (!wy_flow_update(flow) || (out ? flow->fin_out : flow->fin_in))
		return;
	wy_flow_handshake(p, flow, cause);
	for (size_t at = 0, nr = 0; at < len; nr++) {
		size_t n = len - at < SEGMENT_MAX ? len - at : SEGMENT_MAX;

		if (nr == PACKETS_MAX) {
			*(out ? &flow->out : &flow->in) += (unsigned int)(len - at);
			break;
		}
		wy_flow_put_tcp(p, flow, cause, out, WY_TCP_ACK | WY_TCP_PUSH,
				piece_of(bytes, at, n), n);
		at += n;
	}
	if (len)
		wy_flow_put_tcp(p, flow, cause, !out, WY_TCP_ACK, nothing, 0);
}

/* Where a datagram came from or went to, if the call says it. */
static bool address_of(const struct wy_flow_cause *cause, struct wy_endpoint *ret)
{
	const struct wy_event_view *v = cause->v;
	struct wy_bytes items = cause->items;
	struct sockaddr_storage sock = { 0 };
	struct wy_item_view item;
	bool found = false;
	size_t len;

	while (!found && wy_item_next(&items, &item) && item.what != WY_ITEM_MESSAGE)
		found = item.what == WY_ITEM_NAME;
	if (!found && !(v->e.nr == SYS_sendto && wy_item_find(v, WY_ITEM_IN, 4, &item)) &&
	    !(v->e.nr == SYS_recvfrom && wy_item_find(v, WY_ITEM_OUT, 4, &item)))
		return false;
	len = item.bytes.len < sizeof(sock) ? item.bytes.len : sizeof(sock);
	memcpy(&sock, item.bytes.at, len);
	return wy_endpoint_of(ret, &sock, (socklen_t)len);
}

static void put_datagram(struct wy_pcapng *p, struct wy_flow *flow,
			 const struct wy_flow_cause *cause, bool out, struct wy_bytes bytes,
			 size_t len)
{
	unsigned char head[WY_HEADERS_MAX];
	struct wy_endpoint said;
	size_t head_len;
	uint64_t value;

	wy_flow_update(flow);
	if (address_of(cause, &said)) {
		flow->them = said;
		flow->us.v6 = said.v6;
	}
	if (len > SEGMENT_MAX)
		len = SEGMENT_MAX;
	/* The one that sent it is in the run. */
	if (!out && wy_table_get(&p->connected, wy_flow_hash(&flow->them, &flow->us), &value))
		return;
	bytes = piece_of(bytes, 0, len);
	head_len = wy_packet_udp(head, out ? &flow->us : &flow->them, out ? &flow->them : &flow->us,
				 flow->id++, bytes, len);
	put_packet(p, cause, WY_LINK_RAW, out, out ? cause->begun_ns : cause->over_ns,
		   (struct wy_bytes){ head, head_len }, bytes, len);
}

static bool begins(struct wy_bytes bytes, const char *text)
{
	return bytes.len >= strlen(text) && memcmp(bytes.at, text, strlen(text)) == 0;
}

static unsigned char *put_tag(unsigned char *to, unsigned int tag, const void *bytes,
			      unsigned int len)
{
	to[0] = (unsigned char)(tag >> 8);
	to[1] = (unsigned char)tag;
	to[2] = (unsigned char)(len >> 8);
	to[3] = (unsigned char)len;
	if (len)
		memcpy(to + 4, bytes, len);
	return to + 4 + len;
}

/* https://github.com/wireshark/wireshark/blob/master/epan/exported_pdu.h says what tags mean. */
static void put_pdu(struct wy_pcapng *p, struct wy_flow *flow, const struct wy_flow_cause *cause,
		    bool out, struct wy_bytes bytes, size_t len)
{
	bool http = begins(bytes, "GET ") || begins(bytes, "POST ") || begins(bytes, "PUT ") ||
		    begins(bytes, "HEAD ") || begins(bytes, "HTTP/1.");
	unsigned int us = htonl(flow->file->id & 0xffff ? flow->file->id & 0xffff : 1);
	unsigned int them = htonl(flow->file->ino & 0xffff ? flow->file->ino & 0xffff : 1);
	unsigned int tcp = htonl(2), loopback = htonl(0x7f000001);
	unsigned char head[WY_HEADERS_MAX], *to = head;

	to = put_tag(to, 12, http ? "http" : "data", 4); /* who is to read it */
	to = put_tag(to, 20, &loopback, 4);
	to = put_tag(to, 21, &loopback, 4);
	to = put_tag(to, 24, &tcp, 4); /* the kind of the ports */
	to = put_tag(to, 25, out ? &us : &them, 4);
	to = put_tag(to, 26, out ? &them : &us, 4);
	to = put_tag(to, 0, NULL, 0);
	for (size_t at = 0, nr = 0; at < len && nr < PACKETS_MAX; at += PDU_MAX, nr++)
		put_packet(p, cause, WY_LINK_UPPER_PDU, out, out ? cause->begun_ns : cause->over_ns,
			   (struct wy_bytes){ head, (size_t)(to - head) },
			   piece_of(bytes, at, PDU_MAX), len - at < PDU_MAX ? len - at : PDU_MAX);
}

static void put_netlink(struct wy_pcapng *p, struct wy_flow *flow,
			const struct wy_flow_cause *cause, bool out, struct wy_bytes bytes,
			size_t len)
{
	/* outgoing or to us, ARPHRD_NETLINK, and the protocol as its end */
	unsigned char head[16] = { 0, out ? 4 : 0, 824 >> 8, 824 & 0xff };

	head[14] = (unsigned char)(flow->file->protocol >> 8);
	head[15] = (unsigned char)flow->file->protocol;
	put_packet(p, cause, WY_LINK_NETLINK, out, out ? cause->begun_ns : cause->over_ns,
		   (struct wy_bytes){ head, sizeof(head) }, piece_of(bytes, 0, PDU_MAX),
		   len < PDU_MAX ? len : PDU_MAX);
}

void wy_flow_data(struct wy_pcapng *p, struct wy_flow *flow, const struct wy_flow_cause *cause,
		  bool out, struct wy_bytes bytes, size_t len)
{
	uint64_t value;

	switch (flow->kind) {
	case WY_FLOW_TCP: put_stream(p, flow, cause, out, bytes, len); break;
	case WY_FLOW_UDP: put_datagram(p, flow, cause, out, bytes, len); break;
	case WY_FLOW_NETLINK: put_netlink(p, flow, cause, out, bytes, len); break;
	case WY_FLOW_PDU:
		if (out || flow->file->class != WY_FD_PIPE ||
		    !wy_table_get(&p->written, flow->file->ino, &value))
			put_pdu(p, flow, cause, out, bytes, len);
		break;
	case WY_FLOW_UNKNOWN: break;
	}
}
