/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite.c - from a system call site that trips to one that jumps.
 *
 * A trip costs about two microseconds, a jump a few nanoseconds.  What a site
 * becomes, the first that is possible:
 *
 *	padding	the two bytes of its syscall instruction become a short jump to a
 *		long one in the padding nearby
 *	before	an instruction of at least five bytes before it becomes a long jump to
 *		a copy of what stands from there to the site
 *	pun	the two bytes become the start of a long jump whose other three bytes
 *		are the ones that follow; where it leads, a landing is mapped
 *	before	once more, with a jump that only padding between functions lets go on
 *	signal	it stays as it is, later tries are rarer and rarer
 *
 * Nothing is decided by looking through code that never ran: only sites that
 * tripped are looked at, and not on their first trips (wy_site_get), since most
 * of what a program's start-up calls it calls once or twice.
 *
 * What is written is one store: two bytes inside an aligned word, or one whole
 * aligned word.  The landing is there before the site leads to it.  Code that
 * is writable, shared or not from a file is left alone: its owner may change
 * it (a just-in-time compiler); when it is not writable and trips very often,
 * it is taken to be finished.
 *
 * Rewritten bytes are remembered with what stood there, so that text.c sees
 * the program's own code, and so that what was unmapped or rewritten by the
 * program is noticed: bytes that are not ours any more are not ours.
 */
#include "agent/arch/x86_64/insn.h"
#include "agent/code.h"
#include "agent/fault.h"
#include "agent/hot.h"
#include "agent/lock.h"
#include "agent/module.h"
#include "agent/own.h"
#include "agent/site.h"
#include "agent/sys.h"
#include "agent/text.h"
#include "agent/thread.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <linux/mman.h>

#define PAGE                4096ul
#define EDITS_MAX           16384u
#define EDIT_CHAINS         1024u
#define LANDINGS_MAX        128u
#define OUTLIERS            16384u
#define OUTLIER_CHAINS      1024u
#define COPY_MAX            64ul
#define ROOMS_MAX           32u
#define ISLAND_STEP         (16ul << 20)
#define HOP_SIZE            8u
#define JUMP_BY_DATA        6u
#define HOT                 64u /* trips after which code that is in no file counts as finished */
#define REACH               0x7ff00000l
#define REACH_OF_SHORT_JUMP 256ul /* and a bit more */

/* ---- what was written ---- */

/* Found by the 64 bytes of memory that they start in; an edit has at most 8 bytes. */
struct edit {
	unsigned long addr;
	unsigned short next; /* in its chain, number + 1 */
	unsigned char len;
	bool entry;   /* the site itself: what leads to the rest */
	bool depends; /* not written: a punned jump has these bytes as part of itself */
	unsigned char old[8], now[8];
};
WY_LARGE static struct edit edits[EDITS_MAX];
static unsigned short chains[EDIT_CHAINS];
static unsigned int nr_edits;
static unsigned long edits_low = -1ul, edits_high; /* nothing was ever written elsewhere */

static unsigned short *chain_of(unsigned long addr)
{
	return &chains[(addr >> 6) % EDIT_CHAINS];
}

static bool same(const unsigned char *a, const unsigned char *b, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++) {
		if (a[i] != b[i])
			return false;
	}
	return true;
}

static bool still_ours(const struct edit *e)
{
	unsigned char now[8];

	return copy_from_program(now, e->addr, e->len) == 0 && same(now, e->now, e->len);
}

/* The first edit, from e on, that touches [addr, addr + len) and still stands there. */
static struct edit *touching(unsigned long line, unsigned short from, unsigned long addr,
			     unsigned long len)
{
	for (unsigned short n = from; n; n = edits[n - 1].next) {
		struct edit *e = &edits[n - 1];

		if (e->addr >> 6 == line && e->addr < addr + len && addr < e->addr + e->len &&
		    still_ours(e))
			return e;
	}
	return NULL;
}

/* Forgets what the program has rewritten or unmapped. */
static void sweep_edits(void)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < EDIT_CHAINS; i++)
		chains[i] = 0;
	for (unsigned int i = 0; i < nr_edits; i++) {
		if (!still_ours(&edits[i]))
			continue;
		edits[kept] = edits[i];
		edits[kept].next = *chain_of(edits[kept].addr);
		kept++;
		*chain_of(edits[kept - 1].addr) = (unsigned short)kept;
	}
	nr_edits = kept;
}

