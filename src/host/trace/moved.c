/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/moved.h"

#include "host/callnames.h"
#include "proto/uring.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static struct wy_moved_side side_of(const struct wy_event_view *v, int arg)
{
	unsigned long args[6];

	wy_event_args(v, args);
	return (struct wy_moved_side){ .fd = arg < 0 || arg > 5 ? -1 : (int)args[arg] };
}

/* The event of a call that made a descriptor is about that one. */
static bool makes_fd(const struct wy_call_row *row)
{
	switch (row->effect) {
	case WY_FX_OPEN:
	case WY_FX_NEW:
	case WY_FX_SOCKET:
	case WY_FX_ACCEPT:
	case WY_FX_SIGNALFD:
	case WY_FX_URING:
	case WY_FX_PIDFD_GETFD: return true;
	}
	return false;
}

/* Received or sent by a call that moves many messages: the sum of their lengths. */
static uint64_t sum_of_messages(const struct wy_event_view *v)
{
	struct wy_item_view item;
	uint64_t sum = 0;

	if (wy_item_find(v, WY_ITEM_MOVED, 0, &item) && item.bytes.len == sizeof(sum))
		memcpy(&sum, item.bytes.at, sizeof(sum));
	return sum;
}

bool wy_moved_only_looks(const struct wy_event_view *v)
{
	return v->e.kind == WY_EVENT_CALL && wy_call_only_looks(v->e.nr, v->e.arg);
}

struct wy_moved wy_moved(const struct wy_event_view *v)
{
	struct wy_moved m = { .side = { { .fd = -1 }, { .fd = -1 } } };
	uint64_t bytes = v->e.ret > 0 ? (uint64_t)v->e.ret : 0;
	struct wy_item_file other;
	enum wy_flow flow;

	if (v->e.kind == WY_EVENT_URING) {
		m.side[0].fd = (int)v->e.arg[1];
		flow = wy_uring_flow(v->e.nr);
	} else {
		const struct wy_call_row *row = wy_call_row_of(v->e.nr);

		m.side[0] = side_of(v, row->fd);
		m.side[1] = side_of(v, row->fd2);
		if (makes_fd(row) && v->e.ret >= 0)
			m.side[0].fd = (int)v->e.ret;
		flow = (enum wy_flow)row->flow;
	}
	m.side[0].file = v->e.file;
	m.side[0].class = v->e.class;
	m.side[0].sub = v->e.sub;
	if (wy_event_file2(v, &other)) {
		m.side[1].file = other.file;
		m.side[1].class = other.class;
		m.side[1].sub = other.sub;
	}
	if (flow == WY_FLOW_IN_MANY || flow == WY_FLOW_OUT_MANY)
		bytes = sum_of_messages(v);
	if (v->e.flags & WY_EVENT_NO_RETURN || wy_moved_only_looks(v))
		bytes = 0;
	m.reads = flow == WY_FLOW_IN || flow == WY_FLOW_IN_MANY || flow == WY_FLOW_MOVE;
	m.writes = flow == WY_FLOW_OUT || flow == WY_FLOW_OUT_MANY || flow == WY_FLOW_MOVE;
	if (m.reads && v->e.kind == WY_EVENT_CALL && v->e.nr == SYS_tee)
		m.reads = false; /* it takes nothing */
	else if (m.reads)
		m.side[0].in = bytes;
	else if (m.writes)
		m.side[0].out = bytes;
	if (flow == WY_FLOW_MOVE)
		m.side[1].out = bytes;
	return m;
}

const char *wy_uring_op_name(unsigned int op)
{
	static const char *const names[] = {
		"NOP",
		"READV",
		"WRITEV",
		"FSYNC",
		"READ_FIXED",
		"WRITE_FIXED",
		"POLL_ADD",
		"POLL_REMOVE",
		"SYNC_FILE_RANGE",
		"SENDMSG",
		"RECVMSG",
		"TIMEOUT",
		"TIMEOUT_REMOVE",
		"ACCEPT",
		"ASYNC_CANCEL",
		"LINK_TIMEOUT",
		"CONNECT",
		"FALLOCATE",
		"OPENAT",
		"CLOSE",
		"FILES_UPDATE",
		"STATX",
		"READ",
		"WRITE",
		"FADVISE",
		"MADVISE",
		"SEND",
		"RECV",
		"OPENAT2",
		"EPOLL_CTL",
		"SPLICE",
		"PROVIDE_BUFFERS",
		"REMOVE_BUFFERS",
		"TEE",
		"SHUTDOWN",
		"RENAMEAT",
		"UNLINKAT",
		"MKDIRAT",
		"SYMLINKAT",
		"LINKAT",
		"MSG_RING",
		"FSETXATTR",
		"SETXATTR",
		"FGETXATTR",
		"GETXATTR",
		"SOCKET",
		"URING_CMD",
		"SEND_ZC",
		"SENDMSG_ZC",
	};

	return op < sizeof(names) / sizeof(names[0]) ? names[op] : NULL;
}

const char *wy_moved_name(const struct wy_event_view *v, char buffer[32])
{
	const char *name = NULL;

	if (v->e.kind == WY_EVENT_URING) {
		name = wy_uring_op_name(v->e.nr);
	} else if (v->e.nr == SYS_recvfrom || v->e.nr == SYS_sendto) {
		unsigned long args[6];

		wy_event_args(v, args);
		if (!args[4])
			return v->e.nr == SYS_recvfrom ? "recv" : "send";
	}
	if (!name && v->e.kind == WY_EVENT_CALL)
		name = wy_callname(v->e.nr);
	if (name)
		return name;
	snprintf(buffer, 32, v->e.kind == WY_EVENT_URING ? "op_%u" : "syscall_%u", v->e.nr);
	return buffer;
}
