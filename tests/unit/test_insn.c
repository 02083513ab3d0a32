/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder against a table of encodings, and against objdump over everything
 * in the C library and the dynamic loader, or in the files that are named.
 */
#include "agent/arch/x86_64/insn.h"

#include "elf_image.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct encoding {
	const char *hex, *text;
	enum insn_flow flow;
};

/* clang-format off */
static const struct encoding encodings[] = {
	{ "d9c1", "fld %st(1)", INSN_PLAIN },
	{ "db6c2410", "fldt 0x10(%rsp)", INSN_PLAIN },
	{ "d97dfc", "fnstcw -0x4(%rbp)", INSN_PLAIN },
	{ "dd04d8", "fldl (%rax,%rbx,8)", INSN_PLAIN },
	{ "dff3", "fcomip %st(3),%st", INSN_PLAIN },
	{ "dbe3", "fninit", INSN_PLAIN },
	{ "0fae8000100000", "fxsave 0x1000(%rax)", INSN_PLAIN },
	{ "0f77", "emms", INSN_PLAIN },
	{ "440f28c9", "movaps %xmm1,%xmm9", INSN_PLAIN },
	{ "0f101d78563412", "movups 0x12345678(%rip),%xmm3", INSN_PLAIN },
	{ "660f70d11b", "pshufd $0x1b,%xmm1,%xmm2", INSN_PLAIN },
	{ "660f73dd04", "psrldq $0x4,%xmm5", INSN_PLAIN },
	{ "0fc2d101", "cmpltps %xmm1,%xmm2", INSN_PLAIN },
	{ "660fc4c803", "pinsrw $0x3,%eax,%xmm1", INSN_PLAIN },
	{ "660fc5c103", "pextrw $0x3,%xmm1,%eax", INSN_PLAIN },
	{ "660fc60e01", "shufpd $0x1,(%rsi),%xmm1", INSN_PLAIN },
	{ "f2480f2ac0", "cvtsi2sd %rax,%xmm0", INSN_PLAIN },
	{ "66410f380008", "pshufb (%r8),%xmm1", INSN_PLAIN },
	{ "f20f38f0d8", "crc32 %al,%ebx", INSN_PLAIN },
	{ "f24b0f38f15c917f", "crc32q 0x7f(%r9,%r10,4),%rbx", INSN_PLAIN },
	{ "0f38f107", "movbe %eax,(%rdi)", INSN_PLAIN },
	{ "660f3a0fd107", "palignr $0x7,%xmm1,%xmm2", INSN_PLAIN },
	{ "660f3a0bd103", "roundsd $0x3,%xmm1,%xmm2", INSN_PLAIN },
	{ "660f3a6350101a", "pcmpistri $0x1a,0x10(%rax),%xmm2", INSN_PLAIN },
	{ "660f38dcd1", "aesenc %xmm1,%xmm2", INSN_PLAIN },
	{ "660f3adfd101", "aeskeygenassist $0x1,%xmm1,%xmm2", INSN_PLAIN },
	{ "0f3accd102", "sha1rnds4 $0x2,%xmm1,%xmm2", INSN_PLAIN },
	{ "0f38ccd1", "sha256msg1 %xmm1,%xmm2", INSN_PLAIN },
	{ "660f3a44d111", "pclmulhqhqdq %xmm1,%xmm2", INSN_PLAIN },
	{ "66480f38f6d8", "adcx %rax,%rbx", INSN_PLAIN },
	{ "660f3aced103", "gf2p8affineqb $0x3,%xmm1,%xmm2", INSN_PLAIN },
	{ "c5f877", "vzeroupper", INSN_PLAIN },
	{ "c5fc77", "vzeroall", INSN_PLAIN },
	{ "c5fd6f4c2420", "vmovdqa 0x20(%rsp),%ymm1", INSN_PLAIN },
	{ "c57e7f0d78563412", "vmovdqu %ymm9,0x12345678(%rip)", INSN_PLAIN },
	{ "c5fd70d101", "vpshufd $0x1,%ymm1,%ymm2", INSN_PLAIN },
	{ "c5ed73f103", "vpsllq $0x3,%ymm1,%ymm2", INSN_PLAIN },
	{ "c5ecc2d901", "vcmpltps %ymm1,%ymm2,%ymm3", INSN_PLAIN },
	{ "c4e3fd00d14e", "vpermq $0x4e,%ymm1,%ymm2", INSN_PLAIN },
	{ "c4e36d46d920", "vperm2i128 $0x20,%ymm1,%ymm2,%ymm3", INSN_PLAIN },
	{ "c4e275901c90", "vpgatherdd %ymm1,(%rax,%ymm2,4),%ymm3", INSN_PLAIN },
	{ "c4c2f5b813", "vfmadd231pd (%r11),%ymm1,%ymm2", INSN_PLAIN },
	{ "c4e3614ae210", "vblendvps %xmm1,%xmm2,%xmm3,%xmm4", INSN_PLAIN },
	{ "c4e3fbf0d805", "rorx $0x5,%rax,%rbx", INSN_PLAIN },
	{ "c4e2e0f2c8", "andn %rax,%rbx,%rcx", INSN_PLAIN },
	{ "c4e278f50a", "bzhi %eax,(%rdx),%ecx", INSN_PLAIN },
	{ "c4e2e3f5c8", "pdep %rax,%rbx,%rcx", INSN_PLAIN },
	{ "c5f893c1", "kmovw %k1,%eax", INSN_PLAIN },
	{ "c5f998d1", "kortestb %k1,%k2", INSN_PLAIN },
	{ "c4e3f933d103", "kshiftlq $0x3,%k1,%k2", INSN_PLAIN },
	{ "62e1fe486f4701", "vmovdqu64 0x40(%rdi),%zmm16", INSN_PLAIN },
	{ "62f1fe486f0d78563412", "vmovdqu64 0x12345678(%rip),%zmm1", INSN_PLAIN },
	{ "62f36d4825d9ff", "vpternlogd $0xff,%zmm1,%zmm2,%zmm3", INSN_PLAIN },
	{ "62f175d9fe10", "vpaddd (%rax){1to16},%zmm1,%zmm2{%k1}{z}", INSN_PLAIN },
	{ "62f16d4874c9", "vpcmpeqb %zmm1,%zmm2,%k1", INSN_PLAIN },
	{ "62f26d487dd9", "vpermt2b %zmm1,%zmm2,%zmm3", INSN_PLAIN },
	{ "62f56c4858d9", "vaddph %zmm1,%zmm2,%zmm3", INSN_PLAIN },
	{ "62f66d48b819", "vfmadd231ph (%rcx),%zmm2,%zmm3", INSN_PLAIN },
	{ "62f67d4842d1", "vgetexpph %zmm1,%zmm2", INSN_PLAIN },
	{ "62f36c48c2c902", "vcmpleph %zmm1,%zmm2,%k1", INSN_PLAIN },
	{ "62f27d49a20c90", "vscatterdps %zmm1,(%rax,%zmm2,4){%k1}", INSN_PLAIN },
	{ "a28877665544332211", "movabs %al,0x1122334455667788", INSN_PLAIN },
	{ "48a18877665544332211", "movabs 0x1122334455667788,%rax", INSN_PLAIN },
	{ "66a18877665544332211", "movabs 0x1122334455667788,%ax", INSN_PLAIN },
	{ "67a144332211", "addr32 mov 0x11223344,%eax", INSN_PLAIN },
	{ "48b88877665544332211", "movabs $0x1122334455667788,%rax", INSN_PLAIN },
	{ "49bf8877665544332211", "movabs $0x1122334455667788,%r15", INSN_PLAIN },
	{ "b844332211", "mov $0x11223344,%eax", INSN_PLAIN },
	{ "66b82211", "mov $0x1122,%ax", INSN_PLAIN },
	{ "41b111", "mov $0x11,%r9b", INSN_PLAIN },
	{ "48c7c0ffffffff", "mov $0xffffffffffffffff,%rax", INSN_PLAIN },
	{ "c74424b805000000", "movl $0x5,-0x48(%rsp)", INSN_PLAIN },
	{ "66c740103412", "movw $0x1234,0x10(%rax)", INSN_PLAIN },
	{ "c6057856341201", "movb $0x1,0x12345678(%rip)", INSN_PLAIN },
	{ "49c70424ffffffff", "movq $0xffffffffffffffff,(%r12)", INSN_PLAIN },
	{ "c8100001", "enter $0x10,$0x1", INSN_PLAIN },
	{ "c9", "leave", INSN_PLAIN },
	{ "c3", "ret", INSN_JUMP },
	{ "c20800", "ret $0x8", INSN_JUMP },
	{ "cb", "lret", INSN_JUMP },
	{ "ca0400", "lret $0x4", INSN_JUMP },
	{ "48cb", "lretq", INSN_JUMP },
	{ "48cf", "iretq", INSN_JUMP },
	{ "f6c301", "test $0x1,%bl", INSN_PLAIN },
	{ "f6400801", "testb $0x1,0x8(%rax)", INSN_PLAIN },
	{ "66f7003412", "testw $0x1234,(%rax)", INSN_PLAIN },
	{ "f70078563412", "testl $0x12345678,(%rax)", INSN_PLAIN },
	{ "48f7057856341278563412", "testq $0x12345678,0x12345678(%rip)", INSN_PLAIN },
	{ "a801", "test $0x1,%al", INSN_PLAIN },
	{ "66a93412", "test $0x1234,%ax", INSN_PLAIN },
	{ "48a978563412", "test $0x12345678,%rax", INSN_PLAIN },
	{ "f710", "notl (%rax)", INSN_PLAIN },
	{ "f65d05", "negb 0x5(%rbp)", INSN_PLAIN },
	{ "48f7e1", "mul %rcx", INSN_PLAIN },
	{ "f73c8578563412", "idivl 0x12345678(,%rax,4)", INSN_PLAIN },
	{ "6681c13412", "add $0x1234,%cx", INSN_PLAIN },
	{ "81c178563412", "add $0x12345678,%ecx", INSN_PLAIN },
	{ "6683c101", "add $0x1,%cx", INSN_PLAIN },
	{ "66053412", "add $0x1234,%ax", INSN_PLAIN },
	{ "483d78563412", "cmp $0x12345678,%rax", INSN_PLAIN },
	{ "6669d83412", "imul $0x1234,%ax,%bx", INSN_PLAIN },
	{ "691878563412", "imul $0x12345678,(%rax),%ebx", INSN_PLAIN },
	{ "486bd805", "imul $0x5,%rax,%rbx", INSN_PLAIN },
	{ "6a05", "push $0x5", INSN_PLAIN },
	{ "6878563412", "push $0x12345678", INSN_PLAIN },
	{ "66683412", "pushw $0x1234", INSN_PLAIN },
	{ "4154", "push %r12", INSN_PLAIN },
	{ "ff742408", "push 0x8(%rsp)", INSN_PLAIN },
	{ "8f00", "pop (%rax)", INSN_PLAIN },
	{ "9c", "pushf", INSN_PLAIN },
	{ "e8fb000000", "call 0x32f", INSN_CALL },
	{ "ffd0", "call *%rax", INSN_CALL },
	{ "ff1534120000", "call *0x1234(%rip)", INSN_CALL },
	{ "e9fb0f0000", "jmp 0x123c", INSN_JUMP },
	{ "eb02", "jmp 0x245", INSN_JUMP },
	{ "41ffe3", "jmp *%r11", INSN_JUMP },
	{ "ff24d8", "jmp *(%rax,%rbx,8)", INSN_JUMP },
	{ "ff28", "ljmp *(%rax)", INSN_JUMP },
	{ "ff1b", "lcall *(%rbx)", INSN_CALL },
	{ "7402", "je 0x251", INSN_COND },
	{ "0f85fa0f0000", "jne 0x124f", INSN_COND },
	{ "e202", "loop 0x259", INSN_COND },
	{ "e302", "jrcxz 0x25b", INSN_COND },
	{ "67e301", "jecxz 0x25d", INSN_COND },
	{ "c7f8fa000000", "xbegin 0x35c", INSN_COND },
	{ "c6f801", "xabort $0x1", INSN_PLAIN },
	{ "0f05", "syscall", INSN_SYSCALL },
	{ "0f34", "sysenter", INSN_SYSCALL },
	{ "cd80", "int $0x80", INSN_SYSCALL },
	{ "cc", "int3", INSN_JUMP },
	{ "0f0b", "ud2", INSN_JUMP },
	{ "0fb900", "ud1 (%rax),%eax", INSN_JUMP },
	{ "f4", "hlt", INSN_JUMP },
	{ "90", "nop", INSN_PLAIN },
	{ "6690", "xchg %ax,%ax", INSN_PLAIN },
	{ "0f1f00", "nopl (%rax)", INSN_PLAIN },
	{ "660f1f0400", "nopw (%rax,%rax,1)", INSN_PLAIN },
	{ "662e0f1f840000000000", "cs nopw 0x0(%rax,%rax,1)", INSN_PLAIN },
	{ "66666666662e0f1f840000000000", "data16 data16 data16 data16 cs nopw 0x0(%rax,%rax,1)", INSN_PLAIN },
	{ "f390", "pause", INSN_PLAIN },
	{ "f30f1efa", "endbr64", INSN_PLAIN },
	{ "0f01f9", "rdtscp", INSN_PLAIN },
	{ "0f31", "rdtsc", INSN_PLAIN },
	{ "0fa2", "cpuid", INSN_PLAIN },
	{ "0f01d0", "xgetbv", INSN_PLAIN },
	{ "f3480faec0", "rdfsbase %rax", INSN_PLAIN },
	{ "f3480faeda", "wrgsbase %rdx", INSN_PLAIN },
	{ "64488b042500000000", "mov %fs:0x0,%rax", INSN_PLAIN },
	{ "64488b042528000000", "mov %fs:0x28,%rax", INSN_PLAIN },
	{ "658b040578563412", "mov %gs:0x12345678(,%rax,1),%eax", INSN_PLAIN },
	{ "488d3d78563412", "lea 0x12345678(%rip),%rdi", INSN_PLAIN },
	{ "8d30", "lea (%rax),%esi", INSN_PLAIN },
	{ "488db42600000000", "lea 0x0(%rsi,%riz,1),%rsi", INSN_PLAIN },
	{ "486307", "movslq (%rdi),%rax", INSN_PLAIN },
	{ "0fb7c0", "movzwl %ax,%eax", INSN_PLAIN },
	{ "480f47d8", "cmova %rax,%rbx", INSN_PLAIN },
	{ "0f954005", "setne 0x5(%rax)", INSN_PLAIN },
	{ "480fbae005", "bt $0x5,%rax", INSN_PLAIN },
	{ "0fab02", "bts %eax,(%rdx)", INSN_PLAIN },
	{ "480fa4c303", "shld $0x3,%rax,%rbx", INSN_PLAIN },
	{ "0fad03", "shrd %cl,%eax,(%rbx)", INSN_PLAIN },
	{ "f00fb10a", "lock cmpxchg %ecx,(%rdx)", INSN_PLAIN },
	{ "f0480fc103", "lock xadd %rax,(%rbx)", INSN_PLAIN },
	{ "480fc70e", "cmpxchg16b (%rsi)", INSN_PLAIN },
	{ "4893", "xchg %rax,%rbx", INSN_PLAIN },
	{ "490fc9", "bswap %r9", INSN_PLAIN },
	{ "480fc307", "movnti %rax,(%rdi)", INSN_PLAIN },
	{ "f3480fb8d8", "popcnt %rax,%rbx", INSN_PLAIN },
	{ "f30fbdd8", "lzcnt %eax,%ebx", INSN_PLAIN },
	{ "0f1808", "prefetcht0 (%rax)", INSN_PLAIN },
	{ "0f0d08", "prefetchw (%rax)", INSN_PLAIN },
	{ "f3a4", "rep movsb %ds:(%rsi),%es:(%rdi)", INSN_PLAIN },
	{ "f348ab", "rep stos %rax,%es:(%rdi)", INSN_PLAIN },
	{ "f2ae", "repnz scas %es:(%rdi),%al", INSN_PLAIN },
	{ "98", "cwtl", INSN_PLAIN },
	{ "4899", "cqto", INSN_PLAIN },
	{ "48d1e0", "shl %rax", INSN_PLAIN },
	{ "48c1e003", "shl $0x3,%rax", INSN_PLAIN },
	{ "48d3fb", "sar %cl,%rbx", INSN_PLAIN },
	{ "66c10003", "rolw $0x3,(%rax)", INSN_PLAIN },
	{ "e410", "in $0x10,%al", INSN_PLAIN },
	{ "ee", "out %al,(%dx)", INSN_PLAIN },
	{ "d7", "xlat %ds:(%rbx)", INSN_PLAIN },
	{ "0f20c0", "mov %cr0,%rax", INSN_PLAIN },
	{ "0f23f8", "mov %rax,%db7", INSN_PLAIN },
	{ "480fc7f0", "rdrand %rax", INSN_PLAIN },
	{ "0f0138", "invlpg (%rax)", INSN_PLAIN },
	{ "0fae642440", "xsave 0x40(%rsp)", INSN_PLAIN },
	{ "480fc727", "xsavec64 (%rdi)", INSN_PLAIN },
	{ "660fae38", "clflushopt (%rax)", INSN_PLAIN },
	{ "480f38f603", "wrssq %rax,(%rbx)", INSN_PLAIN },
	{ "660f38f818", "movdir64b (%rax),%rbx", INSN_PLAIN },
	{ "f3480faee8", "incsspq %rax", INSN_PLAIN },
};
/* clang-format on */

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned int byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = byte;
	}
	return n;
}

