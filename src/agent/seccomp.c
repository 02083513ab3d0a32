/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp.c - the program's own sandbox binds the program, and only the program.
 *
 * A filter judges every system call of a thread, the agent's own as well: a
 * filter that kills what its author never heard of (rt_tgsigqueueinfo, pwrite64)
 * would kill the program for what we do.  So each filter is changed as it is
 * installed: every `return` in it but `return ALLOW` leads to an added tail,
 * which allows
 *
 *	what comes from the agent's text but for the section wy_program_calls
 *	what has the session's token as its last argument: the loader's calls in
 *	the next image, made before the agent is there
 *
 * and returns the filter's verdict for all else.  What the filter allows without
 * a look at the arguments is still allowed by the kernel without running it.  A
 * filter that the kernel would not take is not changed, so that it is refused for
 * the kernel's own reason.
 *
 * Calls that the engine answers itself (rt_sigaction and others) are first tried,
 * in a variant without effect, where the filters judge.  What a filter sees then
 * differs from the program's call in the pointers.
 *
 * Over exec: the filters stay, and know the agent by its address.  So it is mapped
 * at the same place in the next image, or, when that place is taken, not at all.
 *
 * Strict mode is not asked of the kernel, where it would end the agent's own calls,
 * but kept here: all numbers come through the gate.
 *
 * A filter that looks at the instruction pointer would see the stub of a site, not
 * the site, and stubs are made as calls come: its addresses cannot be translated.
 * So the gate runs such a filter itself.  The kernel's copy lets everything pass
 * that comes from the agent's region, but for a few places that are made for this:
 * each stands for one verdict.  A call that the gate's run does not allow is made
 * from the place of its verdict, and what comes of it is the kernel's doing.  All
 * numbers come through the gate then, and an exec is not followed: the new image's
 * calls come from its own sites.
 *
 * What is not done:
 *  - A filter that looks at the instruction pointer and computes its verdict, asks a
 *    tracer or a supervisor, or has too many verdicts sees the stub's address, and
 *    the user is told.  One that the gate runs does not log, and does not see
 *    rt_sigreturn and int $0x80.
 *  - A filter of nearly BPF_MAXINSNS instructions has no room for the tail.  It is
 *    installed as it is, and the user is told.
 *  - Where a filter divides by zero, it ends there, and kills: the agent's calls as well.
 *  - /proc/PID/status shows "Seccomp: 0" for strict mode; PTRACE_SECCOMP_GET_FILTER
 *    shows the changed filter, and a supervisor (SECCOMP_RET_USER_NOTIF) the stub's
 *    instruction pointer.
 *  - None of this keeps a program in that tries to get out: it could jump into the
 *    agent's text, or look up the token.
 */
#include "agent/seccomp.h"
#include "agent/arch/x86_64/frame.h"
#include "agent/op.h"
#include "agent/own.h"
#include "agent/ring.h"
#include "agent/session.h"
#include "agent/site.h"
#include "agent/sys.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <asm/prctl.h>
#include <linux/audit.h>
#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <linux/mman.h>
#include <linux/seccomp.h>

#ifndef BPF_MAXINSNS
#define BPF_MAXINSNS 4096
#endif
#define SYS_SECCOMP_ 1 /* si_code of a filter's SIGSYS */
#define CELLS        BPF_MEMWORDS

#define DATA(field)  ((unsigned int)__builtin_offsetof(struct seccomp_data, field))
#define LOAD         (BPF_LD | BPF_W | BPF_ABS)
#define LOAD_CELL    (BPF_LD | BPF_MEM)
#define LOADX_CELL   (BPF_LDX | BPF_MEM)
#define JUMP         (BPF_JMP | BPF_JA)
#define RETURN_VALUE (BPF_RET | BPF_K)
#define RETURN_A     (BPF_RET | BPF_A)

extern const char __start_wy_program_calls[], __stop_wy_program_calls[];
extern const char wy_clone_stubs[], wy_verdict_slots[];
long wy_call_for_verdict(const struct wy_call *call, const char *slot);

unsigned char wy_seccomp_judges;
static bool filtered; /* a filter was installed, by this image or one before it */
static unsigned long text_start, text_end;