static bool add_edit(unsigned long addr, const unsigned char *old, const unsigned char *now,
		     unsigned int len, bool entry, bool depends)
{
	unsigned short *chain = chain_of(addr);
	struct edit *e = NULL;

	if (nr_edits == EDITS_MAX)
		sweep_edits();
	for (unsigned short n = *chain; n && !e; n = edits[n - 1].next) {
		struct edit *old_edit = &edits[n - 1];

		if (old_edit->addr == addr && old_edit->len == len && old_edit->depends == depends)
			e = old_edit;
	}
	if (!e) {
		if (nr_edits == EDITS_MAX)
			return false;
		e = &edits[nr_edits++];
		*e = (struct edit){ .addr = addr,
				    .len = (unsigned char)len,
				    .entry = entry,
				    .depends = depends,
				    .next = *chain };
		*chain = (unsigned short)nr_edits;
		if (addr < edits_low)
			edits_low = addr;
		if (addr + len > edits_high)
			edits_high = addr + len;
	}
	for (unsigned int i = 0; i < len; i++) {
		e->old[i] = old[i];
		e->now[i] = now[i];
	}
	return true;
}

/* The program's bytes as they were (struct text's read). */
static bool read_original(void *ctx, unsigned long addr, void *buf, unsigned long len)
{
	unsigned char *b = buf;

	(void)ctx;
	if (copy_from_program(buf, addr, len) < 0)
		return false;
	if (addr >= edits_high || addr + len <= edits_low)
		return true; /* most of what is read are tables */
	for (unsigned long line = (addr - 8) >> 6; line <= (addr + len - 1) >> 6; line++) {
		unsigned short from = chains[line % EDIT_CHAINS];
		struct edit *e;

		for (; (e = touching(line, from, addr, len)); from = e->next) {
			for (unsigned int k = 0; k < e->len && !e->depends; k++) {
				if (e->addr + k - addr < len)
					b[e->addr + k - addr] = e->old[k];
			}
		}
	}
	return true;
}

static bool taken(void *ctx, unsigned long addr, unsigned long len)
{
	(void)ctx;
	for (unsigned long line = (addr - 8) >> 6; line <= (addr + len - 1) >> 6; line++) {
		if (touching(line, chains[line % EDIT_CHAINS], addr, len))
			return true;
	}
	return false;
}

static struct wy_code writer; /* under WY_LOCK_REWRITE */

/* Writes code and remembers it. */
static bool edit(unsigned long addr, const unsigned char *bytes, unsigned int len, bool entry)
{
	unsigned char old[8];

	for (unsigned int done = 0; done < len; done += 8) {
		unsigned int n = len - done < 8 ? len - done : 8;

		if (copy_from_program(old, addr + done, n) < 0 ||
		    !add_edit(addr + done, old, bytes + done, n, entry, false))
			return false;
	}
	return wy_code_write(&writer, addr, bytes, len) == 0;
}

/* ---- places that belong to a site ---- */

static struct {
	unsigned long at, pc;
	unsigned short next;  /* in its chain, number + 1 */
	unsigned char now[5]; /* in memory of the program's, how our jump begins; else 0 */
} outliers[OUTLIERS] WY_LARGE;
static unsigned short outlier_chains[OUTLIER_CHAINS];
static unsigned int nr_outliers;

static unsigned short *outlier_chain(unsigned long addr)
{
	return &outlier_chains[((addr * 0x9e3779b97f4a7c15ul) >> 40) % OUTLIER_CHAINS];
}

static void set_outlier(unsigned int i, unsigned long program_pc, const unsigned char *now)
{
	outliers[i].pc = program_pc;
	for (unsigned int k = 0; k < sizeof(outliers[i].now); k++)
		outliers[i].now[k] = now ? now[k] : 0;
}

/* now: the jump that will stand there, in memory that the program may unmap. */
static bool add_outlier(unsigned long addr, unsigned long program_pc, const unsigned char *now)
{
	unsigned short *chain = outlier_chain(addr);

	for (unsigned int n = *chain; n; n = outliers[n - 1].next) {
		if (outliers[n - 1].at == addr) {
			set_outlier(n - 1, program_pc, now);
			return true;
		}
	}
	if (nr_outliers == OUTLIERS)
		return false;
	outliers[nr_outliers].at = addr;
	outliers[nr_outliers].next = *chain;
	set_outlier(nr_outliers, program_pc, now);
	nr_outliers++;
	__atomic_store_n(chain, (unsigned short)nr_outliers, __ATOMIC_RELEASE);
	return true;
}

