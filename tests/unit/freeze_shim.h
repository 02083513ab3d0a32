/* SPDX-License-Identifier: Apache-2.0 */
/*
 * freeze_shim.h - agent/freeze.c and frozen.c in a program with a C library: what it needs of
 * the agent, and a filter that shows it the calls that the gate would.
 *
 * A call that is caught is told from one that is made for it by its sixth
 * argument, which none of these calls has.
 */
#ifndef WY_TESTS_FREEZE_SHIM_H
#define WY_TESTS_FREEZE_SHIM_H

#include "agent/freeze.h"
#include "agent/frozen.h"
#include "agent/module.h"
#include "agent/own.h"
#include "agent/seccomp.h"
#include "agent/usermem.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define SHIM_MADE 0x57415900u

static volatile unsigned int shim_caught;

bool wy_own_touches(unsigned long start, unsigned long len, unsigned long *ret_start,
		    unsigned long *ret_end)
{
	(void)start, (void)len, (void)ret_start, (void)ret_end;
	return false;
}

void wy_module_forget(unsigned long start, unsigned long len)
{
	(void)start, (void)len;
}

long wy_usermem_move(unsigned long to, unsigned long from, size_t len)
{
	memcpy((void *)to, (const void *)from, len);
	return 0;
}

static long shim_call(long nr, const long *arg)
{
	long ret = syscall(nr, arg[0], arg[1], arg[2], arg[3], arg[4], SHIM_MADE);

	return ret < 0 ? -errno : ret;
}

long wy_call_as_program(long nr, long a, long b, long c, long d, long e, long f)
{
	long arg[5] = { a, b, c, d, e };

	(void)f;
	return shim_call(nr, arg);
}

static inline void shim_catch(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct wy_call call = { .nr = info->si_syscall,
				.arg = { r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8],
					 r[REG_R9] } };
	int saved = errno;

	(void)sig;
	shim_caught++;
	if (wy_frozen_look(&call) == WY_PASS)
		call.ret = shim_call(call.nr, call.arg);
	r[REG_RAX] = call.ret;
	errno = saved;
}

/* From here on this process and its children are caught.  Returns 0 or -1. */
static inline int shim_start(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mremap, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 440 /* process_madvise */, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SHIM_MADE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };
	struct sigaction sa = { .sa_sigaction = shim_catch, .sa_flags = SA_SIGINFO | SA_NODEFER };

	if (sigaction(SIGSYS, &sa, NULL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

#endif
