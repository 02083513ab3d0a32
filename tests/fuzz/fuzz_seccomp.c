/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any seccomp filter of a program: what the kernel is given in its place is sound, and has the
 * same verdict on all that the program does, and no word against what the agent does.  Where the
 * gate runs the filter itself, the place that it then calls from stands for that verdict.
 *
 * The input: numbers of calls to judge, then the filter's instructions.  What the kernel would
 * refuse is not made of it, but for cells that are read before they are written; nor are
 * divisions by zero.
 *
 * The parts of seccomp.c are static, and what it remembers must be put back after each input.
 */
extern const char wy_verdict_slots[] __attribute__((section("wy_program_calls"), aligned(4096)));

#include "agent/seccomp.c"
#include "fuzz.h"

#define REGION_LEN 0x10000ul
#define FILTER_MAX 200u
#define CALLS      8

struct wy_arena wy_arena;
struct wy_session *wy_session;
const char wy_verdict_slots[WY_VERDICT_SLOTS * WY_VERDICT_SLOT_SIZE] = { 1 };
const char wy_clone_stubs[1];

static struct work given;        /* what the kernel is asked to take */
static const char *verdict_slot; /* where the gate made the last call from */

long wy_call_as_program(long nr, long a, long b, long c, long d, long e, long f)
{
	const struct sock_fprog *prog = (const struct sock_fprog *)c;

	check(prog->len > 0 && prog->len <= BPF_MAXINSNS);
	given.len = prog->len;
	__builtin_memcpy(given.insn, prog->filter, prog->len * sizeof(given.insn[0]));
	return 0;
}

long wy_call_for_verdict(const struct wy_call *call, const char *slot)
{
	verdict_slot = slot;
	return 0;
}

long wy_usermem_move(unsigned long to, unsigned long from, size_t len)
{
	__builtin_memcpy((void *)to, (const void *)from, len);
	return 0;
}

void wy_session_note(int kind, int arg, int arg2, const char *text)
{
}

void wy_gate_want_all(void)
{
}

void wy_own_add(unsigned long start, unsigned long len)
{
}

void wy_ticks_stop(void)
{
}

void wy_gate_op(int nr, wy_op op)
{
}

bool wy_thread_alone(void)
{
	return false;
}

unsigned long arch_uc_pc(const struct ucontext *uc)
{
	return 0;
}

void arch_uc_set_result(struct ucontext *uc, long ret)
{
}

/* ---- the kernel's side: net/core/filter.c, kernel/seccomp.c ---- */

static bool kernel_takes(const struct sock_filter *f)
{
	switch (f->code) {
	case LOAD: return f->k % 4 == 0 && f->k < sizeof(struct seccomp_data);
	case BPF_ALU | BPF_DIV | BPF_K: return f->k != 0;
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K: return f->k < 32;
	}
	return true;
}

static void check_sound(const struct work *w)
{
	static struct work copy;

	copy = *w;
	for (unsigned int pc = 0; pc < w->len; pc++)
		check(kernel_takes(&w->insn[pc]));
	check(is_sound(&copy));
}

/* ---- the program ---- */

static void make_insn(struct input *in, struct sock_filter *f, unsigned int left)
{
	static const unsigned short codes[] = {
		LOAD,
		LOAD,
		BPF_LD | BPF_W | BPF_LEN,
		BPF_LDX | BPF_W | BPF_LEN,
		BPF_LD | BPF_IMM,
		BPF_LDX | BPF_IMM,
		LOAD_CELL,
		LOADX_CELL,
		BPF_ST,
		BPF_STX,
		BPF_MISC | BPF_TAX,
		BPF_MISC | BPF_TXA,
		JUMP,
		RETURN_A,
		RETURN_VALUE,
		RETURN_VALUE,
		RETURN_VALUE,
		BPF_JMP | BPF_JEQ | BPF_K,
		BPF_JMP | BPF_JEQ | BPF_K,
		BPF_JMP | BPF_JEQ | BPF_X,
		BPF_JMP | BPF_JGT | BPF_K,
		BPF_JMP | BPF_JGE | BPF_X,
		BPF_JMP | BPF_JSET | BPF_K,
		BPF_ALU | BPF_ADD | BPF_K,
		BPF_ALU | BPF_SUB | BPF_X,
		BPF_ALU | BPF_MUL | BPF_K,
		BPF_ALU | BPF_DIV | BPF_K,
		BPF_ALU | BPF_AND | BPF_K,
		BPF_ALU | BPF_OR | BPF_X,
		BPF_ALU | BPF_XOR | BPF_K,
		BPF_ALU | BPF_LSH | BPF_K,
		BPF_ALU | BPF_RSH | BPF_X,
		BPF_ALU | BPF_NEG,
	};
	static const unsigned int verdicts[] = {
		SECCOMP_RET_ALLOW,      SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
		SECCOMP_RET_ERRNO | 13, SECCOMP_RET_TRAP | 7,     SECCOMP_RET_LOG,
		SECCOMP_RET_TRACE,      SECCOMP_RET_ERRNO,
	};
	uint8_t raw[4];

	take_bytes(in, raw, sizeof(raw));
	*f = (struct sock_filter){ codes[raw[0] % (sizeof(codes) / sizeof(codes[0]))], raw[1],
				   raw[2], raw[3] };
	if (BPF_CLASS(f->code) == BPF_JMP && !left)
		f->code = RETURN_VALUE;
	switch (f->code) {
	case LOAD: f->k = f->k % 16 * 4; break;
	case LOAD_CELL:
	case LOADX_CELL:
	case BPF_ST:
	case BPF_STX: f->k %= CELLS; break;
	case JUMP: f->k %= left; break;
	case RETURN_VALUE: f->k = verdicts[f->k % 8] + (f->k >= 128 ? f->k : 0); break;
	default:
		if (BPF_CLASS(f->code) == BPF_JMP) {
			f->jt = (unsigned char)(f->jt % left);
			f->jf = (unsigned char)(f->jf % left);
		}
	}
	if (!kernel_takes(f))
		f->k = 1;
}

