/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.c - see frame.h.  Layout of the frame: arch/x86/kernel/signal_64.c
 * (x64_setup_rt_frame) and signal.c (get_sigframe) of Linux; the extended
 * state: arch/x86/include/uapi/asm/sigcontext.h.
 */
#include <asm/errno.h>

#include "agent/arch/x86_64/frame.h"
#include "agent/gate.h"
#include "agent/seccomp.h"
#include "agent/site.h"
#include "agent/usermem.h"

#define RED_ZONE        128ul
#define FLAG_DF         0x400ul
#define FLAG_RF         0x10000ul
#define FLAG_TF         0x100ul
#define TRAP_PROTECTION 13

/* Offsets in a stub, from gate.S, in the order of wy_stub_marks. */
struct stub_marks {
	unsigned char wanted, switched, ret, choose, native, fill, fill_switched, fill_end, done,
		native_leave, leave, leave_switched, left, plain;
};
extern const struct stub_marks wy_stub_marks;

struct range {
	unsigned long from, to;
};
struct gate_ranges {
	struct range enter, leave, exit, unblocked;
	struct range nogs_enter, nogs_exit, nogs_unblocked, nogs_left;
};
extern const struct gate_ranges wy_gate_ranges;
extern const char wy_usermem_begin[], wy_usermem_end[], wy_usermem_fault[];

extern const char wy_sigreturn_at[], wy_sigreturn_end[];
extern const char wy_gate_enter_nogs[], wy_clone_stubs[];
extern const char wy_int80_stubs[];
extern unsigned long wy_int80_back[WY_INT80_STUBS];

struct rt_sigframe {
	unsigned long restorer;
	struct ucontext uc;
	struct siginfo info;
};

unsigned long arch_stub_native(const struct wy_site *site)
{
	return wy_site_stub(site) + wy_stub_marks.plain;
}

unsigned long arch_stub_native_gs(const struct wy_site *site)
{
	return wy_site_stub(site) + wy_stub_marks.native;
}

static void put_short_jump(unsigned char *code, unsigned int from, unsigned int to)
{
	code[from] = 0xeb;
	code[from + 1] = (unsigned char)(to - (from + 2));
}

void arch_stub_without_fill(unsigned char *stub)
{
	put_short_jump(stub, wy_stub_marks.fill, wy_stub_marks.done);
	put_short_jump(stub, wy_stub_marks.fill_switched, wy_stub_marks.fill_end);
}

unsigned long arch_stub_done(const struct wy_site *site)
{
	return wy_site_stub(site) + wy_stub_marks.done;
}

unsigned long arch_stub_native_leave(const struct wy_site *site)
{
	return wy_site_stub(site) + wy_stub_marks.native_leave;
}

unsigned long arch_stub_ret(const struct wy_site *site)
{
	return wy_site_stub(site) + wy_stub_marks.ret;
}

static bool within(unsigned long pc, const struct range *range)
{
	return pc >= range->from && pc < range->to;
}

/* The program is about to make the call at this site; all but rcx, r11 is as it left it. */
static void at_site(struct ucontext *uc, const struct wy_site *site)
{
	uc->uc_mcontext.rip = site->addr;
}

static void behind_site(struct ucontext *uc, const struct wy_site *site)
{
	uc->uc_mcontext.rip = site->back;
	uc->uc_mcontext.rcx = site->back;
	uc->uc_mcontext.r11 = uc->uc_mcontext.eflags;
}

static void uc_args(const struct ucontext *uc, long arg[6])
{
	const struct sigcontext *r = &uc->uc_mcontext;

	arg[0] = (long)r->rdi;
	arg[1] = (long)r->rsi;
	arg[2] = (long)r->rdx;
	arg[3] = (long)r->r10;
	arg[4] = (long)r->r8;
	arg[5] = (long)r->r9;
}

static void uc_set_args(struct ucontext *uc, const long arg[6])
{
	struct sigcontext *r = &uc->uc_mcontext;

	r->rdi = (unsigned long)arg[0];
	r->rsi = (unsigned long)arg[1];
	r->rdx = (unsigned long)arg[2];
	r->r10 = (unsigned long)arg[3];
	r->r8 = (unsigned long)arg[4];
	r->r9 = (unsigned long)arg[5];
}

/* The call has been through the layers and has not been made, or the kernel wants it made again.
 * leave: it has a record; any other one for this place is of a call that was given up. */
static void again(struct wy_thread *t, struct ucontext *uc, struct wy_site *site, bool leave)
{
	struct wy_record *r = wy_record_find(t, site, uc->uc_mcontext.rsp);
	long arg[6];

	if (r && !leave)
		wy_record_free(t, r);
	else if (r && r->changed)
		uc_set_args(uc, r->orig);
	uc_args(uc, arg);
	wy_call_rewound(t, site, uc->uc_mcontext.rsp, (long)uc->uc_mcontext.rax, arg);
	at_site(uc, site);
}