/* Also the program's own memory may hold something else by now. */
static bool outlier_stands(unsigned int i)
{
	unsigned char now[sizeof(outliers[i].now)];

	return !outliers[i].now[0] || (copy_from_program(now, outliers[i].at, sizeof(now)) == 0 &&
				       same(now, outliers[i].now, sizeof(now)));
}

unsigned long wy_site_program_pc(unsigned long pc)
{
	unsigned int n = __atomic_load_n(outlier_chain(pc), __ATOMIC_ACQUIRE);

	while (n && outliers[n - 1].at != pc)
		n = outliers[n - 1].next;
	return n && outlier_stands(n - 1) ? outliers[n - 1].pc : pc;
}

/* ---- jumps ---- */

static bool in_reach(unsigned long from, unsigned long to)
{
	long distance = (long)(to - from);

	return distance > -REACH && distance < REACH;
}

static void put_le(unsigned char *to, unsigned long value, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++)
		to[i] = (unsigned char)(value >> (8 * i));
}

static void make_near_jump(unsigned char *code, unsigned long at, unsigned long to)
{
	code[0] = 0xe9;
	put_le(code + 1, to - (at + TEXT_JUMP), 4);
}

/* A jump at `at` to `to`; returns its length, TEXT_JUMP or TEXT_FAR_JUMP. */
static unsigned int make_jump(unsigned char *code, unsigned long at, unsigned long to)
{
	if (in_reach(at, to)) {
		make_near_jump(code, at, to);
		return TEXT_JUMP;
	}
	code[0] = 0xff; /* jmp *0(%rip) */
	code[1] = 0x25;
	put_le(code + 2, 0, 4);
	put_le(code + 6, to, 8);
	return TEXT_FAR_JUMP;
}

/* A jump at `at` to the address that stands at `data`, which is within reach. */
static void make_jump_by_data(unsigned char *code, unsigned long at, unsigned long data)
{
	code[0] = 0xff;
	code[1] = 0x25;
	put_le(code + 2, data - (at + JUMP_BY_DATA), 4);
}

static bool site_is_syscall(const struct wy_site *site)
{
	unsigned char now[2];

	return copy_from_program(now, site->addr, 2) == 0 && now[0] == 0x0f && now[1] == 0x05;
}

/* ---- room for code ---- */

/* Places that the program is likely to need: where its heap and its stack grow. */
static bool keep_clear(unsigned long page)
{
	unsigned long heap = (unsigned long)sys1(__NR_brk, 0);
	unsigned long sp = wy_self()->user_sp;

	return page < 0x10000 || page >= WY_USER_TOP - PAGE ||
	       page - (heap - (64ul << 20)) < (4ul << 30) ||
	       (page < sp + (1ul << 30) && page + (16ul << 30) > sp);
}

static bool map_code(unsigned long at, unsigned long len)
{
	long ret;

	if (keep_clear(at) || keep_clear(at + len - PAGE))
		return false;
	ret = sys_mmap(at, len, PROT_READ | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1);
	if (ret != (long)at) {
		if (!WY_IS_ERROR(ret))
			sys2(__NR_munmap, ret, len);
		return false;
	}
	wy_own_add(at, len);
	return true;
}

/*
 * Room from which a jump of five bytes reaches: the end of the arena, and for
 * modules far from it islands of a page each.  No system call is made there.
 */
static struct room {
	unsigned long start, used, size;
} rooms[ROOMS_MAX];
static unsigned int nr_rooms;

static unsigned long take_room(unsigned long near, unsigned int len)
{
	struct room *room = NULL;

	if (!nr_rooms) {
		rooms[0].start = wy_arena.code + WY_SITES_MAX * WY_STUB_SIZE;
		rooms[0].size = WY_COPIES_LEN;
		nr_rooms = 1;
	}
	for (unsigned int i = 0; i < nr_rooms && !room; i++) {
		if (in_reach(near, rooms[i].start) && rooms[i].used + len <= rooms[i].size)
			room = &rooms[i];
	}
	for (unsigned long off = ISLAND_STEP; !room && off < REACH && nr_rooms < ROOMS_MAX;
	     off += ISLAND_STEP) {
		unsigned long page = (near - off) & -PAGE;

		if (near > off && map_code(page, PAGE)) {
			room = &rooms[nr_rooms++];
			*room = (struct room){ .start = page, .size = PAGE };
		}
	}
	if (!room)
		return 0;
	room->used += len;
	return room->start + room->used - len;
}

