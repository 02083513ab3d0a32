/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be rewritten around a site: small made-up functions, whose layout says what
 * must be found, and the C library, compared with readelf.
 */
#include "agent/funcs.h"

#include "agent/arch/x86_64/insn.h"
#include "elf_image.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

/* A made-up module: code, its symbols, and the table that is made from them. */
#define BASE    0x400000ul
#define SIZE    0x40000ul
#define SYMBOLS (BASE + 0x20000)
#define TABLE   (BASE + 0x30000)

static uint8_t memory[SIZE];
static unsigned int nr_symbols, nr_taken;
static struct {
	unsigned long addr, len;
} taken[32];

static bool made_read(void *ctx, unsigned long addr, void *buf, unsigned long len)
{
	if (addr < BASE || len > SIZE || addr - BASE > SIZE - len)
		return false;
	memcpy(buf, memory + (addr - BASE), len);
	return true;
}

static bool made_taken(void *ctx, unsigned long addr, unsigned long len)
{
	for (unsigned int i = 0; i < nr_taken; i++)
		if (addr < taken[i].addr + taken[i].len && taken[i].addr < addr + len)
			return true;
	return false;
}

static void take(unsigned long addr, unsigned long len)
{
	taken[nr_taken].addr = addr;
	taken[nr_taken++].len = len;
}

static struct text made;

static int setup(void **state)
{
	/* hlt everywhere: code, but neither filling nor a place to go on */
	memset(memory, 0xf4, sizeof(memory));
	nr_symbols = nr_taken = 0;
	made = (struct text){ .read = made_read, .taken = made_taken };
	return 0;
}

/* Writes bytes, given as hex with spaces, and returns the address behind them. */
static unsigned long put(unsigned long addr, const char *hex)
{
	for (; *hex; hex++) {
		unsigned int byte;

		if (*hex == ' ')
			continue;
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		memory[addr++ - BASE] = byte;
		hex++;
	}
	return addr;
}

static void fill(unsigned long addr, unsigned long end, uint8_t byte)
{
	memset(memory + (addr - BASE), byte, end - addr);
}

static void func(unsigned long start, unsigned long end)
{
	Elf64_Sym sym = { .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
			  .st_shndx = 1,
			  .st_value = start,
			  .st_size = end - start };

	memcpy(memory + (SYMBOLS - BASE) + nr_symbols++ * sizeof(sym), &sym, sizeof(sym));
}

static void tables(void)
{
	made.frames = TABLE;
	made.frames_len = text_symbols_build(&made, SYMBOLS, nr_symbols, 0, memory + (TABLE - BASE),
					     TABLE, 0x8000);
	assert_int_equal(made.frames_len, 12 + 20 + 24 * nr_symbols);
}

/*
 * One function at 0x400100, a gap, another at 0x400140.  The code ends with `end`; the
 * gap holds nops.  Returns the address of the site, the first instruction.
 */
static unsigned long two_functions(const char *end)
{
	unsigned long site = BASE + 0x100;
	unsigned long p = put(site, "0f05 4883f800");

	p = put(p, end);
	func(site, p);
	fill(p, BASE + 0x140, 0x90);
	func(BASE + 0x140, put(BASE + 0x140, "31c0 c3"));
	tables();
	return site;
}

static void test_gap(void **state)
{
	unsigned long site = two_functions("c3"), gap = site + 7;

	assert_int_equal(text_padding_slot(&made, site, TEXT_JUMP), gap);
	assert_int_equal(text_padding_slot(&made, site, TEXT_FAR_JUMP), gap);
	/* the gap is shared: what is taken is left out, until there is no room */
	take(gap, 5);
	assert_int_equal(text_padding_slot(&made, site, TEXT_JUMP), gap + 5);
	take(gap + 5, 14);
	assert_int_equal(text_padding_slot(&made, site, TEXT_JUMP), gap + 19);
	take(BASE + 0x140 - 5 - 4, 5);
	take(gap + 22, 1);
	assert_int_equal(text_padding_slot(&made, site, TEXT_FAR_JUMP), gap + 23);
	take(gap + 36, 1);
	assert_int_equal(text_padding_slot(&made, site, TEXT_FAR_JUMP), 0);
}

