/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/ready.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>

/* What is being collected. */
struct list {
	const struct wy_world *world;
	int pid;
	struct wy_ready *at;
	size_t nr, max;
};

void wy_waits_free(struct wy_waits *w)
{
	wy_table_free(&w->fd_of);
}

bool wy_is_wait(unsigned int nr)
{
	switch (nr) {
	case SYS_poll:
	case SYS_ppoll:
	case SYS_select:
	case SYS_pselect6:
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2: return true;
	}
	return false;
}

/* Two pairs with one key are taken for each other; by chance that does not happen. */
static uint64_t key_of(unsigned int file, uint64_t data)
{
	return data ^ (uint64_t)file * 0x9e3779b97f4a7c15ul;
}

int wy_waits_add(struct wy_waits *w, const struct wy_event_view *v)
{
	struct epoll_event e;
	struct wy_item_view item;

	if (v->e.kind != WY_EVENT_CALL || v->e.nr != SYS_epoll_ctl || v->e.ret ||
	    v->e.arg[1] == EPOLL_CTL_DEL || !wy_item_find(v, WY_ITEM_IN, 3, &item) ||
	    item.bytes.len < sizeof(e))
		return 0;
	memcpy(&e, item.bytes.at, sizeof(e));
	return wy_table_set(&w->fd_of, key_of(v->e.file, e.data.u64), (unsigned int)v->e.arg[2]);
}

static void add(struct list *l, int fd, unsigned int events)
{
	const struct wy_file *f = wy_world_fd(l->world, l->pid, fd);

	if (l->nr == l->max)
		return;
	l->at[l->nr++] = (struct wy_ready){ .fd = fd,
					    .file = f ? f->id : 0,
					    .class = f ? f->class : 0,
					    .sub = f ? f->sub : 0,
					    .events = events };
}

static void add_polled(struct list *l, struct wy_bytes bytes)
{
	struct pollfd p;

	for (; bytes.len >= sizeof(p); bytes.at += sizeof(p), bytes.len -= sizeof(p)) {
		memcpy(&p, bytes.at, sizeof(p));
		if (p.revents)
			add(l, p.fd, (unsigned short)p.revents);
	}
}

static void add_selected(struct list *l, struct wy_bytes bytes, unsigned int events)
{
	for (size_t i = 0; i < bytes.len * 8 && i < FD_SETSIZE; i++) {
		if (bytes.at[i / 8] >> i % 8 & 1)
			add(l, (int)i, events);
	}
}

static void add_epolled(struct list *l, const struct wy_waits *w, unsigned int file,
			struct wy_bytes bytes)
{
	struct epoll_event e;
	uint64_t fd;

	for (; bytes.len >= sizeof(e); bytes.at += sizeof(e), bytes.len -= sizeof(e)) {
		memcpy(&e, bytes.at, sizeof(e));
		if (wy_table_get(&w->fd_of, key_of(file, e.data.u64), &fd))
			add(l, (int)fd, e.events);
	}
}

size_t wy_waits_ready(const struct wy_waits *w, const struct wy_world *world,
		      const struct wy_event_view *v, struct wy_ready *ret, size_t max)
{
	static const unsigned int select_events[] = { POLLIN, POLLOUT, POLLPRI };
	struct list l = { .world = world, .pid = v->pid, .at = ret, .max = max };
	struct wy_item_view item;

	if (v->e.kind != WY_EVENT_CALL || v->e.ret <= 0)
		return 0;
	switch (v->e.nr) {
	case SYS_poll:
	case SYS_ppoll:
		if (wy_item_find(v, WY_ITEM_OUT, 0, &item))
			add_polled(&l, item.bytes);
		break;
	case SYS_select:
	case SYS_pselect6:
		for (unsigned int i = 0; i < 3; i++) {
			if (wy_item_find(v, WY_ITEM_OUT, i + 1, &item))
				add_selected(&l, item.bytes, select_events[i]);
		}
		break;
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
		if (wy_item_find(v, WY_ITEM_OUT, 1, &item))
			add_epolled(&l, w, v->e.file, item.bytes);
		break;
	}
	return l.nr;
}