/*
 * Hops: for modules that are far from the stubs, a page near them of jumps that are written once,
 * all the same.  Where each leads to stands in the page behind it, which is data.  So a new one
 * is only a store, and a jump with room for six bytes can use that data itself.
 */
static struct hops {
	unsigned long start;
	unsigned int used;
} hops[ROOMS_MAX];
static unsigned int nr_hops;

static bool map_hops(unsigned long page)
{
	WY_LARGE static unsigned char code[PAGE]; /* under WY_LOCK_REWRITE */

	if (!map_code(page, 2 * PAGE) ||
	    sys3(__NR_mprotect, page + PAGE, PAGE, PROT_READ | PROT_WRITE) < 0)
		return false;
	for (unsigned int i = 0; i < PAGE; i += HOP_SIZE) {
		make_jump_by_data(code + i, page + i, page + PAGE + i);
		code[i + 6] = code[i + 7] = 0xcc;
	}
	return wy_code_write(&writer, page, code, PAGE) == 0;
}

/* A hop within reach of `near` that leads to `to`; 0 if there is none. */
static unsigned long take_hop(unsigned long near, unsigned long to)
{
	struct hops *h = NULL;
	unsigned long at;

	for (unsigned int i = 0; i < nr_hops && !h; i++) {
		if (in_reach(near, hops[i].start) && hops[i].used < PAGE / HOP_SIZE)
			h = &hops[i];
	}
	for (unsigned long off = ISLAND_STEP; !h && off < REACH && nr_hops < ROOMS_MAX;
	     off += ISLAND_STEP) {
		unsigned long page = (near - off) & -PAGE;

		if (near > off && map_hops(page)) {
			h = &hops[nr_hops++];
			*h = (struct hops){ .start = page };
		}
	}
	if (!h)
		return 0;
	at = h->start + HOP_SIZE * h->used++;
	__atomic_store_n((unsigned long *)(at + PAGE), to, __ATOMIC_RELEASE);
	return at;
}

/* ---- the ladder ---- */

/* The gap behind the site first: it is most likely in the same page, and not full. */
static unsigned long find_slot(const struct wy_site *site, const struct text *text,
			       unsigned int len)
{
	unsigned long slot = text_padding_between(text, site->addr + 2, site->addr + 2 + 127, len);

	return slot ? slot : text_padding_slot(text, site->addr, len);
}

/*
 * A jump in padding that ends in the stub, for a site that is near it or far from it; from afar
 * with its way in a hop's data, or, where there are five bytes only, by the hop.
 */
static unsigned long write_slot(const struct wy_site *site, const struct text *text)
{
	unsigned long stub = wy_site_stub(site), slot, to = stub;
	bool far = !in_reach(site->addr, stub);
	unsigned int len = far ? JUMP_BY_DATA : TEXT_JUMP;
	unsigned char code[JUMP_BY_DATA];

	slot = find_slot(site, text, len);
	if (!slot && far) {
		len = TEXT_JUMP;
		slot = find_slot(site, text, len);
	}
	if (!slot)
		return 0;
	if (far) {
		to = take_hop(slot, stub);
		if (!to || (len == TEXT_JUMP && !add_outlier(to, site->addr, NULL)))
			return 0;
	}
	if (len == TEXT_JUMP)
		make_near_jump(code, slot, to);
	else
		make_jump_by_data(code, slot, to + PAGE);
	return add_outlier(slot, site->addr, code) && edit(slot, code, len, false) ? slot : 0;
}

static bool use_padding(struct wy_site *site, const struct text *text)
{
	unsigned char jump[2];
	unsigned long slot;

	if (!text_site_in_word(site->addr))
		return false;
	slot = write_slot(site, text);
	if (!slot)
		return false;
	wy_code_sync();
	jump[0] = 0xeb;
	jump[1] = (unsigned char)(slot - (site->addr + 2));
	return edit(site->addr, jump, 2, true);
}

/*
 * A jump at before->addr by the slot to `at`.  Only its bytes in the first aligned word are
 * written; the others stand there already, and must stay.
 */
static bool write_by_slot(const struct text_before *before, unsigned long at)
{
	unsigned int first = 8 - (before->addr & 7);
	unsigned char jump[TEXT_JUMP];

	if (!in_reach(before->slot, at))
		return false;
	make_near_jump(jump, before->slot, at);
	if (!add_outlier(before->slot, before->addr, jump) ||
	    !edit(before->slot, jump, TEXT_JUMP, false))
		return false;
	wy_code_sync();
	make_near_jump(jump, before->addr, before->slot);
	return add_edit(before->addr + first, jump + first, jump + first, TEXT_JUMP - first, false,
			true) &&
	       edit(before->addr, jump, first, true);
}

