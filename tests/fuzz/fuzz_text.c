/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search around a site on any code and any unwind tables: it ends, reads nothing
 * but through its reader, and what it names is where it says.
 *
 * The input is a module: 2 bytes each for the site, where PT_GNU_EH_FRAME, .eh_frame and
 * the symbols are, then the module's bytes.
 */
#include "agent/arch/x86_64/insn.h"
#include "agent/funcs.h"
#include "fuzz.h"

#define BASE  0x400000ul
#define TABLE 0x500000ul
#define ROOM  4096

static const uint8_t *module;
static unsigned long module_len;
static uint8_t table[ROOM];

static bool get(void *ctx, unsigned long addr, void *buf, unsigned long len)
{
	if (addr >= BASE && len <= module_len && addr - BASE <= module_len - len) {
		memcpy(buf, module + (addr - BASE), len);
		return true;
	}
	if (addr >= TABLE && len <= ROOM && addr - TABLE <= ROOM - len) {
		memcpy(buf, table + (addr - TABLE), len);
		return true;
	}
	return false;
}

static bool taken(void *ctx, unsigned long addr, unsigned long len)
{
	return addr % 16 == 3;
}

static void search(const struct text *t, unsigned long site)
{
	static const unsigned int sizes[] = { TEXT_JUMP, TEXT_FAR_JUMP };
	struct text_before b;
	struct text_func f;

	if (text_fde_find(t, site, &f))
		check(f.start <= site && site < f.end);
	for (unsigned int i = 0; i < 2; i++) {
		unsigned long slot = text_padding_slot(t, site, sizes[i]);
		uint8_t bytes[TEXT_FAR_JUMP];

		if (slot) {
			check(slot + 126 >= site && slot <= site + 129 && !taken(NULL, slot, 1));
			check(get(NULL, slot, bytes, sizes[i]));
		}
	}
	if (text_insn_before(t, site, TEXT_BEFORE_MAX, &b)) {
		check(b.addr < site && b.addr + b.len <= site && b.len >= TEXT_JUMP);
		check(b.nr >= 1 && b.nr <= TEXT_BEFORE_MAX && !taken(NULL, b.addr, 1));
		check((b.slot != 0) == ((b.addr & 7) > 3));
		while (b.nr--) {
			uint8_t bytes[INSN_MAX], moved[INSN_MAX];
			unsigned long avail = site - b.addr < INSN_MAX ? site - b.addr : INSN_MAX;
			int len;

			check(get(NULL, b.addr, bytes, avail));
			len = insn_relocate(bytes, avail, b.addr, b.addr, moved);
			check(len > 0 && memcmp(bytes, moved, len) == 0);
			b.addr += len;
		}
		check(b.addr == site);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text t = { .read = get, .taken = taken };
	unsigned long at[4];

	if (size < 8 || size > 32768)
		return 0;
	for (int i = 0; i < 4; i++)
		at[i] = BASE + (data[2 * i] | data[2 * i + 1] << 8);
	module = data + 8;
	module_len = size - 8;
	t.frames = at[1];
	t.frames_len = ROOM;
	search(&t, at[0]);
	t.frames = TABLE;
	t.frames_len = text_frames_build(&t, at[2], module_len, table, TABLE, ROOM);
	check(t.frames_len <= ROOM);
	search(&t, at[0]);
	t.frames_len = text_symbols_build(&t, at[3], 8, BASE, table, TABLE, ROOM);
	check(t.frames_len <= ROOM);
	search(&t, at[0]);
	return 0;
}
