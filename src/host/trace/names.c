/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of errors and signals.
 */
#include "host/trace/names.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERRNO_MAX 4095u
#define SIGRT     32u /* the kernel's first; the C library keeps two for itself */
#define SIGNALS   64u

/* include/linux/errno.h: of calls that the kernel begins again; tracers see them. */
static const struct {
	unsigned int error;
	const char *name;
} of_kernel[] = {
	{ 512, "ERESTARTSYS" },           { 513, "ERESTARTNOINTR" }, { 514, "ERESTARTNOHAND" },
	{ 516, "ERESTART_RESTARTBLOCK" }, { 524, "ENOTSUPP" },
};
#define OF_KERNEL (sizeof(of_kernel) / sizeof(of_kernel[0]))

const char *wy_errno_name(unsigned int error)
{
	if (error == 0 || error > ERRNO_MAX)
		return NULL;
	for (size_t i = 0; i < OF_KERNEL; i++) {
		if (of_kernel[i].error == error)
			return of_kernel[i].name;
	}
	return strerrorname_np((int)error);
}

int wy_errno_of(const char *name)
{
	if (strcmp(name, "EWOULDBLOCK") == 0)
		return EAGAIN;
	for (unsigned int error = 1; error < 600; error++) {
		const char *of = wy_errno_name(error);

		if (of && strcmp(of, name) == 0)
			return (int)error;
	}
	return 0;
}

const char *wy_signal_name(unsigned int signal, char buf[16])
{
	const char *name;

	if (signal == 0 || signal > SIGNALS)
		return NULL;
	if (signal == SIGRT)
		return "SIGRTMIN";
	if (signal > SIGRT) {
		snprintf(buf, 16, "SIGRT_%u", signal - SIGRT);
		return buf;
	}
	/* glibc calls it POLL. */
	name = signal == SIGIO ? "IO" : sigabbrev_np((int)signal);
	if (!name)
		return NULL;
	snprintf(buf, 16, "SIG%s", name);
	return buf;
}

bool wy_signal_has_address(int signal, int code)
{
	switch (signal) {
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGTRAP: return code > 0;
	}
	return false;
}

int wy_signal_of(const char *name)
{
	char buf[16], *end;
	unsigned long number = strtoul(name, &end, 10);

	if (name[0] >= '0' && name[0] <= '9')
		return *end == 0 && number <= SIGNALS ? (int)number : 0;
	for (unsigned int signal = 1; signal <= SIGNALS; signal++) {
		const char *of = wy_signal_name(signal, buf);

		if (of && (strcmp(of, name) == 0 || strcmp(of + 3, name) == 0))
			return (int)signal;
	}
	return 0;
}