static void test_gap_size(void **state)
{
	/* the function's end moves towards the next one, a byte each time */
	for (unsigned int room = 20; room > 0; room--) {
		unsigned long site = BASE + 0x100, end = BASE + 0x140 - room;

		setup(NULL);
		fill(put(site, "0f05"), end - 1, 0x50);
		put(end - 1, "c3");
		fill(end, BASE + 0x140, 0x90);
		func(site, end);
		func(BASE + 0x140, put(BASE + 0x140, "c3"));
		tables();
		assert_int_equal(text_padding_slot(&made, site, TEXT_JUMP), room >= 5 ? end : 0);
		assert_int_equal(text_padding_slot(&made, site, TEXT_FAR_JUMP),
				 room >= 14 ? end : 0);
	}
}

static void test_gap_filling(void **state)
{
	static const struct {
		const char *bytes; /* 12 of the gap's, nops around them */
		bool dead;
	} fillings[] = {
		{ "0f1f4000 0f1f8000000000 90", true },
		{ "662e0f1f840000000000 6690", true },
		{ "cccccccccccccccccccccccc", true },
		{ "6666662e0f1f840000000000", true },
		{ "000000000000000000000000", false }, /* may be data */
		{ "909090909090f39090909090", false }, /* pause: somebody's code */
		{ "9090909090909090909090c3", false },
		{ "0f1f4001 9090909090909090", false }, /* a nop with something in it */
		{ "b801000000c3 909090909090", false },
	};

	for (size_t i = 0; i < sizeof(fillings) / sizeof(fillings[0]); i++) {
		unsigned long site;

		setup(NULL);
		site = two_functions("c3");
		put(site + 0x20, fillings[i].bytes);
		if ((text_padding_slot(&made, site, TEXT_JUMP) != 0) != fillings[i].dead)
			fail_msg("%s", fillings[i].bytes);
	}
	/* a nop that reaches into the next function is none */
	setup(NULL);
	put(two_functions("c3") + 0x3d, "0f1f4000");
	assert_int_equal(text_padding_slot(&made, BASE + 0x100, TEXT_JUMP), 0);
}

static void test_gap_reached(void **state)
{
	static const struct {
		const char *end;
		bool dead;
	} ends[] = {
		{ "c3", true },
		{ "ffe0", true },
		{ "e900100000", true },
		{ "0f0b", true },
		{ "e800100000", true }, /* a call that does not return */
		{ "f4 90 90", true },
		{ "4839d1 0f8227400700", false }, /* runs on: __memcpy_chk of glibc */
		{ "31c0", false },
		{ "c3 90", true },
		{ "c3 31c0 90", false },
		{ "0f05", false },
		{ "7402 31c0 c3", true },  /* to the ret */
		{ "7403 31c0 c3", false }, /* to the gap's first byte */
		{ "7408 31c0 c3", false },
		{ "c3 06", false },     /* not decoded to the end */
		{ "c3 b80100", false }, /* the last instruction is cut */
		{ "c3 ec c3", false },  /* port input: data */
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		setup(NULL);
		two_functions(ends[i].end);
		if ((text_padding_slot(&made, BASE + 0x100, TEXT_JUMP) != 0) != ends[i].dead)
			fail_msg("%s", ends[i].end);
	}
}

/* A short jump at the site reaches from 126 bytes before it to 129 behind it. */
static void test_reach(void **state)
{
	unsigned long gap = BASE + 0x200;

	func(gap - 1, put(gap - 1, "c3"));
	fill(gap, gap + 5, 0x90);
	func(gap + 5, put(gap + 5, "c3"));
	tables();
	for (unsigned long site = BASE + 0x100; site < BASE + 0x300; site++) {
		bool reached = gap >= site - 126 && gap <= site + 129;

		assert_int_equal(text_padding_slot(&made, site, TEXT_JUMP), reached ? gap : 0);
	}
	assert_int_equal(text_padding_between(&made, gap, gap, TEXT_JUMP), gap);
	assert_int_equal(text_padding_between(&made, gap + 1, gap + 100, TEXT_JUMP), 0);
	assert_int_equal(text_padding_between(&made, BASE, gap - 1, TEXT_JUMP), 0);
	assert_int_equal(text_padding_between(&made, BASE, BASE + SIZE, TEXT_JUMP), gap);
}

