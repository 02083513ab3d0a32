/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own.c - see own.h.
 *
 * A fixed table; neighbours become one entry, which they are most of the time:
 * the kernel maps one below the other.  When it is full, what comes is not
 * protected, which only matters to a program that maps over memory that it
 * did not map itself.
 */
#include "agent/own.h"
#include "agent/lock.h"

#define RANGES_MAX 256

static struct range {
	unsigned long start, end;
} ranges[RANGES_MAX];
static unsigned int nr_ranges;

void wy_own_add(unsigned long start, unsigned long len)
{
	unsigned long end = start + len;

	wy_lock(WY_LOCK_OWN);
	for (unsigned int i = 0; i < nr_ranges; i++) {
		if (ranges[i].start == end) {
			__atomic_store_n(&ranges[i].start, start, __ATOMIC_RELEASE);
			goto out;
		}
		if (ranges[i].end == start) {
			__atomic_store_n(&ranges[i].end, end, __ATOMIC_RELEASE);
			goto out;
		}
	}
	if (nr_ranges < RANGES_MAX) {
		ranges[nr_ranges] = (struct range){ start, end };
		__atomic_store_n(&nr_ranges, nr_ranges + 1, __ATOMIC_RELEASE);
	}
out:
	wy_unlock(WY_LOCK_OWN);
}

bool wy_own_touches(unsigned long start, unsigned long len, unsigned long *ret_start,
		    unsigned long *ret_end)
{
	unsigned long end = start + len < start ? -1ul : start + len;
	bool found = false;

	for (unsigned int i = 0; i < __atomic_load_n(&nr_ranges, __ATOMIC_ACQUIRE); i++) {
		const struct range *r = &ranges[i];

		if (r->start < end && start < r->end && (!found || r->start < *ret_start)) {
			*ret_start = r->start;
			*ret_end = r->end;
			found = true;
		}
	}
	return found;
}
