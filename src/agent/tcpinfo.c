/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/tcpinfo.h"

#include "agent/ring.h"
#include "agent/sys.h"
#include "agent/thread.h"

#define IPPROTO_TCP_ 6
#define TCP_INFO_    11
#define INFO_MAX     256u /* struct tcp_info of <linux/tcp.h>; it grows with the kernel */
#define STATE_CLOSE  7    /* TCP_CLOSE, TCP_LISTEN of <net/tcp_states.h> in the kernel */
#define STATE_LISTEN 10
#define LAST         256u

/* When a connection was told of, by the low bits of its number: two may share one, and be told of
 * more seldom. */
static unsigned long last[LAST];

static bool is_asked_for(struct wy_fd_now now)
{
	return now.class == WY_FD_NET && now.sub == WY_FD_TCP &&
	       wy_trace->settings.flags & WY_TRACE_TCP;
}

void wy_tcp_tell(struct wy_thread *t, struct wy_fd_now now, long fd, enum wy_tcp_when when)
{
	unsigned char info[INFO_MAX];
	unsigned int len = sizeof(info);
	unsigned char *room;
	struct wy_event *e;

	if (!is_asked_for(now) ||
	    sys6(__NR_getsockopt, fd, IPPROTO_TCP_, TCP_INFO_, info, &len, 0) < 0)
		return;
	/* Its first byte is the state. */
	if (info[0] == STATE_LISTEN || (info[0] == STATE_CLOSE && when != WY_TCP_END))
		return;
	room = wy_ring_room(t, sizeof(*e) + sizeof(struct wy_item) + INFO_MAX, false);
	if (!room)
		return;
	e = wy_event_begin(room, WY_EVENT_TCP);
	e->file = now.file;
	e->class = now.class;
	e->sub = now.sub;
	e->arg[0] = when;
	e->arg[1] = fd;
	__builtin_memcpy(wy_event_item(e, WY_ITEM_OUT, 0, len), info, len);
	wy_event_end(t, e);
	last[now.file % LAST] = e->time;
}

void wy_tcp_look(struct wy_thread *t, struct wy_fd_now now, long fd)
{
	unsigned long every = wy_trace->settings.tcp_every;

	if (is_asked_for(now) && every && wy_ticks() - last[now.file % LAST] >= every)
		wy_tcp_tell(t, now, fd, WY_TCP_NOW);
}

void wy_tcp_end_all(struct wy_thread *t)
{
	long top = wy_trace->settings.flags & WY_TRACE_TCP ? wy_fdstate_top(t) : 0;

	for (long fd = 0; fd < top; fd++)
		wy_tcp_tell(t, wy_fdstate_known(t, fd), fd, WY_TCP_END);
}