/* Code that no table knows: only int3 behind a return that was reached from the site. */
static void test_followed(void **state)
{
	static const struct {
		const char *code; /* from the site, at 0x400100 */
		long slot;        /* from there, or 0 */
	} codes[] = {
		{ "0f05 4889c3 c3 cccccccccccccccccccc", 6 },
		{ "0f05 4889c3 c3 90909090909090909090", 0 }, /* nops may be executed */
		{ "0f05 4889c3 c3 662e0f1f840000000000", 0 },
		{ "0f05 4889c3 c3 00000000000000000000", 0 },
		{ "0f05 4889c3 90 cccccccccccccccccccc", 0 }, /* runs into them */
		{ "0f05 4889c3 cc cccccccccccccccccccc", 0 },
		{ "0f05 4889c3 c3 cccccccccccccccccc 90", 0 }, /* no function can follow */
		{ "0f05 4889c3 9090909090 eb03 cccccccc", 0 }, /* too short */
		{ "0f05 4889c3 eb09 cccccccccccccccccc", 7 },
		/* a branch is followed to a second end, over int3 that are too few too */
		{ "0f05 7410 90909090909090909090 c3 cc 90 90 c3 cccccccccccccccccccccccccc", 19 },
		{ "0f05 31c0 909090909090909090 c3 cccc 31c0 c3 cccccccccccccccccccccccccc", 19 },
		{ "0f05 740b 90909090909090909090 06", 0 }, /* undefined: no code */
	};
	unsigned long site = BASE + 0x100;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		unsigned long want = codes[i].slot ? site + codes[i].slot : 0;

		setup(NULL);
		put(site, codes[i].code);
		if (text_padding_slot(&made, site, TEXT_JUMP) != want)
			fail_msg("%s: %lx", codes[i].code,
				 text_padding_slot(&made, site, TEXT_JUMP));
	}
	/* backwards too, if a branch leads there; and the far jump wants its room */
	setup(NULL);
	put(site - 32, "31c0 c3 cccccccccccccccccccccccccc");
	put(site, "0f05 75d8 c3"); /* before it: to code that is none */
	assert_int_equal(text_padding_slot(&made, site, TEXT_JUMP), 0);
	put(site, "0f05 75dc c3");
	assert_int_equal(text_padding_slot(&made, site, TEXT_JUMP), site - 29);
	assert_int_equal(text_padding_slot(&made, site, TEXT_FAR_JUMP), 0);

	/* the end of the memory that can be read is an end */
	put(BASE + SIZE - 16, "0f05 4889c3 c3 cccccccccccccccccccc");
	assert_int_equal(text_padding_slot(&made, BASE + SIZE - 16, TEXT_JUMP), BASE + SIZE - 10);
	put(BASE + SIZE - 2, "0f05");
	assert_int_equal(text_padding_slot(&made, BASE + SIZE - 2, TEXT_JUMP), 0);
}

/* One function from 0x400100 on; `before` stands directly before the site, `behind` after. */
static unsigned long one_function(unsigned long start, const char *before, const char *behind)
{
	unsigned long site = put(start, before);

	func(start, put(put(site, "0f05"), behind));
	tables();
	return site;
}

static void test_before_aligned(void **state)
{
	struct text_before b;

	/* without padding anywhere the jump must lie in one word */
	for (unsigned long start = BASE + 0x100; start < BASE + 0x108; start++) {
		unsigned long site;
		bool fits = (start & 7) <= 3;

		setup(NULL);
		site = one_function(start, "b827000000", "c3");
		assert_int_equal(text_insn_before(&made, site, 1, &b), fits);
		if (fits) {
			assert_int_equal(b.addr, start);
			assert_int_equal(b.slot, 0);
			assert_int_equal(b.len, 5);
			assert_int_equal(b.nr, 1);
			assert_false(b.entered);
			take(start + 4, 1);
			assert_false(text_insn_before(&made, site, 1, &b));
		}
	}
}

