/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread.c - blocks, and the clone family.
 *
 * A child starts with its parent's gs base, without Syscall User Dispatch and,
 * with CLONE_VM, without or with the wrong alternate stack.  Until that is put
 * right no signal may come: everything is blocked from before the call until
 * both sides leave the gate.
 *
 *	CLONE_VM (threads, vfork, posix_spawn)	a new block; the call is made from one
 *			of a few stubs that knows which (arch/gate.S)
 *	without (fork)	the child has a copy of everything and goes on in its parent's
 *			block, all other blocks in it are dead
 *
 * A block is given back by whoever next needs one after its thread is gone: a
 * thread runs on its block to its very last instruction.
 */
#include "agent/fault.h"
#include "agent/fdslots.h"
#include "agent/gate.h"
#include "agent/hot.h"
#include "agent/lock.h"
#include "agent/op.h"
#include "agent/own.h"
#include "agent/refork.h"
#include "agent/seccomp.h"
#include "agent/signal.h"
#include "agent/site.h"
#include "agent/sys.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/mman.h>
#include <linux/sched.h>

#define BLOCKS_PER_CHUNK 8ul

WY_HOT unsigned int wy_locks[WY_LOCKS];
static struct wy_thread *blocks; /* every block of this address space, through ->next */
WY_HOT static unsigned int clone_stub_readers[WY_CLONE_STUBS];
extern unsigned long wy_clone_parent[WY_CLONE_STUBS], wy_clone_child[WY_CLONE_STUBS];
unsigned char wy_gs_is_theirs;
extern const char wy_clone_stubs[];

/* ---- signal tables ---- */

void wy_sighand_begin(struct wy_thread *t, const struct wy_sighand *copy)
{
	t->sighand = &t->own_sighand;
	t->own_sighand.users = 1;
	for (int i = 0; i < 64; i++)
		t->own_sighand.action[i] = copy ? copy->action[i] : (struct wy_sigaction){ 0 };
}

void wy_sighand_put(struct wy_sighand *sh)
{
	__atomic_sub_fetch(&sh->users, 1, __ATOMIC_ACQ_REL);
}

/* ---- blocks ---- */

/*
 * Processes of several pid namespaces can share this memory, and to the one the numbers of the
 * other mean somebody else or nobody.  So a process whose parent is not the one that its own
 * numbers name begins a world of its own.
 */
static unsigned int worlds;

/*
 * Its thread has run out, or died with its process (which shared only this memory).  Nobody can
 * tell for those of another world; and the parent of a vfork has its child's block in hand.
 */
static bool gone(const struct wy_thread *t, int my_pid, unsigned int my_world)
{
	if (t->vforked || t->world != my_world)
		return false;
	if (t->state == WY_THREAD_LIVE && t->pid == my_pid)
		return false;
	return sys3(__NR_tgkill, t->pid, t->tid, 0) == -ESRCH;
}

static void clear(struct wy_thread *t)
{
	struct wy_thread *next = t->next;
	unsigned long *word = (unsigned long *)t;

	for (unsigned int i = 0; i < sizeof(*t) / sizeof(*word); i++)
		word[i] = 0;
	t->next = next;
	t->self = t;
	t->stack_top = (unsigned long)t;
	t->altstack.flags = WY_STACK_DISABLED;
}

/* A block that was never used; only those that were are in the list, so that a program with one
 * thread touches one. */
static unsigned long chunk_next, chunk_end;

static struct wy_thread *fresh_block(void)
{
	struct wy_thread *t;

