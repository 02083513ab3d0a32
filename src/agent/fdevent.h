/* SPDX-License-Identifier: Apache-2.0 */
/* fdevent.h - descriptors that are waited for, made once more: epoll, eventfd, timerfd... */
#ifndef WY_AGENT_FDEVENT_H
#define WY_AGENT_FDEVENT_H

#include "agent/fdtab.h"

struct wy_time {
	long sec, nsec;
};

/* One line of an epoll's list. */
struct wy_epoll_entry {
	int fd;
	unsigned int events;
	unsigned long data;
};

/* A file that an inotify watches. */
struct wy_watch {
	unsigned int wd, mask;
	const char *path;
};

/* What is in one, when the plan was made. */
union wy_fdevent {
	struct {
		unsigned long count;
		bool semaphore;
	} eventfd;
	struct {
		int clock, flags; /* flags of timerfd_settime(2) */
		unsigned long ticks;
		struct wy_time interval, value;
	} timer;
	unsigned long signals;
	struct {
		struct wy_watch *watch; /* by wd */
		unsigned int nr;
	} inotify;
	struct {
		struct wy_epoll_entry *entry;
		unsigned int nr;
	} epoll;
};

/*
 * Looks what is in this file, whose class is WY_FD_EVENT, and whether a second
 * one can be made.  Returns 0 or the kind of a refusal (proto/serve.h).
 */
int wy_fdevent_plan(const struct wy_fdtab *tab, const struct wy_fd_file *f, union wy_fdevent *ret);

/* Makes it: returns its descriptor, close-on-exec and blocking, or -errno.  An epoll is empty. */
long wy_fdevent_make(const struct wy_fd_file *f, const union wy_fdevent *e);

/* Puts into an epoll what its list has, as the numbers stand now.  Returns 0 or -errno. */
long wy_fdevent_fill(int epoll, const union wy_fdevent *e);

#endif
