/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcapng_flow.h - what goes through an open file, as packets: between export_pcapng.c, which
 * knows what calls mean, and pcapng_flow.c, which makes the packets.
 */
#ifndef WY_HOST_TRACE_PCAPNG_FLOW_H
#define WY_HOST_TRACE_PCAPNG_FLOW_H

#include "host/trace/export.h"
#include "host/trace/packet.h"
#include "host/trace/table.h"

#define WY_FLOW_FIGURES_MAX 1024u

enum wy_flow_kind { WY_FLOW_UNKNOWN, WY_FLOW_TCP, WY_FLOW_UDP, WY_FLOW_PDU, WY_FLOW_NETLINK };

/* An open file. */
struct wy_flow {
	const struct wy_file *file;
	enum wy_flow_kind kind;
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
	struct wy_table last_move;    /* file -> tick at which bytes went through it last */
	struct wy_table connected;    /* hash of both addresses of those that connected */
	struct wy_table written;      /* inode of pipes that a process of the run writes to */
	struct wy_table flow_of;      /* file -> struct wy_flow */
	struct wy_table interface_of; /* process and link -> number */
	unsigned int interfaces;
	unsigned char *buffer; /* for bytes that were recorded in pieces */
	size_t room;
};

/* What all packets of a call have in common. */
struct wy_flow_cause {
	const struct wy_event_view *v;
	struct wy_bytes items; /* of v, or of one of its messages and those behind it */
	char comment[160 + WY_FLOW_FIGURES_MAX];
	uint64_t begun_ns, over_ns;
};

bool wy_flow_was_accepted(const struct wy_file *f);

/* Of both ends of a connection, in this order. */
uint64_t wy_flow_hash(const struct wy_endpoint *a, const struct wy_endpoint *b);

/* Of an open file.  NULL: none is to be shown, or there is no memory. */
struct wy_flow *wy_flow_get(struct wy_pcapng *p, unsigned int file);

/* Learns both ends, as far as they are known; an unknown one is 0.  False: neither is. */
bool wy_flow_update(struct wy_flow *flow);

/* Bytes that went through it: len of them, of which some may be known. */
void wy_flow_data(struct wy_pcapng *p, struct wy_flow *flow, const struct wy_flow_cause *cause,
		  bool out, struct wy_bytes bytes, size_t len);

/* TCP: a packet of len bytes, from us (out) or from them; the handshake; an end. */
void wy_flow_put_tcp(struct wy_pcapng *p, struct wy_flow *flow, const struct wy_flow_cause *cause,
		     bool out, unsigned int flags, struct wy_bytes bytes, size_t len);
void wy_flow_handshake(struct wy_pcapng *p, struct wy_flow *flow,
		       const struct wy_flow_cause *cause);
void wy_flow_fin(struct wy_pcapng *p, struct wy_flow *flow, const struct wy_flow_cause *cause,
		 bool out);

#endif
