/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syscall.h - the agent's own system calls.  They run from the allowed range,
 * so Syscall User Dispatch lets them through.  Results are as the kernel gives
 * them: -errno, never errno.
 */
#ifndef WY_ARCH_SYSCALL_H
#define WY_ARCH_SYSCALL_H

static inline long arch_syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline long arch_syscall4(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

/* The block of this thread, valid wherever the gate or a thread's start has run. */
static inline void *arch_self(void)
{
	void *self;

	__asm__("mov %%gs:0, %0" : "=r"(self));
	return self;
}

static inline void arch_set_self(void *self)
{
	__asm__ volatile("wrgsbase %0" : : "r"(self) : "memory");
}

static inline unsigned long arch_get_gs(void)
{
	unsigned long base;

	__asm__ volatile("rdgsbase %0" : "=r"(base));
	return base;
}

static inline void arch_pause(void)
{
	__asm__ volatile("pause");
}

#endif