static int insn_length(const uint8_t *bytes, size_t avail)
{
	struct insn in;

	return insn_decode(bytes, avail, &in);
}

static int length_of(const char *hex)
{
	uint8_t bytes[64];

	return insn_length(bytes, from_hex(hex, bytes));
}

static void test_table(void **state)
{
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		const struct encoding *e = &encodings[i];
		bool rip = strstr(e->text, "(%rip)");
		uint8_t bytes[64];
		struct insn in;
		size_t n;

		/* what follows does not matter, and what is missing is noticed */
		memset(bytes, 0x90, sizeof(bytes));
		n = from_hex(e->hex, bytes);
		if (insn_decode(bytes, sizeof(bytes), &in) != (int)n || in.flow != e->flow ||
		    in.rip_relative != rip)
			fail_msg("%s %s: length %d, flow %d, rip %d", e->hex, e->text, in.len,
				 in.flow, in.rip_relative);
		assert_int_equal(insn_length(bytes, n), n);
		for (size_t cut = 0; cut < n; cut++)
			if (insn_length(bytes, cut) != 0)
				fail_msg("%s %s: %d from %zu bytes", e->hex, e->text,
					 insn_length(bytes, cut), cut);
	}
}

static void test_refused(void **state)
{
	static const char *const undefined[] = {
		"06",           "0e",           "1f",
		"27",           "37",           "60",
		"61",           "82c001",       "9a",
		"ce",           "d4",           "d5",
		"d6",           "ea",           "0f04",
		"0f0a",         "0f24c0",       "0f36",
		"0f39",         "0f7ac0",       "0fa6c0",
		"0fb8c0",       "0f38ff00",     "0f3a0000",
		"0f38f7c0", /* no such opcode without VEX */
		"fed0",         "ffff",         "ffd8",
		"ffe8",         "c6c801",       "c7c800000000", /* members of groups */
		"8fe878c2ec0e", "8f29109936",                   /* XOP */
		"660f78c00102", "f20f78c00102",                 /* SSE4a, immediates follow */
		"66e90000",     "66e800000000", "660f840000",
		"667400", /* AMD and Intel differ */
		"66c5f857c0",   "48c5f857c0",   "f3c5f857c0",
		"f0c4e17857c0", /* prefix before VEX */
		"c4e07857c0",   "c4e47857c0",   "62f47c0857c0",
		"62f87c0857c0", "62f1780857c0",
	};

	for (size_t i = 0; i < sizeof(undefined) / sizeof(undefined[0]); i++)
		if (length_of(undefined[i]) != -1)
			fail_msg("%s: %d", undefined[i], length_of(undefined[i]));
}

