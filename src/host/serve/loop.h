/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - waits for descriptors and for points in time; one thread.
 *
 * A watch is part of the thing that it belongs to.  The thing may be freed
 * while events of it are still to be looked at, so it is freed by loop_free(),
 * which puts that off until the round is over.
 *
 * Nothing is asked of the kernel for a timer: the nearest one is the patience
 * of the next wait.
 */
#ifndef WY_HOST_SERVE_LOOP_H
#define WY_HOST_SERVE_LOOP_H

#include <stdbool.h>
#include <sys/epoll.h>

struct wy_watch {
	int fd;              /* -1: not watched */
	unsigned int events; /* EPOLLIN, EPOLLOUT */
	void (*ready)(struct wy_watch *, unsigned int events);
};

struct wy_timer {
	struct wy_timer *next;
	bool set;
	unsigned long at; /* as loop_now() */
	void (*expired)(struct wy_timer *);
};

/* The thing of this type that the watch or timer is in. */
#define loop_owner(part, type, member) \
	((type *)(void *)((char *)(part) - __builtin_offsetof(type, member)))

/* Returns 0 or -errno. */
int loop_init(void);

/* Watches w->fd for these events from now on.  Returns 0 or -errno. */
int loop_watch(struct wy_watch *w, int fd, unsigned int events,
	       void (*ready)(struct wy_watch *, unsigned int));

/* Other events; without any, only EPOLLERR and EPOLLHUP are told.  Nothing to do if not watched. */
void loop_change(struct wy_watch *w, unsigned int events);

/* Watches no more; the descriptor stays open.  May be called twice. */
void loop_forget(struct wy_watch *w);

/* Calls expired, once, in so many milliseconds. */
void loop_timer(struct wy_timer *t, unsigned long ms, void (*expired)(struct wy_timer *));

/* It will not be called. */
void loop_timer_stop(struct wy_timer *t);

/* Frees memory of malloc(3) when nobody can look at it any more. */
void loop_free(void *memory);

/* The time of this round, in milliseconds since some point; it never goes back. */
unsigned long loop_now(void);

/* Waits, and calls whom it concerns. */
void loop_round(void);

#endif