static bool use_before(struct wy_site *site, const struct text *text, bool by_slot)
{
	unsigned char bytes[COPY_MAX], code[COPY_MAX + TEXT_FAR_JUMP], jump[TEXT_FAR_JUMP];
	struct text_before before;
	unsigned long at, len, done = 0;

	if (!text_insn_before(text, site->addr, TEXT_BEFORE_MAX, &before) ||
	    (before.slot && !by_slot))
		return false;
	len = site->addr - before.addr;
	if (len > COPY_MAX || !read_original(NULL, before.addr, bytes, len))
		return false;
	at = take_room(before.addr, (unsigned int)len + TEXT_FAR_JUMP);
	if (!at)
		return false;
	while (done < len) {
		int n = insn_relocate(bytes + done, len - done, before.addr + done, at + done,
				      code + done);

		if (n <= 0 || !add_outlier(at + done, before.addr + done, NULL))
			return false;
		done += (unsigned long)n;
	}
	len += make_jump(code + len, at + len, wy_site_stub(site));
	if (!add_outlier(at + done, site->addr, NULL) || wy_code_write(&writer, at, code, len) < 0)
		return false;
	wy_code_sync();
	site->before = before.addr;
	if (before.slot)
		return write_by_slot(&before, at);
	make_jump(jump, before.addr, at);
	return edit(before.addr, jump, TEXT_JUMP, true);
}

static unsigned long landings[LANDINGS_MAX]; /* pages of punned jumps */
static unsigned int nr_landings;

static bool landing_page(unsigned long page)
{
	for (unsigned int i = 0; i < nr_landings; i++) {
		if (landings[i] == page)
			return true;
	}
	if (nr_landings == LANDINGS_MAX || !map_code(page, PAGE))
		return false;
	landings[nr_landings++] = page;
	return true;
}

static bool landing_free(unsigned long at, unsigned int len)
{
	unsigned char now[TEXT_FAR_JUMP];

	if (copy_from_program(now, at, len) < 0)
		return false;
	for (unsigned int i = 0; i < len; i++) {
		if (now[i])
			return false;
	}
	return true;
}

/* A free place in [low, high), which may touch two pages; 0 if there is none. */
static unsigned long take_landing(unsigned long low, unsigned long high, unsigned int len)
{
	for (unsigned long page = low & -PAGE; page < high; page += PAGE) {
		unsigned long from = page < low ? low : page;
		unsigned long end = high - 1 + len;
		unsigned long to = page + PAGE < end ? page + PAGE : end;

		if (from + len > to || !landing_page(page))
			continue;
		for (; from + len <= to; from++) {
			if (landing_free(from, len))
				return from;
		}
	}
	return 0;
}

static bool use_pun(struct wy_site *site)
{
	unsigned char next[3], code[TEXT_FAR_JUMP], jump[2];
	unsigned long stub = wy_site_stub(site), window, at;
	unsigned int len;

	if (!text_site_in_word(site->addr) || copy_from_program(next, site->addr + 2, 3) < 0)
		return false;
	window = site->addr + 5 +
		 (unsigned long)(long)(int)((unsigned int)next[0] << 8 |
					    (unsigned int)next[1] << 16 |
					    (unsigned int)next[2] << 24);
	len = in_reach(window, stub) ? TEXT_JUMP : TEXT_FAR_JUMP;
	at = take_landing(window, window + 256, len);
	if (!at)
		return false;
	len = make_jump(code, at, stub);
	if (!add_outlier(at, site->addr, NULL) ||
	    !add_edit(site->addr + 2, next, next, 3, false, true) ||
	    wy_code_write(&writer, at, code, len) < 0)
		return false;
	wy_code_sync();
	jump[0] = 0xe9;
	jump[1] = (unsigned char)(at - window);
	return edit(site->addr, jump, 2, true);
}

static enum wy_site_how climb(struct wy_site *site)
{
	struct text text = { .read = read_original, .taken = taken };
	enum wy_site_how how;
	struct wy_module m;