static void test_prefixes(void **state)
{
	uint8_t bytes[32];

	/* operand size and REX.W decide about immediates; only the last prefix before counts */
	assert_int_equal(length_of("66b81122"), 4);
	assert_int_equal(length_of("6648b81122334455667788"), 11);
	assert_int_equal(length_of("4866b81122"), 5); /* REX without effect */
	assert_int_equal(length_of("4840b811223344"), 7);
	assert_int_equal(length_of("66f7c01122"), 5);
	assert_int_equal(length_of("6648f7c011223344"), 8);
	assert_int_equal(length_of("f6c811"), 3); /* the other way to write test */
	assert_int_equal(length_of("f7c811223344"), 6);
	assert_int_equal(length_of("f7d0"), 2);
	assert_int_equal(length_of("67a111223344"), 6);
	assert_int_equal(length_of("66c7401011223344"), 6);
	assert_int_equal(length_of("666648e811223344"), 8); /* as in calls of __tls_get_addr */
	assert_int_equal(length_of("67e811223344"), 6);
	assert_int_equal(length_of("f2e911223344"), 6);
	/* mov to a control register has no memory operand, whatever its ModRM byte says */
	assert_int_equal(length_of("0f2005"), 3);
	assert_int_equal(length_of("0f2204"), 3);

	/* 15 bytes and not one more */
	memset(bytes, 0x66, sizeof(bytes));
	bytes[14] = 0x90;
	assert_int_equal(insn_length(bytes, sizeof(bytes)), 15);
	assert_int_equal(insn_length(bytes, 14), 0);
	bytes[14] = 0x66;
	bytes[15] = 0x90;
	assert_int_equal(insn_length(bytes, sizeof(bytes)), -1);
	memset(bytes, 0x2e, sizeof(bytes));
	memcpy(bytes + 5, "\xc7\x84\x24\1\2\3\4\5\6\7", 10);
	assert_int_equal(insn_length(bytes, sizeof(bytes)), -1);
	memcpy(bytes + 4, "\xc7\x84\x24\1\2\3\4\5\6\7\x8", 11);
	assert_int_equal(insn_length(bytes, sizeof(bytes)), 15);
}

