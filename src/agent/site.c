/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site.c - the table of system call sites and their stubs.
 *
 * Looked up in the SIGSYS handler, so it must be short and may not allocate:
 * chains of site numbers by the hash of an address, a fixed array of sites, and
 * stubs that are all the same code, written a page at a time.
 */
#include "agent/site.h"
#include "agent/code.h"
#include "agent/fault.h"
#include "agent/gate.h"
#include "agent/lock.h"
#include <asm/errno.h>

#define CHAINS         1024u /* two pages: what start-up touches costs */
#define STUBS_PER_FILL 16u   /* one page */
#define FIRST_TRY      4u    /* with one thread rewriting costs two or three trips */

extern const unsigned char wy_stub_template[];
extern const unsigned char wy_stub_fixups[];
extern unsigned char wy_unwanted[];
void wy_gate_enter(void);
void wy_gate_leave(void);

struct wy_arena wy_arena;
static unsigned short chains[CHAINS]; /* site number + 1, on through site->next */

/* Writes the next page of stubs. */
static long fill_stubs(void)
{
	static unsigned char page[STUBS_PER_FILL * WY_STUB_SIZE]; /* under the lock */
	unsigned int distance = (unsigned int)((unsigned long)wy_arena.site - wy_arena.code);
	unsigned long at = wy_arena.code + (unsigned long)wy_arena.filled * WY_STUB_SIZE;
	struct wy_code code;
	long ret;

	if (wy_arena.filled >= WY_SITES_MAX)
		return -ENOSPC;
	for (unsigned int i = 0; i < sizeof(page); i++)
		page[i] = wy_stub_template[i % WY_STUB_SIZE];
	for (unsigned int stub = 0; stub < STUBS_PER_FILL; stub++) {
		if (!(wy_session->flags & WY_FILL_RETURNS))
			arch_stub_without_fill(page + stub * WY_STUB_SIZE);
		for (const unsigned char *fix = wy_stub_fixups; *fix; fix++) {
			unsigned char *p = page + stub * WY_STUB_SIZE + *fix;
			unsigned int v = p[0] | p[1] << 8 | p[2] << 16 | (unsigned int)p[3] << 24;

			v += distance;
			p[0] = (unsigned char)v;
			p[1] = (unsigned char)(v >> 8);
			p[2] = (unsigned char)(v >> 16);
			p[3] = (unsigned char)(v >> 24);
		}
	}
	wy_code_begin(&code, NULL);
	ret = wy_code_write(&code, at, page, sizeof(page));
	if (wy_code_end(&code) < 0 || ret < 0)
		return ret < 0 ? ret : -EIO;
	wy_arena.filled += STUBS_PER_FILL;
	return 0;
}

long wy_sites_start(const struct wy_boot *boot)
{
	wy_arena.region = boot->region;
	wy_arena.region_len = boot->region_len;
	wy_arena.code = boot->region + boot->arena_off;
	wy_arena.site = (struct wy_site *)(wy_arena.code + WY_ARENA_CODE);
	return fill_stubs();
}

static unsigned short *chain_of(unsigned long addr)
{
	return &chains[((addr * 0x9e3779b97f4a7c15ul) >> 40) % CHAINS];
}

struct wy_site *wy_site_find(unsigned long addr)
{
	unsigned int n = __atomic_load_n(chain_of(addr), __ATOMIC_ACQUIRE);

	while (n && wy_arena.site[n - 1].addr != addr)
		n = __atomic_load_n(&wy_arena.site[n - 1].next, __ATOMIC_ACQUIRE);
	return n ? &wy_arena.site[n - 1] : NULL;
}

static void insert(struct wy_site *site)
{
	unsigned short *chain = chain_of(site->addr);

	__atomic_store_n(&site->next, *chain, __ATOMIC_RELEASE);
	__atomic_store_n(chain, (unsigned short)(site - wy_arena.site + 1), __ATOMIC_RELEASE);
}

/*
 * The arena is full.  Sites whose code is gone (a library unloaded, a just-in-time
 * compiler's code rewritten) are given away.  Readers without the lock may miss a
 * site while the table is made anew; they then come here and wait.
 */
static void sweep(void)
{
	for (unsigned int i = 0; i < CHAINS; i++)
		__atomic_store_n(&chains[i], 0, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < wy_arena.used; i++) {
		struct wy_site *site = &wy_arena.site[i];

		if (site->addr && !wy_site_stands(site))
			site->addr = 0;
		if (site->addr)
			insert(site);
	}
}

static struct wy_site *free_site(void)
{
	if (wy_arena.used < wy_arena.filled || fill_stubs() == 0)
		return &wy_arena.site[wy_arena.used++];
	for (unsigned int turn = 0; turn < 2; turn++) {
		for (unsigned int i = 0; i < wy_arena.used; i++) {
			if (!wy_arena.site[i].addr)
				return &wy_arena.site[i];
		}
		sweep();
	}
	return NULL;
}

struct wy_site *wy_site_get(unsigned long addr)
{
	struct wy_site *site = wy_site_find(addr);

	if (site)
		return site;
	wy_lock(WY_LOCK_SITES);
	site = wy_site_find(addr);
	if (!site) {
		site = free_site();
		if (site) {
			site->back = addr + 2;
			site->unwanted = wy_unwanted;
			site->gate = wy_gate_enter;
			site->leave = wy_gate_leave;
			site->native = arch_stub_native(site);
			site->native_leave = arch_stub_native_leave(site);
			site->done = arch_stub_done(site);
			site->how = WY_SITE_SIGNAL;
			site->trips = 0;
			site->next_try = FIRST_TRY;
			site->addr = addr;
			insert(site);
			__atomic_add_fetch(&wy_session->sites_signal, 1, __ATOMIC_RELAXED);
		} else {
			wy_fault(WY_FAULT_NO_STUB);
		}
	}
	wy_unlock(WY_LOCK_SITES);
	return site;
}
