/* SPDX-License-Identifier: Apache-2.0 */
/*
 * funcs.c - where functions start and end.
 *
 * PT_GNU_EH_FRAME holds a sorted table of functions, each with the address of its
 * FDE in .eh_frame, which knows its length and refers to a CIE, which knows how
 * addresses are written.  Only the encodings that linkers use for the sorted table
 * are known: 32 bits from the table's start.
 *
 * Code without such a table gets one that is made here, of .eh_frame itself or of a
 * symbol table, in the same form, so that nothing else has to tell them apart.  A
 * made table can know fewer functions than there are.  That does no harm: what lies
 * between two functions counts as padding only if all of it is filling (text.c).
 */
#include <elf.h>
#include <stddef.h>

#include "agent/funcs.h"

#define LEN_MAX (1ul << 24) /* a symbol that is longer is no function */

unsigned long text_frames_count(const struct text *t)
{
	uint8_t head[12];

	if (t->frames_len < sizeof(head) || !text_read(t, t->frames, head, sizeof(head)))
		return 0;
	/* version 1; .eh_frame's address 4 bytes; count udata4; table datarel sdata4 */
	if (head[0] != 1 || head[1] != 0x1b || head[2] != 0x03 || head[3] != 0x3b)
		return 0;
	if (text_u32(head + 8) > (t->frames_len - sizeof(head)) / 8)
		return 0;
	return text_u32(head + 8);
}

static bool frames_entry(const struct text *t, unsigned long i, unsigned long *ret_start,
			 unsigned long *ret_fde)
{
	uint8_t e[8];

	if (!text_read(t, t->frames + 12 + 8 * i, e, sizeof(e)))
		return false;
	*ret_start = t->frames + (unsigned long)(int32_t)text_u32(e);
	if (ret_fde)
		*ret_fde = t->frames + (unsigned long)(int32_t)text_u32(e + 4);
	return true;
}

/* How many functions of the table start at or before pc. */
unsigned long text_frames_until(const struct text *t, unsigned long count, unsigned long pc)
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
struct cie {
	unsigned long addr; /* 0: nothing is known */
	uint8_t enc;
	bool signal;
};

static bool cie_read(const struct text *t, unsigned long addr, struct cie *ret)
{
	uint8_t buf[64];
	struct bytes b = { .p = buf, .end = buf };
	const uint8_t *letter;
	uint8_t version;

	ret->addr = 0;
	if (!text_read(t, addr, buf, 8) || text_u32(buf) < 8 || text_u32(buf) >= 0xfffffff0 ||
	    text_u32(buf + 4) != 0)
		return false;
	b.end += text_u32(buf) + 4 < sizeof(buf) ? text_u32(buf) + 4 : sizeof(buf);
	if (!text_read(t, addr, buf, b.end - buf))
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
	ret->enc = 0;
	ret->signal = false;
	if (b.bad || (*letter && *letter != 'z'))
		return false;
	if (*letter) {
		letter++;
		skip_leb128(&b); /* length of what follows */
	}
	for (; *letter; letter++) {
		unsigned int skip = 0;

		switch (*letter) {
		case 'R': ret->enc = take(&b); break;
		case 'L': take(&b); break;
		case 'P':
			skip = pointer_size(take(&b));
			if (skip == 0)
				return false;
			break;
		case 'S': ret->signal = true; break;
		case 'B': break;
		default: return false;
		}
		while (skip--)
			take(&b);
	}
	ret->addr = b.bad ? 0 : addr;
	return !b.bad;
}

/* Fills in start, end and signal_frame; cie is what was read last. */
static bool fde_range(const struct text *t, unsigned long addr, struct cie *cie,
		      struct text_func *ret)
{
	uint8_t buf[24];
	unsigned long len, value;
	uint32_t back;

	if (!text_read(t, addr, buf, 8) || text_u32(buf) < 12 || text_u32(buf) >= 0xfffffff0)
		return false;
	back = text_u32(buf + 4); /* from its own place to the CIE; 0: this is a CIE */
	if (back == 0)
		return false;
	if (cie->addr != addr + 4 - back && !cie_read(t, addr + 4 - back, cie))
		return false;
	ret->signal_frame = cie->signal;
	switch (cie->enc) {
	case 0x1b: /* pcrel sdata4 */
		if (!text_read(t, addr + 8, buf, 8))
			return false;
		value = addr + 8 + (unsigned long)(int32_t)text_u32(buf);
		len = text_u32(buf + 4);
		break;
	case 0x03:
	case 0x0b: /* absolute, 4 bytes */
		if (!text_read(t, addr + 8, buf, 8))
			return false;
		value = cie->enc == 0x03 ? text_u32(buf) : (unsigned long)(int32_t)text_u32(buf);
		len = text_u32(buf + 4);
		break;
	case 0x00:
	case 0x04:
	case 0x0c:
	case 0x10:
	case 0x14:
	case 0x1c: /* 8 bytes */
		if (!text_read(t, addr + 8, buf, 16))
			return false;
		value = text_u32(buf) | (unsigned long)text_u32(buf + 4) << 32;
		if (cie->enc & 0x10)
			value += addr + 8;
		len = text_u32(buf + 8) | (unsigned long)text_u32(buf + 12) << 32;
		break;
	default: return false;
	}
	ret->start = value;
	ret->end = value + len;
	return ret->end >= value;
}

