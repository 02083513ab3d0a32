/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call changes rax, rcx and r11, and nothing else: every general register
 * with all 64 bits, the flags, the direction flag, MXCSR, the x87 state, the
 * vector and mask registers, and the red zone, with random contents.
 */
#include "torture.h"
#include <cpuid.h>
#include <sys/auxv.h>

struct state {
	unsigned long gpr[16];		/* rax rbx rcx rdx rsi rdi rbp rsp r8..r15 */
	unsigned long flags;
	unsigned long red[16];
};

/*
 * Loads everything from *in, makes the call, stores everything into *out.
 * r15 would be needed for the address: it is kept in memory (in_state).
 */
struct state in_state, out_state;
unsigned char vector_in[8192] __attribute__((aligned(64)));
unsigned char vector_out[8192] __attribute__((aligned(64)));
unsigned long xsave_mask, saved_rsp;
extern const char call_site[], call_site_xsave[];
void one_call(void);
void one_call_xsave(void);

#define LOAD_GPR \
	"	lea in_state(%rip), %rax\n" \
	"	mov 128(%rax), %rbx\n push %rbx\n popfq\n" \
	"	mov 8(%rax), %rbx\n mov 16(%rax), %rcx\n mov 24(%rax), %rdx\n" \
	"	mov 32(%rax), %rsi\n mov 40(%rax), %rdi\n mov 48(%rax), %rbp\n" \
	"	mov 64(%rax), %r8\n mov 72(%rax), %r9\n mov 80(%rax), %r10\n" \
	"	mov 88(%rax), %r11\n mov 96(%rax), %r12\n mov 104(%rax), %r13\n" \
	"	mov 112(%rax), %r14\n mov 120(%rax), %r15\n mov (%rax), %rax\n"
#define STORE_GPR \
	"	mov %rax, out_state(%rip)\n mov %rbx, out_state+8(%rip)\n" \
	"	mov %rcx, out_state+16(%rip)\n mov %rdx, out_state+24(%rip)\n" \
	"	mov %rsi, out_state+32(%rip)\n mov %rdi, out_state+40(%rip)\n" \
	"	mov %rbp, out_state+48(%rip)\n mov %rsp, out_state+56(%rip)\n" \
	"	mov %r8, out_state+64(%rip)\n mov %r9, out_state+72(%rip)\n" \
	"	mov %r10, out_state+80(%rip)\n mov %r11, out_state+88(%rip)\n" \
	"	mov %r12, out_state+96(%rip)\n mov %r13, out_state+104(%rip)\n" \
	"	mov %r14, out_state+112(%rip)\n mov %r15, out_state+120(%rip)\n"
#define KEEP \
	"	push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n" \
	"	sub $256, %rsp\n"
#define GIVE_BACK \
	"	cld\n" \
	"	add $256, %rsp\n" \
	"	pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
/* push and popfq have passed over -8(%rsp), so the red zone is filled after them, by mov alone */
#define RED(n) \
	"	mov in_state+136+8*" #n "(%rip), %rax\n mov %rax, -8-8*" #n "(%rsp)\n"
#define UNRED(n) \
	"	mov -8-8*" #n "(%rsp), %rax\n mov %rax, out_state+136+8*" #n "(%rip)\n"
#define ALL(m) m(0) m(1) m(2) m(3) m(4) m(5) m(6) m(7) m(8) m(9) m(10) m(11) m(12) m(13) m(14) m(15)

__asm__(".text\n.globl one_call, one_call_xsave, call_site, call_site_xsave\n"
	".type one_call, @function\n.type one_call_xsave, @function\n"
	"one_call:\n" KEEP LOAD_GPR
	"	mov %rsp, saved_rsp(%rip)\n"
	ALL(RED)
	"	mov in_state(%rip), %rax\n"
	"call_site:\n"
	"	syscall\n"
	STORE_GPR
	ALL(UNRED)
	"	pushfq\n pop %rax\n mov %rax, out_state+128(%rip)\n"
	GIVE_BACK
	"	ret\n"
	".size one_call, . - one_call\n"
	"one_call_xsave:\n" KEEP
	"	mov xsave_mask(%rip), %eax\n mov xsave_mask+4(%rip), %edx\n"
	"	lea vector_in(%rip), %rcx\n"
	"	xrstor64 (%rcx)\n"
	LOAD_GPR
	"	mov %rsp, saved_rsp(%rip)\n"
	ALL(RED)
	"	mov in_state(%rip), %rax\n"
	"call_site_xsave:\n"
	"	syscall\n"
	STORE_GPR
	ALL(UNRED)
	"	pushfq\n pop %rax\n mov %rax, out_state+128(%rip)\n"
	"	mov xsave_mask(%rip), %eax\n mov xsave_mask+4(%rip), %edx\n"
	"	lea vector_out(%rip), %rcx\n"
	"	xsave64 (%rcx)\n"
	"	fninit\n"
	"	movl $0x1f80, -4(%rsp)\n ldmxcsr -4(%rsp)\n"
	GIVE_BACK
	"	ret\n"
	".size one_call_xsave, . - one_call_xsave\n");

