/* SPDX-License-Identifier: Apache-2.0 */
/*
 * insn.c - x86-64 instruction lengths.
 *
 * An instruction is: legacy prefixes, REX, opcode (one byte or one of the 0f
 * maps, or a VEX or EVEX prefix that names the map), ModRM, SIB, displacement,
 * immediate.  Only the opcode decides whether there is a ModRM byte and how
 * long the immediate is; the tables below hold just that, one letter for each
 * opcode.  All else is computed.
 *
 * It promises the length that the processor sees.  Where Intel and AMD differ
 * (66 before a relative branch) and for what is not known here (XOP, APX, 3DNow
 * below its own opcode) it says so instead of guessing: the caller leaves such
 * code alone.  It does not say whether an instruction exists on this machine.
 */
#include "agent/arch/x86_64/insn.h"

/*
 * .  nothing follows             m  ModRM
 * 1  1-byte immediate            b  ModRM, 1-byte immediate
 * 2  2-byte immediate            z  ModRM, 2 or 4 bytes by operand size
 * 3  enter: 2 + 1 bytes          r  branch offset, 1 byte
 * 4  2 or 4 bytes                R  branch offset, 4 bytes
 * 8  2, 4 or 8 bytes             c  ModRM whose mod bits do not count
 * a  address, 4 or 8 bytes       x  undefined, or a prefix or escape handled before
 */
static const char one_byte[16][17] = {
	"mmmm14xxmmmm14xx", /* 00 */
	"mmmm14xxmmmm14xx", /* 10 */
	"mmmm14xxmmmm14xx", /* 20 */
	"mmmm14xxmmmm14xx", /* 30 */
	"xxxxxxxxxxxxxxxx", /* 40: REX */
	"................", /* 50 */
	"xxxmxxxx4z1b....", /* 60 */
	"rrrrrrrrrrrrrrrr", /* 70 */
	"bzxbmmmmmmmmmmmm", /* 80 */
	"..........x.....", /* 90 */
	"aaaa....14......", /* a0 */
	"1111111188888888", /* b0 */
	"bb2.xxbz3.2..1x.", /* c0 */
	"mmmmxxx.mmmmmmmm", /* d0 */
	"rrrr1111RRxr....", /* e0 */
	"x.xx..mm......mm", /* f0 */
};

static const char map_0f[16][17] = {
	"mmmmx.....x.xm.b", /* 00 */
	"mmmmmmmmmmmmmmmm", /* 10 */
	"ccccxxxxmmmmmmmm", /* 20 */
	"......x.xxxxxxxx", /* 30 */
	"mmmmmmmmmmmmmmmm", /* 40 */
	"mmmmmmmmmmmmmmmm", /* 50 */
	"mmmmmmmmmmmmmmmm", /* 60 */
	"bbbbmmm.mmxxmmmm", /* 70 */
	"RRRRRRRRRRRRRRRR", /* 80 */
	"mmmmmmmmmmmmmmmm", /* 90 */
	"...mbmxx...mbmmm", /* a0 */
	"mmmmmmmmmmbmmmmm", /* b0 */
	"mmbmbbbm........", /* c0 */
	"mmmmmmmmmmmmmmmm", /* d0 */
	"mmmmmmmmmmmmmmmm", /* e0 */
	"mmmmmmmmmmmmmmmm", /* f0 */
};

/* Which opcodes exist: one row for each high nibble, one bit for each low one. */
static const uint16_t known_0f38[16] = {
	[0x0] = 0x0fff, [0x1] = 0x70b1, [0x2] = 0x0f3f, [0x3] = 0xffbf, [0x4] = 0x0003,
	[0x8] = 0x0007, [0xc] = 0xbf00, [0xd] = 0xf900, [0xf] = 0x1f63,
};

static const uint16_t known_0f3a[16] = {
	[0x0] = 0xff00, [0x1] = 0x00f0, [0x2] = 0x0007, [0x4] = 0x0017,
	[0x6] = 0x000f, [0xc] = 0xd000, [0xd] = 0x8000, [0xf] = 0x0001,
};

static const uint16_t known_vex_0f[16] = {
	[0x1] = 0x00ff, [0x2] = 0xff00, [0x4] = 0x0cf6, [0x5] = 0xffff,
	[0x6] = 0xffff, [0x7] = 0xffff, [0x9] = 0x030f, [0xa] = 0x4000,
	[0xc] = 0x0074, [0xd] = 0xffff, [0xe] = 0xffff, [0xf] = 0xffff,
};

