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
 * - between two functions of the unwind tables (.eh_frame), if the whole gap is
 *   nops and int3 and the function before it, decoded from its start to its end,
 *   ends in a jump, a return or a call (which does not return, else it would run
 *   off its end) and does not branch into the gap.  All of this is needed: in
 *   glibc __memcpy_chk runs through the nops behind it into memcpy, and compilers
 *   branch to a function's end where they think it cannot be reached.
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
 * was decoded from its start (unwind tables) and the decoding arrived exactly
 * at the site and at the function's end; no direct branch of the function leads
 * into its middle.
 *
 * What is written is one aligned 8-byte word.  If the jump does not lie in one, its
 * last bytes are those that stand there already, and only its first ones are chosen:
 * `mov $number,%eax` ends in zeros, which leaves 64 KB or 16 MB ahead, and some
 * padding between functions there takes the long jump.
 *
 * Not done: code without unwind tables is never decoded backwards.  Not even
 * `mov $number,%eax` before the site is believed, although its bytes can be
 * compared with the number that was seen: the same bytes end `mov $number,%r8d`
 * and `movl $number,-72(%rsp)`, and the thread may have jumped to the site.
 */
#include <elf.h>
#include <stddef.h>

#include "agent/arch/x86_64/insn.h"
#include "agent/text.h"

#define FUNC_MAX    (64ul << 10) /* longer functions are not decoded */
#define GAPS_MAX    1000         /* nor are more gaps looked at for one place */
#define REACH_BACK  126          /* site + 2 - 128 */
#define REACH_AHEAD 129          /* site + 2 + 127 */