/* ---- filters ---- */

struct work {
	struct sock_filter insn[BPF_MAXINSNS];
	unsigned short stored[BPF_MAXINSNS]; /* cells that are written on every way here */
	unsigned int len;
};

/* check_load_and_stores() of net/core/filter.c: reads no cell that was not written. */
static bool cells_are_sound(struct work *w)
{
	unsigned short stored = 0;

	for (unsigned int pc = 0; pc < w->len; pc++)
		w->stored[pc] = 0xffff;
	for (unsigned int pc = 0; pc < w->len; pc++) {
		const struct sock_filter *f = &w->insn[pc];

		stored &= w->stored[pc];
		switch (f->code) {
		case BPF_ST:
		case BPF_STX:
			if (f->k >= CELLS)
				return false;
			stored |= (unsigned short)(1u << f->k);
			continue;
		case LOAD_CELL:
		case LOADX_CELL:
			if (f->k >= CELLS || !(stored >> f->k & 1))
				return false;
			continue;
		case JUMP:
			w->stored[pc + 1 + f->k] &= stored;
			stored = 0xffff;
			continue;
		}
		if (BPF_CLASS(f->code) == BPF_JMP) {
			w->stored[pc + 1 + f->jt] &= stored;
			w->stored[pc + 1 + f->jf] &= stored;
			stored = 0xffff;
		}
	}
	return true;
}

/*
 * What bpf_check_classic() asks of a filter and would no longer find wrong once
 * there is a tail.  Everything else is left for the kernel to see.
 */
static bool is_sound(struct work *w)
{
	unsigned short last = w->insn[w->len - 1].code;

	for (unsigned int pc = 0; pc < w->len; pc++) {
		const struct sock_filter *f = &w->insn[pc];
		unsigned int left = w->len - pc - 1;

		if (f->code == JUMP ?
			    f->k >= left :
			    BPF_CLASS(f->code) == BPF_JMP && (f->jt >= left || f->jf >= left))
			return false;
	}
	return (last == RETURN_VALUE || last == RETURN_A) && cells_are_sound(w);
}

static bool asks_for_pointer(const struct work *w)
{
	for (unsigned int pc = 0; pc < w->len; pc++) {
		if (w->insn[pc].code == LOAD && (w->insn[pc].k == DATA(instruction_pointer) ||
						 w->insn[pc].k == DATA(instruction_pointer) + 4))
			return true;
	}
	return false;
}

/* The tail's parts, from where the verdict is in A. */
enum {
	T_START = 1, /* five instructions for each comparison */
	T_END = T_START + 5,
	T_CALLS_START = T_END + 5,
	T_CALLS_END = T_CALLS_START + 5,
	T_TOKEN = T_CALLS_END + 5,
	T_VERDICT = T_TOKEN + 4,
	T_ALLOW = T_VERDICT + 2,
	TAIL_LEN = T_ALLOW + 1,
};

static void put(struct sock_filter *at, int code, unsigned long k, unsigned int jt, unsigned int jf)
{
	*at = (struct sock_filter){ (unsigned short)code, (unsigned char)jt, (unsigned char)jf,
				    (unsigned int)k };
}

/* At tail[at], five instructions: is the instruction pointer above limit?  Goes on at yes or no. */
static void compare(struct sock_filter *tail, unsigned int at, unsigned long limit,
		    unsigned int yes, unsigned int no)
{
	unsigned long high = limit >> 32;

	put(&tail[at], LOAD, DATA(instruction_pointer) + 4, 0, 0);
	put(&tail[at + 1], BPF_JMP | BPF_JGT | BPF_K, high, yes - (at + 2), 0);
	put(&tail[at + 2], BPF_JMP | BPF_JEQ | BPF_K, high, 0, no - (at + 3));
	put(&tail[at + 3], LOAD, DATA(instruction_pointer), 0, 0);
	put(&tail[at + 4], BPF_JMP | BPF_JGT | BPF_K, limit, yes - (at + 5), no - (at + 5));
}