static bool known(const uint16_t *rows, uint8_t op)
{
	return rows[op >> 4] >> (op & 15) & 1;
}

/* The bytes being decoded; `at` is how many were taken. */
struct cursor {
	const uint8_t *bytes;
	size_t avail;
	unsigned int at;
};

/* Are n more bytes there?  1 yes, 0 not within avail, -1 the instruction is too long. */
static int have(const struct cursor *c, unsigned int n)
{
	if (c->at + n > INSN_MAX)
		return -1;
	return c->at + n <= c->avail;
}

#define NEED(c, n)                      \
	do {                            \
		int have_ = have(c, n); \
		if (have_ <= 0)         \
			return have_;   \
	} while (0)

static uint8_t prefix_bit(uint8_t byte)
{
	switch (byte) {
	case 0x66: return INSN_OPSIZE;
	case 0x67: return INSN_ADDRSIZE;
	case 0xf2: return INSN_REPNE;
	case 0xf3: return INSN_REP;
	case 0xf0: return INSN_LOCK;
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65: return INSN_SEGMENT;
	}
	return 0;
}

static char class_of(const struct insn *in)
{
	uint8_t op = in->opcode;

	if (in->prefixes & INSN_VEX) {
		switch (in->map) {
		case 1:
			if (op == 0x77)
				return '.';
			if (!known(known_vex_0f, op))
				return 'x';
			return (op >= 0x70 && op <= 0x73) || op == 0xc2 ||
					       (op >= 0xc4 && op <= 0xc6) ?
				       'b' :
				       'm';
		case 3: return 'b';
		}
		return 'm';
	}
	switch (in->map) {
	case 0: return one_byte[op >> 4][op & 15];
	case 1:
		/* SSE4a: extrq and insertq with two immediate bytes are not known here */
		if (op == 0x78 && in->prefixes & (INSN_OPSIZE | INSN_REPNE))
			return 'x';
		/* popcnt; without its prefix an opcode of the Itanium */
		if (op == 0xb8 && !(in->prefixes & INSN_REP))
			return 'x';
		return map_0f[op >> 4][op & 15];
	case 2: return known(known_0f38, op) ? 'm' : 'x';
	}
	return known(known_0f3a, op) ? 'b' : 'x';
}

/* VEX and EVEX: c->at is at the first byte behind c4, c5 or 62. */
static int take_vex(struct cursor *c, uint8_t first, struct insn *in)
{
	/* the processor refuses these before VEX, and REX too */
	if (in->rex || in->prefixes & (INSN_OPSIZE | INSN_REPNE | INSN_REP | INSN_LOCK))
		return -1;
	in->prefixes |= INSN_VEX;
	if (first == 0xc5) {
		NEED(c, 1);
		in->map = 1;
		c->at += 1;
	} else if (first == 0xc4) {
		NEED(c, 2);
		in->map = c->bytes[c->at] & 0x1f;
		if (in->map < 1 || in->map > 3)
			return -1;
		c->at += 2;
	} else {
		NEED(c, 3);
		in->map = c->bytes[c->at] & 7;
		/* bit 3 of the first byte is 0 and bit 2 of the second is 1, else it is APX */
		if (c->bytes[c->at] & 8 || !(c->bytes[c->at + 1] & 4))
			return -1;
		if (in->map == 0 || in->map == 4 || in->map == 7)
			return -1;
		c->at += 3;
	}
	NEED(c, 1);
	in->opcode = c->bytes[c->at++];
	return 1;
}

static int take_opcode(struct cursor *c, struct insn *in)
{
	uint8_t byte;

	NEED(c, 1);
	byte = c->bytes[c->at++];
	if (byte == 0xc4 || byte == 0xc5 || byte == 0x62)
		return take_vex(c, byte, in);
	in->opcode = byte;
	if (byte != 0x0f)
		return 1;
	NEED(c, 1);
	in->map = 1;
	in->opcode = byte = c->bytes[c->at++];
	if (byte == 0x38 || byte == 0x3a) {
		NEED(c, 1);
		in->map = byte == 0x38 ? 2 : 3;
		in->opcode = c->bytes[c->at++];
	}
	return 1;
}

