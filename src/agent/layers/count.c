/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count.c - counts calls, and with WY_COUNT_ERRORS those that failed.
 *
 * The counters are the thread's own, in memory that outlives it, so no atomics
 * and nothing to write at the end.
 */
#include "agent/layers/layers.h"
#include "agent/sys.h"
#include "agent/thread.h"

static void want_all(struct wy_layer *layer)
{
	for (unsigned int i = 0; i < WY_CALLS_MAX / 64; i++)
		layer->calls.word[i] = ~0ul;
}

static enum wy_verdict count(struct wy_call *call)
{
	call->thread->slot->counts.calls[wy_call_row(call->nr)]++;
	return WY_PASS;
}

static void count_error(struct wy_call *call)
{
	if (WY_IS_ERROR(call->ret))
		call->thread->slot->counts.errors[wy_call_row(call->nr)]++;
}

struct wy_layer wy_layer_count = {
	.name = "count",
	.start = want_all,
	.enter = count,
};

struct wy_layer wy_layer_count_errors = {
	.name = "count",
	.start = want_all,
	.enter = count,
	.leave = count_error,
};