static unsigned long noise_state = 88172645463325252ul;
static unsigned long noise(void)
{
	noise_state ^= noise_state << 13;
	noise_state ^= noise_state >> 7;
	noise_state ^= noise_state << 17;
	return noise_state;
}

/* The calls, all harmless whatever is in the arguments. */
static const struct {
	long nr;
	int args;		/* how many of the first arguments are fixed */
	long arg[6];
	int wanted;		/* 0: any value, 1: result is `value` */
	long value;
} calls[] = {
	{ SYS_getppid, 0, { 0 }, 0, 0 },
	{ SYS_gettid, 0, { 0 }, 0, 0 },
	{ SYS_close, 1, { -1 }, 1, -EBADF },
	{ SYS_lseek, 1, { -1 }, 1, -EBADF },
	{ SYS_write, 1, { 0x7fffffff }, 1, -EBADF },
	{ 999, 0, { 0 }, 1, -ENOSYS },
	{ 513, 0, { 0 }, 1, -ENOSYS },
	{ SYS_mmap, 6, { 0, 0, 0, 0, -1, 1 }, 1, -EINVAL },
	{ SYS_personality, 1, { 0xffffffff }, 1, 0 },
	{ SYS_sched_yield, 0, { 0 }, 1, 0 },
	{ SYS_rt_sigprocmask, 4, { 0, 0, 0, 8 }, 1, 0 },
	{ SYS_rt_sigprocmask, 4, { 0, 0, 0, 7 }, 1, -EINVAL },
	{ SYS_rt_sigaction, 4, { 10, 0, 0, 8 }, 1, 0 },
	{ SYS_sigaltstack, 2, { 0, 0 }, 1, 0 },
	{ SYS_futex, 2, { 0, 0x7f }, 1, -ENOSYS },
	{ SYS_execve, 3, { 8, 8, 8 }, 1, -EFAULT },
	{ SYS_munmap, 2, { 1, 4096 }, 1, -EINVAL },
	{ SYS_close_range, 3, { 9, 8, 0 }, 1, -EINVAL },
	{ SYS_brk, 1, { 1 }, 0, 0 },
};

#define FLAGS_FREE 0xcd5ul		/* CF PF AF ZF SF DF OF */

