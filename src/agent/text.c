/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.c - finds what can be rewritten around a system call site.
 *
 * A syscall instruction has two bytes and a jump to anywhere has five.  There
 * are two ways out here (a third, the punned jump, needs no look at the code):
 *
 * Padding.  A short jump fits over the syscall and reaches 128 bytes either
 * way; the filling between functions there is never executed and has room for
 * the long jump.  Filling that looks dead may not be: a branch may lead to its
 * first byte, or the code before it may run into it.  So it counts only
 *
 * - between two functions of the unwind tables (or of a table that was made for code
 *   without them, module.c), if the whole gap is nops and int3 and the function
 *   before it, decoded from its start to its end, ends in a jump, a return or a call
 *   (which does not return, else it would run off its end) and does not branch into
 *   the gap.  All of this is needed: in glibc __memcpy_chk runs through the nops
 *   behind it into memcpy, and compilers branch to a function's end where they think
 *   it cannot be reached.
 * - elsewhere only int3, right behind an unconditional jump or return that is
 *   known to be one because the way to it was followed from the site itself,
 *   instruction by instruction and branch by branch.  Go fills so.  Nops do not
 *   count there: when a loop is aligned, a branch may lead to the nops before it
 *   (libLLVM has such a one, 12 bytes long and right behind a jmp), and nothing
 *   tells them from those between functions.
 *
 * An instruction before the site.  If it has five bytes, a jump replaces it
 * whole and executes a copy of it elsewhere.  No thread can be inside one
 * instruction.  A branch that enters behind it finds the original bytes and
 * the original syscall.  It is known to be an instruction because its function
 * was decoded from its start (known as above) and the decoding arrived exactly
 * at the site and at the function's end; no direct branch of the function leads
 * into its middle.
 *
 * What is written is one aligned 8-byte word.  If the jump does not lie in one, its
 * last bytes are those that stand there already, and only its first ones are chosen:
 * `mov $number,%eax` ends in zeros, which leaves 64 KB or 16 MB ahead, and some
 * padding between functions there takes the long jump.
 *
 * Not done: code whose function is not known is never decoded backwards.  Not even
 * `mov $number,%eax` before the site is believed, although its bytes can be
 * compared with the number that was seen: the same bytes end `mov $number,%r8d`
 * and `movl $number,-72(%rsp)`, and the thread may have jumped to the site.
 */
#include "agent/arch/x86_64/insn.h"
#include "agent/funcs.h"

#define FUNC_MAX    (64ul << 10) /* longer functions are not decoded */
#define GAPS_MAX    1000         /* nor are more gaps looked at for one place */
#define REACH_BACK  126          /* site + 2 - 128 */
#define REACH_AHEAD 129          /* site + 2 + 127 */

/* Code, read in blocks up to `limit`. */
struct view {
	const struct text *t;
	unsigned long limit;
	unsigned long at; /* what buf holds: len bytes from here */
	unsigned long len;
	uint8_t buf[256];
};

static void view_start(struct view *v, const struct text *t, unsigned long limit)
{
	v->t = t;
	v->limit = limit;
	v->at = v->len = 0;
}

/* Reads as much as can be had from addr on, which is below the limit. */
static bool view_fill(struct view *v, unsigned long addr)
{
	unsigned long len = v->limit - addr, page = 4096 - addr % 4096;

	if (len > sizeof(v->buf))
		len = sizeof(v->buf);
	v->at = addr;
	v->len = 0;
	if (!text_read(v->t, addr, v->buf, len)) {
		/* the mapping may end with this page */
		if (len <= page || !text_read(v->t, addr, v->buf, page))
			return false;
		len = page;
	}
	v->len = len;
	return true;
}

/* The bytes at addr; *ret_avail says how many.  NULL if there are none. */
static const uint8_t *view_bytes(struct view *v, unsigned long addr, unsigned long *ret_avail)
{
	unsigned long end = v->at + v->len;

	if (addr >= v->limit)
		return NULL;
	if (addr < v->at || addr >= end || (end - addr < INSN_MAX && end < v->limit)) {
		if (!view_fill(v, addr))
			return NULL;
		end = v->at + v->len;
	}
	*ret_avail = end - addr;
	return v->buf + (addr - v->at);
}

/* Decodes at addr.  Returns the bytes, NULL if they are no instruction or hardly one. */
static const uint8_t *view_decode(struct view *v, unsigned long addr, struct insn *ret)
{
	unsigned long avail;
	const uint8_t *bytes = view_bytes(v, addr, &avail);

	if (!bytes || insn_decode(bytes, avail, ret) <= 0 || insn_is_odd(ret))
		return NULL;
	return bytes;
}

/* The length of one piece of filling at addr, 0 if there is something else. */
static unsigned int view_filling(struct view *v, unsigned long addr)
{
	struct insn in;
	const uint8_t *bytes = view_decode(v, addr, &in);

	if (!bytes)
		return 0;
	if (in.map == 0 && in.opcode == 0xcc && in.len == 1)
		return 1;
	return insn_is_nop(&in, bytes) ? in.len : 0;
}

