/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge.h - the events of many threads in the order of their end.
 *
 * Each thread's events come in their own order, piece by piece; a pass says
 * that whatever was over before some moment has come.  What was over before the
 * moment of the pass before is given out: the one that was just being written
 * when a round went by comes in the next round (proto/tracefile.h).
 */
#ifndef WY_HOST_TRACE_MERGE_H
#define WY_HOST_TRACE_MERGE_H

#include "host/trace/event.h"

struct wy_merge;

/* Is called with each event.  What is not 0 ends the round, and is returned. */
typedef int wy_merge_out(void *arg, const struct wy_event_view *v);

/* NULL: no memory. */
struct wy_merge *wy_merge_new(wy_merge_out *out, void *arg);
void wy_merge_free(struct wy_merge *m);

/* Takes in a piece of one thread: a copy is made.  Returns 0 or -errno. */
int wy_merge_feed(struct wy_merge *m, int pid, int tid, unsigned int image, struct wy_bytes events);

/* A round over all threads has ended that began at this tick.  Returns 0, or what out said. */
int wy_merge_pass(struct wy_merge *m, uint64_t ticks);

/* No more will come: gives out what is left. */
int wy_merge_end(struct wy_merge *m);

/* Pieces that held something else than events, from some place on. */
uint64_t wy_merge_broken(const struct wy_merge *m);

#endif
