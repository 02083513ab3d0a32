/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that wants Syscall User Dispatch for itself.  There is one
 * dispatch for each thread: it is either emulated or refused with EINVAL, as
 * by a kernel that was built without it; never half of it.
 */
#include "torture.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

static volatile int hits, wrong;
static unsigned char selector;

static void handler(int sig, siginfo_t *info, void *context)
{
	selector = 0;
	hits++;
	if (info->si_code != 2 || info->si_syscall != SYS_getpid)
		wrong = 1;
}

int main(void)
{
	long ret;

	on_signal(SIGSYS, handler, 0);
	ret = sc(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, 1, 0, 0, &selector);
	if (ret == 0) {
		selector = 1;
		sc(SYS_getpid);
		if (hits != 1 || wrong)
			die("dispatch was granted but %d calls came%s", hits, wrong ? ", wrong" : "");
		must(sc(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0) == 0);
	} else if (ret != -EINVAL) {
		die("dispatch was refused with %s", err_name(ret));
	}
	must(sc(SYS_getpid) == getpid());
	say("all of it or EINVAL");
	return 0;
}
