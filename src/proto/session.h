/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - the memory that waylay and the programs under it share.
 *
 * One sparse memfd for each run of waylay, mapped whole and shared by the host
 * and by every process that the agent is in.  It holds what was asked for
 * (written by the host before the first program starts, then read only), the
 * mailbox through which an agent asks to be followed over an exec, and the
 * counters.  It outlives a killed program: what was counted stays counted.
 *
 * Words that are waited on are futexes (shared, not private).  Every field
 * says who writes it.  Sizes and offsets are the same on both sides because
 * both are built from this file into one binary; `version` guards against a
 * session of another build.
 */
#ifndef WY_PROTO_SESSION_H
#define WY_PROTO_SESSION_H

#include "proto/serve.h"

#define WY_LEARNED 128
#include "proto/userland.h"

#define WY_SESSION_MAGIC   0x6e6f697373657377ul
#define WY_SESSION_VERSION 1u
#define WY_SESSION_SIZE    (64ul << 20) /* sparse: only touched pages exist */

#define WY_CALLS_MAX       512 /* call numbers from here on share the last row */
#define WY_EXEC_SLOTS      64
#define WY_NOTE_SLOTS      128
#define WY_NOTE_TEXT       104

/* Which layers run, and how; written by the host. */
enum {
	WY_LAYER_COUNT = 1 << 0, /* count calls (and errors with WY_COUNT_ERRORS) */
	WY_COUNT_ERRORS = 1 << 1,
	WY_LAYER_SERVE = 1 << 2,
	WY_LAYER_NULL = 1 << 3,      /* for measuring: answers getppid(2) with 42 */
	WY_CATCH_VDSO = 1 << 4,      /* vDSO time calls become real calls */
	WY_NO_FOLLOW = 1 << 5,       /* executed programs are let go */
	WY_NO_PATCH = 1 << 6,        /* every site stays on SIGSYS */
	WY_HOST_PRIVILEGED = 1 << 7, /* the host may trace set-user-ID programs */
	WY_FILL_RETURNS = 1 << 8,    /* this kernel spoils the prediction of returns: see gate.S */
	WY_FOLLOW_USERLAND = 1 << 9, /* for tests: nobody traces, see proto/userland.h */
	WY_LAYER_TRACE = 1 << 10,    /* the memory of proto/trace.h lies behind the session */
};

/*
 * One exec that wants to be followed.
 *
 * agent: FREE -> CLAIMED (compare and swap), fills the fields, -> WANT, adds 1
 *        to session->doorbell and wakes it, waits while WANT.
 * host:  WANT -> SEIZED (the thread is traced: go on) or REFUSED (error says why).
 * agent: executes.  Still here after it: -> FAILED, rings, waits for FREE.
 *        REFUSED: the agent takes the answer and sets FREE itself.
 * host:  the exec happened, or FAILED, or the thread died: detaches, -> FREE.
 */
enum wy_exec_state {
	WY_EXEC_FREE,
	WY_EXEC_CLAIMED,
	WY_EXEC_WANT,
	WY_EXEC_SEIZED,
	WY_EXEC_REFUSED,
	WY_EXEC_FAILED,
};

struct wy_exec_slot {
	unsigned int state; /* futex */
	int tid;            /* as the thread itself sees it (its own pid namespace) */
	int pid;
	int error;                 /* host: errno of a refusal, positive */
	unsigned long cookie_addr; /* program address of a word that holds cookie: proves */
	unsigned long mask;        /* agent: the program's signal mask, for the new image */
	unsigned long ignored;     /* agent: of WY_SIGNALS_RESET, those that the program ignores */
	unsigned long cookie;      /* that the tid that was seized is the one that asked */
	unsigned long region;      /* agent: where its region must lie again, 0: anywhere */
};

