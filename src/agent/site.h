/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site.h - system call sites: the places in the program whose calls were caught.
 *
 * Every site that tripped Syscall User Dispatch once has a struct wy_site and,
 * at a fixed distance from it, a stub (arch/gate.S) that makes its calls from
 * then on.  A site is only given away when the arena is full and its code is
 * gone: a thread may be inside a stub for as long as its call blocks.
 */
#ifndef WY_AGENT_SITE_H
#define WY_AGENT_SITE_H

#include "agent/arch/x86_64/offsets.h"
#include "proto/boot.h"
#include <stdbool.h>
#include <stddef.h>

enum wy_site_how {
	WY_SITE_SIGNAL,  /* each call trips Syscall User Dispatch */
	WY_SITE_PADDING, /* a two-byte jump to a long jump in the padding nearby */
	WY_SITE_BEFORE,  /* a jump in place of the whole instruction before it */
	WY_SITE_PUN,     /* a jump whose offset is partly the bytes that follow */
};

struct wy_site {
	/* read by the stub */
	unsigned long back; /* where the program goes on: behind the syscall instruction */
	const unsigned char *unwanted; /* wy_unwanted (gate.h) */
	void (*gate)(void);
	void (*leave)(void);
	/* read by the gate without gs: addresses in the stub */
	unsigned long native, native_leave, done;

	unsigned long addr;    /* of the syscall instruction; 0: the site is free */
	unsigned long before;  /* WY_SITE_BEFORE: the instruction that became a jump */
	unsigned int trips;    /* how often it came through SIGSYS */
	unsigned int next_try; /* trips at which rewriting is tried (again) */
	enum wy_site_how how;
	unsigned short next; /* in its hash chain, number + 1 */
	unsigned char pad[170];
};
_Static_assert(offsetof(struct wy_site, back) == S_BACK, "offsets.h");
_Static_assert(offsetof(struct wy_site, unwanted) == S_UNWANTED, "offsets.h");
_Static_assert(offsetof(struct wy_site, gate) == S_GATE, "offsets.h");
_Static_assert(offsetof(struct wy_site, leave) == S_LEAVE, "offsets.h");
_Static_assert(offsetof(struct wy_site, native) == S_NATIVE, "offsets.h");
_Static_assert(offsetof(struct wy_site, native_leave) == S_NATIVE_LEAVE, "offsets.h");
_Static_assert(sizeof(struct wy_site) == WY_STUB_SIZE, "stubs and sites have one stride");

#define WY_COPIES_LEN (64ul << 10) /* the end of the arena: copies of moved instructions */
#define WY_SITES_MAX  ((WY_ARENA_CODE - WY_COPIES_LEN) / WY_STUB_SIZE)

/* The arena, fixed at start. */
extern struct wy_arena {
	unsigned long region, region_len; /* the allowed range */
	unsigned long code;               /* stubs */
	struct wy_site *site;             /* their sites, at code + distance */
	unsigned int filled;              /* stubs that have been written */
	unsigned int used;
} wy_arena;

/* Prepares the arena; returns 0 or -errno. */
long wy_sites_start(const struct wy_boot *boot);

/*
 * The site of the syscall instruction at addr, made when it is new.  Async-signal-safe,
 * takes locks of the agent's own.  NULL when no more stubs can be had.
 */
struct wy_site *wy_site_get(unsigned long addr);

/*
 * Where the program would be without us, when it is at pc: on a landing (a jump that
 * stands in padding or near the program's code) or in a copy of moved instructions.
 * Returns pc itself when it is neither.
 */
unsigned long wy_site_program_pc(unsigned long pc);

static inline unsigned long wy_site_stub(const struct wy_site *site)
{
	return wy_arena.code + (unsigned long)(site - wy_arena.site) * WY_STUB_SIZE;
}

/* The same, but never makes one. */
struct wy_site *wy_site_find(unsigned long addr);

/* Is there still a syscall instruction, or what we made of it? */
bool wy_site_stands(const struct wy_site *site);

/*
 * Gives the program its own bytes back at all sites in (or so near to that their landing may
 * be in) [start, start + len).
 */
void wy_rewrite_undo(unsigned long start, unsigned long len);

/* The same for everything that was ever written, slots too: no thread may be in any of it.  False:
 * something could not be written. */
bool wy_rewrite_undo_all(void);

/* Rewrites the site so that its calls come by a jump, if that is safe.  Counts how it went. */
void wy_site_rewrite(struct wy_site *site, long nr);

#endif
