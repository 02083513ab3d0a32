/* SPDX-License-Identifier: Apache-2.0 */
/*
 * funcs.h - where functions start and end: unwind tables, and tables that are made
 * for code which has none.  Pure functions, as in text.h.
 */
#ifndef WY_AGENT_FUNCS_H
#define WY_AGENT_FUNCS_H

#include "agent/text.h"

/* A function, or a part of one, as the module's unwind tables describe it. */
struct text_func {
	unsigned long start, end;
	unsigned long next; /* start of the function behind it, 0: it is the last one */
	bool signal_frame;  /* a signal restorer: unwinders know it by its bytes */
};

/* The function that pc is in; false if the tables cannot be read or do not cover pc. */
bool text_fde_find(const struct text *t, unsigned long pc, struct text_func *ret);

/*
 * For a walk over the table: how many functions it has (0: it cannot be read), how many
 * of those start at or before pc, and number i, false if its FDE does not fit.
 */
unsigned long text_frames_count(const struct text *t);
unsigned long text_frames_until(const struct text *t, unsigned long count, unsigned long pc);
bool text_frames_func(const struct text *t, unsigned long count, unsigned long i,
		      struct text_func *ret);

/*
 * Programs that are linked statically and not as PIE have .eh_frame (len bytes at
 * eh_frame) but no PT_GNU_EH_FRAME.  Makes one in `out`, which will be seen by t->read
 * at out_addr; t->frames is not looked at.  Returns its length, 12 + 8 bytes for each
 * function; 0 if there is nothing, something is not understood, out_len is too small,
 * or out_addr is not within 2 GB of all of it.
 */
unsigned long text_frames_build(const struct text *t, unsigned long eh_frame, unsigned long len,
				uint8_t *out, unsigned long out_addr, unsigned long out_len);

/*
 * The same from a symbol table (nr entries at `symbols`, DT_SYMTAB; bias: what was added
 * to the module's addresses), for code that has no unwind tables: musl.  Needs 32 + 24
 * bytes for each function.
 */
unsigned long text_symbols_build(const struct text *t, unsigned long symbols, unsigned long nr,
				 unsigned long bias, uint8_t *out, unsigned long out_addr,
				 unsigned long out_len);

static inline bool text_read(const struct text *t, unsigned long addr, void *buf, unsigned long len)
{
	return t->read(t->ctx, addr, buf, len);
}

static inline uint32_t text_u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

#endif
