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
#include "host/trace/meta.h"
#include "host/trace/moved.h"
#include "host/trace/pcapng_flow.h"
#include "host/trace/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

struct wy_pcapng *wy_pcapng_new(void)
{
	return calloc(1, sizeof(struct wy_pcapng));
}

void wy_pcapng_free(struct wy_pcapng *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->flow_of.room; i++) {
		struct wy_flow *flow = (struct wy_flow *)(uintptr_t)p->flow_of.entry[i].value;

		if (p->flow_of.entry[i].used) {
			free(flow->figures);
			free(flow);
		}
	}
	wy_table_free(&p->last_close);
	wy_table_free(&p->last_move);
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
	struct wy_moved m;
	int err = 0;

	if (is_close(v))
		return wy_table_set(&p->last_close, v->e.file, v->e.time);
	if (v->e.kind != WY_EVENT_CALL && v->e.kind != WY_EVENT_URING)
		return 0;
	m = wy_moved(v);
	for (int i = 0; i < 2 && !err; i++) {
		if (m.side[i].file && (m.side[i].in || m.side[i].out))
			err = wy_table_set(&p->last_move, m.side[i].file,
					   v->e.time + wy_event_took(v));
	}
	return err;
}

int wy_pcapng_surveyed(struct wy_pcapng *p, const struct wy_run *run)
{
	struct wy_endpoint us, them;

	for (size_t i = 0; i < wy_world_files_nr(run->world); i++) {
		const struct wy_file *f = wy_world_file_at(run->world, i);

		if (f->class != WY_FD_NET || wy_flow_was_accepted(f) ||
		    !wy_endpoint_of(&us, &f->local, f->local_len) ||
		    !wy_endpoint_of(&them, &f->peer, f->peer_len))
			continue;
		if (wy_table_set(&p->connected, wy_flow_hash(&us, &them), 1) < 0)
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
static void put_messages(struct wy_pcapng *p, struct wy_flow *flow,
			 const struct wy_flow_cause *cause)
{
	struct wy_bytes items = cause->v->items;
	bool out = cause->v->e.nr == SYS_sendmmsg;
	struct wy_flow_cause its = *cause;
	struct wy_item_view item;
	struct mmsghdr message;
	long nr = 0;

	if (wy_moved_only_looks(cause->v))
		return;
	while (nr < cause->v->e.ret && wy_item_next(&items, &item)) {
		if (item.what != WY_ITEM_MESSAGE || item.bytes.len != sizeof(message))
			continue;
		memcpy(&message, item.bytes.at, sizeof(message));
		its.items = items;
		wy_flow_data(p, flow, &its, out, recorded(p, cause->v, out, nr++), message.msg_len);
	}
}

static void put_moved(struct wy_pcapng *p, struct wy_flow *flow, const struct wy_flow_cause *cause,
		      const struct wy_moved_side *side)
{
	unsigned int nr = cause->v->e.kind == WY_EVENT_CALL ? cause->v->e.nr : ~0u;

	if (nr == SYS_recvmmsg || nr == SYS_sendmmsg) {
		put_messages(p, flow, cause);
		return;
	}
	if (side->in)
		wy_flow_data(p, flow, cause, false, recorded(p, cause->v, false, -1), side->in);
	if (side->out)
		wy_flow_data(p, flow, cause, true, recorded(p, cause->v, true, -1), side->out);
}

static struct wy_flow_cause cause_of(const struct wy_pcapng *p, const struct wy_event_view *v,
				     const char *what, int fd)
{
	uint64_t took = wy_event_took(v);
	struct wy_flow_cause c = {
		.v = v,
		.items = v->items,
		.begun_ns = wy_clock_real(p->run->clock, v->e.time),
		.over_ns = wy_clock_real(p->run->clock, v->e.time + took),
	};

	snprintf(c.comment, sizeof(c.comment), "%s fd=%d file=%u lat=%luus", what, fd, v->e.file,
		 (unsigned long)(wy_clock_span(p->run->clock, took) / 1000));
	return c;
}

/* The connection was refused: the world knows no address of it. */
static void put_refused(struct wy_pcapng *p, struct wy_flow *flow,
			const struct wy_flow_cause *cause)
{
	struct sockaddr_storage sock = { 0 };
	struct wy_item_view item;

	if (flow->begun || !wy_item_find(cause->v, WY_ITEM_IN, 1, &item) ||
	    item.bytes.len > sizeof(sock))
		return;
	wy_flow_update(flow);
	memcpy(&sock, item.bytes.at, item.bytes.len);
	if (!wy_endpoint_of(&flow->them, &sock, (socklen_t)item.bytes.len))
		return;
	flow->us.v6 = flow->them.v6;
	wy_flow_put_tcp(p, flow, cause, true, WY_TCP_SYN, (struct wy_bytes){ 0 }, 0);
	wy_flow_put_tcp(p, flow, cause, false, WY_TCP_RST | WY_TCP_ACK, (struct wy_bytes){ 0 }, 0);
}

/* Else nothing is no end. */
static bool wants_bytes(const struct wy_event_view *v)
{
	return v->e.arg[2] || (v->e.kind == WY_EVENT_CALL && v->e.nr == SYS_recvmsg);
}

/* What a call means for a TCP connection beside the bytes that it moved. */
static void tcp_call(struct wy_pcapng *p, struct wy_flow *flow, const struct wy_flow_cause *cause,
		     const struct wy_moved *m)
{
	const struct wy_event_view *v = cause->v;

	if (v->e.kind == WY_EVENT_CALL && v->e.nr == SYS_connect) {
		if (v->e.ret == -ECONNREFUSED)
			put_refused(p, flow, cause);
		else if (v->e.ret == 0 && wy_flow_update(flow))
			wy_flow_handshake(p, flow, cause);
	} else if (v->e.kind == WY_EVENT_CALL && v->e.nr == SYS_shutdown) {
		if (v->e.ret == 0 && v->e.arg[1])
			wy_flow_fin(p, flow, cause, true);
	} else if (m->reads && v->e.ret == 0 && wants_bytes(v) && wy_flow_update(flow)) {
		wy_flow_fin(p, flow, cause, false);
	} else if (v->e.ret == -ECONNRESET && flow->begun && !flow->fin_in) {
		wy_flow_put_tcp(p, flow, cause, false, WY_TCP_RST | WY_TCP_ACK,
				(struct wy_bytes){ 0 }, 0);
		flow->fin_in = flow->fin_out = true;
	}
}

static void take_call(struct wy_pcapng *p, const struct wy_event_view *v)
{
	struct wy_moved m = wy_moved(v);
	char buffer[32];

	for (int i = 0; i < 2; i++) {
		struct wy_flow *flow = m.side[i].file ? wy_flow_get(p, m.side[i].file) : NULL;
		struct wy_flow_cause cause;

		if (!flow)
			continue;
		cause = cause_of(p, v, wy_moved_name(v, buffer), m.side[i].fd);
		put_moved(p, flow, &cause, &m.side[i]);
		if (flow->kind == WY_FLOW_TCP && !i)
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
	struct wy_flow *flow = wy_flow_get(p, v->e.file);
	size_t len;
	FILE *memory;

	if (!flow || flow->kind != WY_FLOW_TCP)
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
	struct wy_flow *flow;
	struct wy_flow_cause cause;
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
		flow = v->e.class == WY_FD_NET ? wy_flow_get(p, v->e.file) : NULL;
		if (flow && flow->kind == WY_FLOW_TCP && wy_flow_was_accepted(flow->file) &&
		    flow->file->peer_len && wy_flow_update(flow)) {
			cause = cause_of(p, v, "accept", (int)v->e.arg[2]);
			wy_flow_handshake(p, flow, &cause);
		}
		break;
	case WY_EVENT_TCP: take_figures(p, v); break;
	case WY_EVENT_FD:
		if (!is_close(v) || !wy_table_get(&p->last_close, v->e.file, &last) ||
		    last != v->e.time)
			break;
		/* Whoever did not close it, but ended, may have used it longer. */
		if (wy_table_get(&p->last_move, v->e.file, &last) && last > v->e.time)
			break;
		flow = wy_flow_get(p, v->e.file);
		if (flow && flow->kind == WY_FLOW_TCP) {
			cause = cause_of(p, v, "close", (int)v->e.arg[0]);
			wy_flow_fin(p, flow, &cause, true);
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
