/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot.h - how the loader hands a stopped program over to the agent.
 *
 * The loader (src/launch) stops the program, maps one region into it, all of it
 * as text, writes the first part of the agent there, and lets it run:
 *
 *	region + 0             agent image, read and execute   (all non-writable PT_LOADs)
 *	region + text_len      agent image, read and write     (.data, .bss)
 *	region + boot_off      struct wy_boot, page aligned
 *	       ...             WY_BOOT_STACK bytes, the stack that the agent starts on
 *	region + arena_off     WY_ARENA_CODE bytes, read and execute, left zero: the stubs
 *	                       WY_ARENA_DATA bytes, read and write, left zero: what they read
 *
 * The first part is the data, relocated, struct wy_boot, and of the text the page
 * that begins with the ELF entry.  The agent itself makes writable what is to be,
 * and maps the other pages of the text from the image's file.
 *
 * The agent is entered at its ELF entry with the address of struct wy_boot in
 * the first argument register, every signal blocked, on the boot stack.  It
 * stops itself by a breakpoint instruction, up to three times, with a code in the
 * result register and a value in the first argument register:
 *
 *	WY_TRAP_SESSION  the value is a socket.  The loader takes the *other* end
 *	                 (fd number in the second argument register) with
 *	                 pidfd_getfd(2), sends the session memfd and, if there is
 *	                 one, a file with the image through it with SCM_RIGHTS, and
 *	                 continues the agent.
 *	WY_TRAP_TEXT     there is no image, or it cannot be mapped.  The loader writes
 *	                 all of the text, and continues the agent.
 *	WY_TRAP_READY    the value is 0, or -errno when the agent could not start.
 *	                 The loader restores the registers that it found at the
 *	                 stop (but keeps the agent's gs base) and the signal mask
 *	                 less WY_SIGNALS_STRIPPED, and detaches.
 *
 * With WY_BOOT_NO_SESSION the first stop is left out and the agent counts in
 * memory of its own, which nobody reads.
 *
 * Without WY_BOOT_EXEC the program was running before (an attach), and this was
 * one of its threads; the others are stopped, too.  Then the loader enters each
 * thread again, the first one included, with something to ask (enum wy_ask) and
 * the thread's registers and mask in struct wy_boot, where the agent leaves
 * those with which the thread shall go on.  Each answer is a WY_TRAP_READY; its
 * second value is the address of struct wy_own_table.  The same way the agent
 * is asked to leave, in any program that it is in.
 */
#ifndef WY_PROTO_BOOT_H
#define WY_PROTO_BOOT_H

#define WY_BOOT_MAGIC 0x746f6f6279617721ul
#define WY_BOOT_STACK (32ul << 10)
#define WY_ARENA_CODE (2ul << 20)
#define WY_ARENA_DATA (2ul << 20)

enum {
	WY_TRAP_SESSION = 0x5759,
	WY_TRAP_READY = 0x575a,
	WY_TRAP_TEXT = 0x575b,
};

enum {
	WY_BOOT_NO_SESSION = 1 << 0, /* no memfd will come */
	WY_BOOT_EXEC = 1 << 1,       /* a fresh image: no thread has run yet (else: an attach) */
	WY_BOOT_FIRST = 1 << 2,      /* the program that waylay was asked to start */
	WY_BOOT_FILTERED = 1 << 3,   /* a seccomp filter installed under waylay is in force */
	WY_BOOT_SELF = 1 << 4,       /* no loader: agent/launcher.c has brought itself here */
};

/* What a stopped thread is asked.  Any of them may be answered by -errno. */
enum wy_ask {
	WY_ASK_BOOT,    /* the first: get the rest of the text, then WY_ASK_START */
	WY_ASK_START,   /* start in this program */
	WY_ASK_JOIN,    /* become one of the agent's threads; take up the call that it is in */
	WY_ASK_RECOVER, /* come out of the agent; -EAGAIN: go on, and be asked again */
	WY_ASK_UNDO,    /* all threads are out: give the process its own code and actions back */
	WY_ASK_RELEASE, /* be without the agent from now on */
};
#define WY_BOOT_REGS 27 /* words, as PTRACE_GETREGS has them */

/* Everything that the agent has mapped. */
#define WY_OWN_MAX   256
struct wy_own_table {
	unsigned long nr, lost; /* lost: found no room here */
	struct {
		unsigned long start, end;
	} range[WY_OWN_MAX];
};

struct wy_boot {
	unsigned long magic;
	unsigned long flags;  /* WY_BOOT_* */
	unsigned long region; /* where the region starts, and its length in bytes */
	unsigned long region_len;
	unsigned long text_len;
	unsigned long arena_off;
	unsigned long mask;    /* the program's signal mask, as the kernel's 64-bit set */
	unsigned long ignored; /* of WY_SIGNALS_RESET, those that the program ignores */
	unsigned long pc, sp;  /* WY_BOOT_SELF: where the program will go on */
	unsigned long hwcap2;  /* AT_HWCAP2 of the program */
	unsigned long vdso;    /* AT_SYSINFO_EHDR, 0 if none */
	unsigned long ask;     /* enum wy_ask */
	long pid;              /* by which the host knows the process; 0: not told */
	long session_fd;       /* from when all of the text is there; -1: none */
	unsigned long regs[WY_BOOT_REGS];
};

/* Signals that the agent always handles in the kernel, whatever the program asks (SIGSYS 31,
 * SIGSEGV 11, SIGBUS 7); the program sees its own idea of them. */
#define WY_SIG_BIT(sig)     (1ul << ((sig)-1))
#define WY_SIGNALS_OWNED    (WY_SIG_BIT(31) | WY_SIG_BIT(11) | WY_SIG_BIT(7))
/* Of these, SIGSYS is never blocked in the kernel, whatever the program's mask: with Syscall User
 * Dispatch that would be deadly. */
#define WY_SIGNALS_STRIPPED WY_SIG_BIT(31)

/* Signals that a program may ignore without the kernel knowing it after an exec: the agent's own,
 * and SIGTRAP (5), which stopping the agent resets.  The loader sets SIGTRAP again at the end. */
#define WY_SIGNALS_RESET    (WY_SIGNALS_OWNED | WY_SIG_BIT(5))

#endif