static unsigned int verdict_at(const struct work *w, struct seccomp_data data, unsigned long pc)
{
	data.instruction_pointer = pc;
	return run(w->insn, &data);
}

static void compare_one(const struct work *mine, const struct seccomp_data *data, bool by_pointer)
{
	const unsigned long calls = (unsigned long)__start_wy_program_calls;
	const unsigned long end = (unsigned long)__stop_wy_program_calls;
	/* The pointer stands behind the instruction. */
	const unsigned long outside[] = { 2, 0x401002, wy_arena.region, text_end + (1ul << 32),
					  wy_arena.region + wy_arena.region_len + 2 };
	const unsigned long agent[] = { text_start + 2, calls, end + 2, text_end };
	struct seccomp_data with_token = *data;

	for (unsigned int i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		check(verdict_at(&given, *data, outside[i]) == verdict_at(mine, *data, outside[i]));
	for (unsigned int i = 0; i < sizeof(agent) / sizeof(agent[0]); i++)
		check(verdict_at(&given, *data, agent[i]) == SECCOMP_RET_ALLOW);
	if (by_pointer)
		return;
	check(verdict_at(&given, *data, calls + 2) == verdict_at(mine, *data, calls + 2));
	check(verdict_at(&given, *data, end) == verdict_at(mine, *data, end));
	with_token.args[5] = wy_session->token;
	if (wy_session->token)
		check(verdict_at(&given, with_token, 0x401002) == SECCOMP_RET_ALLOW);
}

/* The gate has run the filter: it lets the call be, or makes it from the verdict's place. */
static void compare_gate(const struct work *mine, const struct seccomp_data *data,
			 struct wy_thread *t)
{
	struct wy_site site = { .back = data->instruction_pointer };
	struct wy_call call = { .nr = data->nr, .site = &site, .thread = t };
	unsigned int want = verdict_at(mine, *data, data->instruction_pointer);

	for (int i = 0; i < 6; i++)
		call.arg[i] = (long)data->args[i];
	verdict_slot = NULL;
	if (judge_by_pointer(&call) == WY_PASS) {
		want &= SECCOMP_RET_ACTION_FULL;
		check(want == SECCOMP_RET_ALLOW || want == SECCOMP_RET_LOG);
		return;
	}
	check(verdict_slot != NULL);
	check(verdict_at(&given, *data, (unsigned long)verdict_slot + WY_CALL_INSN_SIZE) == want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wy_session *memory;
	static struct wy_thread thread;
	static struct work mine;
	struct input in = { data, size };
	struct seccomp_data calls[CALLS] = { 0 };
	struct sock_fprog prog = { .filter = mine.insn };
	struct wy_call call = { .nr = __NR_prctl, .thread = &thread };
	bool by_pointer;

	if (!memory)
		memory = (void *)sys_mmap(0, sizeof(*memory), PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1);
	wy_session = memory;
	wy_session->token = take_number(&in) % 4 * 0x100001000ul;
	wy_arena.region = ((unsigned long)wy_verdict_slots & -4096ul) - 4096;
	wy_arena.region_len = REGION_LEN;
	text_start = wy_arena.region;
	text_end = text_start + REGION_LEN / 2;
	for (int i = 0; i < CALLS; i++) {
		calls[i].nr = (int)take_number(&in) % 500;
		calls[i].arch = AUDIT_ARCH_X86_64;
		calls[i].args[i % 6] = take_number(&in);
		calls[i].instruction_pointer = 0x401002 + take_number(&in);
	}
	mine.len = (unsigned int)(in.left / 4 < FILTER_MAX ? in.left / 4 : FILTER_MAX);
	if (!mine.len)
		return 0;
	for (unsigned int pc = 0; pc < mine.len; pc++)
		make_insn(&in, &mine.insn[pc], mine.len - pc - 1);
	if (mine.insn[mine.len - 1].code != RETURN_A)
		mine.insn[mine.len - 1].code = RETURN_VALUE;
	prog.len = (unsigned short)mine.len;
	call.arg[1] = SECCOMP_MODE_FILTER;
	call.arg[2] = (long)&prog;
	given.len = 0;
	if (wy_seccomp_prctl(&call) == WY_DONE) {
		check(call.ret == 0 && given.len > mine.len);
		check_sound(&given);
		by_pointer = pointer_filters != NULL;
		for (int i = 0; i < CALLS; i++) {
			compare_one(&mine, &calls[i], by_pointer);
			if (by_pointer)
				compare_gate(&mine, &calls[i], &thread);
		}
	} else {
		check(given.len == 0 && !is_sound(&mine));
	}
	if (pointer_filters)
		sys2(__NR_munmap, pointer_filters, size_of(mine.len));
	pointer_filters = thread.pointer_filters = NULL;
	slots_used = 0;
	return 0;
}
