/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syscall.h - the agent's own system calls.  They run from the allowed range,
 * so Syscall User Dispatch lets them through.  Results are as the kernel gives
 * them: -errno, never errno.
 */
#ifndef WY_ARCH_SYSCALL_H
#define WY_ARCH_SYSCALL_H

#if defined(__clang_analyzer__) || defined(__CPPCHECK__)
/* Who only reads the source does not see what the kernel writes: a function may write anything. */
long arch_syscall6(long nr, long a, long b, long c, long d, long e, long f);
long arch_syscall4(long nr, long a, long b, long c, long d);
#else
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
#endif

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

/*
 * Behind a system call, where the kernel's own returns spoil the predictions of the returns that
 * follow (WY_FILL_RETURNS): puts harmless ones on top, as a stub does (gate.S).
 */
static inline void arch_fill_returns(void)
{
	__asm__ volatile(".rept 8\n"
			 "call 1f\n"
			 "int3\n"
			 "1:\n"
			 ".endr\n"
			 "lea 64(%%rsp), %%rsp"
			 :
			 :
			 : "memory");
}

/* The time stamp counter.  Not ordered with the loads and stores around it. */
static inline unsigned long arch_ticks(void)
{
	unsigned int low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (unsigned long)high << 32 | low;
}

static inline void arch_pause(void)
{
	__asm__ volatile("pause");
}

#endif
