/* SPDX-License-Identifier: Apache-2.0 */
/*
 * insn.h - how long an x86-64 instruction is, and whether it can be moved.
 *
 * Pure functions over bytes that the caller has already fetched: no memory of
 * the program is touched here, nothing is allocated, nothing is kept.
 */
#ifndef WY_AGENT_ARCH_X86_64_INSN_H
#define WY_AGENT_ARCH_X86_64_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSN_MAX 15 /* the processor refuses anything longer */

/* What the instruction does to the flow of control. */
enum insn_flow {
	INSN_PLAIN,   /* goes on behind itself */
	INSN_JUMP,    /* never goes on behind itself: jmp, ret, iret, ud2, hlt, int3 */
	INSN_COND,    /* may go on behind itself: jcc, loop, jrcxz, xbegin */
	INSN_CALL,    /* goes on behind itself when the callee returns */
	INSN_SYSCALL, /* syscall, sysenter, int n */
};

enum insn_prefix {
	INSN_OPSIZE = 1 << 0,   /* 66 */
	INSN_ADDRSIZE = 1 << 1, /* 67 */
	INSN_REPNE = 1 << 2,    /* f2 */
	INSN_REP = 1 << 3,      /* f3 */
	INSN_LOCK = 1 << 4,     /* f0 */
	INSN_SEGMENT = 1 << 5,  /* 26 2e 36 3e 64 65 */
	INSN_VEX = 1 << 6,      /* c4, c5 or 62: map and opcode are those of the VEX space */
};

struct insn {
	uint8_t len;
	uint8_t map; /* 0: one-byte opcodes, 1: 0f, 2: 0f 38, 3: 0f 3a, 5, 6: EVEX only */
	uint8_t opcode;
	uint8_t modrm;    /* if has_modrm */
	uint8_t prefixes; /* INSN_OPSIZE ... */
	uint8_t rex;      /* 40 ... 4f, or 0 */
	uint8_t flow;     /* enum insn_flow */
	bool has_modrm;
	bool rip_relative; /* its displacement counts from its own end */
	uint8_t disp_off;  /* where in the instruction the displacement is, */
	uint8_t disp_len;  /* 0, 1 or 4 bytes */
	uint8_t imm_off;   /* the same for immediates (together) and branch offsets; 0 to 8 */
	uint8_t imm_len;
};

/*
 * Decodes the instruction that starts at bytes[0].  Returns its length, 1 to
 * INSN_MAX; 0 if it does not end within avail bytes; -1 if it is undefined in
 * 64-bit mode, unknown to this decoder, too long, or of different length on
 * different processors (operand-size prefix on a relative branch).  A result
 * above 0 says what the length is, not that every bit of it is meaningful.
 * *ret is complete if the result is above 0 and undefined else.
 */
int insn_decode(const uint8_t *bytes, size_t avail, struct insn *ret);

/*
 * The target of a direct branch (jmp, jcc, loop, jrcxz, xbegin, call) that was
 * decoded from `bytes` and stands at `addr`.  Returns false if the instruction
 * is no direct branch.
 */
bool insn_target(const struct insn *in, const uint8_t *bytes, unsigned long addr,
		 unsigned long *ret_target);

/*
 * True if the instruction does the same at another address once a RIP-relative
 * displacement is adjusted: no change of flow, no lock prefix (code exists that
 * jumps behind it), no x87 instruction (the processor records its address).
 */
bool insn_movable(const struct insn *in);

/*
 * True for what only serves as filling: 90 and 0f 1f /0 with an all-zero
 * displacement, behind any number of 66 and segment prefixes.
 */
bool insn_is_nop(const struct insn *in, const uint8_t *bytes);

/*
 * True for instructions that no user program executes on purpose (port I/O,
 * privileged ones, 00 00): a sign that data is being decoded.
 */
bool insn_is_odd(const struct insn *in);

/*
 * Writes to `out` (INSN_MAX bytes, not overlapping bytes) what does at address
 * `to` the same as the instruction in `bytes` does at address `from`.  Returns
 * its length, always that of the original, so that offsets into a run of moved
 * instructions stay what they were; or -1 if the instruction cannot be decoded
 * from avail bytes, is not movable, or its operand is out of reach from `to`.
 */
int insn_relocate(const uint8_t *bytes, size_t avail, unsigned long from, unsigned long to,
		  uint8_t *out);

#endif
