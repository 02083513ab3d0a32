/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/limits.h"

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/units.h"
#include "host/serve/front.h"

#include <linux/sockios.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define LOOKS_PER_LIMIT 8
#define LOOK_MIN_MS     20
#define LOOK_MAX_MS     1000
#define GRACE_MS        2000 /* between SIGTERM and SIGKILL */

/* How often the process has gone to sleep, or was made to wait; 0 if it cannot be seen. */
static unsigned long switches_of(pid_t pid)
{
	cleanup_free char *text = NULL;
	unsigned long sum = 0;
	const char *at;
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (read_file(path, 1 << 16, &text, NULL) < 0)
		return 0;
	for (at = text; (at = strstr(at, "ctxt_switches:")); at++) {
		unsigned long n = 0;

		if (sscanf(at, "ctxt_switches: %lu", &n) == 1)
			sum += n;
	}
	return sum;
}

/* A number that changes when something happens. */
static unsigned long activity_of(const struct wy_connection *c)
{
	int in = 0, out = 0;

	ioctl(c->fd, SIOCINQ, &in);
	ioctl(c->fd, SIOCOUTQ, &out);
	return (unsigned long)in * 31 + (unsigned long)out * 1031 + c->bytes_in +
	       (c->pid ? switches_of(c->pid) * 65537 : 0);
}

static void give_up(struct wy_connection *c, const char *why, unsigned long ms)
{
	struct wy_front *f = c->front;
	char name[ADDR_TEXT_MAX + 64], limit[UNITS_TEXT_MAX];

	if (!c->killed) {
		wy_connection_name(c, name, sizeof(name));
		duration_print(limit, ms);
		log_warn("%s: ended: %s %s", name, why, limit);
	}
	if (c->state != WY_CONNECTION_RUNNING) {
		wy_service_drop(c);
		return;
	}
	/* Nobody is left to be killed: it is the client that does not take what it was sent. */
	if (c->ended) {
		wy_access_write(&f->access, c, c->status);
		wy_service_drop(c);
		return;
	}
	/* The time of the next step. */
	c->active_at = loop_now();
	wy_service_kill(c, c->killed++ ? SIGKILL : SIGTERM);
}

static void look_at(struct wy_front *f, struct wy_connection *c)
{
	unsigned long now = loop_now(), activity;

	if (c->state == WY_CONNECTION_HANDING)
		return;
	if (c->killed) {
		if (now - c->active_at >= GRACE_MS)
			give_up(c, "", 0);
		return;
	}
	if (f->o->total_ms && now - c->started >= f->o->total_ms) {
		give_up(c, "it has taken", f->o->total_ms);
		return;
	}
	if (!f->o->idle_ms || c->state == WY_CONNECTION_QUEUED)
		return;
	activity = activity_of(c);
	if (activity != c->activity) {
		c->activity = activity;
		c->active_at = now;
	} else if (now - c->active_at >= f->o->idle_ms) {
		give_up(c, "it has been idle for", f->o->idle_ms);
	}
}

static void sweep(struct wy_timer *t)
{
	struct wy_front *f = loop_owner(t, struct wy_front, sweep);
	struct wy_connection *c, *next;

	wy_limits_start(f);
	for (c = f->connections; c; c = next) {
		next = c->next;
		look_at(f, c);
	}
	wy_service_go_on(f);
}

void wy_limits_start(struct wy_front *f)
{
	unsigned long least = f->o->idle_ms;

	if (!least || (f->o->total_ms && f->o->total_ms < least))
		least = f->o->total_ms;
	if (!least)
		return;
	least /= LOOKS_PER_LIMIT;
	if (least < LOOK_MIN_MS)
		least = LOOK_MIN_MS;
	loop_timer(&f->sweep, least < LOOK_MAX_MS ? least : LOOK_MAX_MS, sweep);
}