/* The call came back from the kernel and its leave() has not run. */
static void leave_now(struct wy_thread *t, struct ucontext *uc, struct wy_site *site)
{
	struct wy_call call = {
		.ret = (long)uc->uc_mcontext.rax,
		.site = site,
		.sp = uc->uc_mcontext.rsp,
		.thread = t,
	};

	uc_args(uc, call.arg);
	wy_call_leave(&call);
	uc->uc_mcontext.rax = (unsigned long)call.ret;
	uc_set_args(uc, call.arg);
	behind_site(uc, site);
}

/* The gate was on its way out: the call on the private stack holds everything. */
static enum arch_where from_call(struct wy_thread *t, struct ucontext *uc)
{
	struct wy_call *call = (struct wy_call *)(t->stack_top - sizeof(*call));

	if (call->target - (unsigned long)wy_clone_stubs < WY_CLONE_STUBS * WY_CLONE_STUB_SIZE)
		return ARCH_IN_AGENT; /* with all blocked: let it go on */
	uc->uc_mcontext.rsp = call->sp;
	uc->uc_mcontext.eflags = call->flags;
	uc_set_args(uc, call->arg);
	uc->uc_mcontext.rax = (unsigned long)call->ret;
	if (wy_call_is_done(call))
		behind_site(uc, call->site);
	else if (call->target == call->site->addr)
		at_site(uc, call->site);
	else
		again(t, uc, call->site, call->target != 0);
	return ARCH_IN_PROGRAM;
}

/* The mask that a call had installed when it was interrupted. */
static void temp_mask_of(struct wy_thread *t, const struct ucontext *uc, const struct wy_site *site,
			 bool *ret_has_temp_mask, unsigned long *ret_temp_mask)
{
	struct wy_record *record = wy_record_find(t, site, uc->uc_mcontext.rsp);

	if (record && record->has_temp_mask && (long)uc->uc_mcontext.rax == -EINTR) {
		*ret_has_temp_mask = true;
		*ret_temp_mask = record->temp_mask;
	}
}

static enum arch_where in_stub(struct wy_thread *t, struct ucontext *uc, unsigned long offset,
			       bool *ret_has_temp_mask, unsigned long *ret_temp_mask)
{
	struct sigcontext *r = &uc->uc_mcontext;
	struct wy_site *site = &wy_arena.site[offset / WY_STUB_SIZE];
	const struct stub_marks *m = &wy_stub_marks;
	unsigned int at = offset % WY_STUB_SIZE;

	if (at < m->ret) {
		if (at >= m->switched)
			r->rsp = t->user_sp;
		at_site(uc, site);
	} else if (at < m->native) {
		if (at < m->choose)
			r->rsp = t->user_sp;
		if (!r->rcx || r->rcx == arch_stub_native_leave(site))
			again(t, uc, site, r->rcx != 0);
		else
			behind_site(uc, site);
	} else if (at < m->fill || at == m->native_leave || at == m->plain) {
		again(t, uc, site, at == m->native_leave);
	} else if (at < m->native_leave || at >= m->left) {
		if (at == m->left || (at >= m->fill_switched && at < m->done))
			r->rsp = t->user_sp;
		behind_site(uc, site);
	} else {
		if (at >= m->leave_switched)
			r->rsp = t->user_sp;
		temp_mask_of(t, uc, site, ret_has_temp_mask, ret_temp_mask);
		leave_now(t, uc, site);
	}
	return ARCH_IN_PROGRAM;
}