static void check(const char *how, size_t i, const char *site)
{
	static const char *const names[16] = { "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp",
		"rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };

	for (int r = 1; r < 16; r++) {
		unsigned long want = in_state.gpr[r];

		if (r == 2)
			want = (unsigned long)site + 2;
		if (r == 7)
			want = saved_rsp;
		if (r == 11) {
			if ((out_state.gpr[11] ^ in_state.flags) & FLAGS_FREE)
				die("%s: call %ld: r11 %#lx, flags were %#lx", how, calls[i].nr,
				    out_state.gpr[11], in_state.flags);
			continue;
		}
		if (out_state.gpr[r] != want)
			die("%s: call %ld: %s is %#lx, not %#lx", how, calls[i].nr, names[r],
			    out_state.gpr[r], want);
	}
	if ((out_state.flags ^ in_state.flags) & FLAGS_FREE)
		die("%s: call %ld: flags %#lx, were %#lx", how, calls[i].nr, out_state.flags,
		    in_state.flags);
	for (int k = 0; k < 16; k++)
		if (out_state.red[k] != in_state.red[k])
			die("%s: call %ld: red zone -%d is %#lx, not %#lx", how, calls[i].nr,
			    8 * (k + 1), out_state.red[k], in_state.red[k]);
	if (calls[i].wanted && (long)out_state.gpr[0] != calls[i].value)
		die("%s: call %ld: result %ld", how, calls[i].nr, (long)out_state.gpr[0]);
}

static void fill(size_t i)
{
	static const int arg_reg[6] = { 5, 4, 3, 10, 8, 9 };

	for (int r = 0; r < 16; r++)
		in_state.gpr[r] = noise();
	for (int k = 0; k < 16; k++)
		in_state.red[k] = noise();
	in_state.flags = (noise() & FLAGS_FREE) | 0x202;
	/* the upper half of rax does not count: the kernel takes 32 bits */
	in_state.gpr[0] = (unsigned long)calls[i].nr | (noise() & 0xffffffff00000000ul);
	for (int a = 0; a < calls[i].args; a++)
		in_state.gpr[arg_reg[a]] = (unsigned long)calls[i].arg[a];
}

static void general(void)
{
	long count = rounds(20000, 1000000);

	for (long n = 0; n < count; n++) {
		size_t i = noise() % COUNT_OF(calls);

		fill(i);
		one_call();
		check("general", i, call_site);
	}
	say("general registers, flags, red zone: %ld calls", count);
}

/* Where the plain (not compacted) layout of xsave has component `i`; x87 and SSE come before. */
static void place_of(unsigned i, size_t *ret_from, size_t *ret_to)
{
	unsigned size, from, c, d;

	__cpuid_count(13, i, size, from, c, d);
	*ret_from = from;
	*ret_to = from + size;
}

static void vectors(const char *how, unsigned long mask)
{
	size_t from, to;
	long count = rounds(5000, 300000);

	xsave_mask = mask;
	for (long n = 0; n < count; n++) {
		size_t i = noise() % COUNT_OF(calls);
		unsigned long *in = (unsigned long *)vector_in;

		memset(vector_in, 0, sizeof(vector_in));
		memset(vector_out, 0, sizeof(vector_out));
		/* x87: control, status with TOP and no exceptions, all tags valid, random ST */
		vector_in[0] = 0x7f;
		vector_in[1] = 0x03 | (unsigned char)((noise() & 3) << 2);
		vector_in[3] = (unsigned char)((noise() & 7) << 3);
		vector_in[4] = 0xff;
		*(unsigned *)(vector_in + 24) = 0x1f80 | (unsigned)(noise() & 0x603f);
		for (int r = 0; r < 8; r++) {
			in[4 + 2 * r] = noise() | 1ul << 63;
			in[5 + 2 * r] = 0x3fff;
		}
		for (int r = 20; r < 52; r++)
			in[r] = noise();
		for (unsigned k = 2; k < 8; k++) {
			if (!(mask >> k & 1))
				continue;
			place_of(k, &from, &to);
			if (to > sizeof(vector_in))
				die("the state is too big");
			for (size_t at = from; at < to; at += 8)
				*(unsigned long *)(vector_in + at) = noise();
		}
		in[64] = mask;			/* XSTATE_BV: everything is there */
		fill(i);
		one_call_xsave();
		check(how, i, call_site_xsave);
		if (memcmp(vector_in, vector_out, 6) != 0 ||
		    memcmp(vector_in + 24, vector_out + 24, 4) != 0)
			die("%s: call %ld: x87 control or MXCSR", how, calls[i].nr);
		for (size_t at = 32; at < 416; at++)
			if (vector_in[at] != vector_out[at])
				die("%s: call %ld: byte %zu of the x87 and SSE state", how,
				    calls[i].nr, at);
		if (in[64] != ((unsigned long *)vector_out)[64])
			die("%s: call %ld: components %#lx, were %#lx", how, calls[i].nr,
			    ((unsigned long *)vector_out)[64], in[64]);
		for (size_t at = 576; at < sizeof(vector_in); at++)
			if (vector_in[at] != vector_out[at])
				die("%s: call %ld: byte %zu of the vector state", how, calls[i].nr, at);
	}
	say("%s: kept over %ld calls", how, count);
}

/* Values at the edges: errors down to -4095 are the kernel's; below that they are results. */
static void edges(void)
{
	say("32-bit number with rubbish above: %s", err_name(sc(0xdeadbeef00000000 | SYS_close, -1)));
	say("number -1: %s", err_name(sc(-1)));
	say("number 0xffffffff: %s", err_name(sc(0xffffffff)));
	say("number 0x7fffffff: %s", err_name(sc(0x7fffffff)));
	say("number 511, 512, 513: %s %s %s", err_name(sc(511)), err_name(sc(512)),
	    err_name(sc(513)));
	say("restart_syscall: %s", err_name(sc(SYS_restart_syscall)));
	say("x32 number: %s", err_name(sc(0x40000000 | SYS_getpid)));
	/* six arguments: mmap with an offset in r9 */
	{
		int fd = open("six", O_RDWR | O_CREAT | O_TRUNC, 0600);
		char page[8192];
		char *map;

		memset(page, 'a', 4096);
		memset(page + 4096, 'b', 4096);
		must(fd >= 0 && write(fd, page, 8192) == 8192);
		map = (char *)sc(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 4096);
		say("the sixth argument: %c", map[0]);
	}
	say("an address as a result: %d", (long)sc(SYS_brk, 0) > 0);
}

static unsigned long xgetbv(void)
{
	unsigned low, high;

	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (unsigned long)high << 32 | low;
}

static void sse(void)
{
	vectors("x87 and SSE", 3);
}

static void avx(void)
{
	if (!(xgetbv() & 4))
		skip("this processor has no AVX");
	vectors("AVX", 7);
}

static void avx512(void)
{
	if ((xgetbv() & 0xe7) != 0xe7)
		skip("this processor has no AVX-512");
	vectors("AVX-512", 0xe7);
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "general", general }, { "edges", edges }, { "sse", sse }, { "avx", avx },
		{ "avx512", avx512 },
	};

	return RUN_CASES(cases, argc, argv);
}
