/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export_pcapng.c - what went through sockets and pipes, as packets.
 *
 * A program does not see packets; they are made here, one or some for each call
 * that moved bytes, so that tools for packets can look at them.  Of a TCP
 * connection that began in the run there is a handshake, of each piece of data an
 * acknowledgement, and at its end FIN or RST.  What unix sockets and pipes carry
 * has no packets: it is given as what a layer said, with ports made of the file's
 * number.
 *
 * Promises: each direction of a connection has just the bytes that the program
 * read or wrote, in their order.  The order of both directions is that in which
 * the program saw them, not that of the wire.  If both ends of a connection are in
 * the run, only the one that connected is shown, and of a pipe what is written.
 * Bytes that were not recorded are not there, but their number is.
 */
#include "host/trace/export.h"
#include "host/trace/meta.h"
#include "host/trace/moved.h"
#include "host/trace/packet.h"
#include "host/trace/table.h"
#include "host/trace/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define SEGMENT_MAX 65483u /* bytes of data in a packet: less than both versions of IP allow */
#define PDU_MAX     262144u
#define FIGURES_MAX 1024u
/*
 * Packets of one call; of what is beyond, 64 MB, only the numbers go on, as if they had not been
 * captured.  A result is not to be believed so far that a line of a file fills a disk.
 */
#define PACKETS_MAX 1024u

enum kind { UNKNOWN, TCP, UDP, PDU, NETLINK };

/* An open file. */
struct flow {
	const struct wy_file *file;
	enum kind kind;
	bool skipped; /* its other end is shown */
	bool begun;   /* TCP: the handshake is made, or was before the run */
	bool fin_out, fin_in;
	unsigned int out, in; /* TCP: numbers of the next bytes */
	unsigned short id;    /* of the next IP packet */
	struct wy_endpoint us, them;
	char *figures; /* TCP: of the kernel, to be told with the next packet; or NULL */
};

struct wy_pcapng {
	const struct wy_run *run;
	FILE *out;
	struct wy_table last_close;   /* file -> tick at which the last descriptor was closed */
	struct wy_table connected;    /* hash of both addresses of those that connected */
	struct wy_table written;      /* inode of pipes that a process of the run writes to */
	struct wy_table flow_of;      /* file -> struct flow */
	struct wy_table interface_of; /* process and link -> number + 1 */
	unsigned int interfaces;
	unsigned char *buffer; /* for bytes that were recorded in pieces */
	size_t room;
};

struct wy_pcapng *wy_pcapng_new(void)
{
	return calloc(1, sizeof(struct wy_pcapng));
}

void wy_pcapng_free(struct wy_pcapng *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->flow_of.room; i++) {
		struct flow *flow = (struct flow *)(uintptr_t)p->flow_of.entry[i].value;

		if (p->flow_of.entry[i].used) {
			free(flow->figures);
			free(flow);
		}
	}
	wy_table_free(&p->last_close);
	wy_table_free(&p->connected);
	wy_table_free(&p->written);
	wy_table_free(&p->flow_of);
	wy_table_free(&p->interface_of);
	free(p->buffer);
	free(p);
}

/* ---- the first time through ---- */

static bool is_close(const struct wy_event_view *v)
{
	return v->e.kind == WY_EVENT_FD && v->e.file &&
	       (v->e.nr == WY_FD_CLOSED || v->e.nr == WY_FD_EXEC_CLOSED);
}

int wy_pcapng_survey(struct wy_pcapng *p, const struct wy_event_view *v)
{
	return is_close(v) ? wy_table_set(&p->last_close, v->e.file, v->e.time) : 0;
}

static bool was_accepted(const struct wy_file *f)
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

static uint64_t hash_ends(const struct wy_endpoint *a, const struct wy_endpoint *b)
{
	return hash_end(hash_end(0xcbf29ce484222325ul, a), b);
}

