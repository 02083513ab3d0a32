/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ids.h - a copy of a process calls itself and its threads by ids of the one that it comes from.
 *
 * Programs and their libcs remember ids.  A call that names such a one is about the process or
 * thread of the copy that stands for it; made as it is, it would reach the template.
 */
#ifndef WY_AGENT_IDS_H
#define WY_AGENT_IDS_H

#include "agent/layer.h"
#include "agent/thread.h"

/* Adds the calls that wy_ids_look() must see. */
void wy_ids_watch(struct wy_callset *calls);

/* This process may be copied from here on. */
void wy_ids_stopped(const struct wy_thread *t);
/* This one, a copy or the same, goes on. */
void wy_ids_gone_on(const struct wy_thread *t);

/* From the layer's enter(), in who has gone on and in processes that come from it. */
void wy_ids_look(struct wy_call *call);

/* Is this a thread of the process that has gone on, and not of one that it has started? */
bool wy_ids_is_server(const struct wy_thread *t);

#endif