/* The jump ends in the zeros of the number: three, two or one of its bytes are free. */
static void test_before_hop(void **state)
{
	static const struct {
		unsigned int at;    /* in the word */
		unsigned long room; /* how far ahead such a jump leads */
	} jumps[] = { { 4, 0x1000000 }, { 5, 0x10000 }, { 6, 0x100 }, { 7, 0 } };
	/* at the last byte of a word nothing is free: the number itself says where to */

	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		static const unsigned long gaps[] = { 0x27,  0x40,   0xff,    0x100,
						      0x108, 0xffff, 0x10000, 0x18000 };

		for (size_t k = 0; k < sizeof(gaps) / sizeof(gaps[0]); k++) {
			unsigned long start = BASE + 0x100 + jumps[i].at, gap = start + 5 + gaps[k];
			bool reached = gaps[k] < jumps[i].room || gaps[k] == 0x27;
			struct text_before b;
			unsigned long site;

			setup(NULL);
			func(gap - 1, put(gap - 1, "c3"));
			fill(gap, gap + 5, 0x90);
			func(gap + 5, put(gap + 5, "c3"));
			site = one_function(start, "b827000000", "c3");
			if (text_insn_before(&made, site, 1, &b) != reached)
				fail_msg("%u, gap %lx", jumps[i].at, gaps[k]);
			if (!reached)
				continue;
			assert_int_equal(b.slot, gap);
			/* what is not written stands there already */
			uint32_t rel = gap - (start + 5);
			for (unsigned int byte = 8 - jumps[i].at; byte < 5; byte++)
				assert_int_equal(memory[start + byte - BASE],
						 rel >> 8 * (byte - 1) & 255);
		}
	}
}

