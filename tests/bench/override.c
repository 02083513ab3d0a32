/* SPDX-License-Identifier: Apache-2.0 */
/* override.c - for LD_PRELOAD: counts the calls of libc's getppid() and makes them. */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

unsigned long override_calls;

pid_t getppid(void)
{
	static pid_t (*real)(void);

	if (!real) {
		real = (pid_t (*)(void))dlsym(RTLD_NEXT, "getppid");
		if (!real)
			abort();
	}
	override_calls++;
	return real();
}
