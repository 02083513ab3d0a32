/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread.h - what the agent keeps for each thread and each process.
 *
 * A thread's block is WY_BLOCK_SIZE bytes, aligned to its size:
 *
 *	block + 0		alternate stack: the kernel puts every signal frame here
 *	block + WY_ALT_SIZE	private stack: the gate and the layers run on it
 *	block + ...		struct wy_thread
 *
 * The gate finds struct wy_thread through the gs base, a signal handler by
 * rounding its stack pointer down.
 *
 * Process state (signal actions) hangs off the thread, not off the address
 * space: a vfork child shares its parent's memory but has signal actions and
 * descriptors of its own.
 */
#ifndef WY_AGENT_THREAD_H
#define WY_AGENT_THREAD_H

#include "agent/arch/x86_64/syscall.h"
#include "agent/layer.h"
#include "agent/ring.h"
#include "proto/boot.h"
#include <asm/sigcontext.h>

#define WY_BLOCK_SIZE (64ul << 10)
#define WY_ALT_SIZE   (32ul << 10)
#define WY_STACK_SIZE (16ul << 10)
#define WY_RECORDS    32

/* The program's idea of one signal, as rt_sigaction(2) takes it. */
struct wy_sigaction {
	unsigned long handler, flags, restorer, mask;
};
struct wy_sighand {
	unsigned int users; /* threads that share it (CLONE_SIGHAND) */
	struct wy_sigaction action[64];
};

#define WY_STACK_DISABLED 2

/* The program's alternate stack: stack_t. */
struct wy_sigstack {
	unsigned long sp;
	int flags, pad;
	unsigned long size;
};

/*
 * A call that is left through leave(), had its arguments changed, or was sent
 * back to its site to be made again after a signal handler.  Known by its
 * site and the program's stack pointer; reused when the same place calls
 * again, the oldest when none is free.
 */
enum wy_record_state { WY_RECORD_FREE, WY_RECORD_LIVE, WY_RECORD_REWOUND };
struct wy_record {
	struct wy_call call;
	long orig[6];            /* the program's arguments, when call's are others */
	unsigned long temp_mask; /* the mask that the call itself installs (ppoll and the like) */
	unsigned long kernel_mask[1];           /* what the kernel is given in its place */
	unsigned long mask_struct[3];           /* and where a call takes { pointer, size, more } */
	void (*op_leave)(struct wy_call *call); /* what the engine's operation wants to do then */
	unsigned long seq;
	unsigned int misses;
	unsigned char state;
	bool leave;   /* leave() is due */
	bool changed; /* the arguments may be changed: orig is put back */
	bool has_temp_mask;
	/* the trace layer's: what it knew when the call came */
	struct wy_traced {
		unsigned long since; /* 0: it does not want the call's end */
		unsigned int file;   /* the open file that the call is about; 0 */
		unsigned char class, sub;
		unsigned char class2; /* of its second file, for totals; + 1 */
		bool wanted : 1;      /* it fits what was asked for, so far */
		bool event : 1;       /* it becomes an event */
	} traced;
};

/*
 * What a copy of the process must know to have this thread, too (refork.c).  The kernel cannot
 * be asked for all of it, so some is noted when the program tells the kernel.
 */
struct wy_revival {
	unsigned int state;  /* enum wy_rest_state: a futex */
	int tid;             /* the template's */
	unsigned long frame; /* at rest: the stack pointer with which rt_sigreturn(2) goes on */
	unsigned long fs, gs;
	unsigned long robust_list, robust_len;
	unsigned long tid_word;  /* where its id was written when it was made; 0 */
	unsigned long clear_tid; /* what the kernel clears at its end; 0 */
	unsigned long rseq, rseq_len, rseq_sig;
	char name[16];
	/* the call that it is in, if it is one that a signal ends */
	struct wy_site *site;
	unsigned long sp;
	long nr;
};

enum {
	WY_GATE_BY_SIGNAL = 1, /* this call tripped Syscall User Dispatch */
	WY_GATE_REWOUND = 2,   /* a record waits for its call to come again */
	WY_GATE_STRICT = 4,    /* the program has put itself into seccomp's strict mode */
};

struct wy_thread {
	/* arch/gate.S reads these */
	struct wy_thread *self;
	unsigned long stack_top;
	unsigned long user_sp;
	unsigned long pending; /* all signals are blocked; deferred_mask is the true mask */
	unsigned long deferred_mask;
	struct wy_site *clone_site;
	unsigned long clone_ret;
	unsigned long gs; /* the gs base that this thread starts with */

	unsigned int gate_flags;
	bool masked; /* all is blocked by the agent, and pending does not say so */
	int pid, tid;
	unsigned int state;     /* enum wy_thread_state */
	unsigned int world;     /* pid and tid mean what they say to those with the same number */
	bool vforked;           /* its parent waits for it, and gives the block back */
	struct wy_thread *next; /* all blocks of this address space */

	struct wy_sighand *sighand;
	struct wy_thread_slot *slot; /* counters in the session */
	struct wy_sigstack altstack; /* the program's */
	unsigned long owned_blocked; /* of WY_SIGNALS_OWNED, what the program blocks */
	unsigned long held;          /* of those, what waits to be delivered */
	struct wy_revival revival;
	/* Up to here is what each copy of a process writes to (hot.h). */
	struct wy_sighand own_sighand; /* where sighand points to when this thread began it */
	unsigned char held_info[3][128];

