/* SPDX-License-Identifier: Apache-2.0 */
/* Shadow stacks (CET): calls and signals under them, where processor and kernel have them. */
#include "torture.h"

#define ARCH_SHSTK_ENABLE 0x5001
#define ARCH_SHSTK_STATUS 0x5005

static volatile int hits;
static void handler(int sig, siginfo_t *info, void *context)
{
	hits++;
	sc(SYS_getpid);
}

int main(void)
{
	unsigned long status = 0;
	long ret;

	/* must be switched on in the frame that never returns */
	ret = sc(SYS_arch_prctl, ARCH_SHSTK_ENABLE, 1);
	if (ret != 0)
		skip("no user shadow stacks here: %s", err_name(ret));
	must(sc(SYS_arch_prctl, ARCH_SHSTK_STATUS, &status) == 0 && (status & 1));
	on_signal(SIGUSR1, handler, 0);
	for (int i = 0; i < 1000; i++)
		must(sc(SYS_tgkill, sc(SYS_getpid), sc(SYS_gettid), SIGUSR1) == 0);
	say("%d signals under a shadow stack", hits);
	_exit(0);
}