/* The pointer stands behind the call's instruction: so a range begins above its start. */
static void put_tail(struct sock_filter *tail)
{
	unsigned long calls_start = (unsigned long)__start_wy_program_calls;
	unsigned long calls_end = (unsigned long)__stop_wy_program_calls;
	unsigned long token = wy_session->token;
	unsigned int with_token = token ? T_ALLOW : T_VERDICT;

	put(&tail[0], BPF_MISC | BPF_TAX, 0, 0, 0);
	compare(tail, T_START, text_start, T_END, T_TOKEN);
	compare(tail, T_END, text_end, T_TOKEN, T_CALLS_START);
	compare(tail, T_CALLS_START, calls_start, T_CALLS_END, T_ALLOW);
	compare(tail, T_CALLS_END, calls_end, T_ALLOW, T_TOKEN);
	put(&tail[T_TOKEN], LOAD, DATA(args) + 5 * 8 + 4, 0, 0);
	put(&tail[T_TOKEN + 1], BPF_JMP | BPF_JEQ | BPF_K, token >> 32, 0,
	    T_VERDICT - (T_TOKEN + 2));
	put(&tail[T_TOKEN + 2], LOAD, DATA(args) + 5 * 8, 0, 0);
	put(&tail[T_TOKEN + 3], BPF_JMP | BPF_JEQ | BPF_K, token, with_token - (T_TOKEN + 4), 0);
	put(&tail[T_VERDICT], BPF_MISC | BPF_TXA, 0, 0, 0);
	put(&tail[T_VERDICT + 1], RETURN_A, 0, 0, 0);
	put(&tail[T_ALLOW], RETURN_VALUE, SECCOMP_RET_ALLOW, 0, 0);
}

/*
 * Behind the filter: for each value that it returns two instructions, "load it,
 * jump to the tail", then the tail.  Returns where its tail_len instructions must
 * be put, NULL if there is no room.  behind_allow: it also comes behind "return ALLOW".
 */
static struct sock_filter *add_tail(struct work *w, unsigned int tail_len, bool behind_allow)
{
	unsigned int old_len = w->len, tail;

	for (unsigned int pc = 0; pc < old_len; pc++) {
		struct sock_filter *f = &w->insn[pc];
		unsigned int at = old_len;

		if (f->code != RETURN_VALUE || (f->k == SECCOMP_RET_ALLOW && !behind_allow))
			continue;
		while (at < w->len && w->insn[at].k != f->k)
			at += 2;
		if (at == w->len) {
			if (w->len + 2 + tail_len > BPF_MAXINSNS)
				return NULL;
			put(&w->insn[at], BPF_LD | BPF_IMM, f->k, 0, 0);
			w->len += 2;
		}
		put(f, JUMP, at - pc - 1, 0, 0);
	}
	tail = w->len;
	if (tail + tail_len > BPF_MAXINSNS)
		return NULL;
	for (unsigned int pc = 0; pc < old_len; pc++) {
		if (w->insn[pc].code == RETURN_A)
			put(&w->insn[pc], JUMP, tail - pc - 1, 0, 0);
	}
	for (unsigned int at = old_len; at < tail; at += 2)
		put(&w->insn[at + 1], JUMP, tail - (at + 1) - 1, 0, 0);
	w->len = tail + tail_len;
	return &w->insn[tail];
}

/* ---- filters that look at the instruction pointer ---- */

struct wy_pointer_filter {
	struct wy_pointer_filter *prev; /* of the same thread */
	struct wy_pointer_filter *next; /* of the address space */
	bool for_all;                   /* TSYNC */
	unsigned int verdicts, first_slot;
	unsigned int verdict[WY_VERDICT_SLOTS];
	struct sock_filter insn[];
};
static struct wy_pointer_filter *pointer_filters; /* all */
static unsigned int slots_used;

static const char *slot_of(const struct wy_pointer_filter *f, unsigned int i)
{
	return wy_verdict_slots + (f->first_slot + i) * WY_VERDICT_SLOT_SIZE;
}

static unsigned int find_verdict(const struct wy_pointer_filter *f, unsigned int verdict)
{
	unsigned int i = 0;

	while (i < f->verdicts && f->verdict[i] != verdict)
		i++;
	return i;
}

/* Can a slot stand for it? */
static bool is_plain(unsigned int verdict)
{
	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_KILL_PROCESS:
	case SECCOMP_RET_KILL_THREAD:
	case SECCOMP_RET_TRAP:
	case SECCOMP_RET_ERRNO:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_ALLOW: return true;
	}
	return false;
}

