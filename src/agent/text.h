/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - what can be rewritten around a system call site.
 *
 * Pure functions: they look at the program's code through a callback and
 * change nothing.  text.c opens with what they take for granted and why the
 * places that they name may be written.
 */
#ifndef WY_AGENT_TEXT_H
#define WY_AGENT_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* What a question is about, filled in by the caller and never changed here. */
struct text {
	/*
	 * Copies len bytes of the program's memory at addr; false if they are not all
	 * there.  The bytes are those that stood there before anything was rewritten:
	 * a jump that was put over an instruction must not be seen as code.
	 */
	bool (*read)(void *ctx, unsigned long addr, void *buf, unsigned long len);
	/*
	 * Is one of the len bytes at addr part of something rewritten, or one that a
	 * rewritten jump depends on (the displacement of a punned jump)?
	 */
	bool (*taken)(void *ctx, unsigned long addr, unsigned long len);
	void *ctx;
	/* Where the module's PT_GNU_EH_FRAME lies in memory; frames_len 0: it has none. */
	unsigned long frames, frames_len;
};

#define TEXT_JUMP     5  /* e9 rel32 */
#define TEXT_FAR_JUMP 14 /* ff 25 00000000 and the target's 8 bytes */

/*
 * A short jump at `site` covers the two bytes of its syscall instruction.  They can
 * be exchanged in one store only if they lie in one aligned 8-byte word.
 */
static inline bool text_site_in_word(unsigned long site)
{
	return (site & 7) != 7;
}

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

/* A function, or a part of one, as the module's unwind tables describe it. */
struct text_func {
	unsigned long start, end;
	unsigned long next; /* start of the function behind it, 0: it is the last one */
	bool signal_frame;  /* a signal restorer: unwinders know it by its bytes */
};

/* The function that pc is in; false if the tables cannot be read or do not cover pc. */
bool text_fde_find(const struct text *t, unsigned long pc, struct text_func *ret);

/*
 * A place for a jump of len bytes (TEXT_JUMP or TEXT_FAR_JUMP) that nothing executes
 * and that a short jump at `site` reaches.  Returns its address, 0 if there is none.
 * `site` must be a syscall instruction that has been executed and whose call returns
 * behind it (not exit, rt_sigreturn): what follows it is known to be code only then.
 */
unsigned long text_padding_slot(const struct text *t, unsigned long site, unsigned int len);

/* The same anywhere in [lo, hi] (where it starts), between two functions of the tables. */
unsigned long text_padding_between(const struct text *t, unsigned long lo, unsigned long hi,
				   unsigned int len);

/*
 * An instruction that a jump can replace, and the straight line from it to a site:
 * at another address execute a copy of [addr, site), made with insn_relocate() one by
 * one, then make the call, and go on behind the site.
 */
struct text_before {
	unsigned long addr;
	/*
	 * 0: the jump may lead anywhere; its TEXT_JUMP bytes lie in one aligned 8-byte word.
	 * Else the jump must lead to this padding slot (TEXT_JUMP bytes), and the slot on to
	 * the copy: then the bytes of the jump beyond the first word are there already.
	 */
	unsigned long slot;
	uint8_t len;  /* of that instruction: its bytes beyond the jump stay as they are */
	uint8_t nr;   /* instructions from here to the site, 1: it stands right before it */
	bool entered; /* a branch enters behind it: such calls still come to the site */
};

/*
 * Looks among the `max` (1 to TEXT_BEFORE_MAX) instructions before `site` for the
 * nearest that a jump can replace, one without `entered` first.  False if there is
 * none, or the tables do not cover the site.
 */
#define TEXT_BEFORE_MAX 6
bool text_insn_before(const struct text *t, unsigned long site, unsigned int max,
		      struct text_before *ret);

#endif