int wy_pcapng_surveyed(struct wy_pcapng *p, const struct wy_run *run)
{
	struct wy_endpoint us, them;

	for (size_t i = 0; i < wy_world_files_nr(run->world); i++) {
		const struct wy_file *f = wy_world_file_at(run->world, i);

		if (f->class != WY_FD_NET || was_accepted(f) ||
		    !wy_endpoint_of(&us, &f->local, f->local_len) ||
		    !wy_endpoint_of(&them, &f->peer, f->peer_len))
			continue;
		if (wy_table_set(&p->connected, hash_ends(&us, &them), 1) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < wy_tally_processes(run->tally); i++) {
		const struct wy_tally_process *process = wy_tally_process(run->tally, i);

		for (size_t k = 0; k < process->files; k++) {
			const struct wy_file *f = wy_world_file(run->world, process->file[k]->file);

			if (f && f->class == WY_FD_PIPE && process->file[k]->io.out &&
			    wy_table_set(&p->written, f->ino, 1) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* ---- flows ---- */

static enum kind kind_of(const struct wy_file *f)
{
	if (f->class == WY_FD_UNIX || f->class == WY_FD_PIPE)
		return PDU;
	if (f->class != WY_FD_NET)
		return UNKNOWN;
	switch (f->sub) {
	case WY_FD_TCP: return TCP;
	case WY_FD_UDP: return UDP;
	case WY_FD_NETLINK: return NETLINK;
	}
	return UNKNOWN;
}

/* NULL: none is to be shown, or there is no memory. */
static struct flow *get_flow(struct wy_pcapng *p, unsigned int file)
{
	struct flow *flow = wy_table_find(&p->flow_of, file);
	const struct wy_file *f = wy_world_file(p->run->world, file);
	uint64_t value;

	if (flow || !f || kind_of(f) == UNKNOWN)
		return flow && !flow->skipped ? flow : NULL;
	flow = calloc(1, sizeof(*flow));
	if (!flow || wy_table_put(&p->flow_of, file, flow) < 0) {
		free(flow);
		return NULL;
	}
	flow->file = f;
	flow->kind = kind_of(f);
	flow->begun = f->made_by < 0;
	if (flow->kind == TCP && was_accepted(f) &&
	    wy_endpoint_of(&flow->us, &f->local, f->local_len) &&
	    wy_endpoint_of(&flow->them, &f->peer, f->peer_len))
		flow->skipped =
			wy_table_get(&p->connected, hash_ends(&flow->them, &flow->us), &value);
	return flow->skipped ? NULL : flow;
}

/* Both ends, as far as they are known; an unknown one is 0.  False: neither is. */
static bool update_ends(struct flow *flow)
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

/* What all packets of a call have in common. */
struct cause {
	const struct wy_event_view *v;
	char comment[160 + FIGURES_MAX];
	uint64_t begun_ns, over_ns;
};

static void put_packet(struct wy_pcapng *p, const struct cause *cause, unsigned int link, bool out,
		       uint64_t ns, struct wy_bytes head, struct wy_bytes bytes, size_t len)
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

/* One TCP packet of len bytes, from us or from them. */
static void put_tcp(struct wy_pcapng *p, struct flow *flow, const struct cause *cause, bool out,
		    unsigned int flags, struct wy_bytes bytes, size_t len)
{
	struct cause with_figures;
	unsigned char head[WY_HEADERS_MAX];
	unsigned int *next = out ? &flow->out : &flow->in;
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
	put_packet(p, cause, WY_LINK_RAW, out, out ? cause->begun_ns : cause->over_ns,
		   (struct wy_bytes){ head, head_len }, bytes, len);
	*next += (unsigned int)len + !!(flags & (WY_TCP_SYN | WY_TCP_FIN));
}

static const struct wy_bytes nothing;

static void put_handshake(struct wy_pcapng *p, struct flow *flow, const struct cause *cause)
{
	bool ours = !was_accepted(flow->file);

	if (flow->begun)
		return;
	flow->begun = true;
	put_tcp(p, flow, cause, ours, WY_TCP_SYN, nothing, 0);
	put_tcp(p, flow, cause, !ours, WY_TCP_SYN | WY_TCP_ACK, nothing, 0);
	put_tcp(p, flow, cause, ours, WY_TCP_ACK, nothing, 0);
}

static void put_fin(struct wy_pcapng *p, struct flow *flow, const struct cause *cause, bool out)
{
	bool *sent = out ? &flow->fin_out : &flow->fin_in;

	if (*sent || !flow->begun)
		return;
	*sent = true;
	put_tcp(p, flow, cause, out, WY_TCP_FIN | WY_TCP_ACK, nothing, 0);
	put_tcp(p, flow, cause, !out, WY_TCP_ACK, nothing, 0);
}

static struct wy_bytes piece_of(struct wy_bytes bytes, size_t from, size_t len)
{
	if (from >= bytes.len)
		return nothing;
	return (struct wy_bytes){ bytes.at + from,
				  len < bytes.len - from ? len : bytes.len - from };
}

static void put_stream(struct wy_pcapng *p, struct flow *flow, const struct cause *cause, bool out,
		       struct wy_bytes bytes, size_t len)
{
	if (!update_ends(flow) || (out ? flow->fin_out : flow->fin_in))
		return;
	put_handshake(p, flow, cause);
	for (size_t at = 0, nr = 0; at < len; nr++) {
		size_t n = len - at < SEGMENT_MAX ? len - at : SEGMENT_MAX;

		if (nr == PACKETS_MAX) {
			*(out ? &flow->out : &flow->in) += (unsigned int)(len - at);
			break;
		}
		put_tcp(p, flow, cause, out, WY_TCP_ACK | WY_TCP_PUSH, piece_of(bytes, at, n), n);
		at += n;
	}
	if (len)
		put_tcp(p, flow, cause, !out, WY_TCP_ACK, nothing, 0);
}

/* Where a datagram came from or went to, if the call says it. */
static bool address_of(const struct wy_event_view *v, struct wy_endpoint *ret)
{
	struct sockaddr_storage sock = { 0 };
	struct wy_item_view item;
	size_t len;

	if (!wy_item_find(v, WY_ITEM_NAME, 0, &item) &&
	    !(v->e.nr == SYS_sendto && wy_item_find(v, WY_ITEM_IN, 4, &item)) &&
	    !(v->e.nr == SYS_recvfrom && wy_item_find(v, WY_ITEM_OUT, 4, &item)))
		return false;
	len = item.bytes.len < sizeof(sock) ? item.bytes.len : sizeof(sock);
	memcpy(&sock, item.bytes.at, len);
	return wy_endpoint_of(ret, &sock, (socklen_t)len);
}

static void put_datagram(struct wy_pcapng *p, struct flow *flow, const struct cause *cause,
			 bool out, struct wy_bytes bytes, size_t len)
{
	unsigned char head[WY_HEADERS_MAX];
	struct wy_endpoint said;
	size_t head_len;
	uint64_t value;

	update_ends(flow);
	if (address_of(cause->v, &said)) {
		flow->them = said;
		flow->us.v6 = said.v6;
	}
	if (len > SEGMENT_MAX)
		len = SEGMENT_MAX;
	/* The one that sent it is in the run. */
	if (!out && wy_table_get(&p->connected, hash_ends(&flow->them, &flow->us), &value))
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
static void put_pdu(struct wy_pcapng *p, struct flow *flow, const struct cause *cause, bool out,
		    struct wy_bytes bytes, size_t len)
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
	put_packet(p, cause, WY_LINK_UPPER_PDU, out, out ? cause->begun_ns : cause->over_ns,
		   (struct wy_bytes){ head, (size_t)(to - head) }, piece_of(bytes, 0, PDU_MAX),
		   len < PDU_MAX ? len : PDU_MAX);
}

static void put_netlink(struct wy_pcapng *p, struct flow *flow, const struct cause *cause, bool out,
			struct wy_bytes bytes, size_t len)
{
	/* outgoing or to us, ARPHRD_NETLINK, and the protocol as its end */
	unsigned char head[16] = { 0, out ? 4 : 0, 824 >> 8, 824 & 0xff };

	head[14] = (unsigned char)(flow->file->protocol >> 8);
	head[15] = (unsigned char)flow->file->protocol;
	put_packet(p, cause, WY_LINK_NETLINK, out, out ? cause->begun_ns : cause->over_ns,
		   (struct wy_bytes){ head, sizeof(head) }, piece_of(bytes, 0, PDU_MAX),
		   len < PDU_MAX ? len : PDU_MAX);
}

static void put_data(struct wy_pcapng *p, struct flow *flow, const struct cause *cause, bool out,
		     struct wy_bytes bytes, size_t len)
{
	uint64_t value;

	switch (flow->kind) {
	case TCP: put_stream(p, flow, cause, out, bytes, len); break;
	case UDP: put_datagram(p, flow, cause, out, bytes, len); break;
	case NETLINK: put_netlink(p, flow, cause, out, bytes, len); break;
	case PDU:
		if (out || flow->file->class != WY_FD_PIPE ||
		    !wy_table_get(&p->written, flow->file->ino, &value))
			put_pdu(p, flow, cause, out, bytes, len);
		break;
	case UNKNOWN: break;
	}
}

/* ---- calls ---- */

/*
 * The bytes of one direction that were recorded, in one piece.  A call that moves many
 * messages has an item for each: nth chooses it, -1 are all.
 */
static struct wy_bytes recorded(struct wy_pcapng *p, const struct wy_event_view *v, bool out,
				long nth)
{
	struct wy_bytes items = v->items, all = { p->buffer, 0 };
	struct wy_item_view item;
	long i = 0;

	while (wy_item_next(&items, &item)) {
		if (item.what != WY_ITEM_PAYLOAD || item.index != out || (nth >= 0 && i++ != nth))
			continue;
		if (all.len + item.bytes.len > p->room) {
			size_t room = (all.len + item.bytes.len) * 2;
			unsigned char *buffer = realloc(p->buffer, room);

			if (!buffer)
				break;
			p->buffer = buffer;
			p->room = room;
		}
		if (item.bytes.len)
			memcpy(p->buffer + all.len, item.bytes.at, item.bytes.len);
		all = (struct wy_bytes){ p->buffer, all.len + item.bytes.len };
	}
	return all;
}

/* recvmmsg(2), sendmmsg(2): each message is one of its own. */
static void put_messages(struct wy_pcapng *p, struct flow *flow, const struct cause *cause,
			 bool out)
{
	struct wy_bytes items = cause->v->items;
	struct wy_item_view item;
	struct mmsghdr message;
	long nr = 0;

	while (nr < cause->v->e.ret && wy_item_next(&items, &item)) {
		if (item.what != WY_ITEM_MESSAGE || item.bytes.len != sizeof(message))
			continue;
		memcpy(&message, item.bytes.at, sizeof(message));
		put_data(p, flow, cause, out, recorded(p, cause->v, out, nr++), message.msg_len);
	}
}

static void put_moved(struct wy_pcapng *p, struct flow *flow, const struct cause *cause,
		      const struct wy_moved_side *side)
{
	unsigned int nr = cause->v->e.kind == WY_EVENT_CALL ? cause->v->e.nr : ~0u;

	if (nr == SYS_recvmmsg || nr == SYS_sendmmsg) {
		put_messages(p, flow, cause, side->out != 0);
		return;
	}
	if (side->in)
		put_data(p, flow, cause, false, recorded(p, cause->v, false, -1), side->in);
	if (side->out)
		put_data(p, flow, cause, true, recorded(p, cause->v, true, -1), side->out);
}

static struct cause cause_of(const struct wy_pcapng *p, const struct wy_event_view *v,
			     const char *what, int fd)
{
	uint64_t took = wy_event_took(v);
	struct cause c = {
		.v = v,
		.begun_ns = wy_clock_real(p->run->clock, v->e.time),
		.over_ns = wy_clock_real(p->run->clock, v->e.time + took),
	};

	snprintf(c.comment, sizeof(c.comment), "%s fd=%d file=%u lat=%luus", what, fd, v->e.file,
		 (unsigned long)(wy_clock_span(p->run->clock, took) / 1000));
	return c;
}

/* The connection was refused: the world knows no address of it. */
static void put_refused(struct wy_pcapng *p, struct flow *flow, const struct cause *cause)
{
	struct sockaddr_storage sock = { 0 };
	struct wy_item_view item;

	if (flow->begun || !wy_item_find(cause->v, WY_ITEM_IN, 1, &item) ||
	    item.bytes.len > sizeof(sock))
		return;
	update_ends(flow);
	memcpy(&sock, item.bytes.at, item.bytes.len);
	if (!wy_endpoint_of(&flow->them, &sock, (socklen_t)item.bytes.len))
		return;
	flow->us.v6 = flow->them.v6;
	put_tcp(p, flow, cause, true, WY_TCP_SYN, nothing, 0);
	put_tcp(p, flow, cause, false, WY_TCP_RST | WY_TCP_ACK, nothing, 0);
}

/* What a call means for a TCP connection beside the bytes that it moved. */
static void tcp_call(struct wy_pcapng *p, struct flow *flow, const struct cause *cause,
		     const struct wy_moved *m)
{
	const struct wy_event_view *v = cause->v;

	if (v->e.kind == WY_EVENT_CALL && v->e.nr == SYS_connect) {
		if (v->e.ret == -ECONNREFUSED)
			put_refused(p, flow, cause);
		else if (v->e.ret == 0 && update_ends(flow))
			put_handshake(p, flow, cause);
	} else if (v->e.kind == WY_EVENT_CALL && v->e.nr == SYS_shutdown) {
		if (v->e.ret == 0 && v->e.arg[1])
			put_fin(p, flow, cause, true);
	} else if (m->reads && v->e.ret == 0 && v->e.arg[2] && update_ends(flow)) {
		put_fin(p, flow, cause, false);
	} else if (v->e.ret == -ECONNRESET && flow->begun && !flow->fin_in) {
		put_tcp(p, flow, cause, false, WY_TCP_RST | WY_TCP_ACK, nothing, 0);
		flow->fin_in = flow->fin_out = true;
	}
}

static void take_call(struct wy_pcapng *p, const struct wy_event_view *v)
{
	struct wy_moved m = wy_moved(v);
	char buffer[32];

	for (int i = 0; i < 2; i++) {
		struct flow *flow = m.side[i].file ? get_flow(p, m.side[i].file) : NULL;
		struct cause cause;

		if (!flow)
			continue;
		cause = cause_of(p, v, wy_moved_name(v, buffer), m.side[i].fd);
		put_moved(p, flow, &cause, &m.side[i]);
		if (flow->kind == TCP && !i)
			tcp_call(p, flow, &cause, &m);
	}
}

int wy_pcapng_head(struct wy_pcapng *p, const struct wy_run *run, FILE *out)
{
	p->run = run;
	p->out = out;
	wy_pcapng_section(out, "waylay " WY_VERSION);
	return 0;
}

/* What the kernel tells of a connection goes with its next packet, as a comment. */
static void take_figures(struct wy_pcapng *p, const struct wy_event_view *v)
{
	struct flow *flow = get_flow(p, v->e.file);
	size_t len;
	FILE *memory;

	if (!flow || flow->kind != TCP)
		return;
	free(flow->figures);
	flow->figures = NULL;
	memory = open_memstream(&flow->figures, &len);
	if (!memory)
		return;
	wy_tcp_print(memory, v);
	fclose(memory);
}

int wy_pcapng_event(struct wy_pcapng *p, const struct wy_run *run, FILE *out,
		    const struct wy_event_view *v)
{
	struct flow *flow;
	struct cause cause;
	uint64_t last;

	p->run = run;
	p->out = out;
	switch (v->e.kind) {
	case WY_EVENT_CALL:
	case WY_EVENT_URING:
		if (!(v->e.flags & WY_EVENT_NO_RETURN))
			take_call(p, v);
		break;
	case WY_EVENT_FILE:
		flow = v->e.class == WY_FD_NET ? get_flow(p, v->e.file) : NULL;
		if (flow && flow->kind == TCP && was_accepted(flow->file) && flow->file->peer_len &&
		    update_ends(flow)) {
			cause = cause_of(p, v, "accept", (int)v->e.arg[2]);
			put_handshake(p, flow, &cause);
		}
		break;
	case WY_EVENT_TCP: take_figures(p, v); break;
	case WY_EVENT_FD:
		if (!is_close(v) || !wy_table_get(&p->last_close, v->e.file, &last) ||
		    last != v->e.time)
			break;
		flow = get_flow(p, v->e.file);
		if (flow && flow->kind == TCP) {
			cause = cause_of(p, v, "close", (int)v->e.arg[0]);
			put_fin(p, flow, &cause, true);
		}
		break;
	}
	return 0;
}

int wy_pcapng_tail(struct wy_pcapng *p, const struct wy_run *run, FILE *out)
{
	uint64_t lost = wy_run_lost_events(run);

	if (p->interfaces)
		wy_pcapng_statistics(out, 0, wy_clock_real(run->clock, wy_tally_over(run->tally)),
				     lost);
	return 0;
}