	for (unsigned long n = BLOCKS_PER_CHUNK + 1;
	     chunk_next + WY_BLOCK_SIZE > chunk_end && n > 1; n = n == 2 ? 1 : 2) {
		unsigned long size = n * WY_BLOCK_SIZE;
		unsigned long at =
			(unsigned long)sys_mmap(0, size, PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

		if (WY_IS_ERROR(at))
			continue; /* then one block only, if that can be had */
		wy_own_add(at, size);
		chunk_next = (at + WY_BLOCK_SIZE - 1) & ~(WY_BLOCK_SIZE - 1);
		chunk_end = at + size;
	}
	if (chunk_next + WY_BLOCK_SIZE > chunk_end)
		return NULL;
	t = (struct wy_thread *)(chunk_next + WY_ALT_SIZE + WY_STACK_SIZE);
	chunk_next += WY_BLOCK_SIZE;
	t->next = blocks;
	blocks = t;
	return t;
}

struct wy_thread *wy_thread_new(int my_pid, unsigned int my_world)
{
	struct wy_thread *found = NULL;

	wy_lock(WY_LOCK_BLOCKS);
	for (int turn = 0; turn < 2 && !found; turn++) {
		for (struct wy_thread *t = blocks; t && !found; t = t->next) {
			if (t->own_sighand.users && t->state != WY_THREAD_LIVE)
				continue; /* threads that it began still use its table */
			if (t->state == WY_THREAD_FREE ||
			    (turn && t->tid && gone(t, my_pid, my_world)))
				found = t;
		}
	}
	if (!found)
		found = fresh_block();
	if (found) {
		if (found->state != WY_THREAD_FREE)
			wy_files_put(found); /* killed, and could not do so itself */
		clear(found);
		found->state = WY_THREAD_LIVE;
	}
	wy_unlock(WY_LOCK_BLOCKS);
	if (!found)
		wy_fault(WY_FAULT_NO_BLOCK);
	return found;
}

void wy_thread_free(struct wy_thread *t)
{
	if (t->sighand)
		wy_sighand_put(t->sighand);
	t->sighand = NULL;
	wy_files_put(t);
	if (t->exec_mem)
		sys2(__NR_munmap, t->exec_mem, t->exec_len);
	__atomic_store_n(&t->state, WY_THREAD_FREE, __ATOMIC_RELEASE);
}

/* Threads that can run in this address space. */
WY_HOT static unsigned int live_threads = 1;

bool wy_thread_alone(void)
{
	return __atomic_load_n(&live_threads, __ATOMIC_ACQUIRE) <= 1;
}

long wy_thread_arm(struct wy_thread *t)
{
	struct wy_sigstack ss = { .sp = wy_thread_block(t), .size = WY_ALT_SIZE };
	long ret = sys6(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON,
			wy_arena.region, wy_arena.region_len, 0, 0);

	return ret < 0 ? ret : sys2(__NR_sigaltstack, &ss, NULL);
}

int wy_thread_other(const struct wy_thread *t, unsigned long signals)
{
	/* Without the lock: this runs in the signal handler.  Blocks never leave the list. */
	for (const struct wy_thread *o = blocks; o; o = o->next) {
		if (o != t && o->state == WY_THREAD_LIVE && o->pid == t->pid &&
		    o->world == t->world && o->tid && !(o->owned_blocked & signals))
			return o->tid;
	}
	return 0;
}

bool wy_thread_is_foreign(const struct wy_thread *t, const struct wy_thread *other)
{
	if (other->state != WY_THREAD_LIVE)
		return false;
	if (other->world != t->world)
		return true;
	return other->pid != t->pid && sys3(__NR_tgkill, other->pid, other->tid, 0) == 0;
}

void wy_thread_note_stack(struct wy_thread *t)
{
	sys2(__NR_sigaltstack, NULL, &t->altstack);
}

long wy_thread_release(const struct wy_thread *t)
{
	struct wy_sigstack ss = t->altstack;

	if (!ss.size)
		ss = (struct wy_sigstack){ .flags = WY_STACK_DISABLED };
	wy_thread_disarm();
	return sys2(__NR_sigaltstack, &ss, NULL);
}

void wy_thread_disarm(void)
{
	sys6(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0, 0);
}

static struct wy_thread *start_here(void)
{
	struct wy_thread *t = wy_thread_new((int)sys0(__NR_getpid), 0);