static int take_modrm(struct cursor *c, char class, struct insn *in)
{
	unsigned int mod, rm;

	NEED(c, 1);
	in->has_modrm = true;
	in->modrm = c->bytes[c->at++];
	mod = in->modrm >> 6;
	rm = in->modrm & 7;
	if (class == 'c' || mod == 3)
		return 1;
	if (mod == 1)
		in->disp_len = 1;
	else if (mod == 2)
		in->disp_len = 4;
	if (rm == 4) {
		NEED(c, 1);
		if (mod == 0 && (c->bytes[c->at] & 7) == 5)
			in->disp_len = 4;
		c->at++;
	} else if (mod == 0 && rm == 5) {
		in->disp_len = 4;
		in->rip_relative = true;
	}
	if (in->disp_len) {
		NEED(c, in->disp_len);
		in->disp_off = c->at;
		c->at += in->disp_len;
	}
	return 1;
}

/* Undefined members of the groups whose ModRM byte extends the opcode. */
static bool group_undefined(const struct insn *in)
{
	unsigned int reg = in->modrm >> 3 & 7;

	if (in->map != 0 || in->prefixes & INSN_VEX)
		return false;
	switch (in->opcode) {
	case 0x8f: /* the others are XOP */ return reg != 0;
	case 0xc6:
	case 0xc7: /* f8: xabort, xbegin */ return reg != 0 && in->modrm != 0xf8;
	case 0xfe: return reg > 1;
	case 0xff: return reg == 7 || (in->modrm >> 6 == 3 && (reg == 3 || reg == 5));
	}
	return false;
}

static unsigned int immediate_length(const struct insn *in, char class)
{
	bool wide = in->rex & 8;
	bool small = in->prefixes & INSN_OPSIZE && !wide;
	unsigned int reg = in->modrm >> 3 & 7;

	switch (class) {
	case '1':
	case 'b':
	case 'r': return 1;
	case '2': return 2;
	case '3': return 3;
	case '4':
	case 'z': return small ? 2 : 4;
	case '8': return wide ? 8 : small ? 2 : 4;
	case 'R': return 4;
	case 'a': return in->prefixes & INSN_ADDRSIZE ? 4 : 8;
	}
	/* test with an immediate shares its opcode with not, neg, mul, div */
	if (in->map == 0 && !(in->prefixes & INSN_VEX) && reg < 2) {
		if (in->opcode == 0xf6)
			return 1;
		if (in->opcode == 0xf7)
			return small ? 2 : 4;
	}
	return 0;
}

static enum insn_flow flow_of(const struct insn *in, char class)
{
	unsigned int reg = in->modrm >> 3 & 7;
	uint8_t op = in->opcode;

	if (in->prefixes & INSN_VEX || in->map > 1)
		return INSN_PLAIN;
	if (in->map == 1) {
		switch (op) {
		case 0x05:
		case 0x34: return INSN_SYSCALL;
		case 0x07:
		case 0x35: /* sysret, sysexit */
		case 0x0b:
		case 0xb9:
		case 0xff: /* ud2, ud1, ud0 */
		case 0xaa: /* rsm */ return INSN_JUMP;
		}
		return class == 'R' ? INSN_COND : INSN_PLAIN;
	}
	switch (op) {
	case 0xc2:
	case 0xc3:
	case 0xca:
	case 0xcb:
	case 0xcf:
	case 0xcc:
	case 0xe9:
	case 0xeb:
	case 0xf1:
	case 0xf4: return INSN_JUMP;
	case 0xcd: return INSN_SYSCALL;
	case 0xe8: return INSN_CALL;
	case 0xc7: return in->modrm == 0xf8 ? INSN_COND : INSN_PLAIN;
	case 0xff:
		if (reg == 2 || reg == 3)
			return INSN_CALL;
		return reg == 4 || reg == 5 ? INSN_JUMP : INSN_PLAIN;
	}
	return class == 'r' ? INSN_COND : INSN_PLAIN;
}