static bool collect_verdicts(struct wy_pointer_filter *f, const struct work *w)
{
	for (unsigned int pc = 0; pc < w->len; pc++) {
		const struct sock_filter *insn = &w->insn[pc];

		f->insn[pc] = *insn;
		if (insn->code == RETURN_A || (insn->code == RETURN_VALUE && !is_plain(insn->k)))
			return false;
		if (insn->code != RETURN_VALUE || find_verdict(f, insn->k) < f->verdicts)
			continue;
		if (f->verdicts == WY_VERDICT_SLOTS)
			return false;
		f->verdict[f->verdicts++] = insn->k;
	}
	f->first_slot = __atomic_fetch_add(&slots_used, f->verdicts, __ATOMIC_RELAXED);
	return f->first_slot + f->verdicts <= WY_VERDICT_SLOTS;
}

static unsigned long size_of(unsigned int len)
{
	return sizeof(struct wy_pointer_filter) + len * sizeof(struct sock_filter);
}

/* The tail of the kernel's copy. */
static bool add_slots(struct work *w, const struct wy_pointer_filter *f)
{
	unsigned int slots = T_END + 5 + 1, allow = slots + 2 * f->verdicts, verdict = allow + 1;
	struct sock_filter *at = add_tail(w, verdict + 2, true);

	if (!at)
		return false;
	put(&at[0], BPF_MISC | BPF_TAX, 0, 0, 0);
	compare(at, T_START, wy_arena.region, T_END, verdict);
	compare(at, T_END, wy_arena.region + wy_arena.region_len, verdict, T_END + 5);
	put(&at[T_END + 5], LOAD, DATA(instruction_pointer), 0, 0);
	for (unsigned int i = 0; i < f->verdicts; i++) {
		put(&at[slots + 2 * i], BPF_JMP | BPF_JEQ | BPF_K,
		    (unsigned long)slot_of(f, i) + WY_CALL_INSN_SIZE, 0, 1);
		put(&at[slots + 2 * i + 1], RETURN_VALUE, f->verdict[i], 0, 0);
	}
	put(&at[allow], RETURN_VALUE, SECCOMP_RET_ALLOW, 0, 0);
	put(&at[verdict], BPF_MISC | BPF_TXA, 0, 0, 0);
	put(&at[verdict + 1], RETURN_A, 0, 0, 0);
	return true;
}

static void note_once(const char *text)
{
	static const char *told;

	if (__atomic_exchange_n(&told, text, __ATOMIC_RELAXED) != text)
		wy_session_note(WY_NOTE_INFO, 0, 0, text);
}

/* The filter that w holds, for the gate; NULL if it is not one that the gate can run. */
static struct wy_pointer_filter *new_pointer_filter(const struct work *w)
{
	unsigned long size = size_of(w->len);
	long at = sys_mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct wy_pointer_filter *f = (struct wy_pointer_filter *)at;

	if (WY_IS_ERROR(at))
		return NULL;
	if (collect_verdicts(f, w)) {
		wy_own_add((unsigned long)at, size);
		return f;
	}
	sys2(__NR_munmap, at, size);
	return NULL;
}

