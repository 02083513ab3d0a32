/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys.h - system calls by name, for the agent.  Every one returns the kernel's
 * result, -errno included.
 */
#ifndef WY_AGENT_SYS_H
#define WY_AGENT_SYS_H

#include "agent/arch/x86_64/syscall.h"
#include <asm/unistd.h>
#include <linux/prctl.h>

#ifndef __NR_epoll_pwait2 /* Linux 5.11 */
#define __NR_epoll_pwait2 441
#endif
#ifndef PR_SET_SYSCALL_USER_DISPATCH /* Linux 5.11 */
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF          0
#define PR_SYS_DISPATCH_ON           1
#endif

#define WY_IS_ERROR(ret)     ((unsigned long)(ret) > -4096ul)

#define sys0(nr)             arch_syscall4(nr, 0, 0, 0, 0)
#define sys1(nr, a)          arch_syscall4(nr, (long)(a), 0, 0, 0)
#define sys2(nr, a, b)       arch_syscall4(nr, (long)(a), (long)(b), 0, 0)
#define sys3(nr, a, b, c)    arch_syscall4(nr, (long)(a), (long)(b), (long)(c), 0)
#define sys4(nr, a, b, c, d) arch_syscall4(nr, (long)(a), (long)(b), (long)(c), (long)(d))
#define sys6(nr, a, b, c, d, e, f) \
	arch_syscall6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline long sys_mmap(unsigned long addr, unsigned long len, int prot, int flags, int fd)
{
	return sys6(__NR_mmap, addr, len, prot, flags, fd, 0);
}

static inline long sys_sigprocmask(int how, const unsigned long *set, unsigned long *old)
{
	return sys4(__NR_rt_sigprocmask, how, set, old, 8);
}

#endif