int insn_decode(const uint8_t *bytes, size_t avail, struct insn *in)
{
	struct cursor c = { .bytes = bytes, .avail = avail };
	char class;
	int got;

	*in = (struct insn){ 0 };
	for (;;) {
		uint8_t byte, bit;

		NEED(&c, 1);
		byte = bytes[c.at];
		bit = prefix_bit(byte);
		if (bit) {
			in->prefixes |= bit;
			in->rex = 0; /* REX counts only directly before the opcode */
		} else if ((byte & 0xf0) == 0x40) {
			in->rex = byte;
		} else {
			break;
		}
		c.at++;
	}
	got = take_opcode(&c, in);
	if (got <= 0)
		return got;
	class = class_of(in);
	if (class == 'x')
		return -1;
	/* with 66 the offset has 2 bytes on AMD and 4 on Intel, unless REX.W settles it */
	if ((class == 'r' || class == 'R') && in->prefixes & INSN_OPSIZE && !(in->rex & 8))
		return -1;
	if (class == 'm' || class == 'b' || class == 'z' || class == 'c') {
		got = take_modrm(&c, class, in);
		if (got <= 0)
			return got;
		if (group_undefined(in))
			return -1;
	}
	in->imm_len = immediate_length(in, class);
	if (in->imm_len) {
		NEED(&c, in->imm_len);
		in->imm_off = c.at;
		c.at += in->imm_len;
	}
	in->flow = flow_of(in, class);
	in->len = c.at;
	return in->len;
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

bool insn_target(const struct insn *in, const uint8_t *bytes, unsigned long addr,
		 unsigned long *ret_target)
{
	long off;

	/* indirect branches have no immediate; ret has, and so has int n */
	if (in->flow == INSN_PLAIN || in->flow == INSN_SYSCALL || in->imm_len == 0)
		return false;
	if (in->map == 0 && (in->opcode == 0xc2 || in->opcode == 0xca))
		return false;
	if (in->imm_len == 1)
		off = (bytes[in->imm_off] ^ 0x80L) - 0x80;
	else if (in->imm_len == 2)
		off = (int16_t)(bytes[in->imm_off] | bytes[in->imm_off + 1] << 8);
	else
		off = (int32_t)get32(bytes + in->imm_off);
	*ret_target = addr + in->len + (unsigned long)off;
	return true;
}

bool insn_movable(const struct insn *in)
{
	if (in->flow != INSN_PLAIN || in->prefixes & INSN_LOCK)
		return false;
	if (in->map == 0 && (in->opcode & 0xf8) == 0xd8)
		return false;
	/* RIP-relative with a 32-bit address: wraps at 4 GB */
	return !(in->rip_relative && in->prefixes & INSN_ADDRSIZE);
}

bool insn_is_nop(const struct insn *in, const uint8_t *bytes)
{
	if (in->prefixes & ~(INSN_OPSIZE | INSN_SEGMENT))
		return false;
	if (in->map == 0 && in->opcode == 0x90)
		return in->rex == 0;
	if (in->map != 1 || in->opcode != 0x1f || (in->modrm & 0x38) != 0 || in->rip_relative)
		return false;
	for (unsigned int i = 0; i < in->disp_len; i++)
		if (bytes[in->disp_off + i] != 0)
			return false;
	return true;
}

bool insn_is_odd(const struct insn *in)
{
	uint8_t op = in->opcode;

	if (in->prefixes & INSN_VEX || in->map > 1)
		return false;
	if (in->map == 0)
		return (op == 0 && in->modrm == 0) || (op >= 0x6c && op <= 0x6f) || /* ins, outs */
		       (op >= 0xca && op <= 0xcb) || op == 0xcf || op == 0xf1 ||
		       (op >= 0xe4 && op <= 0xe7) || (op >= 0xec && op <= 0xef) || /* in, out */
		       op == 0xfa || op == 0xfb;                                   /* cli, sti */
	return op == 0x00 || (op >= 0x06 && op <= 0x09) || (op >= 0x20 && op <= 0x23) ||
	       op == 0x30 || op == 0x32 || (op >= 0x34 && op <= 0x37) || op == 0xaa;
}

int insn_relocate(const uint8_t *bytes, size_t avail, unsigned long from, unsigned long to,
		  uint8_t *out)
{
	struct insn in;
	int len = insn_decode(bytes, avail, &in);

	if (len <= 0 || !insn_movable(&in))
		return -1;
	for (int i = 0; i < len; i++)
		out[i] = bytes[i];
	if (in.rip_relative) {
		unsigned long disp =
			(unsigned long)(int32_t)get32(bytes + in.disp_off) + (from - to);

		if ((long)disp != (int32_t)disp)
			return -1;
		for (int i = 0; i < 4; i++)
			out[in.disp_off + i] = disp >> 8 * i;
	}
	return len;
}
