/* SPDX-License-Identifier: Apache-2.0 */
/* select.h - calls and errors by the words that users write. */
#ifndef WY_HOST_TRACE_SELECT_H
#define WY_HOST_TRACE_SELECT_H

#include "proto/calls.h"

/*
 * The calls of a list as strace's -e trace= takes it.  Returns 0, or -EINVAL
 * and says which word is wrong.
 */
int wy_calls_select(const char *spec, unsigned long set[WY_CALL_ROWS / 64]);

/* "EAGAIN" gives 11; 0: there is no such error. */
int wy_errno_of(const char *name);

#endif
