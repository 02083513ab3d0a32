/* SPDX-License-Identifier: Apache-2.0 */
/* select.h - calls by the words that users write. */
#ifndef WY_HOST_TRACE_SELECT_H
#define WY_HOST_TRACE_SELECT_H

#include "proto/calls.h"

/*
 * The calls of a list as strace's -e trace= takes it: names and numbers, %groups (those of old
 * without the %), /regular expressions, all, none; ! before the list for all others; ? before a
 * name that need not exist.  Returns 0, -ENOMEM, or -EINVAL and says which word is wrong.
 */
int wy_calls_select(const char *spec, unsigned long set[WY_CALL_ROWS / 64]);

#endif