static bool read_at(const struct text *t, unsigned long addr, void *buf, unsigned long len)
{
	return t->read(t->ctx, addr, buf, len);
}

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
	if (!read_at(v->t, addr, v->buf, len)) {
		/* the mapping may end with this page */
		if (len <= page || !read_at(v->t, addr, v->buf, page))
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

/*
 * The unwind tables: PT_GNU_EH_FRAME holds a sorted table of functions, each
 * with the address of its FDE in .eh_frame, which knows its length and refers
 * to a CIE, which knows how addresses are written.  Only the encodings that
 * linkers use for the sorted table are known: 32 bits from the table's start.
 */
static uint32_t u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static unsigned long frames_count(const struct text *t)
{
	uint8_t head[12];

	if (t->frames_len < sizeof(head) || !read_at(t, t->frames, head, sizeof(head)))
		return 0;
	/* version 1; .eh_frame's address 4 bytes; count udata4; table datarel sdata4 */
	if (head[0] != 1 || head[1] != 0x1b || head[2] != 0x03 || head[3] != 0x3b)
		return 0;
	if (u32(head + 8) > (t->frames_len - sizeof(head)) / 8)
		return 0;
	return u32(head + 8);
}

static bool frames_entry(const struct text *t, unsigned long i, unsigned long *ret_start,
			 unsigned long *ret_fde)
{
	uint8_t e[8];

	if (!read_at(t, t->frames + 12 + 8 * i, e, sizeof(e)))
		return false;
	*ret_start = t->frames + (unsigned long)(int32_t)u32(e);
	if (ret_fde)
		*ret_fde = t->frames + (unsigned long)(int32_t)u32(e + 4);
	return true;
}

/* How many functions of the table start at or before pc. */
static unsigned long frames_until(const struct text *t, unsigned long count, unsigned long pc)
{
	unsigned long lo = 0, hi = count, start;

	while (lo < hi) {
		unsigned long mid = lo + (hi - lo) / 2;

		if (!frames_entry(t, mid, &start, NULL))
			return 0;
		if (start <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A bounded walk over a few bytes; `bad` once it left them. */
struct bytes {
	const uint8_t *p, *end;
	bool bad;
};

static uint8_t take(struct bytes *b)
{
	if (b->p == b->end) {
		b->bad = true;
		return 0;
	}
	return *b->p++;
}

static void skip_leb128(struct bytes *b)
{
	while (take(b) & 0x80)
		;
}

/* Bytes of a pointer in one of the fixed-size encodings, 0 for any other. */
static unsigned int pointer_size(uint8_t enc)
{
	switch (enc & 0x0f) {
	case 0x00:
	case 0x04:
	case 0x0c: return 8;
	case 0x02:
	case 0x0a: return 2;
	case 0x03:
	case 0x0b: return 4;
	}
	return 0;
}

/* How the FDEs of the CIE at addr write addresses. */
static bool cie_encoding(const struct text *t, unsigned long addr, uint8_t *ret_enc,
			 bool *ret_signal)
{
	uint8_t buf[64];
	struct bytes b = { .p = buf, .end = buf };
	const uint8_t *letter;
	uint8_t version;

	if (!read_at(t, addr, buf, 8) || u32(buf) < 8 || u32(buf) >= 0xfffffff0 ||
	    u32(buf + 4) != 0)
		return false;
	b.end += u32(buf) + 4 < sizeof(buf) ? u32(buf) + 4 : sizeof(buf);
	if (!read_at(t, addr, buf, b.end - buf))
		return false;
	b.p += 8;
	version = take(&b);
	if (version != 1 && version != 3)
		return false;
	letter = b.p;
	while (take(&b) != 0)
		;
	skip_leb128(&b); /* code alignment */
	skip_leb128(&b); /* data alignment */
	if (version == 1)
		take(&b); /* return address column */
	else
		skip_leb128(&b);
	*ret_enc = 0;
	*ret_signal = false;
	if (b.bad)
		return false;
	if (*letter == 0)
		return true;
	if (*letter++ != 'z')
		return false;
	skip_leb128(&b); /* length of what follows */
	for (; *letter; letter++) {
		unsigned int skip = 0;

		switch (*letter) {
		case 'R': *ret_enc = take(&b); break;
		case 'L': take(&b); break;
		case 'P':
			skip = pointer_size(take(&b));
			if (skip == 0)
				return false;
			break;
		case 'S': *ret_signal = true; break;
		case 'B': break;
		default: return false;
		}
		while (skip--)
			take(&b);
	}
	return !b.bad;
}

/* Fills in start, end and signal_frame. */
static bool fde_range(const struct text *t, unsigned long addr, struct text_func *ret)
{
	uint8_t buf[24];
	unsigned long len, value;
	uint32_t back;
	uint8_t enc;

	if (!read_at(t, addr, buf, 8) || u32(buf) < 12 || u32(buf) >= 0xfffffff0)
		return false;
	back = u32(buf + 4); /* from its own place to the CIE; 0: this is a CIE */
	if (back == 0 || !cie_encoding(t, addr + 4 - back, &enc, &ret->signal_frame))
		return false;
	switch (enc) {
	case 0x1b: /* pcrel sdata4 */
		if (!read_at(t, addr + 8, buf, 8))
			return false;
		value = addr + 8 + (unsigned long)(int32_t)u32(buf);
		len = u32(buf + 4);
		break;
	case 0x03:
	case 0x0b: /* absolute, 4 bytes */
		if (!read_at(t, addr + 8, buf, 8))
			return false;
		value = enc == 0x03 ? u32(buf) : (unsigned long)(int32_t)u32(buf);
		len = u32(buf + 4);
		break;
	case 0x00:
	case 0x04:
	case 0x0c:
	case 0x10:
	case 0x14:
	case 0x1c: /* 8 bytes */
		if (!read_at(t, addr + 8, buf, 16))
			return false;
		value = u32(buf) | (unsigned long)u32(buf + 4) << 32;
		if (enc & 0x10)
			value += addr + 8;
		len = u32(buf + 8) | (unsigned long)u32(buf + 12) << 32;
		break;
	default: return false;
	}
	ret->start = value;
	ret->end = value + len;
	return ret->end >= value;
}

/* The table's function number i. */
static bool frames_func(const struct text *t, unsigned long count, unsigned long i,
			struct text_func *ret)
{
	unsigned long start, fde;

	if (!frames_entry(t, i, &start, &fde) || !fde_range(t, fde, ret) || ret->start != start)
		return false;
	ret->next = 0;
	return i + 1 == count || frames_entry(t, i + 1, &ret->next, NULL);
}

/*
 * Making the table.  It is sorted as a heap first: a linker leaves functions nearly in
 * order, but nothing promises that.
 */
static unsigned long row_start(const uint8_t *rows, unsigned long i)
{
	/* offsets are signed: with the sign bit turned they compare as unsigned */
	return u32(rows + 8 * i) ^ 0x80000000u;
}

static void rows_swap(uint8_t *rows, unsigned long i, unsigned long j)
{
	for (unsigned int k = 0; k < 8; k++) {
		uint8_t byte = rows[8 * i + k];

		rows[8 * i + k] = rows[8 * j + k];
		rows[8 * j + k] = byte;
	}
}

static void rows_sift(uint8_t *rows, unsigned long i, unsigned long count)
{
	unsigned long child;

	while ((child = 2 * i + 1) < count) {
		if (child + 1 < count && row_start(rows, child + 1) > row_start(rows, child))
			child++;
		if (row_start(rows, i) >= row_start(rows, child))
			return;
		rows_swap(rows, i, child);
		i = child;
	}
}

static void rows_sort(uint8_t *rows, unsigned long count)
{
	for (unsigned long i = count / 2; i-- > 0;)
		rows_sift(rows, i, count);
	while (count > 1) {
		rows_swap(rows, 0, --count);
		rows_sift(rows, 0, count);
	}
}

static bool fits32(unsigned long offset)
{
	return offset + 0x80000000 <= 0xffffffff;
}

static void put32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = value >> 8 * i;
}

static void table_head(uint8_t *out, uint32_t eh_frame, unsigned long count)
{
	out[0] = 1;
	out[1] = 0x1b;
	out[2] = 0x03;
	out[3] = 0x3b;
	put32(out + 4, eh_frame);
	put32(out + 8, count);
}

unsigned long text_frames_build(const struct text *t, unsigned long eh_frame, unsigned long len,
				uint8_t *out, unsigned long out_addr, unsigned long out_len)
{
	unsigned long addr = eh_frame, count = 0, room = out_len < 12 ? 0 : (out_len - 12) / 8;
	uint8_t head[8], *row;

	while (eh_frame + len - addr >= 8 && read_at(t, addr, head, 8) && u32(head) != 0) {
		struct text_func f;

		if (u32(head) < 4 || u32(head) > eh_frame + len - addr - 4)
			return 0;
		if (u32(head + 4) != 0) { /* no CIE */
			unsigned long start, fde = addr - out_addr;

			if (!fde_range(t, addr, &f))
				return 0;
			start = f.start - out_addr;
			if (!fits32(start) || !fits32(fde) || count == room)
				return 0;
			if (f.start != f.end) {
				row = out + 12 + 8 * count++;
				put32(row, start);
				put32(row + 4, fde);
			}
		}
		addr += 4 + u32(head);
	}
	if (count == 0)
		return 0;
	rows_sort(out + 12, count);
	table_head(out, eh_frame - (out_addr + 4), count);
	return 12 + 8 * count;
}

/*
 * The FDEs that symbols make are the shortest possible: length, way back to the CIE,
 * start, length of the function, both pcrel sdata4.  They stand behind the table.
 */
#define MADE_CIE 20
#define MADE_FDE 16

static bool symbol_func(const uint8_t *sym, unsigned long bias, unsigned long *ret_start,
			unsigned long *ret_len)
{
	*ret_start = u32(sym + 8) + ((unsigned long)u32(sym + 12) << 32) + bias;
	*ret_len = u32(sym + 16) + ((unsigned long)u32(sym + 20) << 32);
	/* st_info: a function; st_shndx: defined here, not absolute */
	return (sym[4] & 15) == STT_FUNC && (sym[6] | sym[7]) != 0 && sym[7] != 0xff &&
	       *ret_len != 0 && *ret_len <= FUNC_MAX;
}

unsigned long text_symbols_build(const struct text *t, unsigned long symbols, unsigned long nr,
				 unsigned long bias, uint8_t *out, unsigned long out_addr,
				 unsigned long out_len)
{
	static const uint8_t cie[MADE_CIE] = {
		MADE_CIE - 4, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b,
	};
	unsigned long count = 0, kept = 0, room, fdes, start, len;
	uint8_t sym[24], *row;

	/* first the rows: start, and length where the FDE's place will be */
	room = out_len < 12 + MADE_CIE ? 0 : (out_len - 12 - MADE_CIE) / (8 + MADE_FDE);
	for (unsigned long i = 0; i < nr; i++) {
		if (!read_at(t, symbols + i * sizeof(sym), sym, sizeof(sym)))
			return 0;
		if (!symbol_func(sym, bias, &start, &len))
			continue;
		start -= out_addr;
		if (!fits32(start) || count == room)
			return 0;
		row = out + 12 + 8 * count++;
		put32(row, start);
		put32(row + 4, len);
	}
	rows_sort(out + 12, count);
	/* names for one function, or for places in it, are one function */
	for (unsigned long i = 0; i < count; i++) {
		uint8_t *last = out + 12 + 8 * kept - 8;
		uint32_t inside;

		row = out + 12 + 8 * i;
		inside = kept ? u32(row) - u32(last) : 0;
		if (kept && inside < u32(last + 4)) {
			if (u32(last + 4) - inside < u32(row + 4))
				put32(last + 4, inside + u32(row + 4));
			continue;
		}
		if (i != kept)
			rows_swap(out + 12, i, kept);
		kept++;
	}
	if (kept == 0)
		return 0;
	fdes = 12 + 8 * kept;
	for (unsigned int i = 0; i < MADE_CIE; i++)
		out[fdes + i] = cie[i];
	for (unsigned long i = 0; i < kept; i++) {
		unsigned long at = fdes + MADE_CIE + i * MADE_FDE;
		uint8_t *fde = out + at;

		row = out + 12 + 8 * i;
		put32(fde, MADE_FDE - 4);
		put32(fde + 4, at + 4 - fdes);
		put32(fde + 8, u32(row) - (at + 8));
		put32(fde + 12, u32(row + 4));
		put32(row + 4, at);
	}
	table_head(out, fdes - 4, kept);
	return fdes + MADE_CIE + kept * MADE_FDE;
}

bool text_fde_find(const struct text *t, unsigned long pc, struct text_func *ret)
{
	unsigned long count = frames_count(t);
	unsigned long i = frames_until(t, count, pc);
	struct text_func f;

	if (i == 0 || !frames_func(t, count, i - 1, &f) || pc >= f.end)
		return false;
	*ret = f;
	return true;
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
	unsigned long count = frames_count(t);
	unsigned long i = frames_until(t, count, lo);
	unsigned int tries = GAPS_MAX;

	for (i = i ? i - 1 : 0; i < count && tries > 0; i++, tries--) {
		unsigned long place;
		struct text_func f;

		if (!frames_func(t, count, i, &f) || f.next == 0 || f.end > hi)
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
	fixed = (unsigned long)(int32_t)(u32(bytes + 1) & ~0u << 8 * chosen);
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