/* Is [start, end) filling and nothing else? */
static bool all_filling(const struct text *t, unsigned long start, unsigned long end)
{
	struct view v;
	unsigned int len;

	view_start(&v, t, end);
	for (; start < end; start += len) {
		len = view_filling(&v, start);
		if (len == 0)
			return false;
	}
	return start == end;
}

/* True if no thread gets from the function into the gap behind it; see the top. */
static bool gap_is_dead(const struct text *t, const struct text_func *f)
{
	struct view v;
	unsigned long addr = f->start, to;
	bool ended = false;
	struct insn in;

	if (f->end - f->start > FUNC_MAX)
		return false;
	view_start(&v, t, f->end);
	while (addr < f->end) {
		const uint8_t *bytes = view_decode(&v, addr, &in);

		if (!bytes)
			return false;
		if (!insn_is_nop(&in, bytes))
			ended = in.flow == INSN_JUMP || in.flow == INSN_CALL;
		if (insn_target(&in, bytes, addr, &to) && to >= f->end && to < f->next)
			return false;
		addr += in.len;
	}
	return ended && addr == f->end;
}

/*
 * The first of the places in [start, end) for len bytes that starts in [lo, hi] and is
 * not taken; 0 if there is none.
 */
static unsigned long place_in(const struct text *t, unsigned long start, unsigned long end,
			      unsigned long lo, unsigned long hi, unsigned int len)
{
	for (; start <= hi && start < end && end - start >= len; start++)
		if (start >= lo && !(t->taken && t->taken(t->ctx, start, len)))
			return start;
	return 0;
}

unsigned long text_padding_between(const struct text *t, unsigned long lo, unsigned long hi,
				   unsigned int len)
{
	unsigned long count = text_frames_count(t);
	unsigned long i = text_frames_until(t, count, lo);
	unsigned int tries = GAPS_MAX;

	for (i = i ? i - 1 : 0; i < count && tries > 0; i++, tries--) {
		unsigned long place;
		struct text_func f;

		if (!text_frames_func(t, count, i, &f) || f.next == 0 || f.end > hi)
			break;
		if (f.next <= f.end || f.end == f.start)
			continue;
		place = place_in(t, f.end, f.next, lo, hi, len);
		if (place && all_filling(t, f.end, f.next) && gap_is_dead(t, &f))
			return place;
	}
	return 0;
}

/*
 * Following the code from a site without knowing its function: a window around the
 * site, with a bit for each address that was or will be followed.
 */
#define WINDOW   320
#define WAYS_MAX 24
#define ENDS_MAX 16

struct follow {
	unsigned long base;
	uint64_t known[WINDOW / 64];
	unsigned long way[WAYS_MAX]; /* still to be followed */
	unsigned int ways;
	unsigned long end[ENDS_MAX]; /* right behind unconditional jumps */
	unsigned int ends;
};

