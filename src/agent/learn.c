/* SPDX-License-Identifier: Apache-2.0 */
/*
 * learn.c - see learn.h.
 *
 * The copy may have mapped something since that the process does not have, so
 * an address is not enough: the bytes around it must be the same as well.  They
 * are compared by a hash; that two pieces of code of this length with the same
 * hash come to stand at the same address is not to be feared.
 *
 * The list is short and is never emptied: once it is full, nothing more is
 * told.
 */
#include "agent/learn.h"
#include "agent/hot.h"
#include "agent/module.h"
#include "agent/session.h"
#include "agent/site.h"
#include "agent/usermem.h"
#include <stdbool.h>

#define AROUND 32ul

WY_HOT static bool telling;
static unsigned int taken;

static bool hash_around(unsigned long addr, unsigned long *ret)
{
	unsigned char bytes[2 * AROUND];
	unsigned long hash = 0xcbf29ce484222325ul; /* FNV-1a */

	if (copy_from_program(bytes, addr - AROUND, sizeof(bytes)) < 0 || bytes[AROUND] != 0x0f ||
	    bytes[AROUND + 1] != 0x05)
		return false;
	for (unsigned int i = 0; i < sizeof(bytes); i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ul;
	*ret = hash;
	return true;
}

void wy_learn_begin(void)
{
	telling = true;
}

void wy_learn_tell(unsigned long addr, long nr)
{
	struct wy_learned *l = wy_session->learned;
	unsigned long hash;
	unsigned int i;

	if (!telling || __atomic_load_n(&wy_session->nr_learned, __ATOMIC_RELAXED) >= WY_LEARNED ||
	    !hash_around(addr, &hash))
		return;
	for (i = 0; i < WY_LEARNED; i++) {
		if (__atomic_load_n(&l[i].addr, __ATOMIC_ACQUIRE) == addr)
			return; /* another copy was first */
	}
	i = __atomic_fetch_add(&wy_session->nr_learned, 1, __ATOMIC_RELAXED);
	if (i >= WY_LEARNED)
		return;
	l[i].hash = hash;
	l[i].nr = nr;
	__atomic_store_n(&l[i].addr, addr, __ATOMIC_RELEASE);
}

void wy_learn_take(void)
{
	while (taken < WY_LEARNED) {
		const struct wy_learned *l = &wy_session->learned[taken];
		unsigned long addr = __atomic_load_n(&l->addr, __ATOMIC_ACQUIRE), hash;
		struct wy_site *site;

		if (!addr)
			return;
		taken++;
		if (!hash_around(addr, &hash) || hash != l->hash)
			continue;
		site = wy_site_get(addr);
		if (!site)
			continue;
		/* Every copy would make a table of functions for itself. */
		wy_module_make_tables();
		/* If nothing can be done copies need not try at their first trip, either. */
		site->trips = site->next_try;
		wy_site_rewrite(site, l->nr);
	}
}