static void test_target(void **state)
{
	static const struct {
		const char *hex;
		unsigned long target; /* from 0x1000; 0: none */
	} branches[] = {
		{ "ebfe", 0x1000 },
		{ "7410", 0x1012 },
		{ "e8fbffffff", 0x1000 },
		{ "0f8500010000", 0x1106 },
		{ "e280", 0xf82 },
		{ "67e300", 0x1003 },
		{ "c7f810000000", 0x1016 },
		{ "e900000080", 0xffffffff80001005 },
		{ "ffe0", 0 },
		{ "ff2500000000", 0 },
		{ "c3", 0 },
		{ "c20800", 0 },
		{ "cd80", 0 },
		{ "b801000000", 0 },
		{ "ca0800", 0 },
		{ "0f0b", 0 },
		{ "ff2411", 0 },
	};

	for (size_t i = 0; i < sizeof(branches) / sizeof(branches[0]); i++) {
		unsigned long target = 0;
		uint8_t bytes[16];
		struct insn in;

		assert_true(insn_decode(bytes, from_hex(branches[i].hex, bytes), &in) > 0);
		assert_int_equal(insn_target(&in, bytes, 0x1000, &target), branches[i].target != 0);
		assert_int_equal(target, branches[i].target);
	}
}

static int relocated(const char *hex, unsigned long from, unsigned long to, uint8_t *out)
{
	uint8_t bytes[16];
	size_t n = from_hex(hex, bytes);

	assert_int_equal(insn_relocate(bytes, n ? n - 1 : 0, from, to, out), -1);
	return insn_relocate(bytes, n, from, to, out);
}