/* A line for the user, printed by the host as it is seen (and kept for --stats-json). */
enum wy_note_kind {
	WY_NOTE_NONE,
	WY_NOTE_UNFOLLOWED, /* text: path; arg: enum wy_unfollowed */
	WY_NOTE_INFO,       /* text: the line */
};
enum wy_unfollowed {
	WY_UNFOLLOWED_SETID = 1, /* a set-user-ID, set-group-ID or capability program */
	WY_UNFOLLOWED_TRACED,    /* another tracer has it */
	WY_UNFOLLOWED_FOREIGN,   /* not an x86-64 program */
	WY_UNFOLLOWED_NO_HOST,   /* the host is gone */
	WY_UNFOLLOWED_REFUSED,   /* arg2: errno of ptrace(2) */
	WY_UNFOLLOWED_AGENT,     /* the agent could not start in it; arg2: errno */
	WY_UNFOLLOWED_FILTER,    /* a seccomp filter: the agent could make no calls in it */
};
struct wy_note {
	unsigned int state; /* 0 free, 1 being written, 2 ready (writer); 3 printed (host) */
	int kind, pid, arg, arg2;
	char text[WY_NOTE_TEXT]; /* ends in 0, cut if need be */
};

/* Things that an agent could not do and let through instead; counted. */
enum wy_fault {
	WY_FAULT_NO_STUB,  /* a site found no stub: its call was made from the signal handler */
	WY_FAULT_NO_BLOCK, /* no memory for a new thread: the clone was refused with ENOMEM */
	WY_FAULT_NO_SLOT,  /* a thread found no counters */
	WY_FAULT_ARM,      /* Syscall User Dispatch could not be armed in a new thread */
	WY_FAULT_REQUEUE,  /* a deferred signal could not be queued again */
	WY_FAULT_AGENT,    /* a fault in the agent itself */
	WY_FAULT_WRITE,    /* code could not be written */
	WY_FAULTS,
};

/*
 * Counters of one thread.  Only the owner adds to them, without atomics; a
 * thread that ends adds its own to session->total and frees the slot.  What a
 * killed thread leaves is found by the host, which sums total and all slots.
 */
struct wy_counts {
	unsigned long calls[WY_CALLS_MAX];
	unsigned long errors[WY_CALLS_MAX];
};
struct wy_thread_slot {
	unsigned int state; /* 0 free, 1 in use (compare and swap by the taker) */
	int pid;
	int tid;
	unsigned long by_signal; /* of the calls counted, those that came through SIGSYS */
	unsigned long boot;      /* where its process has struct wy_boot; 0: nowhere */
	_Alignas(64) struct wy_counts counts; /* and no slot shares a cache line with another */
};
#define WY_THREAD_SLOTS  7168u

/*
 * The host cannot hold host_life while it has no session mapped, nor while it is followed by
 * another.  That takes some microseconds, and is told by this bit, which no thread id has, and a
 * number: who sees the same one for WY_LIFE_PATIENCE ticks takes the host for dead, and says so.
 */
#define WY_LIFE_AWAY     0x20000000u
#define WY_LIFE_TICK_NS  50000000
#define WY_LIFE_PATIENCE 40

struct wy_session {
	unsigned long magic; /* host */
	unsigned int version;
	unsigned int flags;  /* host: WY_LAYER_* and the others */
	int host_pid;        /* host */
	unsigned long token; /* host: whole pages; see agent/seccomp.c */

	unsigned int doorbell; /* futex: agents add 1 to call the host; so do its signal handlers */
	unsigned int host_life;  /* robust futex held by the host's main thread:
					 * FUTEX_OWNER_DIED (0x40000000): it is gone;
					 * WY_LIFE_AWAY: see below */
	unsigned int notes_lost; /* agents (atomic): notes that found no slot */
	unsigned int slots_hint; /* agents: where to look for a free thread slot */
	unsigned int slots_top;  /* agents (atomic max): slots beyond this were never used */

	/* atomic adds by agents */
	unsigned long processes, threads,
		execs; /* that ever ran; execs: followed ones, first included */
	unsigned long sites_padding, sites_before, sites_pun, sites_signal;
	unsigned long by_signal; /* of ended threads */
	unsigned long faults[WY_FAULTS];

	struct wy_serve_session serve;

	/* agent: where copies made calls (agent/learn.h) */
	unsigned int nr_learned;
	struct wy_learned {
		unsigned long addr, hash;
		long nr;
	} learned[WY_LEARNED];

	struct wy_rendezvous rendezvous;
	struct wy_exec_slot exec[WY_EXEC_SLOTS];
	struct wy_note note[WY_NOTE_SLOTS];
	struct wy_counts total; /* of ended threads; atomic adds */
	_Alignas(4096) struct wy_thread_slot thread[WY_THREAD_SLOTS];
};
_Static_assert(sizeof(struct wy_session) <= WY_SESSION_SIZE, "the session does not fit its memory");

#endif
