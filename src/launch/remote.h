/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote.h - reading, writing and making system calls in a stopped thread.
 *
 * The thread must be in a ptrace stop of the calling thread.  A function that
 * finds it dead returns -ESRCH; the death itself is still to be had from
 * waitpid(2) then, or was taken by the call: see wy_remote_call().
 */
#ifndef WY_LAUNCH_REMOTE_H
#define WY_LAUNCH_REMOTE_H

#include "launch/arch/x86_64/regs.h"

#include <stddef.h>
#include <sys/types.h>

struct wy_remote {
	pid_t tid;
	int mem_fd;          /* /proc/TID/mem, or -1 */
	unsigned long insn;  /* address of a `syscall` instruction in the program */
	unsigned long token; /* last argument of calls that have none: see inject.h; whole pages */
	int held_signal;     /* a signal that came while we worked: to be given on detach */
	int dead;            /* waitpid() said that it is gone; status is in death */
	int death;
};

/* Reads exactly len bytes.  Returns 0, -ESRCH, or -EFAULT when not all can be read. */
int wy_remote_read(const struct wy_remote *r, unsigned long addr, void *buf, size_t len);

/* Writes exactly len bytes, also where the program itself may not.  Returns 0 or -errno. */
int wy_remote_write(struct wy_remote *r, unsigned long addr, const void *buf, size_t len);

/*
 * Finds a `syscall` instruction: in the vDSO at address vdso, or, if that is 0,
 * in any executable mapping.  No code of the program is ever changed.
 * Returns 0 or -ENOENT.
 */
int wy_remote_find_insn(struct wy_remote *r, unsigned long vdso);

/*
 * Makes one system call.  regs are the registers that the thread has at its
 * stop; they are not put back.  ret_value takes the result, -errno as the
 * kernel says it.  Returns 0, or -ESRCH when the thread died (then dead and
 * death are set if the death was seen), or -errno of ptrace(2).
 */
int wy_remote_call(struct wy_remote *r, const struct wy_regs *regs, long nr,
		   const unsigned long arg[6], long *ret_value);

/*
 * The same without a single step, whose trap would reset an action "ignore"
 * for SIGTRAP; slower.  ret_value may be NULL.  The thread is left in a stop in
 * which it can be detached or make calls, but no call would be restarted.
 */
int wy_remote_call_untrapped(struct wy_remote *r, const struct wy_regs *regs, long nr,
			     const unsigned long arg[6], long *ret_value);

#endif
