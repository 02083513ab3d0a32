/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/loop.h"

#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#define EVENTS_MAX 64

/* Any memory that was handed to loop_free(): its first bytes are used for the list. */
struct dead {
	struct dead *next;
};

static int epoll = -1;
static struct wy_timer *timers; /* the nearest first */
static struct dead *dead;
static unsigned long now;

static unsigned long clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long)t.tv_sec * 1000 + (unsigned long)t.tv_nsec / 1000000;
}

int loop_init(void)
{
	epoll = epoll_create1(EPOLL_CLOEXEC);
	now = clock_ms();
	return epoll < 0 ? -errno : 0;
}

int loop_watch(struct wy_watch *w, int fd, unsigned int events,
	       void (*ready)(struct wy_watch *, unsigned int))
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return -errno;
	*w = (struct wy_watch){ .fd = fd, .events = events, .ready = ready };
	return 0;
}

void loop_change(struct wy_watch *w, unsigned int events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	if (w->fd < 0 || w->events == events)
		return;
	w->events = events;
	epoll_ctl(epoll, EPOLL_CTL_MOD, w->fd, &e);
}

void loop_forget(struct wy_watch *w)
{
	if (w->fd >= 0)
		epoll_ctl(epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->fd = -1;
}

void loop_timer(struct wy_timer *t, unsigned long ms, void (*expired)(struct wy_timer *))
{
	struct wy_timer **at = &timers;

	loop_timer_stop(t);
	t->at = now + ms;
	t->expired = expired;
	t->set = true;
	while (*at && (*at)->at <= t->at)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
}

void loop_timer_stop(struct wy_timer *t)
{
	struct wy_timer **at = &timers;

	if (!t->set)
		return;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->set = false;
}

void loop_free(void *memory)
{
	struct dead *d = memory;

	if (!d)
		return;
	d->next = dead;
	dead = d;
}

unsigned long loop_now(void)
{
	return now;
}

static int patience(void)
{
	if (!timers)
		return -1;
	if (timers->at <= now)
		return 0;
	return timers->at - now < INT_MAX ? (int)(timers->at - now) : INT_MAX;
}

static void bury(void)
{
	while (dead) {
		struct dead *d = dead;

		dead = d->next;
		free(d);
	}
}

void loop_round(void)
{
	struct epoll_event events[EVENTS_MAX];
	int nr = epoll_wait(epoll, events, EVENTS_MAX, patience());

	now = clock_ms();
	for (int i = 0; i < nr; i++) {
		struct wy_watch *w = events[i].data.ptr;

		/* Not if somebody before it in this round has taken it out. */
		if (w->fd >= 0)
			w->ready(w, events[i].events);
	}
	while (timers && timers->at <= now) {
		struct wy_timer *t = timers;

		loop_timer_stop(t);
		t->expired(t);
	}
	bury();
}