static void test_before_choice(void **state)
{
	static const struct {
		const char *before, *behind; /* before: from an aligned address */
		unsigned int max;
		int addr; /* where the jump goes, -1: nowhere */
		unsigned int nr;
		bool entered;
	} cases[] = {
		{ "b827000000", "c3", 1, 0, 1, false },
		{ "bf01000000 31c0", "c3", 1, -1, 0, false },
		{ "bf01000000 31c0", "c3", 2, 0, 2, false },
		{ "48c7c727000000 0f1f00 6690 90 90 90", "c3", 6, 0, 6, false },
		{ "48c7c727000000 0f1f00 6690 90 90 90 90", "c3", 6, -1, 0, false },
		{ "488d3d00010000 90", "c3", 6, 0, 2, false }, /* RIP-relative can be moved */
		/* the nearest is taken */
		{ "b801000000 b802000000 90 b803000000", "c3", 6, 8 + 3, 1, false },
		/* no straight line, or nothing that can be moved */
		{ "b801000000 7400 90", "c3", 6, -1, 0, false },
		{ "b801000000 e800000000 90", "c3", 6, -1, 0, false },
		{ "b801000000 0f05", "c3", 6, -1, 0, false },
		{ "f04883042400", "c3", 6, -1, 0, false },
		{ "d9bc2400010000", "c3", 6, -1, 0, false },
		{ "b801000000 d9d0 90", "c3", 6, -1, 0, false },
		/* branches: to its start, into it, to the site, between them */
		{ "b827000000", "75f7 c3", 1, 0, 1, false },
		{ "b827000000", "75f8 c3", 1, -1, 0, false },
		{ "b827000000", "75fb c3", 1, -1, 0, false },
		{ "b827000000", "75fc c3", 1, 0, 1, true },
		{ "b827000000 90", "75fb c3", 2, 0, 2, true },
		{ "b827000000 90", "e9f8ffffff", 2, 0, 2, true },
		/* one that is not entered is better than a nearer one that is */
		{ "bf01000000 666690 b827000000", "75fc c3", 6, 8, 1, true },
		{ "b827000000 90 90 90 bf01000000", "75f7 c3", 6, 8, 1, false },
		/* the function cannot be decoded to its end, or the site is inside an instruction */
		{ "b827000000", "06 c3", 6, -1, 0, false },
		{ "b827000000", "c3 b8", 6, -1, 0, false },
		{ "b827000000 b8", "000000 c3", 6, -1, 0, false },
		{ "06 b827000000", "c3", 6, -1, 0, false },
		{ "b827000000 e4 10", "c3", 6, -1, 0, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned long start = BASE + 0x100;
		struct text_before b = { 0 };
		unsigned long site;
		bool found;

		setup(NULL);
		site = one_function(start, cases[i].before, cases[i].behind);
		found = text_insn_before(&made, site, cases[i].max, &b);
		if (found != (cases[i].addr >= 0) ||
		    (found && (b.addr != start + cases[i].addr || b.nr != cases[i].nr ||
			       b.entered != cases[i].entered)))
			fail_msg("%s | %s: %d, %lx, %u, %d", cases[i].before, cases[i].behind,
				 found, b.addr, b.nr, b.entered);
	}
	/* without a table nothing is said */
	setup(NULL);
	put(BASE + 0x100, "b827000000 0f05 c3");
	struct text_before b;
	assert_false(text_insn_before(&made, BASE + 0x105, 1, &b));
}

/* A restorer is left alone: unwinders compare its bytes. */
static void test_before_restorer(void **state)
{
	unsigned long site = one_function(BASE + 0x100, "48c7c00f000000", "c3");
	struct text_before b;

	assert_true(text_insn_before(&made, site, 1, &b));
	put(TABLE + 20 + 9, "7a5253 00 01 78 10 01 1b");
	assert_false(text_insn_before(&made, site, 1, &b));
}

static void test_symbols(void **state)
{
	struct text_func f;
	unsigned long whole;

	func(BASE + 0x300, BASE + 0x310);
	func(BASE + 0x100, BASE + 0x110);
	func(BASE + 0x200, BASE + 0x210);
	tables();
	assert_true(text_fde_find(&made, BASE + 0x20f, &f));
	assert_int_equal(f.start, BASE + 0x200);
	assert_int_equal(f.end, BASE + 0x210);
	assert_int_equal(f.next, BASE + 0x300);
	assert_true(text_fde_find(&made, BASE + 0x300, &f));
	assert_int_equal(f.next, 0);
	assert_false(text_fde_find(&made, BASE + 0x210, &f));
	assert_false(text_fde_find(&made, BASE + 0xff, &f));

	/* names of one function, or of a place in it, are one; nothing is written beyond the room */
	func(BASE + 0x100, BASE + 0x108);
	func(BASE + 0x200, BASE + 0x270);
	func(BASE + 0x220, BASE + 0x280);
	func(BASE + 0x304, BASE + 0x308);
	whole = text_symbols_build(&made, SYMBOLS, nr_symbols, 0x1000, memory + (TABLE - BASE),
				   TABLE, 0x8000);
	made.frames_len = whole;
	assert_int_equal(whole, 12 + 20 + 24 * 3);
	assert_true(text_fde_find(&made, BASE + 0x1100, &f));
	assert_int_equal(f.end, BASE + 0x1110);
	assert_true(text_fde_find(&made, BASE + 0x127f, &f));
	assert_int_equal(f.end, BASE + 0x1280);
	for (unsigned long room = 0; room < 12 + 20 + 24 * 7; room++) {
		fill(TABLE, TABLE + 0x8000, 0xf4);
		assert_int_equal(text_symbols_build(&made, SYMBOLS, nr_symbols, 0,
						    memory + (TABLE - BASE), TABLE, room),
				 0);
		for (unsigned long i = room; i < 0x8000; i++)
			assert_int_equal(memory[TABLE - BASE + i], 0xf4);
	}
	/* out of reach of 32 bits */
	assert_int_equal(text_symbols_build(&made, SYMBOLS, nr_symbols, 0x100000000,
					    memory + (TABLE - BASE), TABLE, 0x8000),
			 0);
}

static void test_unknown_tables(void **state)
{
	struct text_func f;

	func(BASE + 0x100, BASE + 0x110);
	tables();
	assert_true(text_fde_find(&made, BASE + 0x100, &f));
	for (unsigned int i = 0; i < 4; i++) {
		memory[TABLE - BASE + i] ^= 0x80;
		assert_false(text_fde_find(&made, BASE + 0x100, &f));
		memory[TABLE - BASE + i] ^= 0x80;
	}
	/* more functions than there is table */
	memory[TABLE - BASE + 8] = 200;
	assert_false(text_fde_find(&made, BASE + 0x100, &f));
	memory[TABLE - BASE + 8] = 1;
	/* the CIE: version, augmentation, encoding */
	static const unsigned int places[] = { 8, 9, 10, 16 };
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		memory[TABLE - BASE + 20 + places[i]] ^= 0x41;
		assert_false(text_fde_find(&made, BASE + 0x100, &f));
		memory[TABLE - BASE + 20 + places[i]] ^= 0x41;
	}
	assert_true(text_fde_find(&made, BASE + 0x100, &f));
	assert_false(f.signal_frame);
	put(TABLE + 20 + 9, "7a5253 00 01 78 10 01 1b");
	assert_true(text_fde_find(&made, BASE + 0x100, &f));
	assert_true(f.signal_frame);
	put(TABLE + 20 + 9, "7a52 00 01 78 10 01 1b 00");
	made.frames_len = 11;
	assert_false(text_fde_find(&made, BASE + 0x100, &f));
}

