/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - locks between the agent's own threads.
 *
 * Held for a few microseconds, never across a call that can block on the
 * program, never while program code runs.  A signal that arrives meanwhile is
 * deferred, so the holder always comes to its end.
 */
#ifndef WY_AGENT_LOCK_H
#define WY_AGENT_LOCK_H

#include "agent/sys.h"

/* Who holds one takes only later ones: a fork takes all of them, in this order. */
enum wy_lock_name {
	WY_LOCK_SITES,
	WY_LOCK_BLOCKS,
	WY_LOCK_REWRITE,
	WY_LOCK_ACTIONS,
	WY_LOCK_FILES,
	WY_LOCK_URING,
	WY_LOCK_OWN, /* taken by whoever maps something, with any other held */
	WY_LOCKS,
};
extern unsigned int wy_locks[WY_LOCKS];

static inline void wy_lock(enum wy_lock_name name)
{
	for (unsigned int spins = 0; __atomic_exchange_n(&wy_locks[name], 1, __ATOMIC_ACQUIRE);
	     spins++) {
		if (spins < 100)
			arch_pause();
		else
			sys0(__NR_sched_yield);
	}
}

static inline void wy_unlock(enum wy_lock_name name)
{
	__atomic_store_n(&wy_locks[name], 0, __ATOMIC_RELEASE);
}

/* Around a fork, so that the child does not inherit a lock that another thread held. */
static inline void wy_lock_all(void)
{
	for (int i = 0; i < WY_LOCKS; i++)
		wy_lock((enum wy_lock_name)i);
}

static inline void wy_unlock_all(void)
{
	for (int i = WY_LOCKS - 1; i >= 0; i--)
		wy_unlock((enum wy_lock_name)i);
}

#endif
