/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits for descriptors: poll(2), select(2), epoll(7).  Their results tell
 * which ones were ready.
 */
#include "host/trace/decode_part.h"

#include <sys/syscall.h>

struct pollfd64 {
	int fd;
	short events, revents;
};

/* The time that was left of the one at argument i. */
static void put_left(struct decoder *d, unsigned int i, bool micro)
{
	struct timespec64 t;

	if (!d->args[i] || !arg_out(d, i, &t, sizeof(t)))
		return;
	put_text(d, ", left ");
	(micro ? put_timeval : put_timespec)(d, &t);
}

static void put_pollfds(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;
	struct pollfd64 p;
	unsigned int k;

	if (!d->args[i] || !item_of(d, WY_ITEM_IN, i, &item)) {
		put_address(d, d->args[i]);
		return;
	}
	put_char(d, '[');
	for (k = 0; take(item.bytes, k * sizeof(p), &p, sizeof(p)); k++) {
		put_text(d, k ? ", {fd=" : "{fd=");
		put_fd_of(d, p.fd);
		if (p.fd >= 0) {
			put_text(d, ", events=");
			put_flags(d, &wy_poll_events, (unsigned short)p.events);
		}
		put_char(d, '}');
	}
	put_text(d, item.flags & WY_ITEM_CUT ? ", ...]" : "]");
}

static bool put_poll_result(struct decoder *d, long ret)
{
	struct wy_item_view item;
	struct pollfd64 p;
	unsigned int shown = 0;

	put_long(d, ret);
	if (ret == 0) {
		put_text(d, " (Timeout)");
		return true;
	}
	if (!item_of(d, WY_ITEM_OUT, 0, &item))
		return true;
	put_text(d, " ([");
	for (unsigned int k = 0; take(item.bytes, k * sizeof(p), &p, sizeof(p)); k++) {
		if (!p.revents)
			continue;
		if (shown)
			put_text(d, ", ");
		if (shown++ == d->how->string_max) {
			put_text(d, "...");
			break;
		}
		put_text(d, "{fd=");
		put_fd_of(d, p.fd);
		put_text(d, ", revents=");
		put_flags(d, &wy_poll_events, (unsigned short)p.revents);
		put_char(d, '}');
	}
	put_char(d, ']');
	if (d->nr == SYS_ppoll)
		put_left(d, 2, false);
	put_char(d, ')');
	return true;
}

/* ---- select(2) ---- */

static void put_set(struct decoder *d, struct wy_bytes set, int nfds)
{
	bool first = true;

	put_char(d, '[');
	for (size_t fd = 0; fd < set.len * 8 && (long)fd < nfds; fd++) {
		if (!(set.at[fd / 8] >> fd % 8 & 1))
			continue;
		if (!first)
			put_char(d, ' ');
		first = false;
		put_fd_of(d, (int)fd);
	}
	put_char(d, ']');
}

static void put_fdset(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;

	if (d->args[i] && (int)d->args[0] >= 0 && item_of(d, WY_ITEM_IN, i, &item))
		put_set(d, item.bytes, (int)d->args[0]);
	else
		put_address(d, d->args[i]);
}

static bool empty(struct wy_bytes set)
{
	for (size_t i = 0; i < set.len; i++) {
		if (set.at[i])
			return false;
	}
	return true;
}

static bool put_select_result(struct decoder *d, long ret)
{
	static const char *const names[] = { "", "in ", "out ", "except " };
	bool any = false;

	put_long(d, ret);
	if (ret == 0) {
		put_text(d, " (Timeout)");
		return true;
	}
	put_text(d, " (");
	for (unsigned int i = 1; i <= 3; i++) {
		struct wy_item_view item;

		if (!d->args[i] || !item_of(d, WY_ITEM_OUT, i, &item) || empty(item.bytes))
			continue;
		if (any)
			put_text(d, ", ");
		any = true;
		put_text(d, names[i]);
		put_set(d, item.bytes, (int)d->args[0]);
	}
	put_left(d, 4, d->nr == SYS_select);
	put_char(d, ')');
	return true;
}

static void put_pselect_sigset(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;
	unsigned long six[3];

	if (!item_of(d, WY_ITEM_IN, i, &item) || !take(item.bytes, 0, six, 16)) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{sigmask=");
	if (take(item.bytes, 16, &six[2], 8))
		put_sigset(d, six[2]);
	else
		put_address(d, six[0]);
	put_format(d, ", sigsetsize=%lu}", six[1]);
}

/* ---- epoll(7) ---- */

static void put_event(struct decoder *d, struct wy_bytes bytes, size_t at)
{
	unsigned int events;
	unsigned long data;

	if (!take(bytes, at, &events, sizeof(events)) || !take(bytes, at + 4, &data, sizeof(data)))
		return;
	put_text(d, "{events=");
	put_flags(d, &wy_epoll_events, events);
	put_format(d, ", data={u32=%u, u64=%lu}}", (unsigned int)data, data);
}

static void put_event_in(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;

	if (d->args[1] != 2 && item_of(d, WY_ITEM_IN, i, &item) && item.bytes.len >= 12)
		put_event(d, item.bytes, 0);
	else
		put_address(d, d->args[i]);
}

static void put_events(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;

	if (!item_of(d, WY_ITEM_OUT, i, &item)) {
		put_address(d, d->args[i]);
		return;
	}
	put_char(d, '[');
	for (size_t at = 0; at + 12 <= item.bytes.len; at += 12) {
		put_text(d, at ? ", " : "");
		put_event(d, item.bytes, at);
	}
	put_text(d, item.flags & WY_ITEM_CUT ? ", ...]" : "]");
}

static bool put_messages_result(struct decoder *d, long ret)
{
	struct timespec64 t;

	put_long(d, ret);
	if (ret == 0) {
		put_text(d, " (Timeout)");
	} else if (d->args[4] && arg_out(d, 4, &t, sizeof(t))) {
		put_text(d, " (left ");
		put_timespec(d, &t);
		put_char(d, ')');
	}
	return true;
}

bool put_wait_result(struct decoder *d, long ret)
{
	switch (d->nr) {
	case SYS_poll:
	case SYS_ppoll: return put_poll_result(d, ret);
	case SYS_select:
	case SYS_pselect6: return put_select_result(d, ret);
	case SYS_recvmmsg: return put_messages_result(d, ret);
	default: return false;
	}
}

printer *wy_wait_printer(enum wy_arg type)
{
	switch (type) {
	case WY_ARG_POLLFDS: return put_pollfds;
	case WY_ARG_FDSET: return put_fdset;
	case WY_ARG_PSELECT_SIGSET: return put_pselect_sigset;
	case WY_ARG_EPOLL_EVENT_IN: return put_event_in;
	case WY_ARG_EPOLL_EVENTS_OUT: return put_events;
	default: return NULL;
	}
}
