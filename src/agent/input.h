/* SPDX-License-Identifier: Apache-2.0 */
/*
 * input.h - which calls are about the program's input: the open file that waylay gave it as stdin,
 * known by its inode (session->serve), whatever numbers it has.
 */
#ifndef WY_AGENT_INPUT_H
#define WY_AGENT_INPUT_H

#include "agent/layer.h"

/* Adds the calls that wy_input_of() must see. */
void wy_input_watch(struct wy_callset *calls);

/*
 * The descriptor of the input that this call is about to take from or to wait
 * for, or whose other end it wants to know; or -1.
 */
int wy_input_of(const struct wy_call *call);

#endif
