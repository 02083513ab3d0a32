/* SPDX-License-Identifier: Apache-2.0 */
/* layers.c - which layers run in this process, from the program down. */
#include "agent/layers/layers.h"
#include "agent/gate.h"

/* Each runs if the session's flags in `mask` are `flags`. */
static const struct {
	unsigned int mask, flags;
	struct wy_layer *layer;
} layers[] = {
	{ WY_LAYER_TRACE, WY_LAYER_TRACE, &wy_layer_trace },
	{ WY_LAYER_COUNT | WY_COUNT_ERRORS, WY_LAYER_COUNT, &wy_layer_count },
	{ WY_LAYER_COUNT | WY_COUNT_ERRORS, WY_LAYER_COUNT | WY_COUNT_ERRORS,
	  &wy_layer_count_errors },
	{ WY_LAYER_SERVE, WY_LAYER_SERVE, &wy_layer_serve },
	{ WY_LAYER_NULL, WY_LAYER_NULL, &wy_layer_null },
};
#define LAYERS (sizeof(layers) / sizeof(layers[0]))

bool wy_program_ran;

static struct wy_layer *running[LAYERS];
static int nr_running;

void wy_layers_start(unsigned int flags)
{
	for (unsigned int i = 0; i < LAYERS; i++) {
		struct wy_layer *layer = layers[i].layer;

		if ((flags & layers[i].mask) != layers[i].flags)
			continue;
		if (layer->start)
			layer->start(layer);
		wy_gate_layer(layer);
		running[nr_running++] = layer;
	}
}

void wy_layers_thread_start(struct wy_thread *t)
{
	for (int i = 0; i < nr_running; i++) {
		if (running[i]->thread_start)
			running[i]->thread_start(t);
	}
}

void wy_layers_thread_exit(struct wy_thread *t)
{
	for (int i = nr_running - 1; i >= 0; i--) {
		if (running[i]->thread_exit)
			running[i]->thread_exit(t);
	}
}

void wy_layers_fork_child(struct wy_thread *t)
{
	for (int i = 0; i < nr_running; i++) {
		if (running[i]->fork_child)
			running[i]->fork_child(t);
	}
}

bool wy_layers_hear_signals(void)
{
	for (int i = 0; i < nr_running; i++) {
		if (running[i]->signal)
			return true;
	}
	return false;
}

void wy_layers_signal(struct wy_thread *t, int sig, const struct siginfo *info, bool ends)
{
	for (int i = 0; i < nr_running; i++) {
		if (running[i]->signal)
			running[i]->signal(t, sig, info, ends);
	}
}