static const char libc_path[] = "/lib/x86_64-linux-gnu/libc.so.6";

/* Every function that readelf lists is found, from its first byte to its last. */
static void test_readelf(void **state)
{
	unsigned long start, end, nr = 0, signal_frames = 0;
	struct elf_image e;
	struct text t = { .read = elf_image_read, .ctx = &e };
	char line[512];
	FILE *pipe;

	if (!elf_image_open(&e, libc_path) || system("readelf --version >/dev/null 2>&1") != 0)
		skip();
	t.frames = e.frames;
	t.frames_len = e.frames_len;
	snprintf(line, sizeof(line), "readelf --debug-dump=frames %s 2>/dev/null", libc_path);
	pipe = popen(line, "r");
	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe)) {
		const char *pc = strstr(line, " pc=");
		struct text_func f;

		if (!strstr(line, " FDE ") || !pc || sscanf(pc, " pc=%lx..%lx", &start, &end) != 2)
			continue;
		if (start == end)
			continue;
		nr++;
		for (unsigned int i = 0; i < 3; i++) {
			unsigned long at = i == 0 ? start :
					   i == 1 ? start + (end - start) / 2 :
						    end - 1;

			if (!text_fde_find(&t, at, &f) || f.start != start || f.end != end)
				fail_msg("%lx in %lx..%lx", at, start, end);
		}
		signal_frames += f.signal_frame;
		if (text_fde_find(&t, end, &f) && f.start != end)
			fail_msg("%lx is behind %lx", end, start);
		if (text_fde_find(&t, start - 1, &f) && f.end != start)
			fail_msg("%lx is before %lx", start - 1, start);
	}
	pclose(pipe); /* fails when it misses separate debug data */
	assert_true(nr > 1000);
	assert_int_equal(signal_frames, 1); /* __restore_rt */
}

/* A table made from .eh_frame says what the linker's says. */
struct joined {
	struct elf_image image;
	uint8_t *table;
	unsigned long at, len;
};

static bool joined_read(void *ctx, unsigned long addr, void *buf, unsigned long len)
{
	struct joined *j = ctx;

	if (addr >= j->at && len <= j->len && addr - j->at <= j->len - len) {
		memcpy(buf, j->table + (addr - j->at), len);
		return true;
	}
	return elf_image_read(&j->image, addr, buf, len);
}