static void test_relocate(void **state)
{
	static const char *const plain[] = {
		"b827000000", "4889c7",           "c7442bb827000000", "50",
		"58",         "488b042511223344", "ff3424",           "64488b042500000000"
	};
	static const char *const refused[] = {
		"ebfe", "e800000000", "ffd0",           "c3",   "0f05", "7400", "cc", "f00fb111",
		"d9c1", "e300",       "678b0500000000", "cd80", "0f0b", "f4",   "06"
	};
	uint8_t out[INSN_MAX], bytes[16];

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		size_t n = from_hex(plain[i], bytes);

		assert_int_equal(relocated(plain[i], 0x1000, 0x7fff00001000, out), n);
		assert_memory_equal(out, bytes, n);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (relocated(refused[i], 0x1000, 0x2000, out) != -1)
			fail_msg("%s was moved", refused[i]);

	/* lea 0x100(%rip),%rdi means 0x1107 and must do so anywhere */
	assert_int_equal(relocated("488d3d00010000", 0x1000, 0x1080, out), 7);
	from_hex("488d3d80000000", bytes);
	assert_memory_equal(out, bytes, 7);
	assert_int_equal(relocated("488d3d00010000", 0x1000, 0x3000, out), 7);
	from_hex("488d3d00e1ffff", bytes);
	assert_memory_equal(out, bytes, 7);
	/* an immediate behind the displacement stays where it is: movb $1,0x10(%rip) */
	assert_int_equal(relocated("c6051000000001", 0x5000, 0x4000, out), 7);
	from_hex("c6051010000001", bytes);
	assert_memory_equal(out, bytes, 7);
	/* vmovdqu %ymm9,0(%rip), EVEX too */
	assert_int_equal(relocated("c57e7f0d00000000", 0x5000, 0x4ff0, out), 8);
	assert_int_equal(out[4], 0x10);
	assert_int_equal(relocated("62f1fe486f0d00000000", 0x5000, 0x4ff0, out), 10);
	assert_int_equal(out[6], 0x10);

	/* the edge of the reach: 0x7fffffff is the last displacement, -0x80000000 the first */
	assert_int_equal(relocated("488d3d00000000", 0x7fffffff, 0, out), 7);
	assert_int_equal(relocated("488d3d00000000", 0x80000000, 0, out), -1);
	assert_int_equal(relocated("488d3d00000000", 0, 0x80000000, out), 7);
	assert_int_equal(relocated("488d3d00000000", 0, 0x80000001, out), -1);
}