enum arch_where arch_recover(struct wy_thread *t, struct ucontext *uc, bool *ret_has_temp_mask,
			     unsigned long *ret_temp_mask)
{
	struct sigcontext *r = &uc->uc_mcontext;
	const struct gate_ranges *g = &wy_gate_ranges;
	unsigned long pc = r->rip;

	*ret_has_temp_mask = false;
	if (pc - wy_arena.region >= wy_arena.region_len ||
	    pc - wy_arena.code - WY_SITES_MAX * WY_STUB_SIZE < WY_COPIES_LEN) {
		r->rip = wy_site_program_pc(pc);
		return ARCH_IN_PROGRAM;
	}
	if (pc - wy_arena.code < WY_SITES_MAX * WY_STUB_SIZE)
		return in_stub(t, uc, pc - wy_arena.code, ret_has_temp_mask, ret_temp_mask);
	if (within(pc, &g->enter) || within(pc, &g->nogs_enter)) {
		/* rcx is the site from the stub's lea on */
		r->rsp = t->user_sp;
		at_site(uc, (struct wy_site *)r->rcx);
		return ARCH_IN_PROGRAM;
	}
	if (within(pc, &g->leave)) {
		struct wy_site *site = (struct wy_site *)r->rcx;

		r->rsp = t->user_sp;
		leave_now(t, uc, site);
		return ARCH_IN_PROGRAM;
	}
	if (pc - (unsigned long)wy_int80_stubs < WY_INT80_STUBS * WY_INT80_STUB_SIZE) {
		unsigned long at = pc - (unsigned long)wy_int80_stubs;
		unsigned long back = wy_int80_back[at / WY_INT80_STUB_SIZE];

		r->rip = at % WY_INT80_STUB_SIZE ? back : back - 2;
		return ARCH_IN_PROGRAM;
	}
	if (within(pc, &g->nogs_left)) {
		struct wy_call *call = (struct wy_call *)(t->stack_top - sizeof(*call));

		r->rsp = call->sp;
		temp_mask_of(t, uc, call->site, ret_has_temp_mask, ret_temp_mask);
		leave_now(t, uc, call->site);
		return ARCH_IN_PROGRAM;
	}
	if (within(pc, &g->exit) || within(pc, &g->unblocked) || within(pc, &g->nogs_exit) ||
	    within(pc, &g->nogs_unblocked))
		return from_call(t, uc);
	/* rt_sigreturn did not like the frame: the program is behind its own call of it. */
	if (pc >= (unsigned long)wy_sigreturn_at && pc < (unsigned long)wy_sigreturn_end &&
	    t->trip_regs_valid) {
		t->trip_regs_valid = false;
		t->trip_regs.fpstate = r->fpstate;
		*r = t->trip_regs;
		r->rax = 0;
		r->trapno = 0;
		return ARCH_IN_PROGRAM;
	}
	return ARCH_IN_AGENT;
}

/* Bytes of extended state that the kernel saved in front of this frame. */
static unsigned long xstate_size(const struct ucontext *uc)
{
	const struct _fpstate_64 *fp = (const struct _fpstate_64 *)uc->uc_mcontext.fpstate;

	if (!fp)
		return 0;
	if (fp->sw_reserved.magic1 == FP_XSTATE_MAGIC1)
		return fp->sw_reserved.extended_size;
	return sizeof(struct _fpstate_64);
}

long arch_build_frame(struct ucontext *uc, const struct siginfo *info, int sig,
		      const struct wy_sigaction *act, unsigned long stack_top,
		      unsigned long stack_low)
{
	struct sigcontext *r = &uc->uc_mcontext;
	unsigned long size = xstate_size(uc);
	unsigned long fp = 0, sp, frame;
	struct ucontext head;

	sp = stack_top ? stack_top : r->rsp - RED_ZONE;
	if (size)
		sp = fp = (sp - size) & -64ul;
	frame = ((sp - sizeof(struct rt_sigframe)) & -16ul) - 8;
	if (frame < stack_low)
		return -EFAULT;
	head = *uc;
	head.uc_mcontext.fpstate = (void *)fp;
	if ((size && copy_to_program(fp, (const void *)r->fpstate, size) < 0) ||
	    copy_to_program(frame + offsetof(struct rt_sigframe, restorer), &act->restorer, 8) <
		    0 ||
	    copy_to_program(frame + offsetof(struct rt_sigframe, uc), &head, sizeof(head)) < 0 ||
	    copy_to_program(frame + offsetof(struct rt_sigframe, info), info, sizeof(*info)) < 0)
		return -EFAULT;
	r->rdi = (unsigned long)sig;
	r->rsi = frame + offsetof(struct rt_sigframe, info);
	r->rdx = frame + offsetof(struct rt_sigframe, uc);
	r->rax = 0;
	r->rip = act->handler;
	r->rsp = frame;
	r->cs = CS_64BIT; /* the program may have been in 32-bit code */
	r->ss = SS_USER;
	r->eflags &= ~(FLAG_DF | FLAG_RF | FLAG_TF);
	/* Handlers start with the processor's initial extended state, as from the kernel. */
	r->fpstate = NULL;
	return 0;
}

void arch_call_unmade(const struct wy_thread *t, struct ucontext *uc, long nr,
		      const struct wy_site *site)
{
	struct sigcontext *r = &uc->uc_mcontext;
	const struct stub_marks *m = &wy_stub_marks;
	unsigned long at = r->rip - wy_site_stub(site);
	bool behind = at == m->fill || at == m->leave || at == m->plain + 2ul;

	if (r->rip == wy_gate_ranges.nogs_left.from)
		behind = ((struct wy_call *)(t->stack_top - sizeof(struct wy_call)))->site == site;
	if (!behind || (long)r->rax != -EINTR)
		return;
	r->rip -= 2;
	r->rax = (unsigned long)nr;
}