/* The table's function number i. */
bool text_frames_func(const struct text *t, unsigned long count, unsigned long i,
		      struct text_func *ret)
{
	struct cie cie = { 0 };
	unsigned long start, fde;

	if (!frames_entry(t, i, &start, &fde) || !fde_range(t, fde, &cie, ret) ||
	    ret->start != start)
		return false;
	ret->next = 0;
	return i + 1 == count || frames_entry(t, i + 1, &ret->next, NULL);
}

/*
 * Making the table.  A linker leaves functions nearly in order, but nothing promises
 * that: its rows are sorted as a heap.
 */
static uint64_t row_get(const uint8_t *rows, unsigned long i)
{
	uint64_t row;

	__builtin_memcpy(&row, rows + 8 * i, sizeof(row));
	return row;
}

static void row_put(uint8_t *rows, unsigned long i, uint64_t row)
{
	__builtin_memcpy(rows + 8 * i, &row, sizeof(row));
}

/* Where it starts; offsets are signed: with the sign bit turned they compare as unsigned. */
static uint32_t row_key(uint64_t row)
{
	return (uint32_t)row ^ 0x80000000u;
}

/* Puts a row where it belongs from i on down. */
static void rows_sift(uint8_t *rows, unsigned long i, unsigned long count, uint64_t row)
{
	unsigned long child;

	while ((child = 2 * i + 1) < count) {
		uint64_t larger = row_get(rows, child);

		if (child + 1 < count && row_key(row_get(rows, child + 1)) > row_key(larger))
			larger = row_get(rows, ++child);
		if (row_key(row) >= row_key(larger))
			break;
		row_put(rows, i, larger);
		i = child;
	}
	row_put(rows, i, row);
}

static void rows_sort(uint8_t *rows, unsigned long count)
{
	for (unsigned long i = count / 2; i-- > 0;)
		rows_sift(rows, i, count, row_get(rows, i));
	while (count > 1) {
		uint64_t last = row_get(rows, --count);

		row_put(rows, count, row_get(rows, 0));
		rows_sift(rows, 0, count, last);
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
	struct cie cie = { 0 };
	uint8_t head[8], *row;

	while (eh_frame + len - addr >= 8 && text_read(t, addr, head, 8) && text_u32(head) != 0) {
		struct text_func f;

		if (text_u32(head) < 4 || text_u32(head) > eh_frame + len - addr - 4)
			return 0;
		if (text_u32(head + 4) != 0) { /* no CIE */
			unsigned long start, fde = addr - out_addr;

			if (!fde_range(t, addr, &cie, &f))
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
		addr += 4 + text_u32(head);
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
	*ret_start = text_u32(sym + 8) + ((unsigned long)text_u32(sym + 12) << 32) + bias;
	*ret_len = text_u32(sym + 16) + ((unsigned long)text_u32(sym + 20) << 32);
	/* st_info: a function; st_shndx: defined here, not absolute */
	return (sym[4] & 15) == STT_FUNC && (sym[6] | sym[7]) != 0 && sym[7] != 0xff &&
	       *ret_len != 0 && *ret_len <= LEN_MAX;
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
		if (!text_read(t, symbols + i * sizeof(sym), sym, sizeof(sym)))
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
		inside = kept ? text_u32(row) - text_u32(last) : 0;
		if (kept && inside < text_u32(last + 4)) {
			if (text_u32(last + 4) - inside < text_u32(row + 4))
				put32(last + 4, inside + text_u32(row + 4));
			continue;
		}
		row_put(out + 12, kept++, row_get(out + 12, i));
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
		put32(fde + 8, text_u32(row) - (at + 8));
		put32(fde + 12, text_u32(row + 4));
		put32(row + 4, at);
	}
	table_head(out, fdes - 4, kept);
	return fdes + MADE_CIE + kept * MADE_FDE;
}

bool text_fde_find(const struct text *t, unsigned long pc, struct text_func *ret)
{
	unsigned long count = text_frames_count(t);
	unsigned long i = text_frames_until(t, count, pc);
	struct text_func f;

	if (i == 0 || !text_frames_func(t, count, i - 1, &f) || pc >= f.end)
		return false;
	*ret = f;
	return true;
}