	unsigned long record_seq;
	unsigned int records_used;     /* not free */
	struct wy_record *record_last; /* taken last; none before the first is used */
	struct wy_record record[WY_RECORDS];

	/* between a clone-family call and its two returns */
	struct wy_thread *clone_child;
	unsigned long clone_flags;
	unsigned long clone_mask; /* the program's signal mask meanwhile */
	int clone_stub;
	bool clone_several; /* a child: threads ran on while its parent's descriptors were copied */
	bool clone_read;    /* a child: has read the word of the stub it came from */
	unsigned long exec_cookie;
	unsigned long exec_mem, exec_len; /* what an exec in a vfork child leaves behind: uexec.c */
	struct sigcontext trip_regs;      /* at the rt_sigreturn that is being made */
	bool trip_regs_valid;
	struct wy_pointer_filter *pointer_filters; /* seccomp.c */
	struct wy_writer writer;
	struct wy_files *files; /* fdstate.c */
};
enum wy_thread_state { WY_THREAD_FREE, WY_THREAD_LIVE, WY_THREAD_EXITING };

_Static_assert(offsetof(struct wy_thread, stack_top) == T_STACK, "offsets.h");
_Static_assert(offsetof(struct wy_thread, user_sp) == T_USER_SP, "offsets.h");
_Static_assert(offsetof(struct wy_thread, pending) == T_PENDING, "offsets.h");
_Static_assert(offsetof(struct wy_thread, deferred_mask) == T_DEFERRED, "offsets.h");
_Static_assert(offsetof(struct wy_thread, clone_site) == T_CLONE_SITE, "offsets.h");
_Static_assert(offsetof(struct wy_thread, gs) == T_GS, "offsets.h");
_Static_assert(offsetof(struct wy_thread, clone_ret) == T_CLONE_RET, "offsets.h");
_Static_assert(sizeof(struct wy_thread) <= WY_BLOCK_SIZE - WY_ALT_SIZE - WY_STACK_SIZE,
	       "block size");

/* The thread on one of whose stacks, the private or the alternate one, this address lies. */
static inline struct wy_thread *wy_thread_of_stack(unsigned long sp)
{
	return (struct wy_thread *)((sp & ~(WY_BLOCK_SIZE - 1)) + WY_ALT_SIZE + WY_STACK_SIZE);
}

/* The calling thread; not by gs, which may be the program's.  Not on the boot stack. */
static inline struct wy_thread *wy_self(void)
{
	return wy_thread_of_stack((unsigned long)__builtin_frame_address(0));
}

static inline unsigned long wy_thread_block(const struct wy_thread *t)
{
	return (unsigned long)t & ~(WY_BLOCK_SIZE - 1);
}

/* A block for a new thread, zeroed but for what locates it; NULL when there is no memory. */
struct wy_thread *wy_thread_new(int my_pid, unsigned int my_world);
void wy_thread_free(struct wy_thread *t);

/* The first thread of an image; NULL and -errno in *ret_error when it cannot be. */
struct wy_thread *wy_thread_start_first(long *ret_error);

/* A thread that ran without the agent until now, with this table; NULL: no memory. */
struct wy_thread *wy_thread_join(struct wy_sighand *table);

/* Asks the kernel for the alternate stack of such a thread, which is not on it now. */
void wy_thread_note_stack(struct wy_thread *t);

/* The calling thread, on any stack; NULL if it is none of ours. */
struct wy_thread *wy_thread_here(void);

/* Gives the kernel this thread's alternate stack and arms Syscall User Dispatch. 0 or -errno. */
long wy_thread_arm(struct wy_thread *t);
/* Takes both back: the kernel gets the program's alternate stack. 0 or -errno. */
long wy_thread_release(const struct wy_thread *t);

/* Another thread of this process, none of these signals blocked by the program in it; its tid,
 * or 0. */
int wy_thread_other(const struct wy_thread *t, unsigned long signals);

/* Another process that uses this memory and may still run. */
bool wy_thread_is_foreign(const struct wy_thread *t, const struct wy_thread *other);

/* Takes Syscall User Dispatch from the calling thread: only what was rewritten is still caught. */
void wy_thread_disarm(void);

/* Blocks every signal until the gate is left; t->deferred_mask is the program's mask meanwhile. */
void wy_thread_block_signals(struct wy_thread *t);

/* The program uses the gs base: calls come through wy_gate_enter_nogs. */
extern unsigned char wy_gs_is_theirs;

/* Threads of this process, more than one means that others may run this very code. */
bool wy_thread_alone(void);

/*
 * The calling thread is the only one of a process that was just copied from another.  The blocks
 * of threads that are at rest stay theirs: refork.c makes them again.
 */
void wy_thread_is_process(struct wy_thread *t);

/* One such thread runs again. */
void wy_thread_is_back(struct wy_thread *t);

/* All blocks of this address space, through ->next; they never leave the list. */
struct wy_thread *wy_thread_blocks(void);

/* Gives the thread a table of its own, a copy of this one (NULL: all default). */
void wy_sighand_begin(struct wy_thread *t, const struct wy_sighand *copy);
void wy_sighand_put(struct wy_sighand *sh);

#endif