	if (wy_module_find(site->addr, &m) < 0 ||
	    (m.map.flags & (WY_MAP_READ | WY_MAP_WRITE | WY_MAP_EXEC | WY_MAP_SHARED)) !=
		    (WY_MAP_READ | WY_MAP_EXEC))
		return WY_SITE_SIGNAL;
	if (!m.map.inode && site->trips < HOT)
		return WY_SITE_SIGNAL;
	text.frames = m.frames;
	text.frames_len = m.frames_len;
	wy_code_begin(&writer, &m.map);
	how = use_padding(site, &text)       ? WY_SITE_PADDING :
	      use_before(site, &text, false) ? WY_SITE_BEFORE :
	      use_pun(site)                  ? WY_SITE_PUN :
	      use_before(site, &text, true)  ? WY_SITE_BEFORE :
					       WY_SITE_SIGNAL;
	return wy_code_end(&writer) < 0 ? WY_SITE_SIGNAL : how;
}

bool wy_site_stands(const struct wy_site *site)
{
	return site_is_syscall(site) || taken(NULL, site->addr, 2);
}

static void count_how(enum wy_site_how how, unsigned long n)
{
	unsigned long *counter = how == WY_SITE_PADDING ? &wy_session->sites_padding :
				 how == WY_SITE_BEFORE  ? &wy_session->sites_before :
				 how == WY_SITE_PUN     ? &wy_session->sites_pun :
							  &wy_session->sites_signal;

	__atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

/* Calls whose thread has no stack any more, or whose place others know by its bytes. */
static bool leave_alone(long nr)
{
	return (int)nr == __NR_exit || (int)nr == __NR_rt_sigreturn;
}

/* A burst of undoing, which goes from mapping to mapping. */
struct undoing {
	struct wy_module m;
	bool writing;
};

static void undo_edit(struct undoing *u, const struct edit *e)
{
	if (!still_ours(e))
		return;
	if (!u->writing || e->addr < u->m.map.start || e->addr >= u->m.map.end) {
		if (u->writing)
			wy_code_end(&writer);
		if (wy_module_find(e->addr, &u->m) < 0)
			u->m.map.start = u->m.map.end = 0;
		wy_code_begin(&writer, u->m.map.end ? &u->m.map : NULL);
		u->writing = true;
	}
	wy_code_write(&writer, e->addr, e->old, e->len);
}

void wy_rewrite_undo(unsigned long start, unsigned long len)
{
	unsigned long low = start > REACH_OF_SHORT_JUMP ? start - REACH_OF_SHORT_JUMP : 0;
	unsigned long room = -1ul - start;
	unsigned long high = len < room - REACH_OF_SHORT_JUMP ? start + len + REACH_OF_SHORT_JUMP :
								-1ul;
	struct undoing u = { .writing = false };

	wy_lock(WY_LOCK_REWRITE);
	for (unsigned int i = 0; i < nr_edits; i++) {
		if (edits[i].entry && edits[i].addr >= low && edits[i].addr < high)
			undo_edit(&u, &edits[i]);
	}
	if (u.writing)
		wy_code_end(&writer);
	wy_unlock(WY_LOCK_REWRITE);
}

bool wy_rewrite_undo_all(void)
{
	struct undoing u = { .writing = false };
	bool all = true;

	wy_lock(WY_LOCK_REWRITE);
	/* The last first: one may lie on another that is forgotten. */
	for (unsigned int i = nr_edits; i-- > 0;) {
		if (!edits[i].depends)
			undo_edit(&u, &edits[i]);
	}
	if (u.writing)
		wy_code_end(&writer);
	for (unsigned int i = 0; i < nr_edits; i++)
		all &= edits[i].depends || !still_ours(&edits[i]);
	wy_unlock(WY_LOCK_REWRITE);
	return all;
}

void wy_site_rewrite(struct wy_site *site, long nr)
{
	enum wy_site_how how;

	if ((wy_session->flags & WY_NO_PATCH) || wy_gs_is_theirs || leave_alone(nr))
		return;
	wy_lock(WY_LOCK_REWRITE);
	if (!site_is_syscall(site) ||
	    (site->how == WY_SITE_BEFORE && taken(NULL, site->before, 1))) {
		/* Somebody was faster, or a branch entered behind the jump. */
		site->next_try = site->trips * 2;
	} else {
		how = climb(site);
		if (how != site->how) {
			count_how(site->how, -1ul);
			count_how(how, 1);
			site->how = how;
		}
		/* When a rewritten site trips again, its code was replaced. */
		site->next_try = how == WY_SITE_SIGNAL ? site->trips * 4 : site->trips + 1;
	}
	wy_unlock(WY_LOCK_REWRITE);
}