	if (!t)
		return NULL;
	t->pid = (int)sys0(__NR_getpid);
	t->tid = (int)sys0(__NR_gettid);
	arch_set_self(t);
	wy_session_take_slot(t);
	return t;
}

struct wy_thread *wy_thread_start_first(long *ret_error)
{
	struct wy_thread *t = start_here();

	*ret_error = t ? 0 : -ENOMEM;
	if (t)
		wy_sighand_begin(t, NULL);
	return t;
}

struct wy_thread *wy_thread_here(void)
{
	int tid = (int)sys0(__NR_gettid), pid = (int)sys0(__NR_getpid);
	struct wy_thread *t = wy_thread_blocks();

	while (t && !(t->state == WY_THREAD_LIVE && t->tid == tid && t->pid == pid))
		t = t->next;
	return t;
}

struct wy_thread *wy_thread_join(struct wy_sighand *table)
{
	struct wy_thread *t = start_here();

	if (!t)
		return NULL;
	t->sighand = table;
	__atomic_add_fetch(&table->users, 1, __ATOMIC_ACQ_REL);
	__atomic_add_fetch(&live_threads, 1, __ATOMIC_ACQ_REL);
	__atomic_add_fetch(&wy_session->threads, 1, __ATOMIC_RELAXED);
	return t;
}

/* ---- clone ---- */

/* Any of the clone family, as clone(2) has it; clone3's own are added. */
struct clone_request {
	unsigned long flags;
	bool new_stack;
};

/* Where the kernel writes a new thread's id, and what it clears at its end. */
static void note_ids(struct wy_thread *child, const struct wy_call *call, unsigned long flags)
{
	/* struct clone_args: child_tid, parent_tid at 16; clone(2): parent_tid, child_tid */
	unsigned long ids[2] = { (unsigned long)call->arg[3], (unsigned long)call->arg[2] };

	if ((int)call->nr == __NR_clone3 &&
	    copy_from_program(ids, (unsigned long)call->arg[0] + 16, sizeof(ids)) < 0)
		return;
	if (flags & CLONE_PARENT_SETTID)
		child->revival.tid_word = ids[1];
	else if (flags & CLONE_CHILD_SETTID)
		child->revival.tid_word = ids[0];
	if (flags & CLONE_CHILD_CLEARTID)
		child->revival.clear_tid = ids[0];
}

/* Those where only the child reads its word: see gate.S. */
static bool is_vfork_stub(int stub)
{
	return stub >= WY_CLONE_STUBS - WY_VFORK_STUBS;
}

/* A stub's words are read by parent and child: it is free when both have been through. */
static int take_clone_stub(struct wy_thread *t, struct wy_thread *child, bool vfork,
			   unsigned int readers)
{
	for (unsigned int spins = 0;; spins++) {
		for (int i = 0; i < WY_CLONE_STUBS; i++) {
			unsigned int none = 0;

			if (is_vfork_stub(i) != vfork)
				continue;
			if (!__atomic_compare_exchange_n(&clone_stub_readers[i], &none, readers,
							 false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				continue;
			wy_clone_parent[i] = (unsigned long)t;
			wy_clone_child[i] = (unsigned long)child;
			return i;
		}
		if (spins > 10)
			sys0(__NR_sched_yield);
	}
}

static void put_clone_stub(int stub)
{
	__atomic_sub_fetch(&clone_stub_readers[stub], 1, __ATOMIC_ACQ_REL);
}

/* What the child's block must know before it runs. */
static void prepare_child(struct wy_thread *t, struct wy_thread *child, struct wy_call *call,
			  unsigned long flags)
{
	if (flags & CLONE_SIGHAND) {
		child->sighand = t->sighand;
		__atomic_add_fetch(&t->sighand->users, 1, __ATOMIC_ACQ_REL);
	} else {
		wy_sighand_begin(child, t->sighand);
	}
	/* Until it knows better: its parent's. */
	child->pid = (flags & CLONE_PARENT) && !(flags & CLONE_THREAD) ? (int)sys0(__NR_getppid) :
									 t->pid;
	child->world = t->world;
	child->vforked = flags & CLONE_VFORK;
	child->clone_mask = t->clone_mask;
	child->owned_blocked = t->owned_blocked;
	child->pointer_filters = t->pointer_filters;
	child->files = wy_files_for_child(t->files, flags);
	/* A thread starts without an alternate stack, a vfork child keeps its parent's. */
	if (flags & CLONE_VFORK)
		child->altstack = t->altstack;
	child->clone_site = call->site;
	child->clone_ret = arch_stub_ret(call->site);
	child->clone_flags = flags;
}

/*
 * While the agent works, a SIGSEGV or SIGBUS that somebody sends finds an alternate stack and the
 * program's table.  A thread without them is not to be found, and touches no memory of the
 * program's, whose faults would kill it now.
 */
static void shut_faults_out(const struct wy_thread *t)
{
	unsigned long mask = wy_mask_all(t) | (WY_SIGNALS_OWNED & ~WY_SIGNALS_STRIPPED);

	sys_sigprocmask(SIG_SETMASK, &mask, NULL);
}

static void let_faults_in(const struct wy_thread *t)
{
	unsigned long mask = wy_mask_all(t);

	sys_sigprocmask(SIG_SETMASK, &mask, NULL);
}

static enum wy_verdict start_clone(struct wy_call *call, unsigned long flags)
{
	struct wy_thread *t = call->thread;
	struct wy_thread *child = t;
	/* The other threads, or, if the child does not hold it up, the parent itself. */
	bool several = !wy_thread_alone() || (flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM;
	/* While the gs base is the agent's, nobody but this thread can change its own. */
	bool by_gs = (flags & CLONE_VM) && (flags & CLONE_VFORK) && !wy_gs_is_theirs;
	unsigned int readers;

	/* Not thread->pending: the gate must be left with the signals still blocked. */
	wy_thread_block_signals(t);
	t->clone_mask = t->deferred_mask;
	if (flags & CLONE_VM) {
		child = wy_thread_new(t->pid, t->world);
		if (!child)
			return wy_answer(call, -ENOMEM);
		prepare_child(t, child, call, flags);
		note_ids(child, call, flags);
		__atomic_add_fetch(&live_threads, 1, __ATOMIC_ACQ_REL);
	} else if (!(flags & CLONE_VFORK)) {
		wy_lock_all();
	}
	child->clone_several = several;
	t->clone_child = child;
	t->clone_flags = flags;
	t->clone_site = call->site;
	t->clone_ret = arch_stub_ret(call->site);
	child->gs = arch_get_gs();
	if (!wy_gs_is_theirs)
		child->gs = (unsigned long)child;
	else if (child->gs == (unsigned long)t)
		child->gs = 0; /* a thread that never had one of the program's */
	readers = (flags & CLONE_VM) && !by_gs ? 2 : 1;
	t->clone_stub = take_clone_stub(t, child, by_gs, readers);
	child->clone_stub = t->clone_stub;
	/* A record keeps the arguments for the layers' leave(); the way back is ours. */
	wy_call_record(call);
	call->target =
		(unsigned long)wy_clone_stubs + (unsigned long)t->clone_stub * WY_CLONE_STUB_SIZE;
	t->masked = true;
	t->pending = 0;
	shut_faults_out(t);
	return WY_PASS;
}

static enum wy_verdict op_clone(struct wy_call *call)
{
	return start_clone(call, (unsigned long)call->arg[0]);
}

static enum wy_verdict op_fork(struct wy_call *call)
{
	return start_clone(call, 0);
}

static enum wy_verdict op_vfork(struct wy_call *call)
{
	return start_clone(call, CLONE_VM | CLONE_VFORK);
}

static enum wy_verdict op_clone3(struct wy_call *call)
{
	unsigned long flags;

	/* struct clone_args starts with its flags; what is wrong with it the kernel says */
	if ((unsigned long)call->arg[1] < 64 ||
	    copy_from_program(&flags, (unsigned long)call->arg[0], 8) < 0)
		return WY_PASS;
	return start_clone(call, flags);
}

/* Parent and child: let the signals come when the gate is left. */
static void after_clone(struct wy_thread *t)
{
	t->deferred_mask = t->clone_mask;
	t->pending = 1;
	t->masked = false;
}

void wy_clone_in_parent(struct wy_call *call);
void wy_clone_in_parent(struct wy_call *call)
{
	struct wy_thread *t = call->thread;
	struct wy_thread *child = t->clone_child;

	let_faults_in(t);
	/* A child that was not made does not read its word, a vfork child has if it ever will. */
	if (is_vfork_stub(t->clone_stub) && child->clone_read)
		; /* somebody else's by now */
	else if (WY_IS_ERROR(call->ret) || (t->clone_flags & CLONE_VFORK))
		__atomic_store_n(&clone_stub_readers[t->clone_stub], 0, __ATOMIC_RELEASE);
	else
		put_clone_stub(t->clone_stub);
	if (!(t->clone_flags & CLONE_VM)) {
		if (!(t->clone_flags & CLONE_VFORK))
			wy_unlock_all();
	} else if (WY_IS_ERROR(call->ret) || (t->clone_flags & CLONE_VFORK)) {
		/* Never made; or executed or ended: nothing runs on its block any more. */
		if (child->state == WY_THREAD_LIVE) /* else it counted itself out */
			__atomic_sub_fetch(&live_threads, 1, __ATOMIC_ACQ_REL);
		wy_thread_free(child);
	}
	t->clone_child = NULL;
	after_clone(t);
	if (call->ret == WY_CLONE_TRAPPED)
		call->ret = wy_record_find(t, call->site, call->sp)->call.nr;
	wy_call_leave(call);
}

static void child_is_thread(struct wy_thread *t)
{
	if (!(t->clone_flags & CLONE_THREAD)) {
		int parent = (int)sys0(__NR_getppid);

		/* Or it is dead already: then a block may be lost, no more. */
		if (!parent || parent != t->pid)
			t->world = __atomic_add_fetch(&worlds, 1, __ATOMIC_RELAXED);
		t->pid = (int)sys0(__NR_getpid);
		__atomic_add_fetch(&wy_session->processes, 1, __ATOMIC_RELAXED);
	} else {
		__atomic_add_fetch(&wy_session->threads, 1, __ATOMIC_RELAXED);
	}
	t->tid = (int)sys0(__NR_gettid);
	if (is_vfork_stub(t->clone_stub)) {
		t->clone_read = true;
		put_clone_stub(t->clone_stub);
	} else if (!(t->clone_flags & CLONE_VFORK)) {
		put_clone_stub(t->clone_stub);
	}
	wy_session_take_slot(t);
}

/* The only thread of a copied address space: all other blocks belong to nobody. */
static void child_is_process(struct wy_thread *t)
{
	/*
	 * All of them were held by this thread.  But for a fork that waits like vfork, which must
	 * not hold them: there one that another thread held is held by nobody.
	 */
	for (int i = 0; i < WY_LOCKS; i++)
		wy_unlock((enum wy_lock_name)i);
	for (int i = 0; i < WY_CLONE_STUBS; i++)
		clone_stub_readers[i] = 0;
	live_threads = 1;
	t->held = 0; /* pending signals are not inherited */
	t->vforked = false;
	t->pid = (int)sys0(__NR_getpid);
	if (wy_rest_some(t)) {
		/* All who share a table will be there again. */
		for (struct wy_thread *other = blocks; other; other = other->next) {
			if (other != t && !wy_rest_is(other))
				other->state = WY_THREAD_FREE;
			other->pid = t->pid;
		}
	} else {
		/* The table may be in the block of a thread that this process does not have. */
		if (t->sighand != &t->own_sighand)
			wy_sighand_begin(t, t->sighand);
		t->own_sighand.users = 1;
		for (struct wy_thread *other = blocks; other; other = other->next) {
			if (other == t)
				continue;
			other->state = WY_THREAD_FREE;
			other->own_sighand.users = 0;
		}
	}
	t->tid = (int)sys0(__NR_gettid);
	t->slot = NULL;
	wy_session_take_slot(t);
	__atomic_add_fetch(&wy_session->processes, 1, __ATOMIC_RELAXED);
}

void wy_thread_is_process(struct wy_thread *t)
{
	child_is_process(t);
	if (wy_thread_arm(t) < 0)
		wy_fault(WY_FAULT_ARM);
	wy_layers_fork_child(t);
}

void wy_thread_is_back(struct wy_thread *t)
{
	t->held = 0;
	t->tid = (int)sys0(__NR_gettid);
	t->slot = NULL;
	__atomic_add_fetch(&live_threads, 1, __ATOMIC_ACQ_REL);
	wy_session_take_slot(t);
	__atomic_add_fetch(&wy_session->threads, 1, __ATOMIC_RELAXED);
	if (wy_thread_arm(t) < 0)
		wy_fault(WY_FAULT_ARM);
	wy_layers_thread_start(t);
}

struct wy_thread *wy_thread_blocks(void)
{
	return __atomic_load_n(&blocks, __ATOMIC_ACQUIRE);
}

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ull
#endif

void wy_clone_in_child(struct wy_call *call);
void wy_clone_in_child(struct wy_call *call)
{
	struct wy_thread *t = call->thread;

	if (t->clone_flags & CLONE_VM)
		child_is_thread(t);
	else
		child_is_process(t);
	if (t->clone_flags & CLONE_CLEAR_SIGHAND) {
		for (int i = 0; i < 64; i++) {
			struct wy_sigaction *act = &t->sighand->action[i];

			if (act->handler > 1)
				*act = (struct wy_sigaction){ 0 };
		}
		wy_signal_own(t);
	}
	if (wy_thread_arm(t) < 0)
		wy_fault(WY_FAULT_ARM);
	let_faults_in(t);
	if (t->clone_flags & CLONE_VM)
		wy_layers_thread_start(t);
	else
		wy_layers_fork_child(t);
	/* The record, if any, is the parent's: a child's call has no leave(). */
	if (!(t->clone_flags & CLONE_VM)) {
		struct wy_record *r = wy_record_find(t, call->site, call->sp);

		if (r)
			wy_record_free(t, r);
	}
	after_clone(t);
	call->target = arch_stub_done(call->site);
}

/* ---- the end ---- */

static enum wy_verdict op_exit(struct wy_call *call)
{
	struct wy_thread *t = call->thread;

	/* From here on the thread only runs out; no handler of the program may start in it. */
	wy_thread_block_signals(t);
	t->pending = 0;
	wy_layers_thread_exit(t);
	wy_session_put_slot(t);
	shut_faults_out(t);
	if (t->sighand)
		wy_sighand_put(t->sighand);
	t->sighand = NULL;
	wy_files_put(t);
	__atomic_sub_fetch(&live_threads, 1, __ATOMIC_ACQ_REL);
	__atomic_store_n(&t->state, WY_THREAD_EXITING, __ATOMIC_RELEASE);
	return WY_PASS;
}

static enum wy_verdict op_exit_group(struct wy_call *call)
{
	struct wy_thread *t = call->thread;

	/* As in op_exit(): a handler that starts now would find nobody to count or to record. */
	wy_thread_block_signals(t);
	t->pending = 0;
	wy_layers_thread_exit(call->thread);
	wy_session_put_slot(call->thread);
	return WY_PASS;
}

void wy_thread_ops(void)
{
	wy_gate_op(__NR_clone, op_clone);
	wy_gate_op(__NR_clone3, op_clone3);
	wy_gate_op(__NR_fork, op_fork);
	wy_gate_op(__NR_vfork, op_vfork);
	wy_gate_op(__NR_exit, op_exit);
	wy_gate_op(__NR_exit_group, op_exit_group);
}
