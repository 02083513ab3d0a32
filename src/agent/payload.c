/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/payload.h"

#include "agent/sys.h"
#include "agent/usermem.h"
#include "proto/event.h"
#include <linux/uio.h>

#define VECTORS_MAX  1024 /* UIO_MAXIOV: of buffers, and of messages */
#define MESSAGE_SIZE 64   /* struct mmsghdr; the length is at 56 */

struct room {
	unsigned char *at, *end;
	bool out, cut;
};

/* Begins an item for so many bytes; returns how many of them may come. */
static unsigned long begin(struct room *r, unsigned long len)
{
	struct wy_item *item = (struct wy_item *)r->at;
	unsigned long most = (unsigned long)(r->end - r->at) & ~7ul;

	if (most <= sizeof(*item)) {
		r->cut = true;
		return 0;
	}
	*item = (struct wy_item){ .what = WY_ITEM_PAYLOAD, .index = r->out };
	most -= sizeof(*item);
	if (len > most) {
		item->flags = WY_ITEM_CUT;
		r->cut = true;
	}
	return len < most ? len : most;
}

static void end(struct room *r, unsigned long len)
{
	((struct wy_item *)r->at)->len = (unsigned int)len;
	r->at += sizeof(struct wy_item) + ((len + 7) & ~7ul);
}

static void add_buffer(struct room *r, unsigned long from, unsigned long len)
{
	unsigned long take = begin(r, len);

	if (take && copy_from_program(r->at + sizeof(struct wy_item), from, take) == 0)
		end(r, take);
}

/* The first len bytes of a vector of buffers. */
static void add_vectors(struct room *r, unsigned long vectors, unsigned long nr, unsigned long len)
{
	unsigned long take = begin(r, len), have = 0;
	unsigned char *to = r->at + sizeof(struct wy_item);
	struct iovec v;

	for (unsigned long i = 0; i < nr && i < VECTORS_MAX && have < take; i++) {
		unsigned long part;

		if (copy_from_program(&v, vectors + i * sizeof(v), sizeof(v)) < 0)
			break;
		part = v.iov_len < take - have ? v.iov_len : take - have;
		if (copy_from_program(to + have, (unsigned long)v.iov_base, part) < 0)
			break;
		have += part;
	}
	if (have)
		end(r, have);
}

/* Of a message of many: what went through it.  0: it cannot be read. */
static unsigned long message_len(unsigned long message)
{
	unsigned int len;

	return copy_from_program(&len, message + 56, sizeof(len)) == 0 ? len : 0;
}

/* struct msghdr: the vector and its length at 16 and 24 */
static void add_message(struct room *r, unsigned long message, unsigned long len)
{
	unsigned long vector[2];

	if (copy_from_program(vector, message + 16, sizeof(vector)) == 0)
		add_vectors(r, vector[0], vector[1], len);
}

static void add_messages(struct room *r, unsigned long messages, long nr)
{
	for (long i = 0; i < nr && i < VECTORS_MAX && !r->cut; i++) {
		unsigned long message = messages + (unsigned long)i * MESSAGE_SIZE;

		add_message(r, message, message_len(message));
	}
}

static unsigned long sum_of_messages(unsigned long messages, long nr)
{
	unsigned long sum = 0;

	for (long i = 0; i < nr && i < VECTORS_MAX; i++)
		sum += message_len(messages + (unsigned long)i * MESSAGE_SIZE);
	return sum;
}

unsigned long wy_payload_bytes(const struct wy_call *call, const struct wy_call_row *row)
{
	if (row->flow == WY_FLOW_NONE || call->ret <= 0 ||
	    wy_call_only_looks((unsigned int)call->nr, call->arg))
		return 0;
	if (row->flow == WY_FLOW_IN_MANY || row->flow == WY_FLOW_OUT_MANY)
		return sum_of_messages((unsigned long)call->arg[1], call->ret);
	return (unsigned long)call->ret;
}

unsigned long wy_payload(unsigned char *room, unsigned long size, const struct wy_call *call,
			 const struct wy_call_row *row, bool *cut)
{
	bool out = row->flow == WY_FLOW_OUT || row->flow == WY_FLOW_OUT_MANY;
	struct room r = { room, room + size, out, false };
	unsigned long at = (unsigned long)call->arg[1];

	if (wy_call_only_looks((unsigned int)call->nr, call->arg))
		return 0;
	switch (call->nr) {
	case __NR_recvfrom:
	case __NR_read:
	case __NR_write:
	case __NR_sendto: add_buffer(&r, at, (unsigned long)call->ret); break;
	case __NR_readv:
	case __NR_writev:
	case __NR_preadv2:
	case __NR_pwritev2:
		add_vectors(&r, at, (unsigned long)call->arg[2], (unsigned long)call->ret);
		break;
	case __NR_recvmsg:
	case __NR_sendmsg: add_message(&r, at, (unsigned long)call->ret); break;
	case __NR_recvmmsg:
	case __NR_sendmmsg: add_messages(&r, at, call->ret); break;
	}
	*cut |= r.cut;
	return (unsigned long)(r.at - room);
}