static void test_nop(void **state)
{
	static const char *const nops[] = { "90",
					    "6690",
					    "666690",
					    "0f1f00",
					    "0f1f4000",
					    "0f1f440000",
					    "660f1f440000",
					    "0f1f8000000000",
					    "0f1f840000000000",
					    "660f1f840000000000",
					    "662e0f1f840000000000",
					    "6666662e0f1f840000000000",
					    "66666666662e0f1f840000000000" };
	static const char *const others[] = {
		"f390",   "4190",           "4890",           "cc",     "0f1f4001", "f30f1efa",
		"0f1e00", "0f1f0500000000", "0f1f8000000010", "0f1f08", "00",       "87c0",
		"8d7600", "0f0d00",         "f20f1f00"
	};
	uint8_t bytes[16];
	struct insn in;

	for (size_t i = 0; i < sizeof(nops) / sizeof(nops[0]); i++) {
		size_t n = from_hex(nops[i], bytes);

		assert_int_equal(insn_decode(bytes, n, &in), n);
		if (!insn_is_nop(&in, bytes))
			fail_msg("%s is a nop", nops[i]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (insn_decode(bytes, from_hex(others[i], bytes), &in) > 0 &&
		    insn_is_nop(&in, bytes))
			fail_msg("%s is no nop", others[i]);
	}
}

/* The files to compare; named on the command line, or those that are here everywhere. */
static const char *const *files;

/* objdump prints prefixes that it cannot place as instructions of their own. */
static bool only_prefixes(const char *text)
{
	static const char *const words[] = { "rex",   "data16", "addr32", "lock", "repz",
					     "repnz", "cs",     "ds",     "es",   "ss",
					     "fs",    "gs",     "(bad)" };

	for (;;) {
		size_t i;

		text += strspn(text, " \t\n");
		if (!*text)
			return true;
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strncmp(text, words[i], strlen(words[i])) == 0)
				break;
		if (i == sizeof(words) / sizeof(words[0]))
			return false;
		text += strcspn(text, " \t\n");
	}
}

