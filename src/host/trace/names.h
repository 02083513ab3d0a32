/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - errors and signals by name.
 */
#ifndef WY_HOST_TRACE_NAMES_H
#define WY_HOST_TRACE_NAMES_H

#include <stdbool.h>

/* "ENOENT" for 2, also those of the kernel alone (ERESTARTSYS...); NULL: no such error. */
const char *wy_errno_name(unsigned int error);

/* "EAGAIN" gives 11; 0: there is no such error. */
int wy_errno_of(const char *name);

/* "SIGINT"; of real-time signals "SIGRT_2".  buf is for the name; NULL: no such signal. */
const char *wy_signal_name(unsigned int signal, char buf[16]);

/* Of "SIGINT", "INT", "2"; 0: no such signal. */
int wy_signal_of(const char *name);

/* Does its siginfo have si_addr, and not who sent it? */
bool wy_signal_has_address(int signal, int code);

#endif
