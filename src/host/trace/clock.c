/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/clock.h"

void wy_clock_add(struct wy_clock *c, const struct wy_file_clock *moment)
{
	double ns_per_tick;

	c->last = *moment;
	if (!c->first.real && !c->first.ticks) {
		c->first = *moment;
		return;
	}
	if (moment->ticks <= c->first.ticks || moment->monotonic <= c->first.monotonic)
		return;
	ns_per_tick = (double)(moment->monotonic - c->first.monotonic) /
		      (double)(moment->ticks - c->first.ticks);
	/* Less than a megahertz, or more than a hundred gigahertz, is no clock. */
	if (ns_per_tick >= 0.01 && ns_per_tick <= 1000)
		c->ns_per_tick = ns_per_tick;
}

uint64_t wy_clock_span(const struct wy_clock *c, uint64_t ticks)
{
	/* Ticks without a meaning must not become undefined. */
	double ns = (double)ticks * (c->ns_per_tick != 0 ? c->ns_per_tick : 1);

	return ns < 9e18 ? (uint64_t)ns : 9000000000000000000ul;
}

uint64_t wy_clock_real(const struct wy_clock *c, uint64_t ticks)
{
	if (ticks >= c->first.ticks)
		return c->first.real + wy_clock_span(c, ticks - c->first.ticks);
	return c->first.real - wy_clock_span(c, c->first.ticks - ticks);
}
