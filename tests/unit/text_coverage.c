/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text_coverage.c - for each ELF file named: how its system call sites could be
 * rewritten.  Prints one line each; a figure to look at, not a test.
 *
 * The sites are all syscall instructions that a decoding of .text in address order
 * arrives at.  Slots are given out in that order, each site takes the first way of:
 *	padding	 a slot that a short jump reaches
 *	before	 a jump over the instruction right before it; then one of the six before it
 * "alone" columns count what each way would find with nothing taken.
 */
#include <stdio.h>
#include <stdlib.h>

#include "agent/arch/x86_64/insn.h"
#include "agent/funcs.h"
#include "elf_image.h"

#define TABLE_LEN (4ul << 20)
#define MADE_AT   0x7000000ul /* where a table that was made here is said to lie */
#define TAKEN_MAX 4096

struct world {
	struct elf_image image;
	uint8_t *made;
	struct {
		unsigned long addr, len;
	} taken[TAKEN_MAX];
	unsigned int nr_taken;
};

static bool world_read(void *ctx, unsigned long addr, void *buf, unsigned long len)
{
	struct world *w = ctx;

	if (addr >= MADE_AT && addr < MADE_AT + TABLE_LEN && len <= MADE_AT + TABLE_LEN - addr) {
		memcpy(buf, w->made + (addr - MADE_AT), len);
		return true;
	}
	return elf_image_read(&w->image, addr, buf, len);
}

static bool world_taken(void *ctx, unsigned long addr, unsigned long len)
{
	const struct world *w = ctx;

	for (unsigned int i = 0; i < w->nr_taken; i++)
		if (addr < w->taken[i].addr + w->taken[i].len && w->taken[i].addr < addr + len)
			return true;
	return false;
}

static void world_take(struct world *w, unsigned long addr, unsigned long len)
{
	if (w->nr_taken < TAKEN_MAX) {
		w->taken[w->nr_taken].addr = addr;
		w->taken[w->nr_taken++].len = len;
	}
}

static void take_before(struct world *w, const struct text_before *b)
{
	world_take(w, b->addr, b->len);
	if (b->slot)
		world_take(w, b->slot, TEXT_JUMP);
}

struct tally {
	unsigned int sites, no_word, covered;
	unsigned int pad_alone, before1_alone, before6_alone;
	unsigned int pad, before1, before6, none;
};

static void count_site(struct world *w, struct text *t, unsigned long site, struct tally *n)
{
	struct text free_text = *t;
	struct text_before b;
	struct text_func f;
	unsigned long slot;

	free_text.taken = NULL;
	n->sites++;
	n->no_word += !text_site_in_word(site);
	n->covered += text_fde_find(t, site, &f);
	n->pad_alone += text_site_in_word(site) && text_padding_slot(&free_text, site, TEXT_JUMP);
	n->before1_alone += text_insn_before(&free_text, site, 1, &b) && !b.entered;
	n->before6_alone += text_insn_before(&free_text, site, TEXT_BEFORE_MAX, &b) && !b.entered;

	slot = text_site_in_word(site) ? text_padding_slot(t, site, TEXT_JUMP) : 0;
	if (slot) {
		n->pad++;
		world_take(w, slot, TEXT_JUMP);
		world_take(w, site, 2);
	} else if (text_insn_before(t, site, 1, &b) && !b.entered) {
		n->before1++;
		take_before(w, &b);
	} else if (text_insn_before(t, site, TEXT_BEFORE_MAX, &b) && !b.entered) {
		n->before6++;
		take_before(w, &b);
	} else {
		n->none++;
		if (getenv("TEXT_COVERAGE_NONE"))
			printf("  nothing for %lx\n", site);
	}
}

static void cover(const char *path)
{
	static struct world w;
	struct text t = { .read = world_read, .taken = world_taken, .ctx = &w };
	unsigned long text, len, eh, eh_len, addr;
	struct tally n = { 0 };
	uint8_t *made = w.made ? w.made : malloc(TABLE_LEN);

	memset(&w, 0, sizeof(w));
	w.made = made;
	if (!made || !elf_image_open(&w.image, path) ||
	    !elf_image_section(&w.image, ".text", &text, &len)) {
		fprintf(stderr, "%s: cannot be read\n", path);
		return;
	}
	t.frames = w.image.frames;
	t.frames_len = w.image.frames_len;
	if (!t.frames_len && elf_image_section(&w.image, ".eh_frame", &eh, &eh_len)) {
		t.frames = MADE_AT;
		t.frames_len = text_frames_build(&t, eh, eh_len, made, MADE_AT, TABLE_LEN);
	}
	/* musl has unwind tables for its start-up code only */
	if (t.frames_len < 256 && elf_image_section(&w.image, ".dynsym", &eh, &eh_len)) {
		t.frames = MADE_AT;
		t.frames_len = text_symbols_build(&t, eh, eh_len / sizeof(Elf64_Sym), 0, made,
						  MADE_AT, TABLE_LEN);
	}
	for (addr = text; addr < text + len;) {
		unsigned long left = text + len - addr < INSN_MAX ? text + len - addr : INSN_MAX;
		struct insn in;

		if (insn_decode(elf_image_at(&w.image, addr, left), left, &in) <= 0) {
			addr++;
			continue;
		}
		if (in.map == 1 && in.opcode == 0x05 && in.len == 2)
			count_site(&w, &t, addr, &n);
		addr += in.len;
	}
	printf("%-34s %5u %5u %5u | %5u %5u %5u | %5u %5u %5u %5u\n",
	       strlen(path) > 34 ? path + strlen(path) - 34 : path, n.sites, n.covered, n.no_word,
	       n.pad_alone, n.before1_alone, n.before6_alone, n.pad, n.before1, n.before6, n.none);
}

int main(int argc, char **argv)
{
	printf("%-34s %5s %5s %5s | %-17s | %s\n", "", "sites", "in", "in two", "alone",
	       "one after the other");
	printf("%-34s %5s %5s %5s | %5s %5s %5s | %5s %5s %5s %5s\n", "", "", "FDE", "words", "pad",
	       "bef 1", "bef 6", "pad", "bef 1", "bef 6", "none");
	for (int i = 1; i < argc; i++)
		cover(argv[i]);
	return 0;
}
