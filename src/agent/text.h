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
	/* Where its PT_GNU_EH_FRAME, or one that funcs.c made, lies; frames_len 0: none. */
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