unsigned long arch_uc_frame(const struct ucontext *uc)
{
	return (unsigned long)uc - offsetof(struct rt_sigframe, uc) + 8;
}

static unsigned long int80_stub(unsigned long addr)
{
	for (unsigned long i = 0; i < WY_INT80_STUBS; i++) {
		unsigned long none = 0;

		if (__atomic_compare_exchange_n(&wy_int80_back[i], &none, addr + 2, false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) ||
		    none == addr + 2)
			return (unsigned long)wy_int80_stubs + i * WY_INT80_STUB_SIZE;
	}
	return 0;
}

/* 32-bit code cannot jump to a stub: the call is made from the signal handler. */
static __attribute__((noinline, section("wy_program_calls"))) void
int80_from_handler(struct ucontext *uc)
{
	struct sigcontext *r = &uc->uc_mcontext;
	long ret;

	__asm__ volatile("push %%rbp\n\tmov %[bp], %%ebp\n\tint $0x80\n\tpop %%rbp"
			 : "=a"(ret)
			 : "0"((unsigned int)r->rax), "b"((unsigned int)r->rbx),
			   "c"((unsigned int)r->rcx), "d"((unsigned int)r->rdx),
			   "S"((unsigned int)r->rsi),
			   "D"((unsigned int)r->rdi), [bp] "r"((unsigned int)r->rbp)
			 : "memory", "r8", "r9", "r10", "r11");
	r->rax = (unsigned long)ret;
}

void arch_int80(struct ucontext *uc)
{
	unsigned long stub;

	if (uc->uc_mcontext.cs == CS_64BIT) {
		stub = int80_stub(uc->uc_mcontext.rip - 2);
		if (stub) {
			uc->uc_mcontext.rip = stub;
			return;
		}
	}
	int80_from_handler(uc);
}

void arch_call_now(struct ucontext *uc)
{
	struct sigcontext *r = &uc->uc_mcontext;

	r->rax = (unsigned long)wy_call_as_program((long)r->rax, (long)r->rdi, (long)r->rsi,
						   (long)r->rdx, (long)r->r10, (long)r->r8,
						   (long)r->r9);
}

void arch_save_regs(struct wy_thread *t, const struct ucontext *uc)
{
	t->trip_regs = uc->uc_mcontext;
	t->trip_regs_valid = true;
}

long arch_trip_nr(const struct ucontext *uc)
{
	return (long)uc->uc_mcontext.rax;
}

unsigned long arch_trip_site(const struct ucontext *uc)
{
	return uc->uc_mcontext.rip - 2;
}

void arch_redirect(struct wy_thread *t, struct ucontext *uc, struct wy_site *site)
{
	struct sigcontext *r = &uc->uc_mcontext;

	if (!wy_gs_is_theirs) {
		r->rip = wy_site_stub(site) + wy_stub_marks.wanted;
		return;
	}
	t->user_sp = r->rsp;
	r->rsp = t->stack_top;
	r->rcx = (unsigned long)site;
	r->r11 = (unsigned long)t;
	r->rip = (unsigned long)wy_gate_enter_nogs;
}

bool arch_gs_fixup(struct wy_thread *t, struct ucontext *uc)
{
	if (wy_gs_is_theirs || uc->uc_mcontext.rip - wy_arena.code >= WY_SITES_MAX * WY_STUB_SIZE ||
	    arch_get_gs() == (unsigned long)t)
		return false;
	arch_set_self(t);
	return true;
}

unsigned long arch_uc_pc(const struct ucontext *uc)
{
	return uc->uc_mcontext.rip;
}

unsigned long arch_uc_sp(const struct ucontext *uc)
{
	return uc->uc_mcontext.rsp;
}

void arch_uc_set_result(struct ucontext *uc, long ret)
{
	uc->uc_mcontext.rax = (unsigned long)ret;
}

bool arch_uc_faulted(const struct ucontext *uc)
{
	return uc->uc_mcontext.trapno == TRAP_PROTECTION;
}

void arch_uc_clear_fault(struct ucontext *uc)
{
	uc->uc_mcontext.trapno = 0;
}

bool arch_usermem_fixup(struct ucontext *uc)
{
	unsigned long pc = uc->uc_mcontext.rip;

	if (pc < (unsigned long)wy_usermem_begin || pc >= (unsigned long)wy_usermem_end)
		return false;
	uc->uc_mcontext.rip = (unsigned long)wy_usermem_fault;
	return true;
}

unsigned long arch_sigreturn_uc(unsigned long sp)
{
	/* The handler's return has popped the restorer's address. */
	return sp - 8 + offsetof(struct rt_sigframe, uc);
}
