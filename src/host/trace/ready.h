/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ready.h - which descriptors ended a wait: poll, select, epoll and their like.
 *
 * What epoll_wait(2) returns is data that the program chose when it added a
 * descriptor; so calls of epoll_ctl(2) must be in the run, too.
 */
#ifndef WY_HOST_TRACE_READY_H
#define WY_HOST_TRACE_READY_H

#include "host/trace/table.h"
#include "host/trace/world.h"

struct wy_ready {
	int fd;
	unsigned int file; /* 0: not known */
	unsigned int class, sub;
	unsigned int events; /* POLLIN..., which those of epoll are, too */
};

/* All zero is one that knows nothing yet. */
struct wy_waits {
	struct wy_table fd_of; /* epoll file and data -> descriptor */
};

void wy_waits_free(struct wy_waits *w);

/* Learns from epoll_ctl(2).  Returns 0 or -ENOMEM. */
int wy_waits_add(struct wy_waits *w, const struct wy_event_view *v);

/* Is it a call that waits for descriptors? */
bool wy_is_wait(unsigned int nr);

/* Those that ended this wait, at most max of them.  Returns how many. */
size_t wy_waits_ready(const struct wy_waits *w, const struct wy_world *world,
		      const struct wy_event_view *v, struct wy_ready *ret, size_t max);

#endif