static void test_frames_build(void **state)
{
	struct joined j = { .at = 0x10000000, .len = 1 << 20 };
	struct text theirs = { .read = joined_read, .ctx = &j }, ours = theirs;
	unsigned long eh = 0, eh_len = 0, text = 0, text_len = 0, need;

	if (!elf_image_open(&j.image, libc_path))
		skip();
	assert_true(elf_image_section(&j.image, ".eh_frame", &eh, &eh_len));
	assert_true(elf_image_section(&j.image, ".text", &text, &text_len));
	j.table = malloc(j.len);
	assert_non_null(j.table);
	theirs.frames = j.image.frames;
	theirs.frames_len = j.image.frames_len;
	ours.frames = j.at;
	need = ours.frames_len = text_frames_build(&ours, eh, eh_len, j.table, j.at, j.len);
	assert_true(need > 0);
	for (unsigned long pc = text; pc < text + text_len; pc += 7) {
		struct text_func a = { 0 }, b = { 0 };

		assert_int_equal(text_fde_find(&theirs, pc, &a), text_fde_find(&ours, pc, &b));
		assert_int_equal(a.start, b.start);
		assert_int_equal(a.end, b.end);
		assert_int_equal(a.next, b.next);
	}
	assert_int_equal(text_frames_build(&ours, eh, eh_len, j.table, j.at, need), need);
	assert_int_equal(text_frames_build(&ours, eh, eh_len, j.table, j.at, need - 1), 0);
	assert_int_equal(text_frames_build(&ours, eh, 100, j.table, j.at, j.len), 0);
	free(j.table);
}

/* All that is said about the C library's sites can be done. */
static void test_libc_sites(void **state)
{
	unsigned long text = 0, len = 0, addr;
	unsigned int sites = 0, found = 0;
	struct elf_image e;
	struct text t = { .read = elf_image_read, .taken = made_taken, .ctx = &e };

	if (!elf_image_open(&e, libc_path))
		skip();
	assert_true(elf_image_section(&e, ".text", &text, &len));
	t.frames = e.frames;
	t.frames_len = e.frames_len;
	for (addr = text; addr < text + len;) {
		const uint8_t *bytes = elf_image_at(&e, addr, 1);
		struct insn in;
		int n = insn_decode(bytes, text + len - addr, &in);
		struct text_before b;
		struct text_func f;
		unsigned long slot, at;
		uint8_t out[INSN_MAX];

		assert_true(n > 0);
		addr += n;
		if (n != 2 || bytes[0] != 0x0f || bytes[1] != 0x05)
			continue;
		at = addr - 2;
		sites++;
		slot = text_padding_slot(&t, at, TEXT_JUMP);
		if (slot) {
			assert_true(slot >= at - 126 && slot <= at + 129);
			for (unsigned int i = 0; i < TEXT_JUMP; i++)
				assert_false(text_fde_find(&t, slot + i, &f));
		}
		found += slot != 0;
		if (!text_insn_before(&t, at, TEXT_BEFORE_MAX, &b))
			continue;
		found += slot == 0;
		assert_true(b.addr < at && b.len >= TEXT_JUMP && b.nr <= TEXT_BEFORE_MAX);
		assert_true(b.slot || (b.addr & 7) <= 3);
		for (unsigned int i = 0; i < b.nr; i++) {
			n = insn_relocate(elf_image_at(&e, b.addr, INSN_MAX), INSN_MAX, b.addr,
					  b.addr + 0x100000, out);
			assert_true(n > 0);
			b.addr += n;
		}
		assert_int_equal(b.addr, at);
	}
	assert_true(sites > 300);
	assert_true(found > sites * 8 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_gap, setup),
		cmocka_unit_test_setup(test_gap_size, setup),
		cmocka_unit_test_setup(test_gap_filling, setup),
		cmocka_unit_test_setup(test_gap_reached, setup),
		cmocka_unit_test_setup(test_reach, setup),
		cmocka_unit_test_setup(test_followed, setup),
		cmocka_unit_test_setup(test_before_aligned, setup),
		cmocka_unit_test_setup(test_before_hop, setup),
		cmocka_unit_test_setup(test_before_choice, setup),
		cmocka_unit_test_setup(test_before_restorer, setup),
		cmocka_unit_test_setup(test_symbols, setup),
		cmocka_unit_test_setup(test_unknown_tables, setup),
		cmocka_unit_test_setup(test_readelf, setup),
		cmocka_unit_test_setup(test_frames_build, setup),
		cmocka_unit_test_setup(test_libc_sites, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
