/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own.c - see own.h.
 *
 * A fixed table; neighbours become one entry, which they are most of the time:
 * the kernel maps one below the other.  When it is full, what comes is not
 * protected, which only matters to a program that maps over memory that it
 * did not map itself; and the agent cannot leave any more.
 */
#include "agent/own.h"
#include "agent/lock.h"

struct wy_own_table wy_own;

void wy_own_add(unsigned long start, unsigned long len)
{
	unsigned long end = start + len;

	wy_lock(WY_LOCK_OWN);
	for (unsigned long i = 0; i < wy_own.nr; i++) {
		if (wy_own.range[i].start == end) {
			__atomic_store_n(&wy_own.range[i].start, start, __ATOMIC_RELEASE);
			goto out;
		}
		if (wy_own.range[i].end == start) {
			__atomic_store_n(&wy_own.range[i].end, end, __ATOMIC_RELEASE);
			goto out;
		}
	}
	if (wy_own.nr < WY_OWN_MAX) {
		wy_own.range[wy_own.nr].start = start;
		wy_own.range[wy_own.nr].end = end;
		__atomic_store_n(&wy_own.nr, wy_own.nr + 1, __ATOMIC_RELEASE);
	} else {
		wy_own.lost++;
	}
out:
	wy_unlock(WY_LOCK_OWN);
}

bool wy_own_touches(unsigned long start, unsigned long len, unsigned long *ret_start,
		    unsigned long *ret_end)
{
	unsigned long end = start + len < start ? -1ul : start + len;
	bool found = false;

	for (unsigned long i = 0; i < __atomic_load_n(&wy_own.nr, __ATOMIC_ACQUIRE); i++) {
		unsigned long from = wy_own.range[i].start, to = wy_own.range[i].end;

		if (from < end && start < to && (!found || from < *ret_start)) {
			*ret_start = from;
			*ret_end = to;
			found = true;
		}
	}
	return found;
}