static void compare(const struct elf_image *e, unsigned long addr, unsigned int want,
		    const char *text, unsigned long *wrong)
{
	size_t avail = INSN_MAX;
	const uint8_t *bytes;
	int got;

	while (!(bytes = elf_image_at(e, addr, avail)))
		if (--avail == 0)
			return;
	got = insn_length(bytes, avail);
	if (got == (int)want || only_prefixes(text))
		return;
	/* objdump prints fwait and the x87 instruction behind it as one; the processor has two */
	if (bytes[0] == 0x9b && got == 1 && insn_length(bytes + 1, avail - 1) == (int)want - 1)
		return;
	if (++*wrong <= 10)
		print_error("%lx: objdump %u, here %d: %s", addr, want, got, text);
}

static void test_objdump(void **state)
{
	unsigned int compared = 0;

	if (system("objdump --version >/dev/null 2>&1") != 0)
		skip();
	for (const char *const *file = files; *file; file++) {
		char line[512], before[512] = "", command[512];
		unsigned long addr, last = 0, wrong = 0, nr = 0;
		struct elf_image e;
		FILE *pipe;

		if (!elf_image_open(&e, *file))
			continue;
		snprintf(command, sizeof(command), "objdump -d --no-show-raw-insn '%s'", *file);
		pipe = popen(command, "r");
		assert_non_null(pipe);
		while (fgets(line, sizeof(line), pipe)) {
			int off = 0;

			/* "   26380:<tab>mov ..."; anything else but an empty line is a new start */
			if (line[0] != ' ' || sscanf(line, " %lx:%n", &addr, &off) != 1 ||
			    off == 0) {
				if (line[0] != '\n' && !strstr(line, ">:"))
					last = 0;
				continue;
			}
			if (last && addr > last && addr - last <= INSN_MAX) {
				nr++;
				compare(&e, last, addr - last, before, &wrong);
			}
			last = addr;
			strcpy(before, line + off);
		}
		assert_int_equal(pclose(pipe), 0);
		assert_true(nr > 1000);
		compared++;
		if (wrong)
			fail_msg("%s: %lu of %lu differ", *file, wrong, nr);
	}
	assert_true(compared > 0);
}

int main(int argc, char **argv)
{
	static const char *const here[] = { "/lib/x86_64-linux-gnu/libc.so.6",
					    "/lib64/ld-linux-x86-64.so.2",
					    "/lib/ld-musl-x86_64.so.1", NULL };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),    cmocka_unit_test(test_refused),
		cmocka_unit_test(test_prefixes), cmocka_unit_test(test_target),
		cmocka_unit_test(test_relocate), cmocka_unit_test(test_nop),
		cmocka_unit_test(test_objdump),
	};

	files = argc > 1 ? (const char *const *)argv + 1 : here;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