/* The kernel has taken the filter. */
static void adopt(struct wy_thread *t, struct wy_pointer_filter *f, bool for_all)
{
	f->prev = t->pointer_filters;
	t->pointer_filters = f;
	for (struct wy_pointer_filter *mine = f; mine; mine = mine->prev)
		mine->for_all |= for_all;
	f->next = __atomic_load_n(&pointer_filters, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&pointer_filters, &f->next, f, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
	wy_gate_want_all();
}

/* Runs a filter that the kernel has found sound. */
static unsigned int run(const struct sock_filter *insn, const struct seccomp_data *data)
{
	unsigned int a = 0, x = 0, cell[CELLS] = { 0 };

	for (;; insn++) {
		unsigned int k = insn->k;
		unsigned int v = BPF_SRC(insn->code) == BPF_X ? x : k;

		switch (insn->code) {
		case LOAD: a = *(const unsigned int *)((const char *)data + k); continue;
		case BPF_LD | BPF_W | BPF_LEN: a = sizeof(*data); continue;
		case BPF_LDX | BPF_W | BPF_LEN: x = sizeof(*data); continue;
		case BPF_LD | BPF_IMM: a = k; continue;
		case BPF_LDX | BPF_IMM: x = k; continue;
		case LOAD_CELL: a = cell[k]; continue;
		case LOADX_CELL: x = cell[k]; continue;
		case BPF_ST: cell[k] = a; continue;
		case BPF_STX: cell[k] = x; continue;
		case BPF_MISC | BPF_TAX: x = a; continue;
		case BPF_MISC | BPF_TXA: a = x; continue;
		case JUMP: insn += k; continue;
		case RETURN_A: return a;
		case RETURN_VALUE: return k;
		}
		if (BPF_CLASS(insn->code) == BPF_JMP) {
			bool yes = BPF_OP(insn->code) == BPF_JEQ ? a == v :
				   BPF_OP(insn->code) == BPF_JGT ? a > v :
				   BPF_OP(insn->code) == BPF_JGE ? a >= v :
								   (a & v) != 0;

			insn += yes ? insn->jt : insn->jf;
			continue;
		}
		switch (BPF_OP(insn->code)) {
		case BPF_ADD: a += v; break;
		case BPF_SUB: a -= v; break;
		case BPF_MUL: a *= v; break;
		case BPF_DIV:
			if (!v)
				return 0;
			a /= v;
			break;
		case BPF_AND: a &= v; break;
		case BPF_OR: a |= v; break;
		case BPF_XOR: a ^= v; break;
		case BPF_LSH: a <<= v & 31; break;
		case BPF_RSH: a >>= v & 31; break;
		case BPF_NEG: a = -a; break;
		}
	}
}

struct judgement {
	struct seccomp_data data;
	unsigned int worst;
	const char *slot;
};

static void judge_by(struct judgement *j, const struct wy_pointer_filter *f)
{
	unsigned int verdict = run(f->insn, &j->data);
	unsigned int i = find_verdict(f, verdict);

	/* As the kernel orders them: KILL_PROCESS is negative, ALLOW the highest. */
	if ((int)(verdict & SECCOMP_RET_ACTION_FULL) >= (int)(j->worst & SECCOMP_RET_ACTION_FULL) ||
	    i == f->verdicts)
		return;
	j->worst = verdict;
	j->slot = slot_of(f, i);
}

static enum wy_verdict judge_by_pointer(struct wy_call *call)
{
	struct judgement j = {
		.data = {
			.nr = (int)call->nr,
			.arch = AUDIT_ARCH_X86_64,
			.instruction_pointer = call->site->back,
		},
		.worst = SECCOMP_RET_LOG,
	};

	for (int i = 0; i < 6; i++)
		j.data.args[i] = (unsigned long)call->arg[i];
	for (struct wy_pointer_filter *f = call->thread->pointer_filters; f; f = f->prev)
		judge_by(&j, f);
	for (struct wy_pointer_filter *f = __atomic_load_n(&pointer_filters, __ATOMIC_ACQUIRE); f;
	     f = f->next) {
		if (f->for_all)
			judge_by(&j, f);
	}
	return j.slot ? wy_answer(call, wy_call_for_verdict(call, j.slot)) : WY_PASS;
}

bool wy_seccomp_lets_follow(const struct wy_thread *t)
{
	bool lets = !t->pointer_filters;

	for (struct wy_pointer_filter *f = pointer_filters; f && lets; f = f->next)
		lets = !f->for_all;
	return lets;
}

/* ---- installing ---- */

/* From now on calls are judged, and the agent keeps its place. */
static void now_filtered(void)
{
	filtered = true;
	__atomic_store_n(&wy_seccomp_judges, 1, __ATOMIC_RELEASE);
}

static unsigned long flags_of(const struct wy_call *call)
{
	return (int)call->nr == __NR_seccomp ? (unsigned int)call->arg[1] : 0;
}

/* Success is 0 or a descriptor; with TSYNC a positive number is a thread that was in the way. */
static bool is_installed(const struct wy_call *call, long ret)
{
	return ret == 0 || (ret > 0 && (flags_of(call) & SECCOMP_FILTER_FLAG_NEW_LISTENER));
}

/* The program asks for a filter: arg[which] is its struct sock_fprog. */
static enum wy_verdict install(struct wy_call *call, struct work *w, int which)
{
	struct wy_pointer_filter *by_pointer = NULL;
	struct sock_filter *tail;
	struct sock_fprog prog;
	long arg[6], ret;

	if (copy_from_program(&prog, (unsigned long)call->arg[which], sizeof(prog)) < 0 ||
	    !prog.len || prog.len > BPF_MAXINSNS ||
	    copy_from_program(w->insn, (unsigned long)prog.filter, prog.len * sizeof(w->insn[0])) <
		    0)
		return WY_PASS;
	w->len = prog.len;
	if (!is_sound(w))
		return WY_PASS;
	if (asks_for_pointer(w)) {
		by_pointer = new_pointer_filter(w);
		if (!by_pointer)
			note_once("a seccomp filter sees waylay's instruction pointers");
	}
	/* Before it is there: then the calls of the other threads (TSYNC) are judged, too. */
	now_filtered();
	tail = by_pointer ? NULL : add_tail(w, TAIL_LEN, false);
	if (tail)
		put_tail(tail);
	else if (!by_pointer || !add_slots(w, by_pointer)) {
		note_once("a seccomp filter is too long to except waylay's own calls from it");
		return WY_PASS;
	}
	prog.len = (unsigned short)w->len;
	prog.filter = w->insn;
	for (int i = 0; i < 6; i++)
		arg[i] = call->arg[i];
	arg[which] = (long)&prog;
	ret = wy_call_as_program(call->nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	if (by_pointer && is_installed(call, ret))
		adopt(call->thread, by_pointer, flags_of(call) & SECCOMP_FILTER_FLAG_TSYNC);
	return wy_answer(call, ret);
}

static enum wy_verdict set_filter(struct wy_call *call, int which)
{
	long at = sys_mmap(0, sizeof(struct work), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1);
	enum wy_verdict verdict;

	if (WY_IS_ERROR(at))
		return wy_answer(call, -ENOMEM);
	verdict = install(call, (struct work *)at, which);
	sys2(__NR_munmap, at, sizeof(struct work));
	return verdict;
}

/* ---- strict mode ---- */

static enum wy_verdict set_strict(struct wy_call *call)
{
	if (sys2(__NR_prctl, PR_GET_SECCOMP, 0) != SECCOMP_MODE_DISABLED)
		return WY_PASS; /* to be refused */
	call->thread->gate_flags |= WY_GATE_STRICT;
	wy_seccomp_judges = 1;
	wy_gate_want_all();
	wy_ticks_stop();
	sys2(__NR_prctl, PR_SET_TSC, PR_TSC_SIGSEGV); /* part of the mode */
	return wy_answer(call, 0);
}

/* The kernel ends the thread, as if by SIGKILL. */
static enum wy_verdict judge_strict(struct wy_call *call)
{
	switch ((int)call->nr) {
	case __NR_read:
	case __NR_write:
	case __NR_exit:
	case __NR_rt_sigreturn: return WY_PASS;
	}
	if (wy_thread_alone())
		sys3(__NR_tgkill, call->thread->pid, call->thread->tid, SIGKILL);
	call->nr = __NR_exit;
	call->arg[0] = SIGKILL;
	return WY_PASS;
}

void wy_seccomp_judge_int80(struct wy_thread *t, int nr)
{
	enum { READ = 3, WRITE = 4, EXIT = 1, SIGRETURN = 119 }; /* the 32-bit numbers */

	if (!(t->gate_flags & WY_GATE_STRICT) || nr == READ || nr == WRITE || nr == EXIT ||
	    nr == SIGRETURN)
		return;
	sys3(__NR_tgkill, t->pid, t->tid, SIGKILL);
}

/* ---- calls that the engine answers ---- */

#define UNTOUCHED (~0ul) /* no mask, handler or stack of the kernel's is this */

/* Makes the call with arg[which] a pointer of ours: it is allowed if something is written there. */
static enum wy_verdict try_to_get(struct wy_call *call, int which, unsigned int dropped)
{
	unsigned long out[4] = { UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED };
	long arg[6], ret;

	for (int i = 0; i < 6; i++)
		arg[i] = dropped >> i & 1 ? 0 : call->arg[i];
	arg[which] = (long)out;
	ret = wy_call_as_program(call->nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	if (ret == 0 && out[0] != UNTOUCHED)
		return WY_PASS;
	return wy_answer(call, ret);
}

/* Makes the call with arg[which] such that the kernel refuses it with `refusal`. */
static enum wy_verdict try_to_fail(struct wy_call *call, int which, long value, long refusal)
{
	long arg[6], ret;

	for (int i = 0; i < 6; i++)
		arg[i] = call->arg[i];
	arg[which] = value;
	ret = wy_call_as_program(call->nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	return ret == refusal ? WY_PASS : wy_answer(call, ret);
}

enum wy_verdict wy_seccomp_judge(struct wy_call *call)
{
	if (call->thread->gate_flags & WY_GATE_STRICT)
		return judge_strict(call);
	if (!filtered)
		return WY_PASS;
	if (pointer_filters && judge_by_pointer(call) == WY_DONE)
		return WY_DONE;
	switch ((int)call->nr) {
	case __NR_rt_sigaction:
	case __NR_rt_sigprocmask: return try_to_get(call, 2, 1u << 1);
	case __NR_rt_sigpending: return try_to_get(call, 0, 0);
	case __NR_sigaltstack: return try_to_get(call, 1, 1u << 0);
	case __NR_arch_prctl:
		if ((int)call->arg[0] == ARCH_GET_GS)
			return try_to_get(call, 1, 0);
		if ((int)call->arg[0] == ARCH_SET_GS)
			return try_to_fail(call, 1, -1, -EPERM);
		break;
	case __NR_prctl:
		if ((int)call->arg[0] == PR_SET_SYSCALL_USER_DISPATCH)
			return try_to_fail(call, 1, -1, -EINVAL);
		break;
	}
	return WY_PASS;
}

/* ---- traps ---- */

bool wy_seccomp_is_trap(int sig, const struct siginfo *info)
{
	return sig == SIGSYS && info->si_code == SYS_SECCOMP_;
}

bool wy_seccomp_trapped(struct wy_thread *t, struct siginfo *info, struct ucontext *uc)
{
	unsigned long pc = arch_uc_pc(uc);
	struct wy_call *call = (struct wy_call *)(t->stack_top - sizeof(*call));

	/* Not from a call: one that was held and comes now. */
	if ((unsigned long)info->si_call_addr != pc)
		return true;
	if (pc <= (unsigned long)__start_wy_program_calls ||
	    pc > (unsigned long)__stop_wy_program_calls) {
		arch_uc_set_result(uc, -EPERM);
		return false;
	}
	if (pc - (unsigned long)wy_clone_stubs < WY_CLONE_STUBS * WY_CLONE_STUB_SIZE)
		arch_uc_set_result(uc, WY_CLONE_TRAPPED);
	info->si_call_addr = (void *)call->site->back;
	return true;
}

/* ---- calls ---- */

enum wy_verdict wy_seccomp_prctl(struct wy_call *call)
{
	switch (call->arg[1]) {
	case SECCOMP_MODE_FILTER: return set_filter(call, 2);
	case SECCOMP_MODE_STRICT: return set_strict(call);
	}
	return WY_PASS;
}

static enum wy_verdict op_seccomp(struct wy_call *call)
{
	switch ((unsigned int)call->arg[0]) {
	case SECCOMP_SET_MODE_FILTER: return set_filter(call, 2);
	case SECCOMP_SET_MODE_STRICT:
		if (!(unsigned int)call->arg[1] && !call->arg[2])
			return set_strict(call);
	}
	return WY_PASS;
}

unsigned long wy_seccomp_region(void)
{
	return filtered ? wy_arena.region : 0;
}

void wy_seccomp_ops(const struct wy_boot *boot)
{
	text_start = boot->region;
	text_end = boot->region + boot->text_len;
	if (boot->flags & WY_BOOT_FILTERED)
		now_filtered();
	wy_gate_op(__NR_seccomp, op_seccomp);
}
