/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot.h - how the loader hands a stopped program over to the agent.
 *
 * The loader (src/launch) stops the program, maps one region into it, writes
 * the agent's image there, applies its relocations, and lets the agent run:
 *
 *	region + 0             agent image, read and execute   (all non-writable PT_LOADs)
 *	region + text_len      agent image, read and write     (.data, .bss)
 *	region + boot_off      struct wy_boot, page aligned
 *	       ...             WY_BOOT_STACK bytes, the stack that the agent starts on
 *	region + arena_off     WY_ARENA_CODE bytes, read and execute, left zero: the stubs
 *	                       WY_ARENA_DATA bytes, read and write, left zero: what they read
 *
 * The agent is entered at its ELF entry with the address of struct wy_boot in
 * the first argument register, every signal blocked, on the boot stack.  It
 * stops itself by a breakpoint instruction, once or twice, with a code in the
 * result register and a value in the first argument register:
 *
 *	WY_TRAP_SESSION  the value is a socket.  The loader takes the *other* end
 *	                 (fd number in the second argument register) with
 *	                 pidfd_getfd(2), sends the session memfd through it with
 *	                 SCM_RIGHTS, and continues the agent.
 *	WY_TRAP_READY    the value is 0, or -errno when the agent could not start.
 *	                 The loader restores the registers that it found at the
 *	                 stop (but keeps the agent's gs base) and the signal mask
 *	                 less WY_SIGNALS_STRIPPED, and detaches.
 *
 * With WY_BOOT_NO_SESSION the first stop is left out and the agent counts in
 * memory of its own, which nobody reads.
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
};

enum {
	WY_BOOT_NO_SESSION = 1 << 0, /* no memfd will come */
	WY_BOOT_EXEC = 1 << 1,       /* a fresh image: no thread has run yet (else: an attach) */
	WY_BOOT_FIRST = 1 << 2,      /* the program that waylay was asked to start */
	WY_BOOT_FILTERED = 1 << 3,   /* a seccomp filter installed under waylay is in force */
	WY_BOOT_SELF = 1 << 4,       /* no loader: agent/launcher.c has brought itself here */
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
