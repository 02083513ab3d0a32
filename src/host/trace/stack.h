/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stack.h - who made a call: -k of `waylay trace`.
 *
 * The work is elfutils' (libdw), which is loaded when it is first needed: a
 * waylay that nobody asks for stacks does not need it.
 */
#ifndef WY_HOST_TRACE_STACK_H
#define WY_HOST_TRACE_STACK_H

#include "host/trace/event.h"

#include <stdio.h>

struct wy_stacks;

/* NULL, and why is said: no memory, or libdw is not there (or this waylay was built without it). */
struct wy_stacks *wy_stacks_new(void);
void wy_stacks_free(struct wy_stacks *s);

/* Takes in what an event says about what is mapped. */
void wy_stacks_event(struct wy_stacks *s, const struct wy_event_view *v);

/* Prints the callers of a call, a line each: " > /lib/libc.so.6(write+0x14) [0x10e104]". */
void wy_stacks_print(struct wy_stacks *s, FILE *out, const struct wy_event_view *v);

#endif