static bool get_bit(const uint64_t *bits, unsigned long i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static void set_bit(uint64_t *bits, unsigned long i)
{
	bits[i / 64] |= (uint64_t)1 << i % 64;
}

/* True if the address is in the window and was not known. */
static bool follow_new(struct follow *f, unsigned long addr)
{
	if (addr - f->base >= WINDOW || get_bit(f->known, addr - f->base))
		return false;
	set_bit(f->known, addr - f->base);
	return true;
}

/* The end of the int3 that start at addr; addr if there are none, or no function could follow. */
static unsigned long traps_end(struct view *v, unsigned long addr)
{
	unsigned long end = addr, avail;
	const uint8_t *bytes;

	while (end - addr < 64 && (bytes = view_bytes(v, end, &avail)) && *bytes == 0xcc)
		end++;
	return end % 16 == 0 || end - addr == 64 ? end : addr;
}

/* Follows one way until it leaves the window, meets another, or ends. */
static void follow_way(struct follow *f, struct view *v, unsigned long addr)
{
	do {
		struct insn in;
		const uint8_t *bytes = view_decode(v, addr, &in);
		unsigned long to;

		/* a trap may be stepped over by whoever set it: proves nothing */
		if (!bytes || (in.map == 0 && (in.opcode == 0xcc || in.opcode == 0xf1)))
			return;
		if (insn_target(&in, bytes, addr, &to) && f->ways < WAYS_MAX && follow_new(f, to))
			f->way[f->ways++] = to;
		addr += in.len;
		if (in.flow == INSN_JUMP) {
			if (f->ends == ENDS_MAX)
				return;
			f->end[f->ends++] = addr;
			/* where a function can start, behind int3 or not, there is code again */
			addr = traps_end(v, addr);
			if (addr % 16 != 0)
				return;
		}
	} while (follow_new(f, addr));
}

static unsigned long padding_followed(const struct text *t, unsigned long site, unsigned int len)
{
	struct follow f;
	struct view v;

	f.base = site - WINDOW / 2;
	f.ways = f.ends = 0;
	for (unsigned int i = 0; i < WINDOW / 64; i++)
		f.known[i] = 0;
	view_start(&v, t, site + WINDOW);
	follow_way(&f, &v, site + 2);
	while (f.ways)
		follow_way(&f, &v, f.way[--f.ways]);
	for (unsigned int i = 0; i < f.ends; i++) {
		unsigned long start = f.end[i];
		unsigned long place = place_in(t, start, traps_end(&v, start), site - REACH_BACK,
					       site + REACH_AHEAD, len);
		if (place)
			return place;
	}
	return 0;
}

unsigned long text_padding_slot(const struct text *t, unsigned long site, unsigned int len)
{
	unsigned long place = text_padding_between(t, site - REACH_BACK, site + REACH_AHEAD, len);

	return place ? place : padding_followed(t, site, len);
}

/* The last instructions of a straight line, newest last. */
struct line {
	unsigned long addr[TEXT_BEFORE_MAX];
	uint8_t len[TEXT_BEFORE_MAX];
	unsigned int nr;
};

static void line_add(struct line *l, unsigned long addr, const struct insn *in)
{
	if (!insn_movable(in)) {
		l->nr = 0;
		return;
	}
	if (l->nr == TEXT_BEFORE_MAX) {
		for (unsigned int i = 1; i < TEXT_BEFORE_MAX; i++) {
			l->addr[i - 1] = l->addr[i];
			l->len[i - 1] = l->len[i];
		}
		l->nr--;
	}
	l->addr[l->nr] = addr;
	l->len[l->nr++] = in->len;
}

#define LINE_BYTES (TEXT_BEFORE_MAX * INSN_MAX)

/*
 * Where a jump at addr can lead if only its bytes in the first aligned word are
 * written.  False: it is all in one word.
 */
static bool jump_range(struct view *v, unsigned long addr, unsigned long *ret_lo,
		       unsigned long *ret_hi)
{
	unsigned int chosen = 7 - (addr & 7); /* bytes of the offset */
	unsigned long avail, fixed;
	const uint8_t *bytes;

	if (chosen >= 4)
		return false;
	bytes = view_bytes(v, addr, &avail);
	if (!bytes || avail < TEXT_JUMP)
		return false;
	fixed = (unsigned long)(int32_t)(text_u32(bytes + 1) & ~0u << 8 * chosen);
	*ret_lo = addr + TEXT_JUMP + fixed;
	*ret_hi = *ret_lo + ((1ul << 8 * chosen) - 1);
	return true;
}

/* Fills in ret->slot; false if no jump can be written at ret->addr. */
static bool before_slot(struct view *v, struct text_before *ret)
{
	unsigned long lo, hi;

	ret->slot = 0;
	if ((ret->addr & 7) <= 8 - TEXT_JUMP)
		return true;
	if (!jump_range(v, ret->addr, &lo, &hi))
		return false;
	ret->slot = text_padding_between(v->t, lo, hi, TEXT_JUMP);
	return ret->slot != 0;
}

bool text_insn_before(const struct text *t, unsigned long site, unsigned int max,
		      struct text_before *ret)
{
	struct line line = { .nr = 0 };
	uint64_t target[LINE_BYTES / 64 + 1] = { 0 }; /* bit i: a branch leads to site - i */
	struct text_func f;
	struct view v;
	unsigned long addr, to, entry;
	bool arrived = false, found = false, branched = false;
	struct insn in;

	if (!text_fde_find(t, site, &f) || f.signal_frame || f.end - f.start > FUNC_MAX)
		return false;
	view_start(&v, t, f.end);
	for (addr = f.start; addr < f.end; addr += in.len) {
		const uint8_t *bytes = view_decode(&v, addr, &in);

		if (!bytes)
			return false;
		if (insn_target(&in, bytes, addr, &to) && site - to <= LINE_BYTES)
			set_bit(target, site - to);
		if (addr == site)
			arrived = in.map == 1 && in.opcode == 0x05 && in.len == 2;
		else if (addr < site)
			line_add(&line, addr, &in);
	}
	if (!arrived || addr != f.end)
		return false;
	for (unsigned int i = 0; i < line.nr && i < max; i++) {
		unsigned int k = line.nr - 1 - i;
		struct text_before b = { .addr = line.addr[k], .len = line.len[k], .nr = i + 1 };
		bool split = false;

		/* branched: one leads to a place between this instruction and the site */
		for (entry = b.addr + 1; entry <= site && entry < b.addr + b.len; entry++)
			split |= get_bit(target, site - entry);
		branched |= split || get_bit(target, site - (b.addr + b.len));
		b.entered = branched;
		if (split || b.len < TEXT_JUMP || (found && b.entered))
			continue;
		if (t->taken && t->taken(t->ctx, b.addr, b.len))
			continue;
		if (!before_slot(&v, &b))
			continue;
		*ret = b;
		found = true;
		if (!b.entered)
			break;
	}
	return found;
}
