/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/place.h"

#include <asm/unistd_64.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>

#define KB     (1ul << 10)
#define MB     (1ul << 20)
#define GB     (1ul << 30)
#define LOWEST (64 * KB) /* below, a mapping would hide uses of null pointers */
#define AIR    (64 * KB) /* left free around other mappings */

struct search {
	struct wy_remote *r;
	const struct wy_regs *regs;
	unsigned long len;
	unsigned long found;
	int err; /* why the last try failed, for the program's mmap */
};

/* Returns 1 when mapped, 0 when there is no room there, else an error of the thread. */
static int try_at(struct search *s, unsigned long addr)
{
	unsigned long fixed = addr ? MAP_FIXED_NOREPLACE : 0;
	unsigned long arg[6] = {
		addr, s->len, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1ul, 0
	};
	unsigned long undo[6] = { 0, s->len };
	long got, ignored;
	int err;

	err = wy_remote_call(s->r, s->regs, __NR_mmap, arg, &got);
	if (err)
		return err;
	if (got < 0 && got > -4096) {
		s->err = (int)got;
		return 0;
	}
	if (addr && (unsigned long)got != addr) { /* an old kernel takes it for a hint */
		undo[0] = (unsigned long)got;
		err = wy_remote_call(s->r, s->regs, __NR_munmap, undo, &ignored);
		return err;
	}
	s->found = (unsigned long)got;
	return 1;
}

static unsigned long distance(unsigned long a, unsigned long b)
{
	return a > b ? a - b : b - a;
}

/* The kernel's own choice is next to the interpreter, or next to a static-PIE. */
static int map_near(struct search *s, unsigned long target)
{
	static const unsigned long away[] = { 16 * MB, 64 * MB, 256 * MB, 512 * MB, GB };
	unsigned long undo[6] = { 0, s->len };
	int got = try_at(s, 0);
	long ignored;

	if (got <= 0 || distance(s->found, target) < GB)
		return got;
	undo[0] = s->found;
	got = wy_remote_call(s->r, s->regs, __NR_munmap, undo, &ignored);
	for (unsigned int i = 0; got == 0 && i < sizeof(away) / sizeof(away[0]); i++) {
		if (target > away[i] + s->len + LOWEST)
			got = try_at(s, (target - away[i] - s->len) & ~(AIR - 1));
		if (got == 0)
			got = try_at(s, (target + away[i]) & ~(AIR - 1));
	}
	return got ? got : try_at(s, 0); /* far is better than not at all */
}

/* Under the text; else between its end and the heap, else over the heap. */
static int map_around(struct search *s, const struct wy_loads *loads)
{
	static const unsigned long away[] = { GB, 768 * MB, 512 * MB, 256 * MB, 128 * MB, 64 * MB };
	const unsigned long none[6] = { 0 };
	unsigned long heap;
	long brk;
	int got = 0;

	if (loads->low >= s->len + AIR + LOWEST)
		got = try_at(s, (loads->low - s->len - AIR) & ~(AIR - 1));
	if (got == 0 && loads->low >= s->len + LOWEST)
		got = try_at(s, LOWEST);
	if (got)
		return got;
	got = wy_remote_call(s->r, s->regs, __NR_brk, none, &brk);
	if (got)
		return got;
	heap = (unsigned long)brk > loads->high ? (unsigned long)brk : loads->high;
	if (heap - loads->high >= s->len + 2 * AIR)
		got = try_at(s, (loads->high + AIR) & ~(AIR - 1));
	for (unsigned int i = 0; got == 0 && i < sizeof(away) / sizeof(away[0]); i++) {
		unsigned long addr = (heap + away[i]) & ~(AIR - 1);

		if (addr + s->len - loads->low < 2 * GB - MB)
			got = try_at(s, addr);
	}
	return got ? got : try_at(s, 0);
}

int wy_place_map(struct wy_remote *r, const struct wy_regs *regs, const struct wy_auxv *auxv,
		 unsigned long len, unsigned long *ret_addr)
{
	struct search s = { .r = r, .regs = regs, .len = len, .err = -ENOMEM };
	struct wy_loads loads;
	int got;

	if (*ret_addr) {
		got = try_at(&s, *ret_addr);
		return got > 0 ? 0 : got < 0 ? got : -EADDRINUSE;
	}
	if (auxv->base)
		got = map_near(&s, auxv->base);
	else if (wy_loads_read(r, auxv, &loads) == 0 && loads.fixed)
		got = map_around(&s, &loads);
	else
		got = map_near(&s, auxv->phdr);
	if (got > 0)
		*ret_addr = s.found;
	return got > 0 ? 0 : got < 0 ? got : s.err;
}
