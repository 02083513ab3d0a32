/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction decoder on any bytes: the length is right with exactly the bytes it
 * names and unknown with one less, and a moved instruction is moved back unchanged.
 */
#include <stdlib.h>

#include "agent/arch/x86_64/insn.h"
#include "fuzz.h"

static int insn_length(const uint8_t *bytes, size_t avail)
{
	struct insn in;

	return insn_decode(bytes, avail, &in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned long from = 0x7f0000001000, to = 0x7f0000200000;
	uint8_t there[INSN_MAX], back[INSN_MAX];
	unsigned long target;
	struct insn in;
	int len = insn_decode(data, size, &in);

	check(len >= -1 && len <= INSN_MAX && len <= (int)size);
	if (len <= 0) {
		check(len == -1 || size < INSN_MAX);
		check(insn_relocate(data, size, from, to, there) == -1);
		return 0;
	}
	/* an exact copy on the heap: reading beyond it is noticed */
	uint8_t *exact = malloc(len);

	check(exact != NULL);
	memcpy(exact, data, len);
	check(insn_length(exact, len) == len);
	check(insn_length(exact, len - 1) <= 0);
	check(in.disp_off + in.disp_len <= len && in.imm_off + in.imm_len <= len);
	check(!insn_is_nop(&in, exact) || insn_movable(&in));
	check(!insn_target(&in, exact, from, &target) || !insn_movable(&in));
	if (insn_relocate(exact, len, from, to, there) > 0) {
		check(insn_length(there, len) == len);
		check(insn_relocate(there, len, to, from, back) == len);
		check(memcmp(back, exact, len) == 0);
	}
	free(exact);
	return 0;
}
